"""A growing file of lines: thinned evenly, read once, and what is damaged in it told."""

import itertools
import json
import os

import pytest
from made_runs import append, compiled, line

from cairn.view import lines as lines_module
from cairn.view import sampling, scanning
from cairn.view.lines import Lines


@pytest.fixture
def small(monkeypatch):
    """Bounds so low that a few hundred lines pass all of them."""
    monkeypatch.setattr(lines_module, "KEPT", 16)
    monkeypatch.setattr(lines_module, "LONG", 5_000)
    monkeypatch.setattr(scanning, "CHUNK", 997)


def row(number: int, *, tested: bool = False) -> dict:
    made = {"cycle": [number], "ledger": {"training": [number]}, "metrics": {"a": [0.5]}}
    return made | ({"evaluation": {"x": {"solve_rate": [0.5]}}} if tested else {})


def text(*rows: dict) -> str:
    return "".join(json.dumps(one) + "\n" for one in rows)


def cycles(lines: Lines) -> list[int]:
    return [one["cycle"][0] for one in lines.rows]


def test_few_lines_are_all_there_and_nothing_is_read_twice(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text(*map(row, range(5))))
    lines = Lines(path)
    assert lines.refresh() and not lines.refresh()
    assert cycles(lines) == [0, 1, 2, 3, 4] and lines.count == 5
    before = lines.rows[0]
    with path.open("a") as file:
        file.write(text(row(5)))
    assert lines.refresh() and cycles(lines) == [0, 1, 2, 3, 4, 5]
    assert lines.rows[0] is before and lines.problem == ""


def test_half_a_line_is_none_until_it_is_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text(row(0), row(1))[:-9])
    lines = Lines(path)
    lines.refresh()
    assert cycles(lines) == [0] and lines.half and lines.count == 1
    with path.open("a") as file:
        file.write(text(row(1))[-9:])
    assert lines.refresh() and cycles(lines) == [0, 1] and not lines.half
    assert lines.damaged == 0


@pytest.mark.parametrize("steps", [[400], [50] * 8, [1] * 60, [300, 1, 1, 30], [3, 500, 2]])
def test_thinned_lines_are_even_and_first_newest_and_tests_are_kept(tmp_path, small, steps):
    path, rows = tmp_path / "metrics.jsonl", []
    path.touch()
    lines = Lines(path)
    for number in steps:
        new = [row(i, tested=i % 7 == 3) for i in range(len(rows), len(rows) + number)]
        rows += new
        with path.open("a") as file:
            file.write(text(*new))
        lines.refresh()
        kept = [one for one in lines.rows if one["cycle"][0] % 7 != 3]
        tested = [one for one in lines.rows if "evaluation" in one]
        assert lines.rows[0] == rows[0] and lines.rows[-1] == rows[-1]
        assert tested[-1:] == [one for one in rows if "evaluation" in one][-1:]
        assert len(kept) <= 18 and len(tested) <= 36
    assert lines.count == pytest.approx(len(rows), rel=0.2)
    assert lines.about or lines.count == len(rows)
    assert cycles(lines) == sorted(set(cycles(lines))) and lines.damaged == 0
    places = sorted(lines._plain.rows)
    gaps = [b - a for a, b in itertools.pairwise(places[:-1])]
    assert max(gaps) <= 4 * min(gaps) + 200


@pytest.mark.parametrize("every", [1, 10, 200, 1_000])
def test_a_long_file_is_read_in_small_part_and_no_test_is_missed_for_that(
    tmp_path, monkeypatch, every
):
    monkeypatch.setattr(lines_module, "KEPT", 32)
    monkeypatch.setattr(lines_module, "LONG", 5_000)
    monkeypatch.setattr(sampling, "WINDOW", 1_500)
    monkeypatch.setattr(sampling, "CHUNK", 997)
    read = 0
    original = os.pread

    def counted(file: int, size: int, place: int) -> bytes:
        nonlocal read
        found = original(file, size, place)
        read += len(found)
        return found

    monkeypatch.setattr(os, "pread", counted)
    path = tmp_path / "metrics.jsonl"
    rows = [row(i, tested=i % every == every - 1) for i in range(5_000)]
    path.write_text(text(*rows))
    lines = Lines(path)
    lines.refresh()
    tested = [one["cycle"][0] for one in lines.rows if "evaluation" in one]
    wanted = [i for i in range(5_000) if i % every == every - 1]
    assert lines.about and lines.count == pytest.approx(5_000, rel=0.05) and lines.damaged == 0
    assert tested[-1] == wanted[-1] and set(tested) <= set(wanted)
    if len(wanted) <= 32:
        assert tested == wanted
    else:
        assert 30 <= len(tested) <= 66  # among the evenly spread ones are some with tests
    if every <= 10:
        assert read < path.stat().st_size / 3
    assert lines.rows[0] == rows[0] and lines.rows[-1] == rows[-1] and len(lines.rows) <= 66


def test_a_file_that_was_cut_and_went_on_otherwise_is_read_anew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text(*map(row, range(6))))
    lines = Lines(path)
    lines.refresh()
    os.truncate(path, len(text(*map(row, range(3)))))
    assert lines.refresh() and cycles(lines) == [0, 1, 2] and lines.count == 3
    # Cut and grown beyond its old length between two looks.
    path.write_text(text(*map(row, range(2)), *map(row, range(100, 110))))
    assert lines.refresh() and cycles(lines) == [0, 1, *range(100, 110)]


@pytest.mark.parametrize(
    "wrong",
    [
        "no JSON",
        "[1, 2]",
        "{}",
        '{"cycle": [1], "ledger": {}, "metrics": {}}',
        '{"cycle": [1], "ledger": {"training": [1, 2]}, "metrics": {}}',
        '{"cycle": [1], "ledger": {"training": ["1"]}, "metrics": {}}',
        '{"cycle": [1], "ledger": {"training": [1]}, "metrics": {"a": 3}}',
        '{"cycle": [1], "ledger": {"training": [1]}, "metrics": {}, "evaluation": {"x": 3}}',
        '{"cycle": [1], "ledger": {"training": [1]}, "metrics": {}, "evaluation": {"x": {}}}',
        "[" * 100_000,
        '{"a": 1}, {"b": 2}',
        "\x00\x00",
    ],
    ids=lambda wrong: wrong[:40],
)
def test_damaged_lines_are_left_out_counted_and_told(tmp_path, wrong):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text(row(0)) + wrong + "\n" + text(row(1)))
    lines = Lines(path)
    lines.refresh()
    assert cycles(lines) == [0, 1] and lines.count == 3 and lines.damaged == 1
    assert lines.problem.startswith("1 line is damaged in metrics.jsonl")


def test_lines_of_other_seeds_or_another_unit_than_the_rest_are_damaged(tmp_path):
    path = tmp_path / "metrics.jsonl"
    other = row(9) | {"ledger": {"evaluations": [1]}}
    seeds = {"cycle": [8, 8], "ledger": {"training": [1, 1]}, "metrics": {"a": [0.5, 0.5]}}
    path.write_text(text(seeds, row(0), other, row(1)))
    lines = Lines(path)
    lines.refresh()
    assert cycles(lines) == [0, 1] and lines.damaged == 2
    with path.open("a") as file:
        file.write(text(seeds, row(2)))
    lines.refresh()
    assert cycles(lines) == [0, 1, 2] and lines.damaged == 3


def test_two_damaged_lines_that_make_one_value_together_are_two(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('[{"a": 1\n"b": 2}]\n' + text(row(0)))
    lines = Lines(path)
    lines.refresh()
    assert cycles(lines) == [0] and lines.damaged == 2


def test_a_line_without_an_end_is_given_up_and_what_follows_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "CHUNK", 997)
    monkeypatch.setattr(scanning, "LONGEST", 10_000)
    path = tmp_path / "metrics.jsonl"
    path.write_text(text(row(0)) + "x" * 50_000)
    lines = Lines(path)
    lines.refresh()
    assert cycles(lines) == [0] and lines.half
    with path.open("a") as file:
        file.write("\n" + text(row(1)))
    lines.refresh()
    assert cycles(lines) == [0, 1] and lines.damaged == 1


def test_what_is_missing_or_no_plain_file_is_said_and_comes_back(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = Lines(path)
    assert lines.refresh() and not lines.refresh()
    assert lines.problem == "metrics.jsonl is missing." and not lines.rows and lines.tail(3) == []
    os.mkfifo(path)
    assert lines.refresh() and lines.problem == "metrics.jsonl is no file."
    path.unlink()
    (tmp_path / "secret").write_text(text(row(7)))
    path.symlink_to(tmp_path / "secret")
    assert lines.refresh() and "is a link" in lines.problem and not lines.rows
    path.unlink()
    path.write_text(text(row(0)))
    assert lines.refresh() and lines.problem == "" and cycles(lines) == [0]


def test_the_tail_is_the_newest_whole_lines_as_they_are(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"first\n\xff\xfesecond\nthird\nhal")
    assert Lines(path).tail(2) == ["��second", "third"]
    assert Lines(path).tail(9)[0] == "first" and Lines(path).tail(0) == []
    monkeypatch.setattr(lines_module, "TAIL", 12)
    assert Lines(path).tail(9) == ["third"]


def test_made_lines_are_lines_of_a_run(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text(line(0.5), line(1.0, skill=None)))
    lines = Lines(path)
    lines.refresh()
    assert len(lines.rows) == 2 and lines.damaged == 0


def test_of_a_run_of_many_seeds_fewer_lines_are_kept_of_its_longer_ones(tmp_path, monkeypatch):
    most = 2**17
    monkeypatch.setattr(lines_module, "TEXT", most)
    monkeypatch.setattr(lines_module, "LONG", 2 * most)
    path = compiled(tmp_path, "run", lines=1) / "metrics.jsonl"
    path.write_text("")
    metrics = [f"metric-{i}" for i in range(20)]
    for begin in (0, 80):  # few enough to be read whole, then more than that
        rows = [line(0.5, seeds=16, cycles=begin + i, metrics=metrics) for i in range(80)]
        append(path.parent, rows)
        lines = Lines(path)
        lines.refresh()
        kept = len(lines.rows) * path.stat().st_size // lines.count
        assert most // 3 < kept < 2 * most and len(lines.rows) < lines.count
        assert lines.rows[-1]["cycle"][0] == begin + 79 and lines.damaged == 0
