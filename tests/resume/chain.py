"""Run `cairn` commands one after the other, each in a process that can be killed.

The processes are forks of this one, because importing JAX is what takes long. It has not started
its threads yet: nothing here touches a device before the fork.

Arguments: a JSON list of {"command": [...], "fault": "point:count" or null, "kill_at": lines or
null, "run": directory}. Prints a JSON list of exit statuses (negative: killed by that signal).
"""

import importlib
import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path

from cairn.cli import main

for name in ("train", "digest"):
    importlib.import_module(f"cairn.cli.{name}")
warnings.simplefilter("ignore")  # of os.fork, which JAX would rather not see


def child(step: dict) -> int:
    """Start one command; its process id."""
    pid = os.fork()
    if pid == 0:
        if step["fault"]:
            os.environ["CAIRN_FAULT"] = step["fault"]
        log = os.open(os.environ["CHAIN_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        status = 3
        try:
            status = main.run(step["command"])
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid


def kill_at(pid: int, metrics: Path, lines: int) -> None:
    """SIGKILL as soon as the file has so many more lines: wherever the process then is."""
    count = lambda: metrics.read_bytes().count(b"\n") if metrics.exists() else 0  # noqa: E731
    goal = count() + lines
    while count() < goal:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.0002)
    os.kill(pid, signal.SIGKILL)


statuses = []
for step in json.loads(sys.argv[1]):
    pid = child(step)
    if step["kill_at"]:
        kill_at(pid, Path(step["run"]) / "metrics.jsonl", step["kill_at"])
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(json.dumps(statuses))
