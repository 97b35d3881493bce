"""Run `cairn` commands one after the other, each in a process that can be killed.

The processes are forks of this one, because importing JAX is what takes long. It has not started
its threads yet: nothing here touches a device before the fork.

Arguments: a JSON list of {"command": [...], "run": directory} and how each ends: "fault"
("point:count"), "kill" or "interrupt" (after so many more lines of metrics), or "file_limit"
(bytes that any file may have). Prints a JSON list of exit statuses (negative: killed by a signal).
"""

import importlib
import json
import os
import resource
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
    if pid:
        return pid
    status = 3
    try:
        if "fault" in step:
            os.environ["CAIRN_FAULT"] = step["fault"]
        log = os.open(os.environ["CHAIN_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if "file_limit" in step:
            resource.setrlimit(resource.RLIMIT_FSIZE, (step["file_limit"], resource.RLIM_INFINITY))
        status = main.run(step["command"])
    finally:
        sys.stdout.flush()
        os._exit(status)


def signal_at(number: int, pid: int, metrics: Path, lines: int) -> None:
    """Send a signal as soon as the file has so many more lines: wherever the process then is."""

    def count() -> int:
        return metrics.read_bytes().count(b"\n") if metrics.exists() else 0

    goal = count() + lines
    while count() < goal:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.0002)
    os.kill(pid, number)


statuses = []
for step in json.loads(sys.argv[1]):
    pid = child(step)
    metrics = Path(step["run"]) / "metrics.jsonl"
    for how, number in (("kill", signal.SIGKILL), ("interrupt", signal.SIGINT)):
        if how in step:
            signal_at(number, pid, metrics, step[how])
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(json.dumps(statuses))
