"""`cairn bench lm`: sampling and whole steps of GRPO, beside transformers with TRL, on one model.

Both sides have a Llama of the same shape, as many prompts and answers, and answers as long. Of
`grpo` the peer is TRL's own trainer in its own loop: sampling, reward, update.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cairn.bench import figures
from cairn.bench.language_work import cost
from cairn.bench.sides import OURS, PEAK, Answer, Peer, alternate, opened
from cairn.core.errors import CairnError

PEERS = ("trl",)
Work = Literal["sample", "grpo"]
Name = Literal["0.4M", "10M"]


@dataclass(frozen=True)
class Config:
    """A language model's speed on random prompts."""

    peers: tuple[str, ...] = ()
    """NAME=PYTHON: a peer and the interpreter of its environment. Name: trl."""
    works: tuple[Work, ...] = ("sample", "grpo")
    """Sampling alone; a whole step of GRPO."""
    sizes: tuple[Name, ...] = ("0.4M", "10M")
    """Models by their parameters."""
    prompts: int = 32
    """Of one batch."""
    group: int = 8
    """Answers to each."""
    shown: int = 30
    """Tokens of a prompt, besides its beginning and end."""
    longest: int = 32
    """Tokens of an answer."""
    repeats: int = 5
    """Rounds in which everybody works once."""
    amount: int = 4
    """Batches in one repeat; of 10M parameters a quarter, at least one."""
    size: int = 2048
    """Rows of the square matrices whose product is the peak."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write."""
    sizes: Sequence[str] = config.sizes
    if config.tiny:
        config = replace(config, prompts=2, group=2, shown=4, longest=6, repeats=1, size=64)
        config, sizes = replace(config, amount=1), ("tiny",)
    peers = [Peer.parse(text, PEERS) for text in config.peers]
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for size in sizes:
        for work in config.works:
            rows.append(_measure(config, work, size, peers))
            facts = {"rows": rows, "prompts": config.prompts, "group": config.group}
            facts |= {"shown": config.shown, "longest": config.longest}
            result = figures.record("lm", config.repeats, facts)
            figures.write(config.json, result)  # a long measurement may be cut short
    _show(rows)
    return result


def _measure(config: Config, work: Work, size: str, peers: Sequence[Peer]) -> dict[str, Any]:
    """One work with one model, everybody in turn, the peak in every round."""
    amount = max(1, config.amount // 4) if size == "10M" else config.amount
    numbers = {name: getattr(config, name) for name in ("prompts", "group", "shown", "longest")}
    request = {"name": f"lm-{work}", "work": work, "size": size, "amount": amount, **numbers}
    with opened(peers, cached=config.tiny, peak=True) as sides:
        requests = {name: [request] for name in sides}
        requests[PEAK] = [{"name": "peak", "size": config.size, "amount": 4}]
        answers = {name: rounds[0] for name, rounds in alternate(
            sides, requests, config.repeats
        ).items()}  # fmt: skip
    peak = [answer["steps_per_second"] for answer in answers.pop(PEAK)]
    _check_same(answers)
    needed = cost(size, **numbers).of(work) * amount
    rates = {name: [each["steps_per_second"] for each in given] for name, given in answers.items()}
    return {
        "work": work,
        "size": size,
        "amount": amount,
        "flop_per_batch": needed / amount,
        "sides": {name: _describe(given, needed, peak) for name, given in answers.items()},
        "ratios": {
            name: figures.ratios(rates[OURS], rates[name]) for name in rates if name != OURS
        },
        "peak_flop_per_second": figures.spread(peak),
    }


def _describe(given: list[Answer], needed: float, peak: list[float]) -> dict[str, Any]:
    """A side: what it did a second (tokens, or answers learned from), and its share of the peak."""
    return {
        "per_second": figures.spread([answer["steps_per_second"] for answer in given]),
        "share_of_peak": figures.ratios([needed / a["seconds"] for a in given], peak),
        "seconds": [answer["seconds"] for answer in given],
        "did": given[0]["did"],
        "outcome": given[-1].get("outcome", {}),
        "parameters": given[0]["parameters"],
        "first_s": given[0]["first_s"],
        "peak_rss_mb": given[-1]["peak_rss_mb"],
        "versions": given[0]["versions"],
    }


def _check_same(answers: dict[str, list[Answer]]) -> None:
    """Raises CairnError unless everybody did as much with a model of the same size."""
    ours = answers[OURS]
    for name, given in answers.items():
        if given[0]["parameters"] != ours[0]["parameters"]:
            raise CairnError(
                f"cairn's model has {ours[0]['parameters']:,} parameters, {name}'s "
                f"{given[0]['parameters']:,}."
            )
        for one, other in zip(ours, given, strict=True):
            if one["did"] != other["did"]:
                raise CairnError(f"cairn did {one['did']}, {name} {other['did']}.")


def _show(rows: Sequence[dict[str, Any]]) -> None:
    lines: list[Sequence[str]] = []
    for row in rows:
        for name, side in row["sides"].items():
            ratio = row["ratios"].get(name)
            lines.append(
                [
                    f"{row['work']}, {row['size']}",
                    name,
                    figures.between(side["per_second"], "{:,.0f}".format),
                    figures.between(ratio, "{:.2f}".format) if ratio else "",
                    figures.between(side["share_of_peak"], "{:.1%}".format),
                    f"{side['peak_rss_mb']:.0f} MB",
                ]
            )
    columns = ["work", "side", "tokens or answers/s", "cairn is x faster", "of peak", "memory"]
    figures.show("A language model, medians", columns, lines)
