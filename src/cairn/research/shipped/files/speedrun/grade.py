"""Valid if the loss is reached; then seconds as measured outside, or operations as counted."""

import math


def grade(results, answers):
    """The cost of reaching the target."""
    rules = answers.json("rules.json")
    labels = [int(word) for word in answers.text("labels.csv").split()]
    said = results.json("predictions.json")
    if not isinstance(said, dict) or set(said) != {"flops", "rows"}:
        return {"invalid": "predictions.json must have flops and rows"}
    rows, flops = said["rows"], said["flops"]
    if not isinstance(rows, list) or len(rows) != len(labels):
        return {"invalid": f"expected {len(labels)} rows of log probabilities"}
    loss = 0.0
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        fits = isinstance(row, list) and len(row) == 10
        fits = fits and all(isinstance(v, int | float) and v <= 1e-3 for v in row)
        if not (fits and 0.99 < sum(math.exp(v) for v in row) < 1.01):
            return {"invalid": f"row {number} is not the log of ten probabilities"}
        loss -= row[label] / len(labels)
    if not loss <= rules["target"]:
        return {"invalid": f"the loss {loss:.4f} is above the target {rules['target']}"}
    cost = results.cpu_seconds
    if rules["by"] == "flops":
        if not (isinstance(flops, int) and flops > 0):
            return {"invalid": "no operation was counted: train must work on the arrays it gets"}
        cost = flops
    told = f"loss {loss:.4f}, {results.cpu_seconds:.3f} processor seconds, {flops} operations"
    return {"score": cost, "feedback": told}
