"""Programs that read digits: means, neighbours, discriminants and a small network."""

from cairn.research.shipped.moves import BUGS, Choices, Grammar

MODELS = {
    "means": """
means = np.array([x[y == digit].mean(axis=0) for digit in range(10)])
found = ((new[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
""",
    "neighbours": """
distances = (new**2).sum(axis=1)[:, None] - 2 * new @ x.T + (x**2).sum(axis=1)
near = np.argsort(distances, axis=1)[:, :NEIGHBOURS]
votes = (y[near][:, :, None] == np.arange(10)).sum(axis=1)
found = votes.argmax(axis=1)
""",
    "discriminant": """
means = np.array([x[y == digit].mean(axis=0) for digit in range(10)])
spread = x - means[y]
covariance = spread.T @ spread / len(x) + RIDGE * np.eye(x.shape[1])
weights = np.linalg.solve(covariance, means.T)
found = (new @ weights - (means.T * weights).sum(axis=0) / 2).argmax(axis=1)
""",
    "network": """
rng = np.random.default_rng(0)
first, second = rng.normal(size=(x.shape[1], HIDDEN)) * 0.15, rng.normal(size=(HIDDEN, 10)) * 0.05
speed = [0.0, 0.0]
for step in range(STEPS):
    at = rng.integers(0, len(x), 50)
    hidden = np.tanh(x[at] @ first)
    scores = np.exp(hidden @ second)
    error = (scores / scores.sum(axis=1, keepdims=True) - np.eye(10)[y[at]]) / 50
    back = (error @ second.T) * (1 - hidden**2)
    speed = [0.9 * speed[0] + x[at].T @ back, 0.9 * speed[1] + hidden.T @ error]
    first, second = first - 0.1 * speed[0], second - 0.1 * speed[1]
found = (np.tanh(new @ first) @ second).argmax(axis=1)
""",
}
PROGRAM = '''
"""{model}, pixels smoothed {blur} times."""

import numpy as np

NEIGHBOURS, RIDGE, HIDDEN, STEPS = {neighbours}, {ridge}, {hidden}, {steps}


def smooth(images):
    images = images.reshape(-1, 8, 8) / 16
    for _ in range({blur}):
        wide = np.pad(images, ((0, 0), (1, 1), (1, 1)))
        sides = wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:]
        images = (4 * images + sides) / 8
    return images.reshape(-1, 64)


x = smooth(np.loadtxt("train/images.csv", delimiter=","))
y = np.loadtxt("train/labels.csv", dtype=int)
new = smooth(np.loadtxt("inputs/images.csv", delimiter=","))
{body}
np.savetxt("labels.csv", found, fmt="%d")
'''


def as_floats(text: str) -> str:
    """Labels that are no digits."""
    return text.replace('fmt="%d"', 'fmt="%.2f"')


def write(chosen: Choices) -> str:
    """The program."""
    return PROGRAM.format(
        body=MODELS[chosen["model"]], **{k: v for k, v in chosen.items() if k != "bug"}
    )


GRAMMAR = Grammar(
    {
        "model": ("means", "neighbours", "network", "discriminant"),
        "blur": (0, 1, 2, 3),
        "neighbours": (1, 3, 5, 9, 15),
        "ridge": (0.001, 0.01, 0.03, 0.1, 0.3),
        "hidden": (8, 16, 32, 64),
        "steps": (50, 150, 400, 800),
    },
    write,
    {**BUGS, "no digits": as_floats},
)
