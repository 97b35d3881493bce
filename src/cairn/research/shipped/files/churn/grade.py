"""Log loss of probabilities, kept from 0 and 1 by 1e-6."""

import math


def grade(results, answers):
    """Mean of -log of the probability of what happened."""
    truth = {row["id"]: row["y"] for row in answers.csv("y.csv", id=int, y=float)}
    found = results.csv("predictions.csv", rows=len(truth), id=int, y=float)
    if {row["id"] for row in found} != set(truth):
        return {"invalid": "predictions.csv must have each id of the inputs once"}
    if not all(0 <= row["y"] <= 1 for row in found):
        return {"invalid": "predictions.csv: y must lie in [0, 1]"}
    losses = []
    for row in found:
        p = min(max(row["y"], 1e-6), 1 - 1e-6)
        losses.append(-math.log(p if truth[row["id"]] else 1 - p))
    mean = sum(losses) / len(losses)
    spread = (sum((v - mean) ** 2 for v in losses) / (len(losses) - 1) / len(losses)) ** 0.5
    return {"score": mean, "spread": spread}
