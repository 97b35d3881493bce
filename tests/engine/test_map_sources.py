"""Where items come from and go to: ids, formats, and mistakes in one line."""

import csv
import gzip
import json

import pytest

from cairn.core.errors import ConfigError, RunError
from cairn.engine.map_shards import shards
from cairn.engine.map_sinks import (
    CsvSink,
    FolderSink,
    JsonLinesSink,
    ParquetSink,
    sink_at,
)
from cairn.engine.map_sources import Csv, Folder, Items, JsonLines, Parquet, source_at

RECORDS = [{"id": f"r{i}", "text": f'line {i}\n"q"\tä😀', "n": i} for i in range(7)]


def lines(records) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def values(source):
    return [(row.id, json.loads(row.raw)) for row in source.rows()]


@pytest.fixture
def written(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines(RECORDS))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(RECORDS)))
    with (tmp_path / "a.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["id", "text", "n"])
        table.writeheader()
        table.writerows(RECORDS)
    pytest.importorskip("pyarrow.parquet").write_table(
        pytest.importorskip("pyarrow").Table.from_pylist(RECORDS), tmp_path / "a.parquet"
    )
    (tmp_path / "texts" / "deep").mkdir(parents=True)
    (tmp_path / "texts" / "b.txt").write_text("B")
    (tmp_path / "texts" / "deep" / "a.txt").write_text("A\n")
    (tmp_path / "texts" / "c.md").write_text("not asked for")
    return tmp_path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_every_format_yields_the_same_items(written, name):
    expected = [(record["id"], record) for record in RECORDS]
    assert values(source_at(written / name, "id")) == expected
    numbered = [(str(i), record) for i, record in enumerate(RECORDS)]
    assert values(source_at(written / name)) == numbered


def test_csv_yields_strings(written):
    expected = [(r["id"], r | {"n": str(r["n"])}) for r in RECORDS]
    assert values(source_at(written / "a.csv", "id")) == expected


def test_a_folder_yields_its_files_by_path(written):
    source = source_at(written / "texts")
    assert values(source) == [("b.txt", {"text": "B"}), ("deep/a.txt", {"text": "A\n"})]


def test_files_come_by_path_whatever_lies_beside_them(tmp_path):
    names = ["a.txt", "a/z.txt", "a-b.txt", "a/b/c.txt", "a/b.txt", "b/a.txt", "A.txt", "a/b/d.md"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    found = [row.id for row in Folder(tmp_path).rows()]
    assert found == sorted(name for name in names if name.endswith(".txt"))


def test_a_pattern_names_several_files_in_order(written):
    (written / "b.jsonl").write_bytes(lines([{"id": "last"}]))
    found = values(JsonLines(written / "*.jsonl"))
    assert [name for name, _ in found] == [str(i) for i in range(8)]
    assert found[-1][1] == {"id": "last"}


def test_urls_are_read_and_written_through_fsspec(written):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/in/a.jsonl", lines(RECORDS))
    memory.pipe("/in/texts/x.txt", b"X")
    assert len(values(source_at("memory://in/a.jsonl"))) == 7
    assert values(Folder("memory://in/texts")) == [("x.txt", {"text": "X"})]
    JsonLinesSink("memory://out/b.jsonl").write("memory://out/b.jsonl", lambda: results(RECORDS))
    assert memory.cat("/out/b.jsonl") == b"".join(body + b"\n" for _, body in results(RECORDS))


def test_blank_lines_and_a_byte_order_mark_are_no_records(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n  \n[2]\n3')
    assert values(JsonLines(tmp_path / "a.jsonl")) == [("0", {"a": 1}), ("1", [2]), ("2", 3)]


@pytest.mark.parametrize(
    "content, source, message",
    [
        (b'{"a": 1}\n{"a": \n', JsonLines, "line 2 of .* is not JSON"),
        (b'{"a": NaN}\n', JsonLines, "line 1 of .* is not JSON: NaN is not JSON"),
        (b'"\xff"\n', JsonLines, "line 1 of .* is not JSON"),
        (b"[" * 100_000, JsonLines, "line 1 of .* is nested too deeply"),
        (b"a,a\n1,2\n", Csv, "names a column twice"),
        (b"a,b\n1\n", Csv, "line 2 of .* has 1 cells, its head has 2"),
        (b'a,b\n1,"2\n', Csv, "line 2 of"),
        (b"a\n\xff\n", Csv, "codec can't decode"),
        (b"PAR1", Parquet, "is not a Parquet file"),
    ],
)
def test_a_damaged_source_is_named_in_one_line(tmp_path, content, source, message):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RunError, match=message) as error:
        list(source(tmp_path / "file").rows())
    assert "\n" not in str(error.value).strip() or source is Parquet


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(RunError, match=r"gone\.jsonl cannot be read: No such file"):
        list(JsonLines(tmp_path / "gone.jsonl").rows())
    with pytest.raises(RunError, match="no file fits"):
        list(JsonLines(tmp_path / "*.jsonl").rows())
    with pytest.raises(RunError, match="is no folder"):
        list(Folder(tmp_path / "gone").rows())
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("a")
    with pytest.raises(RunError, match=r"notes holds no file called \*\.txt"):
        list(Folder(tmp_path / "notes").rows())
    with pytest.raises(ConfigError, match="what is"):
        source_at(tmp_path / "data.xml")


@pytest.mark.parametrize(
    "record, message",
    [
        ({"text": 1}, "item 0 of the list has no field 'id', from which"),
        ({"idd": 1}, "Did you mean 'idd'"),
        ({"id": 1.5}, "must be a string or an integer, got float in"),
        ({"id": True}, "must be a string or an integer, got bool in"),
        ("text", "has no field 'id'"),
    ],
)
def test_an_id_that_cannot_be_one_is_named(record, message):
    with pytest.raises(RunError, match=message):
        list(Items([record], "id").rows())


def test_a_list_must_be_readable_twice_and_json():
    with pytest.raises(ConfigError, match="give a list, not an iterator"):
        Items(iter([1]))
    with pytest.raises(RunError, match="item 1 of the list is not a JSON value"):
        list(Items([1, float("nan")]).rows())


def test_shards_are_cut_by_number_and_by_length():
    assert [len(shard.rows) for shard in shards(Items(range(10)), 4)] == [4, 4, 2]
    long = ["x" * 3_000_000] * 5
    assert [len(shard.rows) for shard in shards(Items(long), 4)] == [3, 2]
    assert [shard.start for shard in shards(Items(range(10)), 4)] == [0, 4, 8]


# --- sinks


def results(records):
    return [(str(i), json.dumps(r, ensure_ascii=False).encode()) for i, r in enumerate(records)]


def test_a_csv_sink_has_a_column_for_every_field(tmp_path):
    records = [{"a": 1, "b": "x,\n"}, {"c": [1, "ä"], "a": None}, {"a": True}]
    CsvSink("x").write(tmp_path / "a.csv", lambda: results(records))
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["a", "b", "c"], ["1", "x,\n", ""], ["null", "", '[1, "ä"]'], ["true", "", ""]
    ]  # fmt: skip


def test_a_parquet_sink_finds_columns_and_types_in_all_results(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("cairn.engine.map_sinks.ROWS", 2)
    records = [{"a": 1}, {"a": 2}, {"a": 2.5, "b": "x"}, {"b": None}]
    ParquetSink("x").write(tmp_path / "a.parquet", lambda: results(records))
    file = parquet.ParquetFile(tmp_path / "a.parquet")
    assert file.num_row_groups == 2
    assert file.read().to_pylist() == [
        {"a": 1.0, "b": None}, {"a": 2.0, "b": None}, {"a": 2.5, "b": "x"}, {"a": None, "b": None}
    ]  # fmt: skip
    with pytest.raises(RunError, match="do not fit into one Parquet table"):
        mixed = [{"a": 1}, {"a": 2}, {"a": "x"}]
        ParquetSink("x").write(tmp_path / "b.parquet", lambda: results(mixed))
    assert not (tmp_path / "b.parquet").exists()


def test_a_folder_sink_writes_a_file_an_item_and_none_outside(tmp_path):
    sink = FolderSink("x")
    texts = [("a.txt", b'"A"'), ("deep/b.txt", b'"B"')]
    digest = sink.write(tmp_path / "out", lambda: texts)
    assert (tmp_path / "out/deep/b.txt").read_text() == "B"
    assert sink.digest(tmp_path / "out") == digest
    (tmp_path / "out/a.txt").write_text("other")
    assert sink.digest(tmp_path / "out") != digest
    for bad in ("../a", "/a", "a/../../b", "a//b", "."):
        with pytest.raises(RunError, match="is no path inside a folder"):
            sink.check(bad, "text")


def test_what_a_sink_cannot_take_is_said_when_it_comes():
    with pytest.raises(RunError, match=r"CSV sink takes objects.*returned str for item 'k'"):
        CsvSink("x").check("k", "text")
    with pytest.raises(RunError, match="a folder takes text"):
        FolderSink("x").check("k", {"a": 1})


def test_a_sink_is_chosen_by_its_ending():
    kinds = {
        "a.jsonl": JsonLinesSink, "a.csv": CsvSink, "a.parquet": ParquetSink, "out/": FolderSink,
        "out": FolderSink, "s3://bucket/a.ndjson": JsonLinesSink,
    }  # fmt: skip
    for where, kind in kinds.items():
        assert type(sink_at(where)) is kind
    with pytest.raises(ConfigError, match=r"what should a\.xlsx be"):
        sink_at("a.xlsx")


BROKEN = [
    b'{"id": "a", "text": "fine"}',
    b'{"id": "b", "text": ',
    b'{"id": "c", "text": "\xff\xfe"}',
    b'{"id": "d", "text": "a\x00b"}',
    b'{"text": "no id"}',
    b'{"id": ["x"]}',
    b"[" * 20_000,
    b'{"id": "e", "text": "fine"}',
]


def test_a_lenient_source_gives_a_row_for_each_line_that_cannot_be_read(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(BROKEN) + b"\n")
    rows = list(source_at(tmp_path / "a.jsonl", "id", lenient=True).rows())
    place = f"of {tmp_path / 'a.jsonl'}"
    assert [row.id for row in rows] == ["a", *(f"line {n} {place}" for n in range(2, 8)), "e"]
    assert [bool(row.fault) for row in rows] == [False, *[True] * 6, False]
    assert "line 2" in rows[1].fault and "is not JSON" in rows[1].fault
    numbered = list(source_at(tmp_path / "a.jsonl", lenient=True).rows())
    assert [row.id for row in numbered] == [str(n) for n in range(8)]
    with pytest.raises(RunError, match=r"line 2 of .* is not JSON"):
        list(source_at(tmp_path / "a.jsonl", "id").rows())


def test_a_lenient_source_gives_up_a_line_that_is_too_long_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("cairn.engine.map_sources.LONGEST", 50)
    monkeypatch.setattr("cairn.engine.map_faults.LONGEST", 50)
    (tmp_path / "a.jsonl").write_bytes(b'"' + b"x" * 220 + b'"\n"next"\n')
    first, second = JsonLines(tmp_path / "a.jsonl", lenient=True).rows()
    assert "is longer than" in first.fault and second == ("1", b'"next"', "")


def test_a_lenient_table_names_the_lines_of_its_faults(tmp_path):
    body = b'id,text\n1,fine\n2,too,many\n3,\xff\xfe\n4,"a"b\n5,"two\nlines"\n6,"open\n7,x\n'
    (tmp_path / "a.csv").write_bytes(body)
    rows = list(Csv(tmp_path / "a.csv", "id", lenient=True).rows())
    assert [row.id for row in rows if not row.fault] == ["1", "5"]
    assert json.loads(rows[4].raw)["text"] == "two\nlines"
    told = [row.fault.replace(str(tmp_path / "a.csv"), "F") for row in rows if row.fault]
    assert told[0] == "line 3 of F has 3 cells, its head has 2."
    assert told[1] == "line 4 of F: it is not UTF-8 text."
    assert told[2].startswith("line 5 of F: ")
    assert told[3].startswith("lines 8 to 9 of F: ") and len(rows) == 6


def test_a_lenient_folder_leaves_out_no_file(tmp_path):
    (tmp_path / "good.py").write_text("x = 1\n")
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes.md").write_text("m")
    (tmp_path / "other.bin").write_bytes(b"\0")
    rows = list(Folder(tmp_path, ("*.py", "*.md"), lenient=True).rows())
    found = {row.id: row.fault for row in rows}
    assert list(found) == ["bytes.py", "gone.py", "good.py", "notes.md"]
    assert "is not UTF-8" in found["bytes.py"] and "leads nowhere" in found["gone.py"]
    assert not found["good.py"] and not found["notes.md"]


def test_a_fault_is_part_of_what_a_shard_is(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"1\nx\n")
    (first,) = shards(JsonLines(tmp_path / "a.jsonl", lenient=True), 10)
    (tmp_path / "a.jsonl").write_bytes(b"1\n!\n\n")
    (same,) = shards(JsonLines(tmp_path / "a.jsonl", lenient=True), 10)
    (tmp_path / "a.jsonl").write_bytes(b"1\n[1\n")
    (other,) = shards(JsonLines(tmp_path / "a.jsonl", lenient=True), 10)
    assert first.digest == same.digest != other.digest
