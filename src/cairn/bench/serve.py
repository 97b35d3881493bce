"""One side of a measurement, in a process of its own: waits, works when told, tells the time.

Started as a script in whatever environment a side needs, so it uses the standard library only:

    python serve.py DRIVER.py [--checkout DIR]

DRIVER.py offers `setup(checkout)`, `PACKAGES` and `prepare(request) -> dict` with `parameters`,
`run()` (the work, waited for), `count()` (environment steps so far, by purpose; not timed) and
perhaps `outcome()` (what came of them so far, by name), `facts` (how the work is done) and `test()`
(mean solve rate in the fixed test). Every side is timed by this same code.

Each line on stdin is a request in JSON, answered by one line in JSON:
{"name": "dr", "envs": 32, "length": 256, "amount": 4}, with "prepare": true to stop before the
timed run, or with "goal", "in_a_row" and "limit_s" to run and test until the goal is reached.
"""

import argparse
import importlib.metadata
import importlib.util
import itertools
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

CONTROL = ("prepare", "goal", "in_a_row", "limit_s")
"""Fields of a request that say what to do with the work, not which work."""

BEFORE = ("setup_s", "first_s", "second_s")
"""Seconds before anything is timed: building the work, its first run, its second."""


def load(path):
    """The driver as a module, whatever its name hides."""
    spec = importlib.util.spec_from_file_location("driver", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peak_rss_mb():
    """The most memory this process has held. The kernel's rusage would include its parent's."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        # Kibibytes, but bytes on macOS.
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def prepare(driver, request):
    """Build the work and run it twice: compilation is a figure of its own.

    Some programs compile again when they first get back what they gave.
    """
    marks = [time.perf_counter()]
    work = driver.prepare(request)
    marks.append(time.perf_counter())
    for _ in range(2):
        work["run"]()
        marks.append(time.perf_counter())
    spans = [later - earlier for earlier, later in itertools.pairwise(marks)]
    return work | dict(zip(BEFORE, spans, strict=True))


def timed(work):
    """One run: seconds, environment steps by purpose, and what came of them."""
    outcome = work.get("outcome", dict)
    before, then = work["count"](), outcome()
    begin = time.perf_counter()
    work["run"]()
    seconds = time.perf_counter() - begin
    did, came = since(before, work["count"]()), since(then, outcome())
    steps = sum(did.values())
    speed = {"seconds": seconds, "steps_per_second": steps / seconds}
    return speed | {"did": did, "steps": steps, "outcome": came}


def since(before, after):
    """How much each number grew."""
    return {name: after[name] - before[name] for name in after}


def until(work, goal, in_a_row, limit_s, start):
    """Run and test by turns until `in_a_row` tests reach `goal`; a curve from process start."""
    curve, reached = [], 0
    while not curve or (reached < in_a_row and time.time() - start < limit_s):
        work["run"]()
        rate = work["test"]()
        reached = reached + 1 if rate >= goal else 0
        steps = sum(work["count"]().values())
        curve.append({"seconds": time.time() - start, "steps": steps, "solve_rate": rate})
    done = reached >= in_a_row
    return {"reached_s": curve[-1]["seconds"] if done else None, "curve": curve}


def answer(driver, works, request, start):
    """What one request gets back."""
    control = {name: request.pop(name) for name in CONTROL if name in request}
    name = json.dumps(request, sort_keys=True)
    if "goal" in control:
        result = until(driver.prepare(request), **control, start=start)
        return result | {"peak_rss_mb": peak_rss_mb(), "versions": versions(driver)}
    if name not in works:
        works[name] = prepare(driver, request)
    work = works[name]
    result = {} if control.get("prepare") else timed(work)
    facts = {name: work[name] for name in ("parameters", *BEFORE)} | work.get("facts", {})
    return result | facts | {"peak_rss_mb": peak_rss_mb(), "versions": versions(driver)}


def versions(driver):
    """What is measured, and on what."""
    found = {name: importlib.metadata.version(name) for name in driver.PACKAGES}
    device = sys.modules["jax"].devices()[0] if "jax" in sys.modules else None
    return found | {
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}" if device else "cpu",
    }


def main():
    """Answer until stdin closes."""
    start = time.time()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("driver")
    parser.add_argument("--checkout")
    arguments = parser.parse_args()
    sys.path.pop(0)  # this folder: its files would hide packages of the same name
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to stderr
    driver = load(arguments.driver)
    driver.setup(arguments.checkout)
    works = {}
    for line in sys.stdin:
        try:
            result = answer(driver, works, json.loads(line), start)
        except Exception as error:  # reported to whoever asked, who stops the measurement
            import traceback

            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # Ctrl-C reaches every side; whoever asked says so
        sys.exit(130)
