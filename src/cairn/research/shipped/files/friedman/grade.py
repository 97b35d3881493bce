"""Root mean square error."""


def grade(results, answers):
    """Of predictions by id."""
    truth = {row["id"]: row["y"] for row in answers.csv("y.csv", id=int, y=float)}
    found = results.csv("predictions.csv", rows=len(truth), id=int, y=float)
    if {row["id"] for row in found} != set(truth):
        return {"invalid": "predictions.csv must have each id of the inputs once"}
    if any(abs(row["y"]) > 1e100 for row in found):
        return {"invalid": "predictions.csv: y is out of all bounds"}
    return (sum((row["y"] - truth[row["id"]]) ** 2 for row in found) / len(found)) ** 0.5
