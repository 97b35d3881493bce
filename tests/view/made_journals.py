"""Journals for tests of the view: written by the class that writes real ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

from cairn.core.budget import Amount
from cairn.core.journal import Journal, canonical
from cairn.lm.completion import Completion, TokenLogprob, Usage, pack
from cairn.lm.tools import ToolCall

WRITER = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from made_journals import fill
from cairn.core.journal import Amount, Journal
journal = Journal(Path(sys.argv[1]) / "journal.sqlite", config={"seed": 1})
fill(journal, trials=20)
journal.intend(b"in flight" + bytes(23), "search", "target", Amount(1, tokens=300))
journal.commit()
if sys.argv[3] == "die":
    os.kill(os.getpid(), 9)
print("written", flush=True)
for line in sys.stdin:
    fill(journal, trials=10)
    print("more", flush=True)
journal.close()
"""


def key(number: int) -> bytes:
    """Of the answer in a trial."""
    return number.to_bytes(8, "big") * 4


def fill(journal: Journal, *, trials: int, begin: int = 0) -> None:
    """So many trials of a search: each asks two models; every tenth failed."""
    stage = journal.stage("search")
    begin = begin or stage.count // 2
    for trial in range(begin, begin + trials):
        stage.append("ask", trial, canonical({"cell": trial}))
        for role, outcome in (
            ("target", "answered"),
            ("judge", "lost" if trial % 5 == 0 else "answered"),
        ):
            send = journal.intend(key(trial), "search", role, Amount(1, tokens=300, micros=90))
            used = None if outcome == "lost" else Amount(1, tokens=100, micros=30)
            journal.settle(send, outcome, used)
        journal.store_answer(
            key(trial), f"{trial}/target/response/0", pack(completion(trial)), "search"
        )
        if trial % 10 == 9:
            said = {"error": "CutAnswerError", "message": f"cut in trial {trial}"}
            stage.append("failure", trial, canonical(said))
        else:
            stage.append("tell", trial, json.dumps({"fitness": 0.5}))
    journal.commit()


def completion(trial: int) -> Completion:
    """With everything that an answer may have."""
    return Completion(
        f"Answer number {trial}: 100% of it_all",
        usage=Usage(70, 30, 5, 10),
        cost_micros=30,
        logprobs=(TokenLogprob("Answer", -0.25, (("Answer", -0.25), ("Reply", -1.5))),),
        tool_calls=(ToolCall("call-1", "look_up", '{"what": "tides"}'),),
        reasoning="Let me think.",
    )


def written(folder: Path, *, trials: int = 20) -> Path:
    """A run's directory whose journal was closed in order."""
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.sqlite", config={"seed": 1}) as journal:
        fill(journal, trials=trials)
    return folder


def start(folder: Path, how: str) -> subprocess.Popen[str]:
    """Another process that writes: it dies at once ("die"), or goes on with each line it gets."""
    folder.mkdir(exist_ok=True)
    words = [sys.executable, "-c", WRITER, str(folder), str(Path(__file__).parent), how]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def killed(folder: Path) -> Path:
    """A run's directory as a killed process leaves it: what it wrote last is in the log."""
    start(folder, "die").communicate(timeout=60)
    assert (folder / "journal.sqlite-wal").stat().st_size > 0
    return folder


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's bytes, and when they were written."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(f.relative_to(folder)): (f.read_bytes(), os.stat(f).st_mtime_ns) for f in files}
