"""Losses and gradients of the families of problems."""

import numpy as np


def value(problem, w):
    """(loss, gradient) at parameters `w`."""
    family = problem["family"]
    if family == "ravine":
        curvature = np.array(problem["curvature"])
        return float((curvature * w**2).sum() / 2), curvature * w
    if family == "rosenbrock":
        a, b = w[:-1], w[1:]
        gradient = np.zeros_like(w)
        gradient[:-1] += -400 * a * (b - a**2) - 2 * (1 - a)
        gradient[1:] += 200 * (b - a**2)
        scale = 1 / 200
        loss = float((100 * (b - a**2) ** 2 + (1 - a) ** 2).sum())
        return loss * scale, gradient * scale
    x, y = np.array(problem["x"]), np.array(problem["y"])
    n = len(y)
    if family == "network":
        first, second = w[:72].reshape(8, 9), w[72:]
        inputs = np.column_stack([x, np.ones(n)])
        hidden = np.tanh(inputs @ first.T)
        error = hidden @ second - y
        back = error[:, None] * second * (1 - hidden**2)
        gradient = np.concatenate([(back.T @ inputs).ravel(), hidden.T @ error])
        return float((error**2).mean()), 2 * gradient / n
    score = x @ w
    if family == "logistic":
        loss = np.logaddexp(0, score) - y * score
        with np.errstate(over="ignore"):
            return float(loss.mean()), x.T @ (1 / (1 + np.exp(-score)) - y) / n
    error = score - y
    if family == "outliers":  # Huber's loss
        loss = np.where(np.abs(error) < 1, error**2 / 2, np.abs(error) - 0.5)
        return float(loss.mean()), x.T @ np.clip(error, -1, 1) / n
    return float((error**2).mean()), 2 * x.T @ error / n
