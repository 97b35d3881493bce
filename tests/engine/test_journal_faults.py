"""What goes wrong with the files of a journal is one line that says what to do."""

import asyncio
import errno
import fcntl
import gc
import os
import shutil
import sqlite3
import stat
import tempfile
from pathlib import Path

import pytest

from cairn.core import journal_files as files
from cairn.core import journal_retie
from cairn.core.errors import CairnError, RunError
from cairn.core.journal import Journal


def filled(path, events=3):
    with Journal(path, config={}) as journal:
        for trial in range(events):
            journal.stage("s").append("tell", trial, "{}")
            journal.store_answer(b"%16d" % trial, "label", "paid for")


@pytest.mark.parametrize("how", ["emptied", "deleted"])
def test_a_journal_that_lost_everything_does_not_begin_anew_in_silence(tmp_path, how):
    path = tmp_path / "j.sqlite"
    filled(path)
    copy = path.read_bytes()
    path.write_bytes(b"")
    path.with_name("j.sqlite-wal").write_bytes(b"what a log may still hold")
    if how == "deleted":
        path.unlink()
        path.with_name("j.sqlite-wal").unlink()
    with pytest.raises(RunError, match=r"3 events were saved in it\..* Put a copy") as caught:
        # What a session asks before it opens the journal; once opened, it would be a new one.
        journal_retie.changes(path, {})
    assert "\n" not in str(caught.value)
    if how == "emptied":
        kept = tmp_path / "j.sqlite.damaged-1"
        assert f"is kept as {kept}" in str(caught.value)
        assert kept.with_name(kept.name + "-wal").read_bytes() == b"what a log may still hold"
    with pytest.raises(RunError, match="is gone, but 3 events"):
        Journal(path, config={})
    path.write_bytes(copy)
    with Journal(path, config={}) as journal:
        assert journal.seq == 3 and journal.answer(b"%16d" % 1) == "paid for"
    path.unlink()
    path.with_name("j.sqlite.head").unlink()
    with Journal(path, config={}) as journal:
        assert journal.seq == 0, "who deletes the mark means it"


def test_a_disk_that_fills_up_with_the_last_statement_of_a_commit_is_one_clear_line(tmp_path):
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        journal.stage("s").append("tell", 0, "{}")
        # As SQLite does it on a full disk: the write itself is refused.
        journal._db.execute("PRAGMA query_only = ON")
        with pytest.raises(RunError, match="make room and resume"):
            journal.commit()
        with pytest.raises(RunError, match="make room and resume"):
            journal.stage("s").append("tell", 1, "{}")


def test_a_commit_that_nobody_awaits_leaves_no_exception_behind_and_stops_the_next_write(
    tmp_path,
):
    unheard = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            journal.stage("s").append("tell", 0, "{}")
            journal._db.execute("PRAGMA query_only = ON")
            journal.save_soon()
            await asyncio.sleep(0.01)
            with pytest.raises(RunError, match="make room and resume"):
                journal.stage("s").append("tell", 1, "{}")
        gc.collect()
        await asyncio.sleep(0)

    gc.freeze()  # what is there already need not be searched
    try:
        asyncio.run(main())
        gc.collect()
    finally:
        gc.unfreeze()
    assert unheard == []


def test_what_broke_a_journal_does_not_gather_the_frames_of_all_who_meet_it(tmp_path):
    filled(tmp_path / "j.sqlite")
    with Journal.read(tmp_path / "j.sqlite") as journal:
        lengths = set()
        for _ in range(50):
            with pytest.raises(RunError, match="nothing can be written") as caught:
                journal.check()
            lengths.add(len(caught.traceback))
        assert len(lengths) == 1


def test_a_disk_without_file_locks_is_refused(tmp_path, monkeypatch):
    def flock(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(RunError, match=r"without file locks \(No locks .*on a local disk\.$"):
        Journal(tmp_path / "j.sqlite", config={})


@pytest.mark.parametrize("trouble", ["answers delete", "raises"])
def test_a_disk_without_write_ahead_logs_is_refused(tmp_path, monkeypatch, trouble):
    class NetworkDisk(sqlite3.Connection):
        def execute(self, sql, *values):
            if "journal_mode" not in sql:
                return super().execute(sql, *values)
            if trouble == "raises":
                raise sqlite3.OperationalError("locking protocol")
            return super().execute("PRAGMA journal_mode = DELETE")

    monkeypatch.setattr(
        files.sqlite3, "connect", lambda path, **options: NetworkDisk(path, **options)
    )
    with pytest.raises(RunError, match=r"(answers 'delete'|locking protocol).* local disk"):
        Journal(tmp_path / "j.sqlite", config={})


def test_a_page_found_damaged_while_writing_asks_for_a_resume(tmp_path, monkeypatch):
    path = tmp_path / "j.sqlite"
    with Journal(path, config={}) as journal:
        journal.stage("s").append("tell", 0, "{}")

        def malformed(db):
            raise sqlite3.DatabaseError("database disk image is malformed")

        monkeypatch.setattr(journal.pending, "write", malformed)
        with pytest.raises(RunError, match=r"is damaged \(database disk image .*Resume the run"):
            journal.commit()
    assert path.with_name("j.sqlite.mend").exists()


def as_nobody(work) -> str:
    """What `work` says in a process that may not override permissions."""
    if os.getuid():
        return work()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            said = work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, where another test has it
@pytest.mark.parametrize("died", [False, True])
def test_a_read_only_folder_can_be_read_and_says_that_it_cannot_be_written(died):
    folder = Path(tempfile.mkdtemp(prefix="cairn-read-only-"))
    path = folder / "j.sqlite"
    try:
        journal = Journal(path, config={})
        journal.stage("s").append("tell", 0, "{}")
        journal.commit()
        if died:  # its log stays, and nothing else is left of the process
            for file in list(folder.iterdir()):
                shutil.copyfile(file, folder / f"copy-{file.name}")
            journal.close()
            for file in list(folder.iterdir()):
                if file.name.startswith("copy-"):
                    file.replace(folder / file.name.removeprefix("copy-"))
            path.with_name("j.sqlite-shm").unlink()
        else:
            journal.close()
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)

        def look() -> str:
            with Journal.read(path) as journal:
                seen = [event.body for event in journal.events()]
            try:
                Journal(path, config={})
            except CairnError as error:
                return f"{seen} {error}"
            return f"{seen} written to"

        said = as_nobody(look)
        assert said.startswith(f"['{{}}'] cannot write in {folder}: Permission denied"), said
    finally:
        folder.chmod(stat.S_IRWXU)
        shutil.rmtree(folder)


def test_who_only_reads_leaves_no_mark_even_where_a_page_is_damaged(tmp_path):
    path = tmp_path / "j.sqlite"
    with Journal(path, config={}) as journal:
        for call in range(300):
            journal.store_answer(b"%16d" % call, "label", f"answer {call:4d} " * 30)
    raw = bytearray(path.read_bytes())
    page = raw.index(b"answer  150") // 4096 * 4096
    raw[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(raw)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with Journal.read(path) as journal, pytest.raises(RunError, match="damaged, or a run began"):
        for call in range(300):
            journal.answer(b"%16d" % call)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
