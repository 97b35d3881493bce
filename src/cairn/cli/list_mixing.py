"""`cairn list mixing`: which generator goes with which curator and score, and where."""

from collections.abc import Mapping
from typing import Any

from cairn.core.errors import ConfigError
from cairn.envs.protocol import Environment
from cairn.runs import catalogue, presets
from cairn.ued import mixing, needs
from cairn.ued.mixing import Row


def environments(task: str | None) -> dict[str, Environment]:
    """The environment a person names, as it is by default; without a name all of cairn's own."""
    if task is None:
        return mixing.every_environment()
    kind = catalogue.task(task)
    if not (isinstance(kind, type) and issubclass(kind, Environment)):
        raise ConfigError(f"{task} is not an environment, and this table is about environments.")
    return {task: presets.made_of(kind, task, {})}


def as_json(rows: list[Row], envs: Mapping[str, Environment]) -> dict[str, Any]:
    """The table for other programs: rows, and what names in them mean."""
    return {
        "rows": [row._asdict() | {"refused": dict(row.refused)} for row in rows],
        "environments": {name: needs.has(env) for name, env in envs.items()},
        "generators": {name: about for name, (_, about) in needs.GENERATORS.items()},
        "curators": dict(needs.CURATORS),
        "needs": {**{name: need.about for name, need in needs.NEEDS.items()}, **needs.OTHERS},
    }


def lines(rows: list[Row], envs: Mapping[str, Environment]) -> list[str]:
    """The table for people: "no" has a number, and its reason stands below under it."""
    reasons: dict[str, int] = {}
    cells: list[tuple[str, ...]] = [("method", "levels from", "kept in", "scores", "needs", *envs)]
    for row, scores in together(rows):
        numbers = {name: reasons.setdefault(why, len(reasons) + 1)
                   for name, why in row.refused.items()}  # fmt: skip
        where = [f"no ({numbers[name]})" if name in numbers else "yes" for name in envs]
        texts = (row.generators, (row.curator,), scores, row.needs)
        cells.append((row.method, *map(", ".join, texts), *where))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    told = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    told += ["", *(f"({number}) {why}" for why, number in reasons.items()), ""]
    for name, env in envs.items():
        told.append(f"{name} has: {', '.join(needs.has(env)) or 'none of these needs'}")
    return told


def together(rows: list[Row]) -> list[tuple[Row, list[str]]]:
    """Rows that differ in their score alone as one, with the names of the scores."""
    found: dict[tuple, tuple[Row, list[str]]] = {}
    for row in rows:
        like = (row.method, row.needs, tuple(sorted(row.refused.items())))
        found.setdefault(like, (row, []))[1].extend([row.score] if row.score else [])
    return list(found.values())
