"""Share of digits that are right."""


def grade(results, answers):
    """With its standard error."""
    truth = answers.text("labels.csv").split()
    found = results.text("labels.csv").split()
    if len(found) != len(truth):
        return {"invalid": f"labels.csv must have {len(truth)} lines, got {len(found)}"}
    if not set(found) <= set("0123456789"):
        return {"invalid": "labels.csv must have a digit from 0 to 9 on each line"}
    share = sum(a == b for a, b in zip(found, truth, strict=True)) / len(truth)
    return {"score": share, "spread": (share * (1 - share) / len(truth)) ** 0.5}
