"""Record 2: half the hidden units, wider first weights, a larger rate, fewer steps."""

import numpy as np

HIDDEN, RATE, STEPS = 32, 0.6, 90


def log_softmax(scores):
    """Row by row."""
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def train(images, labels, new):
    """Gradient descent."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(64, HIDDEN)) * 0.15
    second = rng.normal(size=(HIDDEN, 10)) * 0.05
    wanted = np.eye(10)[labels]
    for _ in range(STEPS):
        hidden = np.tanh(images @ first)
        error = (np.exp(log_softmax(hidden @ second)) - wanted) / len(images)
        back = (error @ second.T) * (1 - hidden**2)
        second = second - RATE * (hidden.T @ error)
        first = first - RATE * (images.T @ back)
    return log_softmax(np.tanh(new @ first) @ second)
