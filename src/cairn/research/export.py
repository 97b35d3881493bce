"""The best program of a search as a folder that runs, with all that it descends from."""

import os
import shutil
import tempfile
from pathlib import Path

from cairn.core import files
from cairn.core.errors import ConfigError, RunError
from cairn.research.node import Node, score_of
from cairn.research.page import diff
from cairn.research.problems import FOLDER
from cairn.research.run import Finished

README = """\
{name}: node {id} of a search by cairn
{rule}

{file:<16} the program, as it was scored: {score}
lineage/         what it descends from, oldest first: each program, its plan, what changed
score.py         scores it again, in the jail: python score.py [search|selection|test]
tree.json        the whole tree
task.txt         what the researcher was told

The program was written by {who} and read by nobody: run it in the jail
(cairn jail run {file}) or after reading it.
"""
SCORE = '''\
"""Score the program anew: python score.py [search|selection|test]. Needs cairn, and the task."""

import asyncio
import sys
from pathlib import Path

from cairn.research.problems import problem_of

split = sys.argv[1] if len(sys.argv) > 1 else "search"
problem = problem_of({task})
if problem.fingerprint != {fingerprint!r}:
    print("the task is another one than in the search: scores cannot be compared", file=sys.stderr)
text = Path(__file__).with_name({file!r}).read_text(encoding="utf-8")
graded = asyncio.run(problem.evaluator(text, split, None))
print(graded.outcome, graded.score)
print(graded.feedback, file=sys.stderr)
sys.exit(graded.score is None)
'''


def write(folder: Path, done: Finished, id: int | None = None) -> Node:
    """Make the folder, complete or not at all; the node that it holds.

    Raises ConfigError for a node that is not there, RunError for a folder that is, or if no node
    has a score.
    """
    node = _node(done, id)
    if os.path.lexists(folder):
        raise RunError(f"{folder} already exists: choose another folder.")
    python = done.problem.language == "python"
    file = "program.py" if python else "artefact.txt"
    with files.writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
        try:
            _fill(building, done, node, file, ".py" if python else ".txt")
            building.chmod(0o755)
            building.rename(folder)
        except OSError:
            shutil.rmtree(building, ignore_errors=True)
            raise
    return node


def _node(done: Finished, id: int | None) -> Node:
    if id is not None and id not in done.tree:
        raise ConfigError(f"--node {id}: the tree has nodes 0 to {len(done.tree) - 1}.")
    if id is not None:
        if not done.tree[id].text:
            raise ConfigError(f"--node {id} holds no program: {done.tree[id].outcome}.")
        return done.tree[id]
    best = done.tree.best()
    if best is None:
        raise RunError("no node of this run has a score: there is nothing to export.")
    return best if done.chosen is None else done.tree[done.chosen]


def _fill(folder: Path, done: Finished, node: Node, file: str, ending: str) -> None:
    chosen = node.id == done.chosen
    rule = f"chosen by {done.config.selection.rule}" if chosen else "not the node that was chosen"
    who = "a script (simulated)" if done.config.simulation else "a language model"
    said = README.format(
        name=done.problem.name, id=node.id, rule=rule, file=file, score=score_of(node), who=who
    )
    task = repr(done.config.task)
    if (done.path / FOLDER).is_dir():
        shutil.copytree(done.path / FOLDER, folder / FOLDER)
        task = f"str(Path(__file__).with_name({FOLDER!r}))"
    score = SCORE.format(task=task, fingerprint=done.problem.fingerprint, file=file)
    texts = {"README.txt": said, file: node.text, "score.py": score,
             "tree.json": done.tree.to_json() + "\n",
             "task.txt": done.problem.description + "\n"}  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "lineage").mkdir()
    for number, id in enumerate(done.tree.lineage(node.id)):
        one = done.tree[id]
        stem = folder / "lineage" / f"{number:03d}-node-{id}"
        stem.with_suffix(ending).write_text(one.text, encoding="utf-8")
        lines = [f"{one.operator} of {list(one.parents)}", f"outcome {one.outcome}",
                 f"search score {score_of(one)}", "", one.plan]  # fmt: skip
        for parent in one.parents:
            change = diff(done.tree[parent].text, one.text)
            lines += ["", f"change from node {parent}:", change]
        stem.with_suffix(".md" if ending == ".txt" else ".txt").write_text(
            "\n".join(lines) + "\n", encoding="utf-8"
        )
