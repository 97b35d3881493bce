"""How many tasks a generator of discovery tasks has, and drawing one of them, as DiscoGen does.

Goldie et al. 2026 (DiscoGen, AlexGoldie/discogen). A task is a domain, a backend, which of the
domain's data sets are for meta-training and which for meta-testing, which of its modules are to be
written, whether they begin from a working base, and what is measured. With d data sets, m modules
and b backends a domain has (3^d - 2·2^d + 1)(2^m - 1)·b configurations: every data set is train,
test or left out, and neither train nor test may be empty; at least one module is open.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cairn.core.checks import share
from cairn.core.errors import ConfigError

KINDS = ("performance", "time", "energy")
"""What a task can be evaluated by."""


class Domain(NamedTuple):
    """What a domain offers."""

    datasets: tuple[str, ...]
    modules: tuple[str, ...]
    backends: tuple[str, ...] = ("default",)


class Discovery(NamedTuple):
    """One task."""

    domain: str
    backend: str
    train: tuple[str, ...]
    """Data sets of meta-training, on which the researcher measures itself."""
    test: tuple[str, ...]
    """Data sets of meta-testing, which it never sees."""
    modules: tuple[str, ...]
    """What is to be written."""
    based: bool
    """Whether the modules begin from a working base, or from a signature alone."""
    kind: str


@dataclass(frozen=True)
class Odds:
    """Chances of the sampler."""

    edit: float = 0.3
    """That a module is open."""
    train: float = 0.4
    """Weights of a data set for meta-training ..."""
    test: float = 0.4
    """... for meta-testing ..."""
    leave: float = 0.2
    """... and for being left out."""
    base: float = 0.5
    """That modules begin from a working base."""
    kinds: tuple[str, ...] = ("performance",)
    """One of these, all equally likely."""
    attempts: int = 10
    """Draws without a valid task before it gives up."""

    def __post_init__(self):
        share(self, "edit", "base")
        weights = (self.train, self.test, self.leave)
        if min(weights) < 0 or not sum(weights) > 0:
            raise ConfigError(f"train, test, leave must be weights of 0 or more, got {weights}.")
        if unknown := set(self.kinds) - set(KINDS):
            raise ConfigError(f"kinds must be of {', '.join(KINDS)}, got {sorted(unknown)}.")


def configurations(datasets: int, modules: int, backends: int = 1) -> int:
    """How many (data, modules, backend) a domain has."""
    return (3**datasets - 2 * 2**datasets + 1) * (2**modules - 1) * backends


def tasks(sizes: Sequence[tuple[int, int, int]], *, kinds: int = 3, starts: int = 2) -> int:
    """How many tasks there are, of domains with (data sets, modules, backends)."""
    return sum(configurations(*size) for size in sizes) * kinds * starts


def sample(
    domains: Mapping[str, Domain], draw: random.Random, odds: Odds = Odds()
) -> Discovery:  # fmt: skip
    """A task: domain and backend uniform, the rest by `odds`, invalid ones drawn anew.

    A draw is invalid without a data set for meta-training, one for meta-testing and an open
    module. Domains are equally likely, however many tasks each has; and a rejected draw draws its
    domain anew, so that domains with few data sets come up less often. Raises ConfigError after
    `odds.attempts`.
    """
    names = sorted(domains)
    for _ in range(odds.attempts):
        name = draw.choice(names)
        domain = domains[name]
        backend = draw.choice(sorted(domain.backends))
        weights = (odds.train, odds.test, odds.leave)
        placed = draw.choices((0, 1, 2), weights, k=len(domain.datasets))
        train = tuple(d for d, at in zip(domain.datasets, placed, strict=True) if at == 0)
        test = tuple(d for d, at in zip(domain.datasets, placed, strict=True) if at == 1)
        modules = tuple(m for m in domain.modules if draw.random() < odds.edit)
        if train and test and modules:
            based, kind = draw.random() < odds.base, draw.choice(odds.kinds)
            return Discovery(name, backend, train, test, modules, based, kind)
    raise ConfigError(
        f"no valid task in {odds.attempts} draws: raise `attempts`, `edit`, or the chances of "
        f"train and test."
    )


def reach(baseline: float, worst: float, share_: float) -> float:
    """A target `share_` of the way from a worst reference to the baseline.

    DiscoGen multiplies the baseline by a scale, which for a metric that is minimised or negative
    asks for *more* where less was meant (-5.33 · 0.8 is above -5.33).
    """
    return worst + share_ * (baseline - worst)
