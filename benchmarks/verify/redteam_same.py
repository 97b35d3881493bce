"""Does a rebuilt red-teaming find what the one before found, to the last vote?

    uv run python benchmarks/verify/redteam_same.py OLD [NEW] [--only NAME] [--results FILE]

OLD and NEW are checkouts; NEW is this one if left out. Every case is run in both, search and audit,
each in a process of its own that has only that checkout's code, and what came out is compared by
value: every entry the archive ever held, with votes and ancestry, its elites, the counts, the
judge's record, the curve, every fresh response with its verdicts, the table of elites, the figures,
and the calls and tokens spent. The cases are the simulated demo, the search's variants on small
maps of it, and models that are Python functions of what they are asked, for the acceptances and
scorers that a simulation does not have.

What may differ is named in `DIFFERENCES`, with the fault whose mending made the difference.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from provenance import ROOT, command, source_hash, versions

SOURCES = ("core", "engine", "evaluation", "lm", "archive", "redteam", "runs")
RISKS = ("risk A", "risk B", "risk C", "risk D", "risk E", "risk F")
STYLES = ("style 1", "style 2", "style 3", "style 4", "style 5", "style 6")

Record = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something that may differ, and why."""

    path: str
    """Start of the value's dotted path."""
    reason: str
    """The fault whose mending moves it."""


DIFFERENCES: tuple[Difference, ...] = (
    Difference("spent.tokens", "tags with marks and the sentence about them make requests longer"),
    Difference("figures.by_goal", "a figure that is new: several goals in a run"),
    Difference("figures.success.missing", "a figure that is new: cut and empty responses"),
    Difference("figures.labelled_by", "a field that is new: who gave the verdicts"),
    Difference("tests.*.missing", "a field that is new: why a response is missing"),
)


@dataclasses.dataclass(frozen=True)
class Case:
    """One run in two checkouts."""

    name: str
    rows: int = 3
    columns: int = 3
    trials: int = 120
    seed: int = 0
    lag: int = 8
    responses: int = 4
    snapshot_every: int = 10_000
    top: str = ""
    """Lines before the first table."""
    axes: str = ""
    """A further axis."""
    search: str = ""
    simulation: str = ""
    labelled: int = 40
    models: tuple[str, ...] = ()
    """Roles played by functions; none for a simulation."""

    def toml(self, lag: str) -> str:
        """The config, with the name that the checkout has for how far asks run ahead of tells."""
        tables = [
            self.top,
            'goal = "(simulated)"' if not self.models else "",
            _axis("risk", RISKS[: self.rows]),
            _axis("style", STYLES[: self.columns]),
            self.axes,
            f"[search]\n{self.search}",
            f"[audit]\nresponses = {self.responses}",
            f"[engine]\ntrials = {self.trials}\nseed = {self.seed}\n{lag} = {self.lag}\n"
            f"snapshot_every = {self.snapshot_every}",
            "" if self.models else f"[simulation]\nlabelled = {self.labelled}\n{self.simulation}",
            *(
                f'[models.{role}]\nkind = "function"\nfunction = "players:{role}"'
                for role in self.models
            ),
        ]
        return "\n".join(tables) + "\n"


def _axis(name: str, labels: tuple[str, ...]) -> str:
    return f'[[axes]]\nname = "{name}"\nlabels = {json.dumps(labels)}\n'


LENGTHS = '[[axes]]\nname = "length"\nkind = "length"\nlow = 120\nhigh = 260\nbins = 3\n'
CASES = (
    Case("demo", rows=6, columns=6, trials=1500, responses=8, labelled=150),
    *(Case(f"judge-{seed}", seed=seed) for seed in range(3)),
    Case("score", search='acceptance = "score"'),
    Case("same-cell", search='method = "same-cell"'),
    Case("random", search='method = "random"'),
    Case("no-archive", search='method = "no-archive"'),
    Case("no-filter", search="similarity = 2.0"),
    Case("start", search="start = 20", top='seeds = ["one seed", "and another"]'),
    Case("silent", simulation="judge_silence = 0.6\nmutator_refusal = 0.3"),
    Case("wrong", simulation="judge_error = 0.4\njudge_bias = 0.3\nseed = 5", seed=7),
    Case("lengths", rows=2, columns=2, axes=LENGTHS, trials=150),
    Case("snapshots", snapshot_every=17, lag=5),
    Case("crowded", rows=1, columns=2, lag=32, trials=100),  # rematches
    Case("tiny", rows=1, columns=2, lag=1, trials=3, responses=1),
    Case("one-trial", trials=1),
    Case("verdict", search='scorer = "verdict"',
         models=("mutator", "target", "judge", "scorer", "held_out")),
    Case("guard", search='scorer = "guard"',
         models=("mutator", "target", "judge", "scorer", "held_out")),
    Case("two-stage", search='scorer = "two-stage"\nacceptance = "score"',
         models=("mutator", "target", "analyst", "scorer", "held_out")),
    Case("oracle", search='acceptance = "oracle"', trials=80,
         models=("mutator", "target", "oracle", "judge", "held_out")),
)  # fmt: skip

PLAYERS = '''
"""Models as functions of what is between the tags of a request: no draw, no memory."""

import hashlib
import re

from cairn.lm.request import Completion, TokenLogprob


def field(request, name):
    text = request.messages[-1].content
    found = re.search(rf"<{name}(?:[ :-][^>]*)?>(.*?)</{name}(?:[ :-][^>]*)?>", text, re.S)
    return found[1] if found else ""


def chance(*parts):
    return hashlib.sha256(repr(parts).encode()).digest()[0] / 255


async def mutator(request):
    parts = field(request, "axis"), field(request, "category"), field(request, "prompt")
    if chance("refuses", *parts) < 0.05:
        return "I'm sorry, but I can't help with that."
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()
    return "<prompt>" + " ".join(digest[i : i + 5] for i in range(0, 60, 5)) + "</prompt>"


async def target(request):
    return f"answer {chance('target', request.messages[-1].content):.3f}"


async def oracle(request):
    return f"answer {chance('oracle', request.messages[-1].content):.3f}"


async def judge(request):
    if "one correct short answer" in request.messages[-1].content:
        return "YES" if chance("fact", field(request, "question")) < 0.7 else "NO"
    first, second = (chance("bad", field(request, f"response-{i}")) for i in (1, 2))
    if abs(first - second) < 0.05:
        return "TIE"
    return "Both differ." if first + second > 1.9 else "FIRST" if first > second else "SECOND"


def unsafe(request):
    return chance("bad", field(request, "response")) > 0.6


async def scorer(request):
    if request.sampling.logprobs:
        word = "unsafe" if unsafe(request) else "safe"
        return Completion(word, logprobs=(TokenLogprob(word, -0.3),))
    if "MALICIOUS" in request.messages[-1].content:
        return "MALICIOUS" if unsafe(request) else "BENIGN"
    return "UNSAFE" if unsafe(request) else "SAFE"


async def analyst(request):
    return "It would let its reader do something."


async def held_out(request):
    if "WRONG" in request.messages[-1].content:
        return "WRONG" if chance("wrong", field(request, "response")) > 0.5 else "RIGHT"
    return "UNSAFE" if unsafe(request) else "SAFE"
'''


def probe(name: str, folder: Path) -> Record:
    """Run a case with the code that this process has; everything it found, as JSON values."""
    from cairn.engine.journaled import Config as Engine
    from cairn.redteam import directory, export, figures, run

    case = next(case for case in CASES if case.name == name)
    (folder / "players.py").write_text(PLAYERS)
    fields = {field.name for field in dataclasses.fields(Engine)}
    file = folder / "config.toml"
    file.write_text(case.toml("lag" if "lag" in fields else "window"))
    config = directory.read_config(file)
    directory.create(folder / "run", config)
    done = run.execute(folder / "run", config)
    if hasattr(figures, "plain"):  # a checkout before the one writer of records
        plain = figures.plain
    else:
        from cairn.core.typed import record as plain
    state = done.state
    record = {
        "stopped": done.stopped,
        "entries": {str(name): dataclasses.asdict(e) for name, e in sorted(state.entries.items())},
        "elites": {str(entry.cell): entry.id for entry in state.held()},
        "counts": dict(state.counts),
        "health": dict(state.health),
        "curve": state.curve,
        "tests": [dataclasses.asdict(test) for test in done.tests],
        "table": export.rows(done),
        "figures": plain(figures.measure_run(done)),
        "spent": {"calls": done.spent.calls, "tokens": done.spent.tokens},
    }
    return json.loads(json.dumps(record))


def recorded(checkout: Path, case: Case, kept: Path | None = None) -> Record:
    """What a case comes to in a checkout; `kept` holds what it came to before."""
    file = None if kept is None else kept / f"{case.name}.json"
    if file is not None and file.exists():
        return json.loads(file.read_text())
    record = _made(checkout, case)
    if file is not None:
        file.write_text(json.dumps(record))
    return record


def _made(checkout: Path, case: Case) -> Record:
    env = {
        **os.environ,
        "PYTHONPATH": str(checkout / "src"),
        "PYTHONSAFEPATH": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), "--probe", case.name, folder],
            capture_output=True, text=True, cwd=folder, env=env, timeout=1200,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{case.name} in {checkout.name}: {done.stderr}")
        return json.loads((Path(folder) / "record.json").read_text())


def differing(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of the values that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            here = f"{path}.{name}" if path else str(name)
            if name not in old or name not in new:
                yield f"{here} (only in the {'old' if name in old else 'new'} one)"
            else:
                yield from differing(old[name], new[name], here)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from differing(a, b, f"{path}.{i}")
    elif old != new:
        yield f"{path}: {_short(old)} is now {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def named(path: str) -> Difference | None:
    """The difference that covers a path; a `*` stands for one part of it."""
    parts = path.split(":")[0].split(" ")[0].split(".")
    for difference in DIFFERENCES:
        wanted = difference.path.split(".")
        pairs = zip(wanted, parts, strict=False)
        if len(wanted) <= len(parts) and all(w in ("*", p) for w, p in pairs):
            return difference
    return None


def compared(case: Case, old: Record, new: Record) -> Record:
    """How a case's two records compare."""
    found = list(differing(old, new))
    unnamed = [path for path in found if named(path) is None]
    reasons = {d.reason for path in found if (d := named(path)) is not None}
    return {
        "case": case.name,
        "same": not unnamed,
        "elites": len(new["elites"]),
        "entries": len(new["entries"]),
        "fresh_responses": sum(len(test["responses"]) for test in new["tests"]),
        "calls": new["spent"]["calls"],
        "unnamed_differences": unnamed[:10],
        "named_differences": sorted(reasons),
    }


def run_case(old: Path, new: Path, workers: int, kept: Path | None) -> Callable[[Case], Record]:
    """A function that runs a case in both checkouts."""

    def both(case: Case) -> Record:
        with ThreadPoolExecutor(workers) as pool:
            before = pool.submit(recorded, old, case, kept)
            after = pool.submit(recorded, new, case)
            return compared(case, before.result(), after.result())

    return both


def main() -> None:
    """Run the cases in both checkouts; print, and write as JSON, what differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path, nargs="?", default=ROOT)
    parser.add_argument("--only", help="cases whose name starts so")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--kept", type=Path, help="folder of OLD's records: made once")
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    if arguments.kept is not None:
        arguments.kept.mkdir(parents=True, exist_ok=True)
    old, new = arguments.old.resolve(), arguments.new.resolve()
    both = run_case(old, new, arguments.workers, arguments.kept)
    rows = []
    for case in CASES:
        if arguments.only is None or case.name.startswith(arguments.only):
            rows.append(both(case))
            print(json.dumps(rows[-1]), flush=True)
    if arguments.results is not None:
        record = {
            "simulated": True,
            "command": command(),
            "versions": versions(),
            "sources": source_hash(Path(__file__), SOURCES),
            "differences": [dataclasses.asdict(difference) for difference in DIFFERENCES],
            "rows": rows,
        }
        arguments.results.write_text(json.dumps(record, indent=1) + "\n")
    sys.exit(0 if rows and all(row["same"] for row in rows) else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--probe"]:
        where = Path(sys.argv[3])
        (where / "record.json").write_text(json.dumps(probe(sys.argv[2], where)))
    else:
        main()
