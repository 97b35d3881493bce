"""`cairn bench env`: raw stepping with random actions, cairn beside its peers."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cairn.bench import figures
from cairn.bench.sides import OURS, Answer, Peer, Request, alternate, opened
from cairn.core.console import count
from cairn.core.errors import CairnError

PEERS = ("jaxued", "minimax")

SIDE, WALLS, ACTIONS = 13, 25, 7
"""The maze of the reference preset; cells of walls are drawn with replacement."""

REWARD_WITHIN = 1e-3
"""Rewards count as the same up to this share: each side adds them up in float32."""


@dataclass(frozen=True)
class Config:
    """Environment steps per second of the 13×13 maze: random actions, automatic restart."""

    peers: tuple[str, ...] = ()
    """NAME=PYTHON or NAME=PYTHON@CHECKOUT each, as for `cairn bench ued`."""
    envs: tuple[int, ...] = (32, 128, 512, 1024, 2048, 4096, 8192, 16384)
    """Environments side by side; the best for each side counts."""
    steps: int = 2**22
    """Environment steps in one repeat, rounded up to whole scans."""
    length: int = 256
    """Steps of each environment in one scan."""
    repeats: int = 5
    """Rounds in which everybody works once at every size."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write."""
    if config.tiny:
        # Small, but with an end to every episode, and some of them at the goal.
        config = replace(config, envs=(64,), steps=2**14, length=256, repeats=1)
    peers = [Peer.parse(text, PEERS) for text in config.peers]
    with tempfile.TemporaryDirectory() as folder, opened(peers, cached=config.tiny) as sides:
        requests = [_request(Path(folder), envs, config) for envs in config.envs]
        answers = alternate(sides, dict.fromkeys(sides, requests), config.repeats)
    check_same(answers)
    rates = {
        name: [[answer["steps_per_second"] for answer in size] for size in given]
        for name, given in answers.items()
    }
    sides_found = {
        name: {
            "by_envs": {
                str(envs): figures.spread(size)
                for envs, size in zip(config.envs, given, strict=True)
            },
            "work_by_envs": {
                str(envs): _work(size)
                for envs, size in zip(config.envs, answers[name], strict=True)
            },
            "best_envs": config.envs[_best(given)],
            "versions": answers[name][0][0]["versions"],
        }
        for name, given in rates.items()
    }
    ours = rates[OURS][_best(rates[OURS])]
    ratios = {
        name: figures.ratios(ours, given[_best(given)])
        for name, given in rates.items()
        if name != OURS
    }
    facts = {"length": config.length, "sides": sides_found, "ratios": ratios}
    result = figures.record("env", config.repeats, facts)
    figures.write(config.json, result)
    _show(config, sides_found, ratios)
    return result


def _request(folder: Path, envs: int, config: Config) -> Request:
    """What every side is asked: the mazes and actions on file, as often as it takes."""
    path = folder / f"{envs}.npz"
    draw(path, envs, config.length)
    amount = -(-config.steps // (envs * config.length))
    return {"name": "env", "mazes": str(path), "amount": amount}


def draw(path: Path, envs: int, length: int) -> None:
    """Mazes and actions for all sides: whoever plays the same game ends the same episodes.

    Walls as in the reference preset; agent, heading and goal uniform.
    """
    random = np.random.default_rng(0)
    cells = SIDE * SIDE
    walls = np.zeros((envs, cells), bool)
    np.put_along_axis(walls, random.integers(0, cells, (envs, WALLS)), True, axis=1)
    # Free cells in a random order, walls behind them.
    order = np.argsort(random.random((envs, cells)) + walls, axis=1)
    agent, goal = (np.stack([cell % SIDE, cell // SIDE], axis=1) for cell in order[:, :2].T)
    np.savez(
        path,
        walls=walls.reshape(envs, SIDE, SIDE),
        agent=agent.astype(np.int32),
        goal=goal.astype(np.int32),
        heading=random.integers(0, 4, envs, np.int32),
        actions=random.integers(0, ACTIONS, (length, envs), np.int32),
    )


def check_same(answers: Mapping[str, Sequence[Sequence[Answer]]]) -> None:
    """Raises CairnError unless the same steps ended the same episodes, with the same reward."""
    for name, given in answers.items():
        for mine, theirs in zip(answers[OURS], given, strict=True):
            for i, (one, other) in enumerate(zip(mine, theirs, strict=True)):
                ours, its = _did(one), _did(other)
                same = ours["episodes"] == its["episodes"] and ours["steps"] == its["steps"]
                off = abs(ours["reward"] - its["reward"])
                if not same or off > REWARD_WITHIN * abs(ours["reward"]):
                    raise CairnError(f"Round {i}: cairn did {ours}, {name} {its}: not one game.")


def _did(answer: Answer) -> dict[str, float]:
    return {"steps": answer["steps"], **answer["outcome"]}


def _work(answers: Sequence[Answer]) -> dict[str, Any]:
    """What was done at one size, in all rounds together."""
    did = [_did(answer) for answer in answers]
    total = {name: sum(each[name] for each in did) for name in did[0]}
    per_step = {f"{name}_per_step": total[name] / total["steps"] for name in total}
    return total | {name: per_step[name] for name in ("episodes_per_step", "reward_per_step")}


def _best(sizes: Sequence[Sequence[float]]) -> int:
    """Index of the size with the greatest median."""
    medians = [figures.spread(size)["median"] for size in sizes]
    return medians.index(max(medians))


def _show(config: Config, sides: dict[str, Any], ratios: dict[str, Any]) -> None:
    rows = [
        [str(envs), *(figures.between(s["by_envs"][str(envs)], count) for s in sides.values())]
        for envs in config.envs
    ]
    figures.show("Environment steps per second", ["environments", *sides], rows)
    for name, ratio in ratios.items():
        print(
            f"cairn at {sides[OURS]['best_envs']} environments is "
            f"{figures.between(ratio, lambda x: f'{x:.2f}')} times as fast as {name} at "
            f"{sides[name]['best_envs']}."
        )
