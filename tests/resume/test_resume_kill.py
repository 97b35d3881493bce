"""Stopped at any moment and resumed, a run ends as the run that never stopped, bit for bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import flags

from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir
from cairn.ued.digest import digest

# What ends each process. Faults strike at a later pass: the first leaves something to resume from.
# Every fault point of the core is here, for one method or another.
ENDS = {
    "dr": [
        {"fault": "checkpoint:before-write:2"},
        {"fault": "checkpoint:before-sync:2"},
        {"fault": "checkpoint:before-rename:2"},
        {"fault": "checkpoint:after-rename:2"},
        {"fault": "checkpoint:before-prune:2"},
        {"fault": "metrics:mid:2"},
        {"kill": 5},
        {"interrupt": 1},
    ],
    "plr": [
        {"fault": "metrics:before:3"},
        {"fault": "metrics:after:3"},
        {"fault": "timing:mid:3"},
        {"fault": "lineage:before:3"},
        {"kill": 4},
        {"file_limit": 20_000},
    ],
    "accel": [
        {"fault": "lineage:mid:4"},
        {"fault": "lineage:after:4"},
        {"fault": "checkpoint:before-rename:2"},
        {"kill": 3},
        {"kill": 6},
    ],
}
STATUS = {"fault": -signal.SIGKILL, "kill": -signal.SIGKILL, "interrupt": 130, "file_limit": 2}


def chain(folder: Path, method: str) -> list[dict]:
    """The uninterrupted run, then the run that is stopped again and again, and its last resume."""
    whole, stopped = str(folder / "whole"), str(folder / "stopped")
    begin = ["train", "maze", *flags(method), "--run"]
    commands = [[*begin, stopped]] + [["train", "--resume", stopped]] * len(ENDS[method])
    return [{"command": [*begin, whole], "run": whole}] + [
        {"command": command, "run": stopped, **end}
        for command, end in zip(commands, [*ENDS[method], {}], strict=True)
    ]


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    """All chains at once: they share the machine's cores and its compilation cache."""
    folders = {method: tmp_path_factory.mktemp(method) for method in ENDS}
    script = Path(__file__).with_name("chain.py")
    running = {
        method: subprocess.Popen(
            [sys.executable, str(script), json.dumps(chain(folder, method))],
            env=os.environ | {"CHAIN_LOG": str(folder / "log")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for method, folder in folders.items()
    }
    return {
        method: (folders[method], json.loads(process.communicate()[0]))
        for method, process in running.items()
    }


@pytest.mark.parametrize("method", ENDS)
def test_a_run_stopped_anywhere_and_resumed_has_the_digest_of_the_uninterrupted_run(chains, method):
    folder, statuses = chains[method]
    log = (folder / "log").read_text()
    for end, status in zip([{}, *ENDS[method], {}], statuses, strict=True):
        expected = STATUS[next(iter(end))] if end else 0
        assert status == expected, f"{end}: exit status {status}\n{log}"
    assert digest(folder / "stopped") == digest(folder / "whole")
    for name in ("metrics.jsonl", "lineage.bin"):
        assert (folder / "stopped" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_ctrl_c_says_how_to_go_on_and_a_full_disk_what_to_do(chains):
    folder = chains["dr"][0]
    log = (folder / "log").read_text()
    assert f"Stopped and saved. Go on with: cairn train --resume {folder / 'stopped'}" in log
    log = (chains["plr"][0] / "log").read_text()
    assert "cairn: Cannot write" in log and "File too large" in log and "then resume" in log
    assert "Traceback" not in log


def test_the_tiny_runs_do_what_they_should_resume(chains):
    # Otherwise equal digests would prove little.
    plr, accel = chains["plr"][0], chains["accel"][0]
    assert any(line["metrics"]["replayed"][0] > 0 for line in RunDir(plr / "whole").metrics())
    records = Lineage.open(accel / "whole" / "lineage.bin").records()
    assert records["has_parent"].any()
    ledger = RunDir(accel / "whole").metrics()[-1]["ledger"]
    assert all(ledger[name][0] > 0 for name in ("training", "scoring", "mutation", "evaluation"))
