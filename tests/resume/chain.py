"""Run `cairn` commands, or the method that counts, in processes that can be killed, in turn.

The processes are forks of this one, because importing JAX is what takes long. It has not started
its threads yet: nothing here touches a device before the fork.

Arguments: a JSON list of {"command": [...], "run": directory}, where "count": directory may stand
in place of the command (tests/counting.py), and how each ends: "fault"
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
import traceback
import warnings
from pathlib import Path

# What the compiler says would fill the log, which a limit on files is a limit on too.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from cairn.cli import main
from cairn.core.rundir import RunDir

sys.path.append(str(Path(__file__).parents[1]))
for name in ("counting", "cairn.cli.train", "cairn.cli.digest"):
    importlib.import_module(name)
warnings.simplefilter("ignore")  # of os.fork, which JAX would rather not see


def count(directory: str) -> int:
    """Count until the end or Ctrl-C; the exit status of a command that did so."""
    counting = sys.modules["counting"]
    _, done = counting.go_on(RunDir.open(directory), counting.LONG)
    return 0 if done else 130


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
        status = count(step["count"]) if "count" in step else main.run(step["command"])
    except BaseException:
        traceback.print_exc()
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
