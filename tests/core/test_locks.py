"""Locks end with their process, and their files tell how it went."""

import os
import subprocess
import sys

import pytest

from cairn.core import locks
from cairn.core.errors import RunError
from cairn.core.locks import InUseError, Mark, lock, marks

FORKED = """
import os, sys
from pathlib import Path
from cairn.core.locks import lock

path = Path(sys.argv[1])
held = lock(path)
if os.fork() == 0:
    held.close()
    os._exit(0)
os.wait()
print(path.read_text())
held.close()
print(repr(path.read_text()))
"""


def here() -> str:
    return f"{os.getpid()} {os.uname().nodename}"


def test_the_file_names_the_holder_and_is_empty_after_it_in_whatever_order(tmp_path):
    path = tmp_path / "lock"
    held = lock(path)
    assert path.read_text() == here() and not held.closed
    held.close()
    held.close()
    assert path.read_text() == "" and held.closed
    with pytest.raises(KeyboardInterrupt), lock(path):
        raise KeyboardInterrupt
    assert path.read_text() == ""


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    with lock(path):
        with pytest.raises(InUseError, match=rf"is in use by process {os.getpid()}: wait for it"):
            lock(path)
        path.write_text("77 another-machine")
        with pytest.raises(InUseError, match="by process 77 on another-machine: wait"):
            lock(path)
        path.write_text("garbage \xff")
        with pytest.raises(InUseError, match="by process unknown: wait"):
            lock(path)


def test_who_reads_keeps_others_out_and_puts_back_what_stood_there(tmp_path):
    path = tmp_path / "lock"
    path.write_text("77 another-machine\n78 another-machine reads")
    with lock(path, reads=True):
        assert path.read_text() == f"77 another-machine\n{here()} reads"
        with pytest.raises(InUseError, match=f"by process {os.getpid()}:"):
            lock(path)
    assert path.read_text() == "77 another-machine\n"
    with lock(path):
        assert path.read_text() == here()


def test_a_forked_child_that_closes_it_leaves_its_parents_mark(tmp_path):
    command = [sys.executable, "-c", FORKED, str(tmp_path / "lock")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    assert said[0].split()[0].isdigit() and said[1] == "''"


def test_a_full_disk_is_no_reason_not_to_hold_a_lock(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(locks, "_write", full)
    with lock(tmp_path / "lock") as held:
        assert not held.closed
        with pytest.raises(InUseError):
            lock(tmp_path / "lock")
    assert held.closed


def test_a_folder_that_cannot_be_written_gives_one_line(tmp_path):
    with pytest.raises(RunError, match=r"cannot write in .*gone: No such file or directory\."):
        lock(tmp_path / "gone" / "lock")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", []),
        ("1234", [Mark(1234, "", False)]),
        ("12 box", [Mark(12, "box", False)]),
        ("12 box\n13 box reads\n", [Mark(12, "box", False), Mark(13, "box", True)]),
        ("-3 box", []),
        ("９ box", []),
        ("9" * 40, []),
        ("some words\n\n5 box", [Mark(5, "box", False)]),
    ],
)
def test_marks_are_read_and_what_is_none_is_left_out(content, found):
    assert marks(content) == found
