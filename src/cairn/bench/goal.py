"""`cairn bench goal`: wall-clock time until an agent is good on mazes it has never seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cairn.bench import figures
from cairn.bench.sides import OURS, Answer, Peer, Request, opened
from cairn.core.units import duration

PEERS = ("jaxued",)
"""minimax has no test on the same mazes in its driver."""


@dataclass(frozen=True)
class Config:
    """cairn's default preset against a peer's domain randomisation with the peer's defaults.

    Both are tested with 20 attempts at each of the eight named mazes with a fixed goal, 250 steps
    at most, after every so many updates; the clock counts from the start of the process, so
    compilation and tests are part of it. One runs after the other, each with the whole machine.
    """

    peers: tuple[str, ...] = ()
    """NAME=PYTHON or NAME=PYTHON@CHECKOUT each, as for `cairn bench ued`. Names: jaxued."""
    seeds: tuple[int, ...] = (0, 1)
    """One run of each side for each."""
    goal: float = 0.28
    """Mean solve rate to reach."""
    in_a_row: int = 2
    """Tests in a row that must reach it; the last of them stops the clock."""
    every: int = 100
    """Updates between two of cairn's tests."""
    peer_every: int = 250
    """Updates between two of a peer's tests (JaxUED's default)."""
    limit_minutes: float = 40.0
    """A run is cut here: what it then shows is a bound."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write after every run, so that a long measurement can be cut short."""
    if config.tiny:
        config = replace(
            config, seeds=(0,), goal=0.0, in_a_row=1, every=1, peer_every=1, limit_minutes=1.0
        )
    peers = [Peer.parse(text, PEERS) for text in config.peers]
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for seed in config.seeds:
        for peer in (None, *peers):
            rows.append(_one(config, peer, seed))
            facts = {"goal": config.goal, "in_a_row": config.in_a_row, "rows": rows}
            result = figures.record("goal", len(config.seeds), facts | _sooner(rows, config))
            figures.write(config.json, result)
    _show(rows, result["sooner"])
    return result


def _one(config: Config, peer: Peer | None, seed: int) -> dict[str, Any]:
    """One side, one seed, in a process of its own."""
    request: Request = {
        "name": "quality",
        "seed": seed,
        "amount": config.peer_every if peer else config.every,
        "goal": config.goal,
        "in_a_row": config.in_a_row,
        "limit_s": 60 * config.limit_minutes,
    }
    if config.tiny:
        request |= {"tiny": True}
    # Nobody else is started: an idle side would still take a core for its imports.
    peers, ours = ([peer], ()) if peer else ([], (OURS,))
    with opened(peers, ours=ours, cached=config.tiny) as sides:
        (side,) = sides.values()
        answer: Answer = side.ask(request)
    return {"side": side.name, "seed": seed, **answer}


def _sooner(rows: Sequence[dict[str, Any]], config: Config) -> dict[str, Any]:
    """How many times sooner cairn was there, seed by seed; a cut run counts with its limit."""
    clock = {
        (row["side"], row["seed"]): row["reached_s"] or 60 * config.limit_minutes for row in rows
    }
    names = {row["side"] for row in rows} - {"cairn"}
    sooner = {}
    for name in sorted(names):
        pairs = [
            (clock[name, seed], clock["cairn", seed])
            for seed in config.seeds
            if (name, seed) in clock and ("cairn", seed) in clock
        ]
        sooner[name] = figures.ratios(*zip(*pairs, strict=True))
        cut = {row["side"] for row in rows if row["reached_s"] is None} & {"cairn", name}
        sooner[name]["bound"] = _bound(cut)
    return {"sooner": sooner}


def _bound(cut: set[str]) -> str:
    """What a ratio is if the runs of these sides were cut."""
    if len(cut) == 2:
        return "of runs cut on both sides, which says nothing:"
    return "" if not cut else "at most" if "cairn" in cut else "at least"


def _show(rows: Sequence[dict[str, Any]], sooner: dict[str, Any]) -> None:
    lines = []
    for row in rows:
        reached = row["reached_s"]
        last = row["curve"][-1]
        when = duration(reached) if reached else f"not within {duration(last['seconds'])}"
        best = max(point["solve_rate"] for point in row["curve"])
        lines.append([row["side"], str(row["seed"]), when, f"{last['steps']:,}", f"{best:.2f}"])
    columns = ["side", "seed", "reached after", "environment steps", "best test"]
    figures.show("Time to the goal", columns, lines)
    for name, ratio in sooner.items():
        print(
            f"cairn is there {ratio['bound']}{' ' if ratio['bound'] else ''}"
            f"{figures.between(ratio, lambda x: f'{x:.1f}')} times sooner than {name}."
        )
