"""Record 5: no steps at all. Gaussians of one covariance, in closed form, on part of the data."""

import numpy as np

ROWS, RIDGE, SCALE = 500, 0.03, 0.7


def log_softmax(scores):
    """Row by row."""
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def train(images, labels, new):
    """Linear discriminant analysis, its confidence scaled down."""
    x, y = images[:ROWS], labels[:ROWS]
    wanted = np.eye(10)[y]
    means = (wanted.T @ x) / wanted.sum(axis=0)[:, None]
    spread = x - means[y]
    covariance = spread.T @ spread / ROWS + RIDGE * np.eye(64)
    weights = np.linalg.solve(covariance, means.T)
    scores = new @ weights - 0.5 * (means.T * weights).sum(axis=0)
    return log_softmax(SCALE * scores)
