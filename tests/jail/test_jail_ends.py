"""Nothing outlives a run, however its caller ends."""

import os
import signal
import subprocess
import sys
import time
import uuid

import pytest
from hostile import alive

from cairn import jail

STRONGEST = jail.tier().tier
CALLER = """
import sys, tempfile
from cairn import jail
tempfile.tempdir = sys.argv[2]
source = "import os, sys, time\\nfor _ in range(2): os.fork()\\nos.setsid\\ntime.sleep(60)"
jail.run(["python", "-c", source, sys.argv[1]], tier=int(sys.argv[3]))
"""


def until(claim, seconds=15.0):
    """Whether a claim comes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if claim():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("tier", range(STRONGEST + 1))
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_caller_that_is_killed_leaves_nothing(tier, number, tmp_path):
    token = f"token-{uuid.uuid4()}"
    command = [sys.executable, "-c", CALLER, token, str(tmp_path), str(tier)]
    caller = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    assert until(lambda: len(alive(token)) >= 5)  # the caller, and four in the jail
    os.kill(caller.pid, number)
    caller.wait()
    assert until(lambda: alive(token) == [] and os.listdir(tmp_path) == [])
