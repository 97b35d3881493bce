"""A million short records refined by a scripted model, with the checks and detectors of a task.

    uv run python benchmarks/verify/refine_million.py [--records 1000000] [--processes 2]
        [--task anonymize] [--folder FOLDER] [--results FILE]

The figures it must show: at least 2,000 records a second on two cores, at most 500 MB of memory in
the driver and in each worker from beginning to end, the order of the source, and exactly one row
for each record, in the output or in the rejects. Every tenth record is leaked at its first try and
every fiftieth at each try, so that checks have something to turn down. With --folder, a run that
was stopped goes on; its figures are those of the last session. Writes the outcome as JSON.

The model is simulated: it replaces e-mail addresses by the table in its prompt, or leaves them.
"""

import argparse
import json
import os
import platform
import re
import tempfile
from pathlib import Path

from map_million import WORDS, digest, measured, words, written
from provenance import command, source_hash, told

from cairn.lm.completion import Completion, Usage
from cairn.lm.scripted import FunctionModel
from cairn.refine.casting import task_of
from cairn.refine.config import RefineConfig
from cairn.refine.run import refine
from cairn.refine.tasks.base import pseudonyms_in

TEXT = re.compile(r"<text-([0-9a-f]{8})>\n(.*)\n</text-\1>", re.S)
EMAIL = re.compile(r"[\w.]+@[\w.]+\w")
STUBBORN, LATE = 50, 10
"""Every so many-th record is leaked at each try; at the first one."""


async def script(request):
    """The text with its address replaced, unless it is one to leak."""
    prompt = request.messages[-1].content
    found = TEXT.search(prompt)
    assert found is not None
    text = found[2]
    number = int(text.rpartition(" ")[2])
    if number % STUBBORN == 0 or (number % LATE == 0 and "turned down" not in prompt):
        return said(text, len(prompt))
    table = pseudonyms_in(prompt[: found.start()])
    clean = EMAIL.sub(lambda found: table.get(found[0], "someone@example.com"), text)
    return said(clean, len(prompt))


def said(text: str, prompt: int) -> Completion:
    """An answer with its usage, as a server gives it, at four characters a token."""
    return Completion(text, usage=Usage(prompt // 4, len(text) // 4))


def model() -> FunctionModel:
    """The simulated refiner. What is measured is not its own time: it draws and counts nothing."""
    return FunctionModel(script, name="simulated-million")


def write_source(path: Path, records: int) -> None:
    """Short records: an id, four words, an address and a number."""
    written(
        path,
        (
            f"{words(i, 4)} write to {WORDS[i % 8]}.{i}@birchpost.eu about {i}"
            for i in range(records)
        ),
    )


def settings(source: Path, folder: Path, task: str, processes: int, **more) -> RefineConfig:
    """Of a run in `folder`."""
    return RefineConfig(
        str(source), str(folder / "out.jsonl"), task, id="id", simulation=0.0,
        processes=processes, **more,
    )  # fmt: skip


def checked(folder: Path, records: int, source: Path) -> dict:
    """Each record once, in the order of the source; and no address of the source in a row."""
    with (
        source.open() as given, (folder / "out.jsonl").open() as out,
        (folder / "out.jsonl.rejects.jsonl").open() as rejects,
    ):  # fmt: skip
        rows, refused, leaked = map(json.loads, out), map(json.loads, rejects), 0
        row, reject = next(rows, None), next(refused, None)
        for line in given:
            record = json.loads(line)
            if row is not None and row["id"] == record["id"]:
                leaked += any(value in row["text"] for value in EMAIL.findall(record["text"]))
                row = next(rows, None)
            elif reject is not None and reject["id"] == record["id"]:
                reject = next(refused, None)
            else:
                raise SystemExit(f"{record['id']} is in neither file at its place")
        if row is not None or reject is not None:
            raise SystemExit("there are rows beyond those of the source")
    return {"each_record_once_in_order": True, "rows_that_leak": leaked}


def main() -> None:
    """Run it; print and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--task", default="anonymize")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "in.jsonl"
        write_source(source, options.records)
        config = settings(source, folder, options.task, options.processes)
        with measured(folder) as taken:
            counted = refine(config, folder / "run", task_of(config), players={"refiner": model()})
        wall_s, cpu_s = taken.pop("wall_s"), taken.pop("cpu_s")
        figures = {
            "command": command(),
            "source": source_hash(Path(__file__), ("core", "engine", "lm", "refine")),
            "model": "simulated",
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "processes": options.processes,
            "task": options.task,
            "records": counted.records,
            "accepted": counted.accepted,
            "rejected": counted.rejected,
            "funnel": dict(sorted(counted.funnel.items())),
            "calls": counted.spent.calls,
            "wall_s": round(wall_s, 1),
            "records_per_s": round(counted.records / wall_s),
            "cpu_ms_per_record": round(cpu_s / counted.records * 1000, 3),
            **taken,
            **checked(folder, options.records, source),
            "sink_sha256": digest(folder / "out.jsonl"),
        }
    told(figures, options.results)


if __name__ == "__main__":
    main()
