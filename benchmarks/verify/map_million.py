"""A million short records through a scripted model, two calls each, every call journaled.

    uv run python benchmarks/verify/map_million.py [--records 1000000] [--processes 2]
        [--folder FOLDER] [--results FILE]

The figures it must show: at least 2,000 records a second on two cores, at most 500 MB of memory in
the driver and in each worker from beginning to end, and at most 200 MB of journals at any time.
Memory (resident) and the sizes of all journals and logs are sampled twice a second. With --folder,
a run that was stopped goes on; its figures are those of the last session. Writes the outcome as
JSON.
"""

import argparse
import asyncio
import hashlib
import json
import os
import platform
import resource
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from provenance import command, source_hash, told

from cairn.core.journal import Journal
from cairn.engine.map_progress import MapConsole
from cairn.engine.mapped import MapConfig, map_stage
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.flow import Flow
from cairn.lm.limiter import Concurrency
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel

WORDS = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath")


def script(request, key):
    """Eight hexadecimal digits, drawn for the request."""
    return f"{key.integer(32):08x}"


def roles() -> dict[str, Role]:
    """One scripted model for both parts."""
    flow = Flow(concurrency=Concurrency(start=64, most=64))
    endpoint = Endpoint(ScriptedModel(script, name="million"), flow)
    return {"writer": Role(endpoint), "judge": Role(endpoint)}


@asynccontextmanager
async def company():
    """The same in every process."""
    yield roles()


async def work(item, clients, key):
    """Rewrite a text, then grade what came."""
    said = await clients["writer"].complete(Request.of(item.value["text"]), purpose="rewrite")
    grade = await clients["judge"].complete(Request.of(f"Grade: {said.text}"), purpose="grade")
    return {"id": item.id, "said": said.text, "grade": int(grade.text[0], 16)}


def funnel(outcome):
    """How many are good."""
    return {"items": 1, "good": int(outcome.kind == "done" and outcome.value["grade"] >= 8)}


def write_source(path: Path, records: int) -> None:
    """Short records: an id and five words."""
    written(path, (f"{words(i, 5)} {i}" for i in range(records)))


def words(number: int, count: int) -> str:
    """So many words that go by a number."""
    return " ".join(WORDS[(number >> (3 * place)) % 8] for place in range(count))


class Sampler(threading.Thread):
    """Resident memory of this process and its children, and the bytes of the journals."""

    def __init__(self, folder: Path, every_s: float = 0.5):
        super().__init__(daemon=True)
        self.folder, self.every_s = folder, every_s
        self.driver: list[float] = []
        self.worker: list[float] = []
        """The largest of the workers, each time."""
        self.journals: list[float] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Sample until told."""
        while not self.over.wait(self.every_s):
            self.driver.append(resident_mb(os.getpid()))
            workers = [resident_mb(pid) for pid in children(os.getpid())]
            self.worker.append(max(workers, default=0.0))
            self.journals.append(journals_mb(self.folder))

    def figures(self) -> dict:
        """Peaks, and what it was in each tenth of the time."""
        return {
            "driver_mb": shape(self.driver),
            "largest_worker_mb": shape(self.worker),
            "journals_mb": shape(self.journals),
        }


def shape(samples: list[float]) -> dict:
    """The peak, and the peaks of ten parts in time."""
    tenths = [samples[len(samples) * i // 10 : len(samples) * (i + 1) // 10] for i in range(10)]
    return {
        "peak": round(max(samples, default=0.0), 1),
        "by_tenths": [round(max(part, default=0.0), 1) for part in tenths],
    }


def resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 for one that is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def children(pid: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def journals_mb(folder: Path) -> float:
    """All journals of the run with all that lies beside them: logs, locks, marks."""
    total = 0
    for path in folder.rglob("*.sqlite*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total / 1e6


async def go(folder: Path, config: MapConfig) -> dict:
    """The map itself."""
    with Journal(folder / "journal.sqlite", config=config.tied()) as journal, MapConsole() as show:
        desk = Desk(journal, roles(), seed=config.seed)
        began = time.perf_counter()
        result = await map_stage(
            journal, desk, stage="million", source=folder / "in.jsonl", work=work,
            sink=folder / "out.jsonl", fold=funnel, config=config, company=company,
            on_progress=show.show,
        )  # fmt: skip
        wall_s = time.perf_counter() - began
        spending = [(line.role, line.spent.calls) for line in journal.spending()]
    return {
        "records": result.items,
        "done": result.done,
        "counts": result.counts,
        "calls": dict(spending),
        "possibly_paid_twice": result.progress.maybe_twice,
        "wall_s": round(wall_s, 1),
        "records_per_s": round(result.items / wall_s),
    }


@contextmanager
def measured(folder: Path) -> Iterator[dict]:
    """What a run in `folder` takes, in the dict once it is over: `wall_s`, `cpu_s`, memory and
    journals."""
    sampler, found = Sampler(folder), {}
    sampler.start()
    before, began = processor_s(), time.perf_counter()
    yield found
    found |= {"wall_s": time.perf_counter() - began, "cpu_s": processor_s() - before}
    sampler.over.set()
    sampler.join()
    found |= sampler.figures()


def written(path: Path, texts: Iterable[str]) -> None:
    """A source of records with these texts, numbered; what is there stays."""
    if path.exists():
        return
    beside = path.with_suffix(".new")
    with beside.open("w") as file:
        for i, text in enumerate(texts):
            file.write(json.dumps({"id": f"doc-{i}", "text": text}) + "\n")
    beside.replace(path)


def processor_s() -> float:
    """User and system time of this process and of the workers that have ended."""
    mine, theirs = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def digest(path: Path) -> str:
    """Of a file."""
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            seen.update(block)
    return seen.hexdigest()


def main() -> None:
    """Run it, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--shard", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_source(folder / "in.jsonl", options.records)
        config = MapConfig(
            processes=options.processes, workers=options.workers, shard=options.shard
        )
        with measured(folder) as taken:
            outcome = asyncio.run(go(folder, config))
        cpu_s = taken.pop("cpu_s")
        taken.pop("wall_s")  # the map's own is in the outcome
        figures = {
            "command": command(),
            "source": source_hash(Path(__file__), ("core", "engine", "lm")),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "processes": options.processes,
            "workers_each": options.workers,
            "shard": options.shard,
            **outcome,
            "cpu_ms_per_record": round(cpu_s / outcome["records"] * 1000, 3),
            **taken,
            "sink_sha256": digest(folder / "out.jsonl"),
        }
    told(figures, options.results)


if __name__ == "__main__":
    main()
