"""`cairn bench ued`: whole training, cairn beside its peers, and against the processor's peak."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from cairn.bench import figures, flops
from cairn.bench.sides import (
    ONE_DEVICE,
    OURS,
    PEAK,
    Answer,
    Peer,
    Request,
    Side,
    alternate,
    opened,
)
from cairn.core.console import count
from cairn.core.errors import CairnError
from cairn.engine.compiled import SeedForm
from cairn.runs.presets import experiment

Work = Literal["dr", "accel", "paired", "population-paired"]
Extra = Literal["one-device", "default-metrics"]

PEERS = ("jaxued", "minimax")
METRICS = "minimax, default metrics"
"""minimax with the shortest paths that it computes for its plots unless told not to."""

ACCEL_MIX = {"accel-new": 0.2, "accel-replay": 0.8}
"""How often a warm ACCEL draws new levels, and how often it replays and then edits."""

TAUGHT = ("paired", "population-paired")
"""Works in which a teacher designs the levels."""

KNOWS = {"minimax": ("dr", *TAUGHT), "jaxued": ("dr", "accel")}
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
    """Domain randomisation; ACCEL's cycles in the mix they have once its archive is warm; PAIRED's
    cycles, of two students or of a population."""
    filters: int = 128
    """Of PAIRED's teacher."""
    students: int = 3
    """Of a population."""
    seeds: tuple[int, ...] = ()
    """Also train this many seeds in one program, in both forms, beside one seed."""
    extra: tuple[Extra, ...] = ()
    """More sides: cairn with one device where it has one for each core of a CPU; minimax (as a
    peer) with its default metrics."""
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
        # An episode ends within 256 steps, so that levels have scores.
        config = replace(config, envs=(2,), repeats=1, updates=1, length=256, size=64, filters=1)
    peers = [Peer.parse(text, PEERS) for text in config.peers]
    if "default-metrics" in config.extra and "minimax" not in {peer.name for peer in peers}:
        raise CairnError("default-metrics is about minimax: name it among the --peers.")
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
            yield _measure(config, work, envs, _sides(config, work, peers))
    for envs in config.envs:
        for seeds in config.seeds:
            yield _scaling(config, envs, seeds)


def _sides(config: Config, work: Work, peers: Sequence[Peer]) -> list[Peer]:
    """The peers that know the work, and minimax once more with what it does by default."""
    able = [peer for peer in peers if work in KNOWS.get(peer.name, (work,))]
    if work == "dr" and "default-metrics" in config.extra:
        able += [peer._replace(name=METRICS) for peer in peers if peer.name == "minimax"]
    return able


def _measure(config: Config, work: Work, envs: int, peers: Sequence[Peer]) -> dict[str, Any]:
    """One work at one size, everybody in turn, the peak in every round."""
    names = list(ACCEL_MIX) if work == "accel" else [work]
    wanted: list[Request] = [
        {"name": name, "envs": envs, "length": config.length, "amount": config.updates}
        for name in names
    ]
    if work in TAUGHT:
        students = 2 if work == "paired" else config.students
        wanted = [each | {"students": students, "filters": config.filters} for each in wanted]
    ours = (OURS, ONE_DEVICE) if "one-device" in config.extra else (OURS,)
    with opened(peers, ours=ours, cached=config.tiny, peak=True) as sides:
        requests = {name: list(wanted) for name in sides}
        requests[PEAK] = [{"name": "peak", "size": config.size, "amount": 4}]
        if METRICS in sides:
            requests[METRICS] = [request | {"name": "dr-metrics"} for request in wanted]
        answers = alternate(sides, requests, config.repeats)
    peak = [answer["steps_per_second"] for answer in answers.pop(PEAK)[0]]
    _check_same(answers)
    rates = {name: _mixed(names, given) for name, given in answers.items()}
    row: dict[str, Any] = {"work": work, "envs": envs, "length": config.length}
    row |= {name: wanted[0][name] for name in ("students", "filters") if name in wanted[0]}
    row["sides"] = {name: _describe(rates[name], names, answers[name]) for name in rates}
    row["ratios"] = {
        name: figures.ratios(rates[OURS], rates[name]) for name in rates if name != OURS
    }
    row["peak_flop_per_second"] = figures.spread(peak)
    if work in TAUGHT:  # whose networks differ: what a step costs depends on who took it
        return row
    return row | _roofline(work, envs, config.length, _mix(names, answers[OURS]), peak)


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


class Mixed(NamedTuple):
    """One round of a side: its kinds of cycle, as often as they happen."""

    seconds: float
    did: Counter[str]
    """Steps by purpose."""


def _mix(names: Sequence[str], given: list[list[Answer]]) -> list[Mixed]:
    """Every round of a side."""
    weights = [ACCEL_MIX.get(name, 1.0) for name in names]
    rounds = []
    for together in zip(*given, strict=True):
        did: Counter[str] = Counter()
        for weight, answer in zip(weights, together, strict=True):
            did.update({kind: weight * n for kind, n in answer["did"].items()})
        seconds = sum(w * answer["seconds"] for w, answer in zip(weights, together, strict=True))
        rounds.append(Mixed(seconds, did))
    return rounds


def _mixed(names: Sequence[str], given: list[list[Answer]]) -> list[float]:
    """Steps per second in each round."""
    return [sum(mixed.did.values()) / mixed.seconds for mixed in _mix(names, given)]


def _describe(
    rates: list[float], names: Sequence[str], given: list[list[Answer]]
) -> dict[str, Any]:
    """A side: its speed, and for each kind of cycle all that it was mixed from."""
    last = given[-1][-1]
    return {
        "steps_per_second": figures.spread(rates),
        "cycles": {name: _cycle(name, each) for name, each in zip(names, given, strict=True)},
        "parameters": last["parameters"],
        "peak_rss_mb": last["peak_rss_mb"],
        "versions": last["versions"],
    }


def _cycle(name: str, answers: list[Answer]) -> dict[str, Any]:
    first = answers[0]
    return {
        "weight": ACCEL_MIX.get(name, 1.0),
        "steps": first["did"],
        "seconds": [answer["seconds"] for answer in answers],
        "setup_s": first["setup_s"],
        "first_updates_s": first["first_s"],
        "second_updates_s": first["second_s"],
    }


def _roofline(
    work: Work, envs: int, length: int, rounds: list[Mixed], peak: list[float]
) -> dict[str, Any]:
    """Operations of a step, learned from or only played, and our share of the peak."""
    chosen = experiment("maze", method=work, preset="reference")
    network = chosen.env.observation_spec, chosen.env.actions, chosen.student
    costs = flops.training_step(*network, batch=envs, length=length)
    learned, played = flops.total(costs), flops.playing_step(*network)
    rates = []
    for seconds, did in rounds:
        others = sum(did.values()) - did["training"]
        rates.append((did["training"] * learned + others * played) / seconds)
    return {
        "flop_per_step": {"learned": learned, "played": played},
        "share_of_peak": figures.ratios(rates, peak),
    }


def _scaling(config: Config, envs: int, seeds: int) -> dict[str, Any]:
    """`seeds` in one program, in both forms, beside one seed, in three processes of cairn's."""
    base: Request = {"name": "dr", "envs": envs, "length": config.length, "amount": config.updates}
    many = base | {"seeds": seeds}
    requests = {"one": [base]} | {form: [many | {"form": form}] for form in get_args(SeedForm)}
    with ExitStack() as stack:
        open_ours = lambda: stack.enter_context(opened((), cached=config.tiny))[OURS]  # noqa: E731
        sides: dict[str, Side] = {name: open_ours() for name in requests}
        answers = alternate(sides, requests, config.repeats)
    rounds = {name: given[0] for name, given in answers.items()}
    used = rounds["one"][0]["form"]
    (other,) = set(get_args(SeedForm)) - {used}
    for name, factor in (("one", seeds), (other, 1)):
        for answer, mine in zip(rounds[name], rounds[used], strict=True):
            if factor * answer["steps"] != mine["steps"]:
                raise CairnError(f"{seeds} seeds did {mine['did']} steps, {name} {answer['did']}.")
    seconds = {name: [answer["seconds"] for answer in given] for name, given in rounds.items()}
    return {
        "work": "seeds",
        "envs": envs,
        "seeds": seeds,
        "form": used,
        "times_one_seed": figures.ratios(seconds[used], seconds["one"]),
        "other_form": {"form": other, "times": figures.ratios(seconds[other], seconds[used])},
        "seconds": seconds,
        "steps": rounds[used][0]["did"],
        "peak_rss_mb": {name: given[-1]["peak_rss_mb"] for name, given in rounds.items()},
        "versions": rounds["one"][0]["versions"],
    }


def _show(rows: Sequence[dict[str, Any]]) -> None:
    lines = []
    for row in rows:
        label = f"{row['work']}, {row['envs']} envs"
        if row["work"] == "seeds":
            label = f"{row['seeds']} seeds, {row['envs']} envs"
            times = figures.between(row["times_one_seed"], lambda x: f"{x:.2f}")
            lines.append([f"{label}, by {row['form']}", "", f"{times} x one", "", ""])
            other = row["other_form"]
            times = figures.between(other["times"], lambda x: f"{x:.2f}")
            lines.append([f"{label}, by {other['form']}", "", f"{times} x that", "", ""])
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
