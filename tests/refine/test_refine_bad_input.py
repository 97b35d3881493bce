"""Bad input: a reject with a reason, or one line before anything is asked; never a lost record."""

import json
import os

import pytest
from refine_job import TASK, config, read, write_rows, writer

from cairn.core.errors import CairnError, RunError
from cairn.engine.map_items import DuplicateIdError
from cairn.refine.run import refine

GOOD = '{"id": "good", "text": "of p@mail.test"}'


def go(tmp_path, source, sink="out.jsonl", **more):
    settings = config(source, tmp_path / sink, **more)
    return refine(settings, tmp_path / "run", TASK, players={"refiner": writer()}, show=False)


def rejects(tmp_path, sink="out.jsonl"):
    return {row["id"]: row for row in read(tmp_path / f"{sink}.rejects.jsonl")}


BAD = {
    b'{"id": "b", "text": ': "Unreadable",
    b'{"id": "c", "text": "\xff\xfe"}': "Unreadable",
    '{"id": "d", "text": "é"}'.encode("latin-1"): "Unreadable",
    '{"id": "e", "text": "x"}'.encode("utf-16"): "Unreadable",
    b'{"id": "f", "text": "a\x00b"}': "Unreadable",
    b'{"id": "g", "text": "a\\u0000b"}': "null-byte",
    b'{"id": "h"}': "no-text",
    b'{"id": "i", "text": 5}': "no-text",
    b'{"id": "j", "text": " \\n"}': "empty-text",
    b'{"id": "k", "text": "\\ud83d"}': "not-unicode",
    b'{"id": "l", "text": "x", "refined": 1}': "field-taken",
    b'{"text": "no id"}': "Unreadable",
    b'["id", "text"]': "Unreadable",
}


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_record_is_a_reject_and_those_around_it_are_refined(tmp_path, bad):
    second = GOOD.replace("good", "after")
    (tmp_path / "in.jsonl").write_bytes(GOOD.encode() + b"\n" + bad + b"\n" + second.encode())
    counted = go(tmp_path, tmp_path / "in.jsonl")
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == ["good", "after"]
    listed = list(rejects(tmp_path).values())
    # UTF-16 has line ends of its own, and each of its lines is a record that cannot be read.
    assert {row.get("check", row["error"]) for row in listed} == {BAD[bad]}
    assert counted.records == 2 + len(listed)
    if BAD[bad] == "Unreadable":
        assert "line 2 of" in listed[0]["message"]


def test_a_record_of_50_mb_is_a_reject(tmp_path):
    with (tmp_path / "in.jsonl").open("w") as file:
        file.write(GOOD + "\n" + '{"id": "huge", "text": "')
        for _ in range(50):
            file.write("x" * 2**20)
        file.write('"}\n')
    go(tmp_path, tmp_path / "in.jsonl")
    assert rejects(tmp_path)["huge"]["check"] == "too-long"
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == ["good"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "holds no record"),
        ("\n\n", "holds no record"),
        ('{"id": "a", "Text": "x"}\n', "has no field 'text'.* Did you mean 'Text'"),
        ('["x"]\n', "line 1 .* has no field 'id'|has no field"),
        (GOOD + "\n" + GOOD + "\n", "the id 'good' occurs twice"),
    ],
)
def test_a_source_that_cannot_be_refined_stops_the_run_in_one_line(tmp_path, body, said):
    (tmp_path / "in.jsonl").write_text(body)
    with pytest.raises((RunError, DuplicateIdError), match=said):
        go(tmp_path, tmp_path / "in.jsonl", id=None if body.startswith("[") else "id")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_missing_column_of_a_table_is_said_with_those_that_are_there(tmp_path):
    (tmp_path / "in.csv").write_text("id,body\na,x\n")
    with pytest.raises(RunError, match=r"has no field 'text'.* Its fields are id, body"):
        go(tmp_path, tmp_path / "in.csv")


def test_a_table_without_a_header_is_not_shown(tmp_path):
    (tmp_path / "in.csv").write_text("Anna Berger,text7,anna@mail.test\nBen,x,ben@mail.test\n")
    with pytest.raises(RunError, match=r"has no field 'text'.* Its fields number 3") as caught:
        go(tmp_path, tmp_path / "in.csv", id=None)
    assert not any(part in str(caught.value) for part in ("nna", "text7", "Did you mean"))


@pytest.mark.parametrize("name", ["gone.jsonl", "gone/", "gone"])
def test_a_source_that_is_not_there_is_one_line(tmp_path, name):
    with pytest.raises(RunError, match="does not exist"):
        go(tmp_path, tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_unreadable_file_is_one_line(tmp_path):
    (tmp_path / "in.jsonl").write_text(GOOD)
    (tmp_path / "in.jsonl").chmod(0)
    with pytest.raises(RunError, match="cannot be read: Permission denied"):
        go(tmp_path, tmp_path / "in.jsonl")


def test_files_of_a_folder_that_cannot_be_read_are_rejects(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "a.txt").write_text("of p@mail.test")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe")
    (folder / "empty.txt").write_text("")
    (folder / "link.txt").symlink_to(folder / "nowhere")
    (folder / "null.txt").write_bytes(b"a\0b")
    os.mkfifo(folder / "pipe.txt")
    counted = go(tmp_path, folder, "out", id=None)
    found = {name: row.get("check", row["error"]) for name, row in rejects(tmp_path, "out").items()}
    assert found == {
        "bytes.txt": "Unreadable", "link.txt": "Unreadable", "null.txt": "null-byte",
        "pipe.txt": "Unreadable",
    }  # fmt: skip
    assert counted.accepted == 2
    assert (tmp_path / "out" / "empty.txt").read_text() == ""  # as many an __init__.py is


def test_a_damaged_table_is_one_line(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "in.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    with pytest.raises(CairnError, match="is not a Parquet file"):
        go(tmp_path, tmp_path / "in.parquet")


def test_values_that_json_cannot_hold_reject_their_rows(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": ["a", "b"], "text": ["x y", "x y"], "score": [1.0, float("nan")]})
    parquet.write_table(table, tmp_path / "in.parquet")
    go(tmp_path, tmp_path / "in.parquet")
    (reject,) = rejects(tmp_path).values()
    assert reject["error"] == "Unreadable" and "row 1" in reject["message"]


def test_a_run_that_is_something_else_is_not_touched(tmp_path):
    given = write_rows(tmp_path / "in.jsonl", [json.loads(GOOD)])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("mine")
    with pytest.raises(RunError, match="is not a run of cairn"):
        go(tmp_path, given)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine"]
