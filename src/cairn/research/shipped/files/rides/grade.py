"""Root mean square error of log(1 + y)."""

import math


def grade(results, answers):
    """Of counts by id."""
    truth = {row["id"]: row["y"] for row in answers.csv("y.csv", id=int, y=float)}
    found = results.csv("predictions.csv", rows=len(truth), id=int, y=float)
    if {row["id"] for row in found} != set(truth):
        return {"invalid": "predictions.csv must have each id of the inputs once"}
    if not all(row["y"] >= 0 for row in found):
        return {"invalid": "predictions.csv: y must be 0 or more"}
    errors = [math.log1p(row["y"]) - math.log1p(truth[row["id"]]) for row in found]
    return (sum(e * e for e in errors) / len(errors)) ** 0.5
