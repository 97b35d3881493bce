"""Programs for tables: ridge regression, neighbours and boosted stumps on chosen features."""

from cairn.research.shipped.moves import BUGS, Bug, Choices, Grammar

FEATURES = {
    "raw": "z = x",
    "squares": "z = np.column_stack([x, x**2])",
    "pairs": "z = np.column_stack([x, *(x[:, [i]] * x[:, i:] for i in range(d))])",
    "waves": "z = np.column_stack([x, *(np.cos(k * np.pi * u) for k in (1, 2, 3, 4))])",
    "bins": "z = np.column_stack([x, *(u[:, [i]] * 8 // 1 == np.arange(9) for i in range(d))])",
}
MODELS = {
    "ridge": """
def fit(z, y, new):
    a = np.column_stack([z, np.ones(len(z))])
    w = np.linalg.solve(a.T @ a + PENALTY * np.eye(a.shape[1]), a.T @ y)
    return np.column_stack([new, np.ones(len(new))]) @ w
""",
    "neighbours": """
def fit(z, y, new):
    distances = ((new[:, None] - z) ** 2).sum(axis=2)
    near = np.argsort(distances, axis=1)[:, :NEIGHBOURS]
    return y[near].mean(axis=1)
""",
    "stumps": """
def fit(z, y, new):
    said, found = np.full(len(y), y.mean()), np.full(len(new), y.mean())
    cuts = np.quantile(z, np.linspace(0.05, 0.95, 15), axis=0).T
    left = z[:, :, None] <= cuts
    count = left.sum(axis=0).clip(1)
    rest = (len(y) - count).clip(1)
    for _ in range(ROUNDS):
        error = y - said
        total = np.einsum("n,ndc->dc", error, left)
        gain = total**2 / count + (error.sum() - total) ** 2 / rest
        i, c = np.unravel_index(gain.argmax(), gain.shape)
        low, high = total[i, c] / count[i, c], (error.sum() - total[i, c]) / rest[i, c]
        said += RATE * np.where(left[:, i, c], low, high)
        found += RATE * np.where(new[:, i] <= cuts[i, c], low, high)
    return found
""",
}
ENDS = {
    "friedman": ("y = train[:, -1]", "found"),
    "churn": ("y = train[:, -1]", "np.clip(found, FLOOR, 1 - FLOOR)"),
    "rides": ("y = np.log1p(train[:, -1])", "np.expm1(np.maximum(found, 0))"),
}
PROGRAM = '''
"""{model} on {features} features."""

import numpy as np

PENALTY, NEIGHBOURS, ROUNDS, RATE, FLOOR = {penalty}, {neighbours}, {rounds}, {rate}, {floor}

train = np.loadtxt("train/train.csv", delimiter=",", skiprows=1)[:, 1:]
table = np.loadtxt("inputs/inputs.csv", delimiter=",", skiprows=1)
{target}
both = np.vstack([train[:, :-1], table[:, 1:]])
low, high = both.min(axis=0), both.max(axis=0)


def features(x):
    d, u = x.shape[1], (x - low) / (high - low)
    x = 2 * u - 1
    {made}
    return z

{fit}

z, new = features(train[:, :-1]), features(table[:, 1:])
found = fit(z, y, new)
found = {end}
with open("predictions.csv", "w") as file:
    file.write("id,y\\n")
    for i, value in zip(table[:, 0], found):
        file.write(f"{{int(i)}},{{value}}\\n")
'''


def divides_by_zero(text: str) -> str:
    """Predictions that are not finite."""
    return text.replace("found = fit(z, y, new)", "found = fit(z, y, new) / np.float64(0)")


def drops_a_row(text: str) -> str:
    """One prediction too few."""
    return text.replace("zip(table[:, 0], found)", "zip(table[1:, 0], found)")


def grammar(task: str) -> Grammar:
    """Of one of the three tables."""
    target, end = ENDS[task]

    def write(chosen: Choices) -> str:
        return PROGRAM.format(
            **{k: v for k, v in chosen.items() if k != "bug"},
            target=target, end=end, made=FEATURES[chosen["features"]],
            fit=MODELS[chosen["model"]],
        )  # fmt: skip

    bugs: dict[str, Bug] = {**BUGS, "not finite": divides_by_zero, "a row short": drops_a_row}
    return Grammar(
        {
            "model": ("ridge", "neighbours", "stumps"),
            "features": ("raw", "squares", "bins", "waves", "pairs"),
            "penalty": (30.0, 10.0, 3.0, 1.0, 0.3, 0.1),
            "neighbours": (1, 3, 5, 9, 15, 25),
            "rounds": (10, 30, 60, 120, 250),
            "rate": (0.5, 0.3, 0.15, 0.08),
            "floor": (0.001, 0.01, 0.03, 0.06),
        },
        write,
        bugs,
    )
