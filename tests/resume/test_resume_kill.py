"""Killed at any moment and resumed, a run ends as the run that was never killed, bit for bit."""

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

# The second pass in each process: the first leaves something to resume from. Every point that
# `core` has is here for one method or another; a number kills as many lines later, wherever the
# process then is.
KILLS = {
    "dr": [
        "checkpoint:before-write:2",
        "checkpoint:before-sync:2",
        "checkpoint:before-rename:2",
        "checkpoint:after-rename:2",
        "checkpoint:before-prune:2",
        "metrics:mid:2",
        5,
    ],
    "plr": ["metrics:before:3", "metrics:after:3", "timing:mid:3", "lineage:before:3", 4],
    "accel": ["lineage:mid:4", "lineage:after:4", "checkpoint:before-rename:2", 3, 6],
}


def chain(folder: Path, method: str) -> list[dict]:
    """The uninterrupted run, then the run that is killed again and again, and its last resume."""
    whole, killed = str(folder / "whole"), str(folder / "killed")
    begin = ["train", "maze", *flags(method), "--run"]
    steps = [{"command": [*begin, whole], "fault": None, "kill_at": None, "run": whole}]
    commands = [[*begin, killed]] + [["train", "--resume", killed]] * len(KILLS[method])
    for command, kill in zip(commands, [*KILLS[method], None], strict=True):
        number = isinstance(kill, int)
        steps.append(
            {
                "command": command,
                "fault": None if number else kill,
                "kill_at": kill if number else None,
                "run": killed,
            }
        )
    return steps


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    """All chains at once: they share the machine's cores and its compilation cache."""
    folders = {method: tmp_path_factory.mktemp(method) for method in KILLS}
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


@pytest.mark.parametrize("method", KILLS)
def test_a_run_killed_anywhere_and_resumed_has_the_digest_of_the_uninterrupted_run(
    chains, method
):
    folder, statuses = chains[method]
    log = (folder / "log").read_text()
    for kill, status in zip(["none", *KILLS[method], "none"], statuses, strict=True):
        expected = 0 if kill == "none" else -signal.SIGKILL
        assert status == expected, f"{kill}: {status}\n{log}"
    assert digest(folder / "killed") == digest(folder / "whole")
    for name in ("metrics.jsonl", "lineage.bin"):
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_the_tiny_runs_do_what_they_should_resume(chains):
    # Otherwise equal digests would prove little.
    plr, accel = chains["plr"][0], chains["accel"][0]
    assert any(line["metrics"]["replayed"][0] > 0 for line in RunDir(plr / "whole").metrics())
    records = Lineage.open(accel / "whole" / "lineage.bin").records()
    assert records["has_parent"].any()
    ledger = RunDir(accel / "whole").metrics()[-1]["ledger"]
    assert all(ledger[name][0] > 0 for name in ("training", "scoring", "mutation", "evaluation"))
