"""Small task folders for tests."""

STARTER = """
from pathlib import Path

words = Path("inputs/words.txt").read_text().split()
lines = "".join(f"{i},{len(word)}\\n" for i, word in enumerate(words))
Path("out.csv").write_text("id,y\\n" + lines)
"""
GRADE = """
def grade(results, answers):
    truth = answers.csv("y.csv", id=int, y=float)
    found = results.csv("out.csv", rows=len(truth), id=int, y=float)
    by_id = {row["id"]: row["y"] for row in found}
    if set(by_id) != {row["id"] for row in truth}:
        return {"invalid": "ids must be those of the inputs"}
    return sum((by_id[r["id"]] - r["y"]) ** 2 for r in truth) / len(truth)
"""
SETTINGS = """
metric = "mean squared error"
larger_is_better = false
results = ["out.csv"]

[limits]
seconds = 5

[baselines.starter]
search = 0.25
"""
WORDS = {"search": "a bb ccc dddd", "selection": "ee f", "test": "ggg hh"}


def write(folder, *, grade=GRADE, settings=SETTINGS, starter=STARTER):
    """A whole task: the length of words, of which one answer is off by one."""
    folder.mkdir(parents=True)
    files = {
        "task.toml": settings,
        "description.md": "Predict the length of words.",
        "starter.py": starter,
        "grade.py": grade,
    }
    for split, words in WORDS.items():
        files[f"data/{split}/words.txt"] = words
        rows = [f"{i},{len(w) + (i == 0)}" for i, w in enumerate(words.split())]
        files[f"answers/{split}/y.csv"] = "id,y\n" + "\n".join(rows) + "\n"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
