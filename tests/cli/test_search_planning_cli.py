"""`cairn search planning`: a transformer of a few updates, its table, and what is refused."""

import json
from importlib.util import find_spec

import pytest

from cairn.cli.main import run


@pytest.mark.slow
def test_arms_are_compared_in_a_table_and_as_json(capsys, tmp_path):
    out = tmp_path / "found.json"
    words = ["search", "planning", "graph", "--primed", "2", "--rounds", "1", "--episodes", "3"]
    words += ["--demonstrations", "2", "--width", "16", "--cost", "0.1", "--show"]
    assert run([*words, "--json", str(out)]) == 0
    said = capsys.readouterr().out
    for part in ("primed, never", "primed, given every 4", "by reward, own", "a plan's word costs"):
        assert part in said
    found = json.loads(out.read_text())["arms"]
    assert found["primed, never"]["words"] == 0 and found["primed, always"]["plans"] == 1
    for one in found.values():
        assert one["worth"] == pytest.approx(one["reward"] - 0.1 * one["words"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["maze"], "graph, craftax; got 'maze'"),
        (["graph", "--cost", "-1"], "--cost and --rounds of at least 0"),
        (["graph", "--episodes", "0"], "--episodes"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words, said, capsys):
    assert run(["search", "planning", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(find_spec("craftax") is not None, reason="craftax is installed")
def test_a_package_that_is_missing_is_named(capsys):
    assert run(["search", "planning", "craftax"]) != 0
    assert "uv sync --extra craftax" in capsys.readouterr().err
