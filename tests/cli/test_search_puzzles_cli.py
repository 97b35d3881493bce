"""`cairn search puzzles`, and the door to its part."""

import json

import pytest

from cairn.cli.main import run


def test_methods_and_noises_are_compared_in_a_table_and_as_json(capsys, tmp_path):
    words = [
        "search",
        "puzzles",
        "countdown-3,sudoku-4",
        "--puzzles",
        "2",
        "--judge",
        "noisy:0,0.3",
    ]
    out = tmp_path / "found.json"
    assert run([*words, "--c", "0.5,2.5", "--json", str(out)]) == 0
    said = capsys.readouterr().out
    assert "SIMULATED" in said and "mcts, c 2.5, σ 0.3" in said and "at most 9" in said
    found = json.loads(out.read_text())
    assert found["simulated"] and len(found["rows"]) == 2 * 2 * 5
    sure = [row for row in found["rows"] if row["arm"] == "lfs, σ 0"]
    assert [row["won"]["value"] for row in sure] == [1.0, 1.0]
    assert found["lfs_aup"]["lfs, σ 0"][0] == pytest.approx(9.0)


def test_a_run_that_is_there_is_gone_on_with(capsys, tmp_path):
    words = ["search", "puzzles", "countdown-3", "--puzzles", "2", "--method", "lfs"]
    words += ["--run", str(tmp_path / "run"), "--json", "-"]
    assert run(words) == 0
    first = capsys.readouterr().out
    assert run(words) == 0 and capsys.readouterr().out == first
    assert run([*words, "--seed", "1"]) == 2
    assert "run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["puzles"], "Did you mean 'puzzles'?"),
        (["puzzles", "countdown-9"], "countdown-2 to countdown-8"),
        (["puzzles", "countdown-3", "--method", "lsf"], "Did you mean 'lfs'?"),
        (["puzzles", "countdown-3", "--judge", "0.3"], "noisy:SIGMA"),
        (["puzzles", "countdown-3", "--judge", "noisy:x"], "numbers with commas"),
        (["puzzles", "countdown-3", "--judge", "noisy:nan"], "sigma"),
        (["puzzles", "countdown-3", "--c", "-1"], "c of at least 0"),
        (["puzzles", "countdown-3", "--judge", "noisy:0", "--model", "m", "--base-url", "http://h"],
         "not both"),
        (["puzzles", "countdown-3", "--model", "m"], "base_url"),
        (["puzzles", "countdown-3", "--model", "m", "--base-url", "http://h/v1", "--api-key-env",
          "NO_SUCH_KEY_S4"], "NO_SUCH_KEY_S4"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(words, says, capsys):
    assert run(["search", *words]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
