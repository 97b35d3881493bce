"""Plays eight rounds: the grader has the functions and the surrogate, the program has its say."""

import json
import math

LOOKS, WIDTH, NOISE = 8, 0.2, 1e-4


def grade(results, answers):
    """Mean share of the gap that was closed; until eight looks were had, the next questions."""
    problems = answers.json("problems.json")
    seen = [list(problem["first"]) for problem in problems]
    for one in results.rounds:
        scores = one.numbers("scores.json", len(problems), len(problems[0]["x"]))
        for points, row in zip(seen, scores, strict=True):
            points.append(max(range(len(row)), key=row.__getitem__))
    if len(results.rounds) < LOOKS:
        left = LOOKS - len(results.rounds)
        asked = [question(p, points, left) for p, points in zip(problems, seen, strict=True)]
        return {"ask": {"questions.json": json.dumps(asked)}}
    closed = []
    for problem, points in zip(problems, seen, strict=True):
        y = problem["y"]
        first, found = max(y[i] for i in problem["first"]), max(y[i] for i in points)
        closed.append((found - first) / (max(y) - first))
    mean = sum(closed) / len(closed)
    spread = (sum((c - mean) ** 2 for c in closed) / (len(closed) - 1) / len(closed)) ** 0.5
    return {"score": mean, "spread": spread}


def question(problem, points, left):
    """Posterior of a Gaussian process with a squared-exponential kernel of unit variance."""
    x, y = problem["x"], problem["y"]
    known = sorted(set(points))

    def kernel(a, b):
        return math.exp(-sum((u - v) ** 2 for u, v in zip(x[a], x[b], strict=True)) / 2 / WIDTH**2)

    factor = cholesky([[kernel(i, j) + NOISE * (i == j) for j in known] for i in known])
    target = forward(factor, [y[i] for i in known])
    mean, std = [], []
    for point in range(len(x)):
        row = forward(factor, [kernel(point, i) for i in known])
        mean.append(sum(a * b for a, b in zip(row, target, strict=True)))
        std.append(math.sqrt(max(1e-12, 1 - sum(a * a for a in row))))
    return {"mean": mean, "std": std, "best": max(y[i] for i in known), "left": left}


def cholesky(matrix):
    """Its lower factor."""
    n = len(matrix)
    lower = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    return lower


def forward(lower, right):
    """The solution of lower · v = right."""
    found = []
    for i, value in enumerate(right):
        found.append((value - sum(lower[i][k] * found[k] for k in range(i))) / lower[i][i])
    return found
