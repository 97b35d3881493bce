"""The output as a dataset in Hugging Face's layout. (With the real `datasets`: docs/refine.md.)"""

import json

import pytest
from refine_job import rows, write_rows

from cairn.cli.main import run as cairn
from cairn.core.errors import ConfigError
from cairn.refine.hub import export

parquet = pytest.importorskip("pyarrow.parquet")
yaml = pytest.importorskip("yaml")


@pytest.fixture
def done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "in.jsonl", rows(40))
    words = ["refine", "run", "in.jsonl", "out.jsonl", "--task", "refine_job:TASK", "--demo"]
    assert cairn(words) == 0 and cairn(["refine", "report", "in.jsonl.refine"]) == 0
    return tmp_path


def test_a_card_and_files_of_one_schema_in_the_order_of_the_source(done):
    words = ["--license", "cc-by-4.0", "--name", 'A "set": #1', "--rows", "15"]
    assert cairn(["refine", "export", "in.jsonl.refine", "set", *words]) == 0
    names = sorted(path.name for path in (done / "set" / "data").iterdir())
    assert names == [f"train-0000{i}-of-00003.parquet" for i in range(3)]
    tables = [parquet.read_table(done / "set" / "data" / name) for name in names]
    assert tables[0].schema == tables[1].schema == tables[2].schema
    found = [row for table in tables for row in table.to_pylist()]
    given = [json.loads(line) for line in (done / "out.jsonl").read_text().splitlines()]
    assert found == given
    head, body = (done / "set" / "README.md").read_text().split("---\n", 2)[1:]
    card = yaml.safe_load(head)
    assert card["pretty_name"] == 'A "set": #1' and card["license"] == "cc-by-4.0"
    assert card["size_categories"] == ["n<1K"] and "cairn" in card["tags"]
    assert card["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}
    ]
    assert "a simulated refiner (no language model)" in body and "| accepted |" in body
    assert "hold a value that they find" in body and "private@" not in body


def test_a_folder_that_is_there_is_not_touched(done, tmp_path):
    (tmp_path / "set").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        export(tmp_path / "in.jsonl.refine", tmp_path / "set", name=None, license=None)
    assert list((tmp_path / "set").iterdir()) == []
