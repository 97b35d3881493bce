"""`cairn bench ued`: whole training, cairn beside its peers, and against the processor's peak."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cairn.bench import figures, flops
from cairn.bench.sides import OURS, PEAK, Answer, Peer, Request, Side, alternate, opened
from cairn.core.console import count
from cairn.core.errors import CairnError
from cairn.ued.presets import experiment

Work = Literal["dr", "accel"]

ACCEL_MIX = {"accel-new": 0.2, "accel-replay": 0.8}
"""How often a warm ACCEL draws new levels, and how often it replays and then edits."""

KNOWS = {"minimax": ("dr",)}
"""Peers that are compared in some works only."""

PARAMETERS_WITHIN = 1e-4
"""Networks count as the same up to this share of their parameters."""


@dataclass(frozen=True)
class Config:
    """Training speed on the reference preset."""

    peers: tuple[str, ...] = ()
    """NAME=PYTHON or NAME=PYTHON@CHECKOUT each: a peer, the interpreter of its environment, and
    perhaps where it is checked out. Names: jaxued, minimax."""
    envs: tuple[int, ...] = (32,)
    """Environments side by side."""
    works: tuple[Work, ...] = ("dr", "accel")
    """Domain randomisation; ACCEL's cycles in the mix they have once its archive is warm."""
    seeds: tuple[int, ...] = ()
    """Also train this many seeds in one program, beside one seed."""
    repeats: int = 5
    """Rounds in which everybody works once."""
    updates: int = 8
    """Updates (or cycles) in one repeat."""
    length: int = 256
    """Steps of a rollout."""
    size: int = 2048
    """Rows of the square matrices whose product is the peak."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write."""
    if config.tiny:
        config = _tiny(config)
    peers = [Peer.parse(text) for text in config.peers]
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for row in _rows(config, peers):
        rows.append(row)
        result = figures.record("ued", config.repeats, {"updates": config.updates, "rows": rows})
        figures.write(config.json, result)  # after each: a long measurement may be cut short
    _show(rows)
    return result


def _rows(config: Config, peers: Sequence[Peer]) -> Iterator[dict[str, Any]]:
    for envs in config.envs:
        for work in config.works:
            able = [peer for peer in peers if work in KNOWS.get(peer.name, (work,))]
            yield _measure(config, work, envs, able)
    for envs in config.envs:
        for seeds in config.seeds:
            yield _scaling(config, envs, seeds)


def _tiny(config: Config) -> Config:
    return Config(
        peers=config.peers,
        envs=(2,),
        works=config.works,
        seeds=(),
        repeats=1,
        updates=1,
        length=256,  # an episode ends within it, so that levels have scores
        size=64,
        json=config.json,
    )


def _measure(config: Config, work: Work, envs: int, peers: Sequence[Peer]) -> dict[str, Any]:
    """One work at one size, everybody in turn, the peak in every round."""
    names = [work] if work == "dr" else list(ACCEL_MIX)
    wanted: list[Request] = [
        {"name": name, "envs": envs, "length": config.length, "amount": config.updates}
        for name in names
    ]
    with opened(peers, cached=config.tiny, peak=True) as sides:
        requests = {name: list(wanted) for name in sides}
        requests[PEAK] = [{"name": "peak", "size": config.size, "amount": 4}]
        answers = alternate(sides, requests, config.repeats)
    peak = [answer["steps_per_second"] for answer in answers.pop(PEAK)[0]]
    first = {name: given[0][0] for name, given in answers.items()}
    _check_same(answers)
    rates = {name: _mixed(names, given) for name, given in answers.items()}
    row: dict[str, Any] = {"work": work, "envs": envs, "length": config.length}
    row["sides"] = {
        name: _describe(rates[name], answers[name][0][-1], first[name]) for name in rates
    }
    row["ratios"] = {
        name: figures.ratios(rates[OURS], rates[name]) for name in rates if name != OURS
    }
    row["peak_flop_per_second"] = figures.spread(peak)
    if work == "dr":
        row |= _roofline(config, envs, rates[OURS], peak)
    return row


def _check_same(answers: dict[str, list[list[Answer]]]) -> None:
    """Raises CairnError unless everybody did the same steps with a network of the same size."""
    ours = answers[OURS]
    for name, given in answers.items():
        for mine, theirs in zip(ours, given, strict=True):
            a, b = mine[0]["parameters"], theirs[0]["parameters"]
            if abs(a - b) > PARAMETERS_WITHIN * a:
                raise CairnError(f"cairn's network has {a:,} parameters, {name}'s {b:,}.")
            for i, (one, other) in enumerate(zip(mine, theirs, strict=True)):
                did = [{k: n for k, n in side["did"].items() if n} for side in (one, other)]
                if did[0] != did[1]:
                    raise CairnError(f"Round {i}: cairn did {did[0]} steps, {name} {did[1]}.")


def _mixed(names: Sequence[str], given: list[list[Answer]]) -> list[float]:
    """Steps per second in each round; kinds of cycle as often as they happen."""
    weights = [ACCEL_MIX.get(name, 1.0) for name in names]
    rates = []
    for together in zip(*given, strict=True):
        steps = sum(w * answer["steps"] for w, answer in zip(weights, together, strict=True))
        seconds = sum(w * answer["seconds"] for w, answer in zip(weights, together, strict=True))
        rates.append(steps / seconds)
    return rates


def _describe(rates: list[float], last: Answer, first: Answer) -> dict[str, Any]:
    return {
        "steps_per_second": figures.spread(rates),
        "parameters": first["parameters"],
        "steps": first["did"],
        "setup_s": first["setup_s"],
        "first_updates_s": first["first_s"],
        "second_updates_s": first["second_s"],
        "peak_rss_mb": last["peak_rss_mb"],
        "versions": first["versions"],
    }


def _roofline(config: Config, envs: int, rates: list[float], peak: list[float]) -> dict[str, Any]:
    chosen = experiment("maze", method="dr", preset="reference")
    costs = flops.training_step(
        chosen.env.observation_spec,
        chosen.env.actions,
        chosen.student,
        batch=envs,
        length=config.length,
    )
    each = flops.total(costs)
    return {
        "flop_per_step": each,
        "parts": {name: cost._asdict() for name, cost in costs.items()},
        "share_of_peak": figures.ratios([rate * each for rate in rates], peak),
    }


def _scaling(config: Config, envs: int, seeds: int) -> dict[str, Any]:
    """`seeds` in one program beside one seed, in two processes of cairn's."""
    base: Request = {"name": "dr", "envs": envs, "length": config.length, "amount": config.updates}
    with opened((), cached=config.tiny) as one, opened((), cached=config.tiny) as many:
        sides: dict[str, Side] = {"one": one[OURS], "many": many[OURS]}
        requests = {"one": [base], "many": [base | {"seeds": seeds}]}
        answers = alternate(sides, requests, config.repeats)
    seconds = {name: [a["seconds"] for a in given[0]] for name, given in answers.items()}
    return {
        "work": "seeds",
        "envs": envs,
        "seeds": seeds,
        "times_one_seed": figures.ratios(seconds["many"], seconds["one"]),
        "versions": answers["one"][0][0]["versions"],
    }


def _show(rows: Sequence[dict[str, Any]]) -> None:
    lines = []
    for row in rows:
        label = f"{row['work']}, {row['envs']} envs"
        if row["work"] == "seeds":
            times = figures.between(row["times_one_seed"], lambda x: f"{x:.2f}")
            lines.append(
                [f"{row['seeds']} seeds, {row['envs']} envs", "", f"{times} x one", "", ""]
            )
            continue
        for name, side in row["sides"].items():
            ratio = row["ratios"].get(name)
            share = row.get("share_of_peak") if name == OURS else None
            lines.append(
                [
                    label,
                    name,
                    figures.between(side["steps_per_second"], count),
                    figures.between(ratio, lambda x: f"{x:.2f}") if ratio else "",
                    figures.between(share, lambda x: f"{x:.0%}") if share else "",
                ]
            )
    columns = ["work", "side", "environment steps/s", "cairn is ... times faster", "of peak"]
    figures.show("Training, median (least to greatest) over the rounds", columns, lines)
