"""What a refinement is to remove is in no file but its input: every artefact is searched."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from refine_job import TASK, config, rows, script, write_rows, writer

from cairn.lm.errors import CallFailedError, EndpointDownError, RejectedError
from cairn.lm.scripted import FunctionModel
from cairn.refine.directory import purge
from cairn.refine.run import refine

VALUES = [f"p{i}.private@mail.test" for i in range(40)]
ECHOING = {7: RejectedError, 11: CallFailedError}


async def troubled(request):
    """A simulated server whose errors repeat what it was asked."""
    said = request.messages[-1].content
    for number, kind in ECHOING.items():
        if f"p{number}.private" in said:
            raise kind(f"cannot answer: {said}")
    return script(request, None)


def artefacts(folder: Path) -> list[Path]:
    """Every file but the input."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "in.jsonl"]


def holding(folder: Path) -> set[str]:
    """The files in which one of the values stands, in any of three encodings."""
    forms = [form for value in VALUES for form in _forms(value)]
    return {
        str(path.relative_to(folder))
        for path in artefacts(folder)
        if any(form in path.read_bytes() for form in forms)
    }


def _forms(value: str) -> list[bytes]:
    return [value.encode(), json.dumps(value)[1:-1].encode(), value.encode("utf-16-le")]


@pytest.mark.parametrize("fallback", ["drop", "mask"])
def test_no_artefact_of_a_finished_run_holds_what_was_removed(tmp_path, capfd, fallback):
    given = write_rows(tmp_path / "in.jsonl", rows(40))
    settings = config(given, tmp_path / "out.jsonl", shard=5, fallback=fallback)
    players = {"refiner": FunctionModel(troubled, "troubled")}
    counted = refine(settings, tmp_path / "run", TASK, players=players)
    assert counted.failed == 1 and counted.records == 40
    assert "private" in given.read_text() and len(artefacts(tmp_path)) >= 6
    assert holding(tmp_path) == set()
    told = "".join(capfd.readouterr())
    assert not any(value in told for value in VALUES)


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from refine_job import *
from cairn.refine.run import refine

class Hanging(ScriptedModel):
    async def complete(self, request, sample="0"):
        import asyncio
        if "p7.private" in request.messages[-1].content:
            print("hangs", flush=True)
            await asyncio.sleep(1000)
        return await super().complete(request, sample)

folder = Path(sys.argv[1])
settings = config(folder / "in.jsonl", folder / "out.jsonl", shard=5)
refine(settings, folder / "run", TASK, players={"refiner": Hanging(script, name="writer")},
       show=False)
"""


def test_after_a_kill_answers_lie_in_one_file_of_the_owner_and_purge_removes_them(tmp_path):
    given = write_rows(tmp_path / "in.jsonl", rows(40))
    here = str(Path(__file__).parent)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), here], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "hangs\n"
    time.sleep(0.5)
    child.kill()
    child.communicate()
    files = holding(tmp_path)
    assert files and all(name.startswith("run/refine.store.sqlite") for name in files)
    assert all(stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600 for name in files)
    assert stat.S_IMODE(os.stat(tmp_path / "run").st_mode) == 0o700
    gone = purge(tmp_path / "run")
    assert "refine.store.sqlite" in gone and holding(tmp_path) == set()
    settings = config(given, tmp_path / "out.jsonl", shard=5)
    counted = refine(settings, tmp_path / "run", TASK, players={"refiner": writer()}, show=False)
    assert counted.stopped == "finished" and counted.accepted + counted.rejected == 40
    assert holding(tmp_path) == set()


def test_an_error_that_ends_a_run_repeats_no_text(tmp_path):
    given = write_rows(tmp_path / "in.jsonl", rows(3))

    async def down(request):
        raise EndpointDownError(f"gave up at {request.messages[-1].content}")

    class Check:
        name = "buggy"

        async def __call__(self, pair, clients):
            raise KeyError(pair.original)

    with pytest.raises(Exception, match="work failed at item 'd0'") as raised:
        task = TASK.__class__("t", "Do.", (Check(),))
        refine(
            config(given, tmp_path / "a.jsonl", workers=1), tmp_path / "run", task,
            players={"refiner": writer()}, show=False,
        )  # fmt: skip
    assert not any(value in str(raised.value) for value in VALUES)
    assert holding(tmp_path) == set()
    with pytest.raises(EndpointDownError) as raised:
        refine(
            config(given, tmp_path / "b.jsonl", workers=1), tmp_path / "other", TASK,
            players={"refiner": FunctionModel(down, "down")}, show=False,
        )  # fmt: skip
    assert not any(value in str(raised.value) for value in VALUES)
    assert holding(tmp_path) == set()
