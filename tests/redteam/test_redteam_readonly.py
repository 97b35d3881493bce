"""A run in a folder that nobody can write to: read as it is, and refused in one line where it must
be written."""

import os
import subprocess
import sys

import pytest

from cairn.cli.redteam import redteam_command

CAIRN = [sys.executable, "-c", "from cairn.cli.main import main; main()", "redteam"]
LOCKED = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
"""Root may write wherever modes forbid it, but not to a read-only mount."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("readonly") / "run"
    assert redteam_command(["run", "--demo", "--trials", "15", "--run", str(path)]) == 0
    return path


def cairn(path, *arguments):
    """The command, with `path` read-only meanwhile."""
    # The level too: JAX, imported by another test, may have left its own for children.
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [*CAIRN, *map(str, arguments)]
    if os.geteuid() == 0:
        command = ["unshare", "-m", "sh", "-c", LOCKED, str(path), *command]
    else:
        path.chmod(0o500)
    try:
        return subprocess.run(command, capture_output=True, text=True, env=environment)
    finally:
        path.chmod(0o700)


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.slow
def test_it_is_reported_elsewhere_and_nothing_in_it_changes(whole, tmp_path):
    before, out = contents(whole), tmp_path / "out.html"
    done = cairn(whole, "report", whole, "--out", out)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no mounts of one's own here")
    assert (done.returncode, done.stderr) == (0, "")
    assert out.read_text() == (whole / "report.html").read_text()
    for command, said in (("report", "--out FILE"), ("resume", "cannot write in")):
        done = cairn(whole, command, whole)
        assert done.returncode == 2 and said in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
    assert contents(whole) == before
