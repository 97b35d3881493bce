"""A refinement by a real OpenAI-compatible server in a process of its own (its model simulated)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from refine_job import read, rows, write_rows

from cairn.cli.main import run as cairn

KEY = "sk-refine-0123456789"


@pytest.fixture
def server():
    script = Path(__file__).with_name("refine_server.py")
    child = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    yield f"http://127.0.0.1:{int(child.stdout.readline())}/v1"
    child.kill()
    child.communicate()


@pytest.mark.slow
def test_troubles_are_met_with_patience_and_nothing_private_or_secret_is_kept(
    server, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REFINE_KEY", KEY)
    given = rows(40)
    given += [{"id": "m", "text": "moderated m.private@mail.test", "n": 0}]
    write_rows(tmp_path / "in.jsonl", given)
    words = [
        "refine", "run", "in.jsonl", "out.jsonl", "--task", "refine_job:TASK", "--id", "id",
        "--model", "writer", "--base-url", server, "--api-key-env", "REFINE_KEY",
        "--models.refiner.price.prompt", "1.0", "--models.refiner.price.completion", "2.0",
        "--limit-money", "5",
    ]  # fmt: skip
    assert cairn([*words, "--json", "counts.json"]) == 0
    counts = json.loads(Path("counts.json").read_text())
    assert (counts["records"], counts["accepted"], counts["rejected"]) == (41, 24, 17)
    assert counts["failed"] == 0 and counts["spent"]["micros"] > 0
    assert counts["funnel"]["rejected: filtered"] == 1
    assert read("out.jsonl")[0]["refined"]["model"] == "writer"
    assert cairn(["refine", "report", "in.jsonl.refine"]) == 0
    told = capfd.readouterr()
    for text in (told.out, told.err, *map(held, tmp_path.rglob("*"))):
        assert "private@" not in text and KEY not in text
    assert cairn([*words, "--model", "other"]) == 2
    assert "models.refiner.model was" in capfd.readouterr().err


def held(path: Path) -> str:
    if not path.is_file() or path.name == "in.jsonl":
        return ""
    return path.read_bytes().decode("utf-8", "replace")


def test_a_wrong_key_is_one_line_before_any_record_is_touched(server, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "in.jsonl", rows(3))
    words = ["refine", "run", "in.jsonl", "out.jsonl", "--task", "refine_job:TASK", "--model", "w"]
    assert cairn([*words, "--base-url", server, "--api-key-env", "REFINE_GONE"]) == 2
    assert "REFINE_GONE" in capfd.readouterr().err and not Path("in.jsonl.refine").exists()
    monkeypatch.setenv("REFINE_KEY", "sk-wrong-0123456789")
    assert cairn([*words, "--base-url", server, "--api-key-env", "REFINE_KEY"]) == 2
    err = capfd.readouterr().err
    assert "answered 401" in err and "private" not in err and not Path("out.jsonl").exists()
