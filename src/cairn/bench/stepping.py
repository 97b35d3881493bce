"""`cairn bench env`: raw stepping with random actions, cairn beside its peers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cairn.bench import figures
from cairn.bench.sides import OURS, Peer, Request, alternate, opened
from cairn.core.console import count


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
        config = replace(config, envs=(2,), steps=16, length=8, repeats=1)
    peers = [Peer.parse(text) for text in config.peers]
    requests: list[Request] = []
    for envs in config.envs:
        amount = max(1, -(-config.steps // (envs * config.length)))
        requests.append({"name": "env", "envs": envs, "length": config.length, "amount": amount})
    with opened(peers, cached=config.tiny) as sides:
        answers = alternate(sides, dict.fromkeys(sides, requests), config.repeats)
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
    result = figures.record("env", config.repeats, {"sides": sides_found, "ratios": ratios})
    figures.write(config.json, result)
    _show(config, sides_found, ratios)
    return result


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
