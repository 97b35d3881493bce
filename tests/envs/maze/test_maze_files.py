import json

import jax
import jax.numpy as jnp
import pytest

from cairn.core.errors import LevelError
from cairn.envs.maze import files
from cairn.envs.maze.files import NamedLevel
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.named import NAMED, named

CORNER = {
    "name": "corner",
    "rows": ["..#", "..."],
    "agent": [0, 1],
    "heading": "north",
    "goal": [2, 1],
}


def same(a: MazeLevel, b: MazeLevel) -> bool:
    return bool(jax.tree.all(jax.tree.map(jnp.array_equal, a, b)))


def test_levels_of_several_sizes_come_back_from_a_file_as_they_were(tmp_path):
    levels = [NamedLevel(name, named(name, jax.random.key(i))) for i, name in enumerate(NAMED)]
    path = tmp_path / "levels.json"
    files.write_levels(path, levels)
    back = files.read_levels(path)
    assert [level.name for level in back] == list(NAMED)
    assert all(same(a.level, b.level) for a, b in zip(levels, back, strict=True))


def test_a_file_is_written_row_by_row_for_people(tmp_path):
    path = tmp_path / "levels.json"
    path.write_text(json.dumps([CORNER]))
    files.write_levels(path, files.read_levels(path))
    assert path.read_text() == (
        '[\n  {\n    "name": "corner",\n    "rows": [\n      "..#",\n      "..."\n    ],\n'
        '    "agent": [0, 1],\n    "heading": "north",\n    "goal": [2, 1]\n  }\n]\n'
    )


def test_a_heading_may_be_a_number_and_a_name_may_be_left_out(tmp_path):
    path = tmp_path / "levels.json"
    plain = {key: value for key, value in CORNER.items() if key != "name"} | {"heading": 2}
    path.write_text(json.dumps([CORNER, plain]))
    (first, level), (second, other) = files.read_levels(path)
    assert (first, second) == ("corner", "1")
    assert level.heading == 3 and other.heading == 2
    assert level.walls.tolist() == [[False, False, True], [False, False, False]]
    assert level.agent.tolist() == [0, 1] and level.goal.tolist() == [2, 1]


BROKEN = {
    "rows of unlike length": ({"rows": ["..#", ".."]}, "got 2 signs in row 1 after 3 in row 0"),
    "an unknown sign": ({"rows": ["..#", ".x."]}, r"the signs . #, got 'x' at \[1, 1\]"),
    "rows that are no list": ({"rows": "..#"}, "rows to be a list of texts, got the text '..#'"),
    "no rows": ({"rows": []}, "rows to be a list of texts, got an empty list"),
    "an empty row": ({"rows": ["", ""]}, "one cell or more in a row, got an empty row 0"),
    "an agent in a wall": ({"agent": [2, 0]}, r"agent on a free cell, got \[2, 0\], which is a w"),
    "a goal in a wall": ({"goal": [2, 0]}, r"goal on a free cell, got \[2, 0\], which is a wall"),
    "an agent on the goal": ({"agent": [2, 1]}, r"on two cells, got both at \[2, 1\]"),
    "an agent outside": ({"agent": [3, 0]}, r"agent within x 0 to 2 and y 0 to 1, got \[3, 0\]"),
    "a negative goal": ({"goal": [0, -1]}, r"goal within x 0 to 2 and y 0 to 1, got \[0, -1\]"),
    "a fraction": ({"goal": [0, 0.5]}, r"goal to be \[x, y\], got \[0, 0.5\]"),
    "three numbers": ({"agent": [0, 0, 1]}, r"agent to be \[x, y\], got \[0, 0, 1\]"),
    "no such heading": ({"heading": "up"}, 'east, south, west, north or 0 to 3, got "up"'),
    "heading 4": ({"heading": 4}, "0 to 3, got 4"),
    "heading true": ({"heading": True}, "0 to 3, got true"),
    "a heading in a list": ({"heading": ["east"]}, r'0 to 3, got \["east"\]'),
    "an unknown field": (
        {"walls": 3},
        "heading and goal, got an unknown 'walls'",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_level_is_named_with_its_file_and_what_was_expected(fault, tmp_path):
    change, message = BROKEN[fault]
    path = tmp_path / "levels.json"
    path.write_text(json.dumps([CORNER, CORNER | change]))
    with pytest.raises(LevelError, match=rf"levels.json: level 1 \(corner\): expected .*{message}"):
        files.read_levels(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{]", "expected JSON, got text that .* at line 1, column 3"),
        ("[]", "a list of one or more levels, got an empty list"),
        ('{"rows": []}', "a list of one or more levels, got an object"),
        ("[3]", "level 0: expected an object with rows, agent, heading and goal, got 3"),
        ('[{"name": 3}]', "level 0: expected a text as name, got 3"),
        ("[{}]", "level 0: .* got no agent, no goal, no heading, no rows"),
        ("", "a list of one or more levels, got an empty file"),
        (" \n", "a list of one or more levels, got an empty file"),
        ("null", "a list of one or more levels, got null"),
        ("[" * 5_000, "a list of levels, got brackets nested too deeply to be read"),
        (
            '[{"name": "a", "goal": [1, 0], "rows": [".."], "goal": [0, 0]}]',
            r"level 0 \(a\): expected every field once, got goal repeatedly",
        ),
    ],
)
def test_a_file_that_holds_no_levels_is_refused(text, message, tmp_path):
    path = tmp_path / "levels.json"
    path.write_text(text)
    with pytest.raises(LevelError, match=message):
        files.read_levels(path)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "levels.json"
    path.write_text(json.dumps([CORNER]), encoding="utf-8-sig")
    assert [name for name, _ in files.read_levels(path)] == ["corner"]


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(LevelError, match=r"gone.json: there is no such level file"):
        files.read_levels(tmp_path / "gone.json")
    with pytest.raises(LevelError, match="cannot be read: Is a directory"):
        files.read_levels(tmp_path)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(LevelError, match="expected UTF-8 text"):
        files.read_levels(tmp_path / "bytes.json")
    with pytest.raises(LevelError, match="one or more levels to write, got none"):
        files.write_levels(tmp_path / "none.json", [])


@pytest.mark.parametrize("name", NAMED)
def test_text_comes_back_as_the_level_it_drew(name):
    level = named(name, jax.random.key(1))
    assert same(files.from_text(files.to_text(level)), level)


def test_text_may_be_indented():
    level = files.from_text("""
        ..#
        ^.G
    """)
    assert level.agent.tolist() == [0, 1] and level.heading == 3 and level.goal.tolist() == [2, 1]
    assert files.to_text(level) == "..#\n^.G"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("..#\n^..", r"one agent \(> v < \^\) and one goal \(G\), got 1 and 0"),
        ("..>\n^.G", "got 2 and 1"),
        ("", "a list of texts, got an empty list"),
        (">G\n.", "got 1 signs in row 1 after 2 in row 0"),
        (">G?", r"got '\?' at \[2, 0\]"),
    ],
)
def test_text_that_draws_no_maze_is_refused(text, message):
    with pytest.raises(LevelError, match=message):
        files.from_text(text)


def test_describe_counts_and_says_when_nobody_can_solve_a_level():
    assert files.describe(files.from_text("..#\n^.G")) == {
        "height": 2,
        "width": 3,
        "walls": 1,
        "solvable": True,
        "shortest_path": 2,
        "optimal_actions": 3,
    }
    shut = files.describe(files.from_text(".##\n^#G"))
    assert (shut["solvable"], shut["shortest_path"], shut["optimal_actions"]) == (False, None, None)
    json.dumps(shut)
