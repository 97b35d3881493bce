"""Does `cairn view` stay quick and small on a folder of many and of huge runs?

    uv run python benchmarks/verify/view_scale.py [--folder FOLDER] [--runs 500] [--lines 1000000]
        [--events 1000000] [--levels 65536] [--seconds 300] [--repeats 5] [--tiny] [--out FILE]

The figures it must show: the overview and the page of any run in at most 1 s, at most 300 MB of
memory in the server, and at most 2 % of a core over five minutes beside a training run whose page
is open. Cold is a server just started, none of whose files are in the system's cache; warm the
median of later requests. Loading is measured in a browser, where one works. With --folder, what was
made there is used again. Writes the outcome as JSON.
"""

import argparse
import contextlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import view_scale_archive
import view_scale_made as made
import view_scale_runs
from provenance import command, source_hash
from view_scale_server import Server, browser, forget, middle

from cairn.core import files

RESULT = Path(__file__).parents[1] / "results" / "view_scale.json"
PARTS = ("view", "report", "core", "show")
JOURNAL, LIVE = "journal", "live"
TRAINING = (
    "train", "maze", "--method", "accel", "--seeds", "2", "--steps", "1000000000000",
    "--batch", "16", "--hidden", "32", "--log-every", "4", "--evaluate-every", "8",
    "--checkpoint-every", "50",
)  # fmt: skip
"""Long enough for any --seconds; stopped at the end."""


def make(folder: Path, asked: argparse.Namespace) -> float:
    """Everything that is looked at; the seconds it took."""
    began = time.perf_counter()
    view_scale_runs.runs(folder, asked.runs)
    view_scale_runs.long(folder, asked.lines)
    made.journal(folder / JOURNAL, asked.events)
    view_scale_archive.archive(folder, asked.levels)
    return time.perf_counter() - began


def address(name: str) -> str:
    """Of a run's page."""
    return f"/run/{quote(name)}"


def pages(asked: argparse.Namespace) -> dict[str, str]:
    """What is looked at: the overview, the huge runs, and a usual one of each kind."""
    names = [view_scale_runs.name_of(i, asked.runs) for i in range(asked.runs)]
    usual = len(view_scale_runs.BROKEN)
    journaled = next(i for i in range(usual, asked.runs) if i % 5 == view_scale_runs.COMPILED)
    return {
        "overview": "/",
        "run_of_many_lines": address(view_scale_runs.LONG),
        "journal_of_many_events": address(JOURNAL),
        "archive_of_many_levels": address(view_scale_archive.ARCHIVE),
        "usual_compiled": address(names[usual]),
        "usual_journaled": address(names[journaled]),
        "compare_two": f"/compare?run={quote(names[usual])}&run={quote(view_scale_runs.LONG)}",
    }


def times(folder: Path, asked: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Of each page: cold, from a server just started; then warm. With --tiny one server does."""
    found: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        same = stack.enter_context(Server(folder)) if asked.tiny else None
        for name, path in pages(asked).items():
            cold = []
            for _ in range(1 if asked.tiny else 3):
                forget(folder)
                with contextlib.nullcontext(same) if same else Server(folder) as server:
                    cold.append(server.get(path))
                    warm = [server.get(path) for _ in range(asked.repeats)]
            found[name] = {"cold": middle(cold), "warm": middle(warm)}
            print(name, found[name], flush=True)
    return found


LOADED = """() => {
  const times = performance.getEntriesByType("navigation")[0];
  return {first_byte_ms: times.responseStart, parsed_ms: times.domContentLoadedEventEnd,
          loaded_ms: times.loadEventEnd};
}"""


def loads(server: Server, asked: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Of each page, in a browser: milliseconds until it is parsed and has loaded."""
    found = {}
    with browser() as page:
        for name, path in pages(asked).items() if page is not None else ():
            rows = []
            for _ in range(asked.repeats):
                page.goto(server.url + path, wait_until="load")
                page.wait_for_function(
                    "() => performance.getEntriesByType('navigation')[0].loadEventEnd"
                )
                rows.append(page.evaluate(LOADED))
            found[name] = middle(rows)
            print("in a browser:", name, found[name], flush=True)
    return found


def panels(server: Server, asked: argparse.Namespace) -> dict[str, Any]:
    """Everything that the pages fetch later, once: milliseconds by address."""
    found = {}
    for path in (address(view_scale_archive.ARCHIVE), address(view_scale_runs.LONG)):
        text = server.client.get(path).text
        for panel in re.findall(r'data-panel="([^"]+)"', text):
            panel = panel.replace("&amp;", "&")
            found[panel] = middle([server.get(panel)])
            print("panel", panel, found[panel], flush=True)
    return found


@contextlib.contextmanager
def training(folder: Path, asked: argparse.Namespace) -> Iterator[Path]:
    """A run that goes on meanwhile; with --tiny lines are only written into one."""
    path = folder / LIVE
    shutil.rmtree(path, ignore_errors=True)
    if asked.tiny:
        shutil.copytree(folder / view_scale_runs.LONG, path)
        over = threading.Event()
        writer = threading.Thread(target=writing, args=(path / "metrics.jsonl", over))
        writer.start()
        try:
            yield path
        finally:
            over.set()
            writer.join()
        return
    words = [sys.executable, "-c", "from cairn.cli.main import main; main()", *TRAINING]
    process = subprocess.Popen(
        [*words, "--run", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: lines_in(path) >= 3, 300)
        yield path
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def writing(file: Path, over: threading.Event) -> None:
    """The last line again and again, until it is over."""
    last = file.read_bytes().splitlines()[-1] + b"\n"
    while not over.wait(0.2):
        with file.open("ab") as growing:
            growing.write(last)


def lines_in(path: Path) -> int:
    """Of a run's metrics."""
    with contextlib.suppress(OSError):
        return (path / "metrics.jsonl").read_bytes().count(b"\n")
    return 0


def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait; an error if it takes longer."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:.0f} s in vain")
        time.sleep(0.1)


def beside_training(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """What the server takes of a core while a run goes on and its page is open."""
    with training(folder, asked) as path, Server(folder) as server, browser() as page:
        stack = contextlib.ExitStack()
        if page is None:
            events = server.client.stream("GET", f"/live/{LIVE}")
            stack.enter_context(events)
        else:
            page.goto(server.url + address(LIVE))
        with stack:
            time.sleep(1 if asked.tiny else 10)
            before, lines, began = server.processor_s(), lines_in(path), time.monotonic()
            time.sleep(asked.seconds)
            taken, seconds = server.processor_s() - before, time.monotonic() - began
            return {
                "seconds": round(seconds, 1),
                "page_open_in": "an HTTP client" if page is None else "chromium",
                "training": "lines written by this script"
                if asked.tiny
                else "cairn " + " ".join(TRAINING),
                "lines_meanwhile": lines_in(path) - lines,
                "server_processor_s": round(taken, 2),
                "share_of_a_core_percent": round(100 * taken / seconds, 2),
                "memory_mb": server.memory(),
            }


def main() -> None:
    """Make, measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where runs are made and stay")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--levels", type=int, default=65_536)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="everything, quickly, at no size")
    parser.add_argument("--out", type=Path, default=RESULT)
    asked = parser.parse_args()
    if asked.tiny:
        asked.runs, asked.lines, asked.events, asked.levels = 10, 200, 200, 8
        asked.seconds, asked.repeats = 2, 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)) / "runs"
        made_s = make(folder, asked)
        print(f"made in {made_s:.0f} s", flush=True)
        record: dict[str, Any] = {
            "command": command(),
            "source": source_hash(Path(__file__), PARTS),
            "versions": versions(),
            "cores": os.cpu_count(),
            "sizes": {name: getattr(asked, name) for name in ("runs", "lines", "events", "levels")},
            **({"making_s": round(made_s, 1)} if made_s > 5 else {}),  # else it was there
        }
        os.sync()  # what is not saved yet cannot be forgotten
        record["pages"] = times(folder, asked)
        with Server(folder) as server:
            record["start_s"] = round(server.start_s, 2)
            record["in_a_browser"] = loads(server, asked)
            record["panels"] = {} if asked.tiny else panels(server, asked)
            record["memory_mb"] = server.memory()
        record["beside_training"] = beside_training(folder, asked)
        record["load_at_end"] = round(os.getloadavg()[0], 2)
    text = files.to_json(record, indent=2)
    print(text)
    asked.out.write_text(text + "\n")


def versions() -> dict[str, str]:
    """Of what serves."""
    names = ("starlette", "uvicorn", "jinja2", "numpy", "jax")
    return {"python": platform.python_version(), **{n: metadata.version(n) for n in names}}


if __name__ == "__main__":
    main()
