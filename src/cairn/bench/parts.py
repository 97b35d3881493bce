"""`cairn bench parts`: where the time of a training cycle goes, and what bounds each part.

The whole cycle of the reference preset, each of its parts in a program of its own, the peak of the
processor and the bandwidth of its memory are timed in the same rounds, laid over the devices as in
a run. What the parts together lack of the whole is told as not accounted for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax

from cairn.bench import clock, figures
from cairn.bench.flops import Cost
from cairn.bench.parts_work import bounds, parts
from cairn.engine import devices

IN_A_CYCLE = ("rollout", "update")
"""Parts whose times should add up to that of the cycle."""

BOUNDS = ("peak", "memory", "cache")
"""What is no part of a cycle but bounds them."""


@dataclass(frozen=True)
class Config:
    """The reference preset's domain randomisation, its parts, and the machine's two bounds."""

    envs: int = 32
    """Environments side by side."""
    length: int = 256
    """Steps of a rollout."""
    repeats: int = 5
    """Rounds in which everything is timed once, after a call that does not count."""
    least_s: float = 0.5
    """Seconds that are timed at least: short parts make as many calls as that takes."""
    size: int = 2048
    """Rows of the square matrices whose product is the peak."""
    megabytes: int = 128
    """Size of each of the two arrays that are streamed for the bandwidth of memory."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write."""
    if config.tiny:
        config = replace(config, envs=2, length=16, repeats=1, least_s=0.0, size=64, megabytes=1)
    timed = bounds(size=config.size, megabytes=config.megabytes)
    timed |= parts(config.envs, config.length, products=20 if config.tiny else 1000)
    counts = {name: clock.times(part.work, config.least_s) for name, part in timed.items()}
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(config.repeats):
        for name, part in timed.items():
            seconds = clock.seconds(part.work, counts[name])
            taken[name].append(seconds / part.units)
    facts = _describe({name: part.cost for name, part in timed.items()}, taken)
    facts |= {"devices": devices.usable(1, config.envs), "envs": config.envs}
    facts["versions"] = {"jax": jax.__version__, "device": jax.devices()[0].device_kind}
    result = figures.record("parts", config.repeats, facts)
    figures.write(config.json, result)
    _show(result)
    return result


def _describe(costs: dict[str, Cost], taken: dict[str, list[float]]) -> dict[str, Any]:
    """Speeds of the bounds, each part against them, and what the parts lack of the whole."""
    update, adam = costs["update"], costs["adam"]
    costs = costs | {"loss": Cost(update.flop, update.bytes - adam.bytes)}
    without = [u - a for u, a in zip(taken["update"], taken["adam"], strict=True)]
    taken = taken | {"loss": without}
    rates = {
        "peak": [costs["peak"].flop / seconds for seconds in taken["peak"]],
        **{name: [costs[name].bytes / s for s in taken[name]] for name in ("memory", "cache")},
    }
    balance = figures.ratios(rates["peak"], rates["memory"])
    rows = {}
    for name in taken:
        if name in BOUNDS:
            continue
        cost, seconds = costs[name], taken[name]
        intensity = cost.flop / cost.bytes
        rows[name] = {
            "seconds": figures.spread(seconds),
            "flop": cost.flop,
            "bytes": cost.bytes,
            "of_peak": figures.ratios([cost.flop / s for s in seconds], rates["peak"]),
            "of_bandwidth": figures.ratios([cost.bytes / s for s in seconds], rates["memory"]),
            "intensity": intensity,
            "bound": _bound(intensity, balance),
            "share_of_cycle": figures.ratios(seconds, taken["cycle"]),
        }
    together = [sum(each) for each in zip(*(taken[name] for name in IN_A_CYCLE), strict=True)]
    rest = [whole - sum_ for whole, sum_ in zip(taken["cycle"], together, strict=True)]
    return {
        "bounds": {name: figures.spread(values) for name, values in rates.items()},
        "balance": balance,
        "parts": rows,
        "not_accounted": {
            "seconds": figures.spread(rest),
            "share_of_cycle": figures.ratios(rest, taken["cycle"]),
        },
    }


def _bound(intensity: float, balance: dict[str, Any]) -> str:
    """What holds a part up, as far as the spread of the balance can tell."""
    if balance["low"] <= intensity <= balance["high"]:
        return "both"
    return "products" if intensity > balance["high"] else "memory"


def _show(result: dict[str, Any]) -> None:
    lines: list[Sequence[str]] = []
    share = "{:.1%}".format
    for name, row in result["parts"].items():
        lines.append(
            [
                name,
                f"{row['seconds']['median'] * 1e3:.2f}",
                share(row["share_of_cycle"]["median"]),
                share(row["of_peak"]["median"]),
                share(row["of_bandwidth"]["median"]),
                f"{row['intensity']:.1f}",
                row["bound"],
            ]
        )
    rest = result["not_accounted"]
    milliseconds = f"{rest['seconds']['median'] * 1e3:.2f}"
    lines.append(["not accounted for", milliseconds, share(rest["share_of_cycle"]["median"])])
    columns = ["part", "ms", "of cycle", "of peak", "of memory", "op/byte", "bound"]
    figures.show("A training cycle and its parts, medians", columns, lines)
    bounds, billions = result["bounds"], lambda x: f"{x / 1e9:.1f}"
    print(
        f"Peak {figures.between(bounds['peak'], billions)} GFLOP/s; "
        f"memory {figures.between(bounds['memory'], billions)} GB/s, "
        f"cache {figures.between(bounds['cache'], billions)} GB/s; balance "
        f"{figures.between(result['balance'], lambda x: f'{x:.1f}')} operations a byte."
    )
