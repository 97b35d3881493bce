"""The match table: a file that only grows, a line for what two players came to.

    {"game": "ipd"}                                                    its first line
    {"player": "shaper-3", "parent": "shaper-2", "about": {...}}       lineage
    {"players": ["shaper-3", "naive-0"], "points": 7.5, "of": 10}      points of the first

Points are shares of what can be won: 1 for a win, a half for a draw, or a payoff scaled to [0, 1];
the second player has the rest. `of` counts matches. A table is of one game. Every kind of rating
reads the same `Matches`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core import files
from cairn.core.errors import ConfigError, RunError
from cairn.core.locks import lock


class Match(NamedTuple):
    """What `of` matches of two players came to."""

    first: str
    second: str
    points: float
    """Of the first, in [0, of]."""
    of: int = 1


class Born(NamedTuple):
    """A player that came into being."""

    player: str
    parent: str | None = None
    about: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Matches:
    """All matches of n players, summed by pair."""

    players: tuple[str, ...]
    points: Float[np.ndarray, "n n"]
    """[i, j]: points of i against j."""
    counts: Float[np.ndarray, "n n"]
    """[i, j]: matches of i against j; symmetric."""

    def __post_init__(self):
        size = len(self.players)
        if self.points.shape != (size, size) or self.counts.shape != (size, size):
            raise ConfigError(
                f"Matches of {size} players need points and counts of {size} by {size}, got "
                f"{self.points.shape} and {self.counts.shape}."
            )
        if not np.allclose(self.points + self.points.T, self.counts):
            raise ConfigError("points of both players must add up to the matches of each pair.")

    @staticmethod
    def of(matches: Iterable[Match], players: Sequence[str] = ()) -> "Matches":
        """Sums single matches; `players` come first, in that order, whether they played or not.

        Raises ConfigError for points outside of [0, of] and for a player against itself.
        """
        rows = list(matches)
        seen = dict.fromkeys([*players, *(name for row in rows for name in row[:2])])
        place = {name: at for at, name in enumerate(seen)}
        points, counts = np.zeros((2, len(seen), len(seen)))
        for first, second, won, of in rows:
            if first == second:
                raise ConfigError(f"{first} cannot play itself: name its copies apart.")
            if not (of >= 1 and 0 <= won <= of):
                raise ConfigError(
                    f"points of {first} against {second} must lie in [0, {of}], got {won}."
                )
            i, j = place[first], place[second]
            points[i, j] += won
            points[j, i] += of - won
            counts[i, j] += of
            counts[j, i] += of
        return Matches(tuple(seen), points, counts)

    def shares(self, unknown: float = np.nan) -> Float[np.ndarray, "n n"]:
        """Points a match by pair; `unknown` where two never met, a half on the diagonal."""
        met = self.counts > 0
        shares = np.where(met, self.points / np.where(met, self.counts, 1), unknown)
        np.fill_diagonal(shares, 0.5)
        return shares

    def check_met(self) -> None:
        """Raises ConfigError naming a pair that never met."""
        missing = np.argwhere((self.counts == 0) & ~np.eye(len(self.players), dtype=bool))
        if len(missing):
            i, j = missing[0]
            raise ConfigError(
                f"{self.players[i]} and {self.players[j]} never met ({len(missing) // 2} pairs "
                "did not): this rating needs a match of each pair. Play a round robin."
            )


class MatchTable:
    """The file, open to append: by one process at a time. Use it in a `with`.

    A line that a kill cut in half is gone when the table is opened again.
    """

    def __init__(self, path: Path, game: str):
        """A new table, or one of the same game; RunError for another's, or if it is in use."""
        self.path, self.game = path, game
        self._lock = lock(path.with_name(path.name + ".lock"))
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def _open(self) -> None:
        first = _line({"game": self.game})
        content = self.path.read_bytes() if self.path.exists() else b""
        if not first.startswith(content):  # more than the beginning of a first line
            found = game_of(self.path)
            if found != self.game:
                raise RunError(
                    f"{self.path} is a match table of {found}, not of {self.game}: nothing was "
                    "written. Name another file."
                )
        # Whose file it is was looked at before anything of it is cut.
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            files.truncate(self.path, whole)
        if whole == 0:
            files.append(self.path, first, "matches:begin")

    def add(self, *rows: Match | Born) -> None:
        """Append matches and players. Raises ConfigError for what is no match."""
        Matches.of(row for row in rows if isinstance(row, Match))
        files.append(self.path, b"".join(_line(_record(row)) for row in rows), "matches:add")

    def close(self) -> None:
        """Let others write."""
        self._lock.close()

    def __enter__(self) -> "MatchTable":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def game_of(path: Path) -> str:
    """What the first line of a table says. Raises RunError where it is none."""
    lines = _whole_lines(path)
    try:
        return str(json.loads(lines[0])["game"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise RunError(
            f'{path} is no match table: its first line must be {{"game": NAME}}.'
        ) from None


def read(*paths: Path) -> tuple[Matches, dict[str, str | None]]:
    """All matches of some tables, and each born player with its parent. Needs no lock.

    Players are in the order of their birth, then of their first match. Of a line that is just being
    written, or that a kill cut, nothing is read. Raises RunError for lines that say neither and for
    tables of different games, ConfigError for a file that cannot be read.
    """
    games = {game_of(path): path for path in paths}
    if len(games) > 1:
        said = " and ".join(f"{path} of {game}" for game, path in list(games.items())[:2])
        raise RunError(f"match tables of two games cannot be read as one: {said}.")
    rows = [
        _row(path, number, line)
        for path in paths
        for number, line in enumerate(_whole_lines(path), 1)
        if number > 1
    ]
    born = {row.player: row.parent for row in rows if isinstance(row, Born)}
    return Matches.of((row for row in rows if isinstance(row, Match)), tuple(born)), born


def _whole_lines(path: Path) -> list[str]:
    """Without what stands behind the last line's end."""
    lines = files.read_lines(path, "the match table")
    with path.open("rb") as file:
        file.seek(-1, 2) if path.stat().st_size else None
        return lines if file.read(1) in (b"\n", b"") else lines[:-1]


def _record(row: Match | Born) -> dict[str, Any]:
    if isinstance(row, Born):
        return {"player": row.player, "parent": row.parent, "about": dict(row.about)}
    return {"players": [row.first, row.second], "points": float(row.points), "of": int(row.of)}


def _line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _row(path: Path, number: int, line: str) -> Match | Born:
    try:
        record = json.loads(line)
        if "player" in record:
            return Born(record["player"], record["parent"], record.get("about", {}))
        first, second = record["players"]
        return Match(first, second, float(record["points"]), int(record["of"]))
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path}, line {number}, is neither a match nor a player.") from None
