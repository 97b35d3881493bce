"""The match table on disk."""

import pytest

from cairn.core.errors import RunError
from cairn.core.locks import InUseError
from cairn.games.ratings.matches import Born, Match, MatchTable, read


def test_a_table_grows_and_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "matches.jsonl"
    with MatchTable(path, "ipd") as table:
        table.add(Born("b"), Born("c", "b", {"cycle": 3}), Match("b", "c", 1.5, 4))
    with MatchTable(path, "ipd") as table:
        table.add(Match("c", "a", 1))
    matches, lineage = read(path)
    assert matches.players == ("b", "c", "a")
    assert matches.points[0, 1] == 1.5 and matches.points[1, 0] == 2.5
    assert matches.counts[1, 2] == 1 and lineage == {"b": None, "c": "b"}


def test_half_a_line_is_cut_and_nothing_else(tmp_path):
    path = tmp_path / "matches.jsonl"
    with MatchTable(path, "ipd") as table:
        table.add(Match("a", "b", 1))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"players": ["a"')
    with MatchTable(path, "ipd") as table:
        assert path.read_bytes() == whole
        with pytest.raises(InUseError):
            MatchTable(path, "ipd")
        table.add(Match("a", "b", 0))
    assert read(path)[0].counts[0, 1] == 2


def test_a_file_that_is_no_table_stays_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    for content in ("one line no newline", "two lines\nno end", '{"game": "chicken"}\n{"pl'):
        path.write_text(content)
        with pytest.raises(RunError):
            MatchTable(path, "ipd")
        assert path.read_text() == content
    path.write_text('{"game": "i')  # a kill at the very beginning
    with MatchTable(path, "ipd") as table:
        table.add(Match("a", "b", 1))
    path.write_bytes(path.read_bytes() + b'{"players": ["a", "b"], "poi')
    assert read(path)[0].counts[0, 1] == 1  # what is being written is not read


def test_two_games_do_not_mix(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    MatchTable(one, "ipd").close()
    MatchTable(two, "chicken").close()
    before = one.read_bytes()
    with pytest.raises(RunError, match="is a match table of ipd, not of chicken"):
        MatchTable(one, "chicken")
    with pytest.raises(RunError, match="two games"):
        read(one, two)
    assert one.read_bytes() == before
    MatchTable(one, "ipd").close()  # the lock was given back


def test_what_is_no_table_is_named(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text('{"a": 1}\n')
    with pytest.raises(RunError, match="no match table"):
        read(path)
    path.write_text('{"game": "ipd"}\n{"players": ["a"]}\n')
    with pytest.raises(RunError, match="line 2, is neither"):
        read(path)
