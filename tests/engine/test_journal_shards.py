"""Shard journals: what a worker paid for reaches the driver's books once, whoever dies when."""

import os
import subprocess
import sys

import pytest

from cairn.core import shards
from cairn.core.budget import Amount
from cairn.core.errors import RunError
from cairn.core.journal import Journal, Spending

WORKER = """
import os, sys
from cairn.core.journal import Amount, Journal
journal = Journal(sys.argv[1], config={"shard": 3})
for call in range(10):
    if journal.answer(b"%d" % call) is None:
        send = journal.intend(b"%d" % call, "refine", "m", Amount(1, 100, 9))
        journal.commit()
        if call == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        journal.settle(send, "answered", Amount(1, 20, 2))
        journal.store_answer(b"%d" % call, "label", f"answer {call}")
        journal.commit()
journal.close()
"""

DRIVER = """
import sys
from cairn.core.journal import Journal
journal = Journal(sys.argv[1], config={})
if journal.stage("refine").count == 0:
    journal.take("refine", 3)
    journal.stage("refine").append("shard", 3, "{}")
    journal.commit()
journal.close()
"""


def run(code, *arguments, fault=""):
    environment = {**os.environ, "CAIRN_FAULT": fault}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, timeout=60).returncode


def test_a_lost_workers_answers_are_found_again_and_what_was_in_flight_is_kept(tmp_path):
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        path = journal.shard("refine", 3)
        assert run(WORKER, path, 6) == -9
        killed = [Spending("refine", "m", Amount(6, 120, 12), Amount(1, 100, 9), 1)]
        assert journal.left_shards("refine") == {3: killed}
        assert journal.left_shards("refin") == {} and journal.spending() == []
        assert run(WORKER, path, -1) == 0
        whole = [Spending("refine", "m", Amount(10, 200, 20), Amount(1, 100, 9), 1)]
        assert journal.left_shards("refine")[3] == whole, "four more answers, the lost one again"
        growth = shards.grown(killed, whole)
        assert growth == {"m": (Amount(4, 80, 8), Amount())}
        assert journal.take("refine", 3) == whole
        journal.stage("refine").append("shard", 3, "{}")
        assert path.exists(), "it goes when the event is saved"
        journal.commit()
        assert list(path.parent.iterdir()) == []
        assert journal.spending() == whole
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        assert journal.spending() == whole and journal.chores(shards.CHORE) == []
        with pytest.raises(RunError, match="does not exist"):
            journal.take("refine", 3)


@pytest.mark.parametrize(
    "fault", ["journal:commit:2", "journal:committed:2", "shard:unlinked:1", "shard:unlinked:2"]
)
def test_a_driver_that_dies_while_it_takes_a_shard_counts_it_once(tmp_path, fault):
    path = tmp_path / "j.sqlite"
    Journal(path, config={}).close()
    shard = shards.path(path, "refine", 3)
    assert run(WORKER, shard, -1) == 0
    assert run(DRIVER, path, fault=fault) == -9
    assert run(DRIVER, path) == 0
    with Journal(path, config={}) as journal:
        assert journal.spending() == [("refine", "m", Amount(10, 200, 20), Amount(), 0)]
        assert journal.stage("refine").count == 1
        assert journal.left_shards("refine") == {}
    assert list(shard.parent.iterdir()) == []
