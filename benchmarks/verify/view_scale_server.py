"""`cairn view` in a process of its own, and what it takes: time, memory, processor."""

import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Server:
    """`cairn view` in a process of its own."""

    def __init__(self, folder: Path):
        began = time.perf_counter()
        words = [sys.executable, "-c", "from cairn.cli.main import main; main()"]
        self.process = subprocess.Popen(
            [*words, "view", str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = None
        while found is None:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("cairn view ended before it said where it listens")
            found = re.search(r"http://\S+", line)
        self.url = found[0].rstrip("/.,")
        self.client = httpx.Client(base_url=self.url, timeout=120, trust_env=False)
        self.start_s = time.perf_counter() - began
        """Until it listens."""

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def get(self, path: str) -> dict[str, float]:
        """Milliseconds to the first byte and to the last, those of a processor that the server
        took (whatever else the machine does), and the bytes there were."""
        before, began = self.processor_s(), time.perf_counter()
        with self.client.stream("GET", path) as response:
            first = None
            size = 0
            for block in response.iter_raw():
                first = time.perf_counter() if first is None else first
                size += len(block)
            response.raise_for_status()
        last = time.perf_counter()
        return {
            "first_byte_ms": ((first or last) - began) * 1e3,
            "whole_ms": (last - began) * 1e3,
            "processor_ms": (self.processor_s() - before) * 1e3,
            "bytes": size,
        }

    def memory(self) -> dict[str, float]:
        """Peaks of resident memory so far, in MB: of the server, and of the largest it started."""
        workers = [peak_mb(pid) for pid in children(self.process.pid)]
        return {"server": peak_mb(self.process.pid), "worker": max(workers, default=0.0)}

    def processor_s(self) -> float:
        """User and system time of the server alone."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most memory a process has had resident; 0 for one that is gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return round(int(found[1]) * 1024 / 1e6, 1) if found else 0.0


def children(pid: int) -> list[int]:
    """The processes that this one started, and those they started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, task.read_text().split())
    return found + [other for child in found for other in children(child)]


def forget(folder: Path) -> None:
    """Have the system drop what it keeps in memory of the files under `folder`, if it is saved."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def middle(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: round(statistics.median(row[name] for row in rows), 1) for name in rows[0]}


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A page of a headless browser; None where none works."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        yield None
        return
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield chromium.new_page()
        finally:
            chromium.close()
