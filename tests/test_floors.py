"""The floors of the house: a room imports only from floors below it (docs/architecture.md)."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "cairn"
FLOORS = (
    {"core"},
    {"archive", "score", "envs", "nn"},
    {"sampler", "lm", "jail"},
    {"learners", "engine", "evaluation", "report"},
    {"runs"},
    {
        "ued",
        "redteam",
        "refine",
        "research",
        "improve",
        "games",
        "explore",
        "offline",
        "study",
        "qd",
        "tuning",
    },
    {"show", "bench"},
    {"view"},
    {"cli"},
)
FLOOR_OF = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
# On one floor, in one direction only: what a network sees is an environment's matter, engines
# run learners, and evaluation runs both.
NEXT_DOOR = {
    ("nn", "envs"),
    ("engine", "learners"),
    ("evaluation", "engine"),
    ("evaluation", "learners"),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(source: str) -> set[str]:
    """Rooms of cairn that a module imports, anywhere in it; "." for a relative import."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            rooms |= {"."} if node.level else set()
        else:
            continue
        parts = [name.split(".") for name in names]
        rooms |= {part[1] for part in parts if part[0] == "cairn" and len(part) > 1}
    return rooms


def breach(room: str, other: str) -> str | None:
    """What is wrong with an import of room `other` in room `room`."""
    if other == ".":
        return "a relative import; write the full name"
    if other in (room, "__version__") or (room, other) in NEXT_DOOR:
        return None
    if other not in FLOOR_OF:
        return f"{other} has no floor"
    if FLOOR_OF[other] >= FLOOR_OF[room]:
        return f"{other} is not below {room}"
    return None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_from_floors_below(file):
    inside = file.relative_to(PACKAGE).parts
    # The files beside the rooms are the front door: they may show what any room offers.
    room = inside[0] if len(inside) > 1 else "cli"
    assert room in FLOOR_OF, f"Give the room {room} a floor in {Path(__file__).name}."
    breaches = [breach(room, other) for other in sorted(imported(file.read_text()))]
    assert [text for text in breaches if text] == []


def test_the_check_sees_every_kind_of_breach():
    assert imported("import cairn.ued.plr as p\nfrom cairn import engine\nimport jax") == {
        "ued",
        "engine",
    }
    assert imported("def f():\n    from cairn.core.keys import stream") == {"core"}
    assert imported("from . import rules") == {"."}
    assert breach("ued", "games") and breach("core", "envs") and breach("envs", "nn")
    assert breach("learners", "engine") and breach("ued", "attic") and breach("envs", ".")
    assert not breach("ued", "core") and not breach("cli", "ued") and not breach("ued", "ued")
