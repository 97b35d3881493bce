"""What engine, run directory, evaluation and pictures know of a compiled method, and no more.

A method owns its state, a module of its own; of it the engine reads `key`, `cycle` and `ledger`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt32

from cairn.core.ledger import Ledger
from cairn.learners.protocol import Actor
from cairn.nn.language.spoken import Spoken


class State(Protocol):
    """The part of a method's state that is the engine's business. All its arrays are saved."""

    @property
    def key(self) -> Key[Array, ""]:
        """Root of every random stream; never changes."""
        ...

    @property
    def cycle(self) -> Int[Array, ""]:
        """Steps of the method so far."""
        ...

    @property
    def ledger(self) -> Ledger:
        """What it has spent."""
        ...


class Events(NamedTuple):
    """Tasks that entered an archive in a cycle, for its lineage file: N offers."""

    entered: Bool[Array, " N"]
    ids: UInt32[Array, " N"]
    parents: UInt32[Array, " N"]
    has_parent: Bool[Array, " N"]
    generation: Int[Array, " N"]
    source: Int[Array, " N"]
    score: Float[Array, " N"]
    levels: PyTree


class Report(NamedTuple):
    """What a cycle tells the world."""

    metrics: dict[str, Float[Array, ""]]
    events: tuple[Events, ...] = ()
    weights: Mapping[str, Float[Array, ""]] = {}
    """How much a metric of this cycle counts in the mean of a chunk; 0: it does not exist there
    (no episode ended, nothing was learned). A metric without a weight counts as 1."""


def merged(*reports: Report) -> Report:
    """Several reports as one."""
    metrics, weights = {}, {}
    for part in reports:
        metrics |= part.metrics
        weights |= part.weights
    return Report(metrics, sum((part.events for part in reports), ()), weights)


def counted(metrics: Mapping[str, Float[Array, ""]], when: Bool[Array, ""]) -> Report:
    """Metrics that exist only `when`: otherwise they have no weight in a mean over cycles."""
    return Report(dict(metrics), (), dict.fromkeys(metrics, when.astype(jnp.float32)))


class Measured(NamedTuple):
    """What a test of the state measures: how one of its actors fares in an environment."""

    env: Any
    role: str = "student"


class Archived(NamedTuple):
    """An archive whose insertions become the run's lineage."""

    level: PyTree
    """Shapes and dtypes of one task."""
    sources: tuple[str, ...]
    """Where tasks come from; an event's `source` is a place in this tuple."""


class Sample(NamedTuple):
    """N levels out of a state of a run: whole batches, of which some rows may be none."""

    levels: PyTree
    """Every leaf (N, ...)."""
    there: Bool[Array, " N"]
    """Which rows are levels; the others repeat one, or are empty."""
    kept: Float[Array, " N"] | None = None
    """The score that the method itself holds of each, perhaps an old one."""
    steps: Int[Array, ""] | None = None
    """What making them took, where a teacher designed them."""


@dataclass(frozen=True)
class Valuation:
    """How a method plays and values levels: what an audit of its scores needs to know."""

    env: Any
    students: tuple[str, ...]
    """Roles that play the levels, the one who learns from them first."""
    batch: int
    """Columns of a rollout."""
    steps: int
    """Steps of each."""
    gamma: float
    gae_lambda: float
    bootstrap_time_limit: bool
    sources: Mapping[str, Callable[[Any, Key[Array, ""], int], Sample]]
    """Where levels come from (`archive`, `designed`, `fresh`): (a seed's state, key, N) -> them."""
    kept_by: str | None = None
    """The score that its archive is ordered by."""


class Answered(NamedTuple):
    """n answers of T tokens at most to each of P problems, by the language model of a state."""

    tokens: Int[Array, "P n T"]
    mask: Float[Array, "P n T"]
    """1 on what was sampled, the end of an answer included."""
    correct: Bool[Array, "P n"]
    quality: Float[Array, "P n"]
    canonical: UInt32[Array, "P n"]
    """Equal for answers that say the same."""
    truncated: Bool[Array, "P n"]
    logp: Float[Array, "P n T"]
    """Of the sampled tokens under the model, at temperature 1 and without truncation."""
    logp_start: Float[Array, "P n T"]
    """Of the same under the model it began as."""
    entropy: Float[Array, "P n T"]
    """Of the choice of each token, in nats."""


@dataclass(frozen=True)
class Questions:
    """What the language model of a state is asked, for a report of how it behaves."""

    splits: tuple[str, ...]
    """Problems it cannot have learned from, the usual kind first."""
    vocabulary: int
    """Symbols that an answer may have."""
    draw: Callable[[str, Key[Array, ""], int], PyTree]
    """(split, key, P) -> P problems: every leaf (P, ...)."""
    answer: Callable[[Any, Bool[Array, ""], PyTree, Key[Array, ""], int], Answered]
    """(a state of one seed, whether its model answers as it began, problems, key, n) -> n answers
    to each, sampled at temperature 1."""
    problems: int
    """Of each split in the report at the end of a run."""
    answers: int
    """To each of them; 0: no report at the end."""
    draws: int
    """Answers to a problem at most, until two were correct."""


class Data(NamedTuple):
    """What every step reads besides its state: arrays that never change and are in no checkpoint.

    They are an argument of the compiled program: as constants in it they would cost compilation
    and memory in proportion.
    """

    digest: Callable[[], str]
    """Of what `load` gives; saved with a run, so that it goes on with the same only."""
    load: Callable[[], PyTree]
    """The arrays. Called by who trains, not by who only reads a run."""


class Pretrained(NamedTuple):
    """A model's folder that a run begins with. Its numbers are read once, before the first cycle;
    of the rest the run keeps a copy."""

    folder: Path
    load: Callable[[], PyTree]
    """Its numbers, read anew."""
    place: Callable[[Any], PyTree]
    """The same part of a state."""


@dataclass(frozen=True)
class Program:
    """A method bound to its task and settings."""

    init: Callable[[Key[Array, ""]], Any]
    """key -> the state before the first cycle."""
    step: Callable[..., tuple[Any, Report]]
    """state -> the state after a cycle, and what it has to tell. With `data`: (state, arrays)."""
    counts: tuple[str, ...]
    """Names of the ledger's counts."""
    budget: tuple[str, ...]
    """The counts whose sum the run's budget is on."""
    actors: Callable[[Any], Mapping[str, Actor]] = field(default=lambda state: {})
    """By role (`student`, `antagonist`, `teacher`, `player-1` …) a policy and its state: parts of
    the state, so that `eqx.tree_at` can put others in their place."""
    doubt: Callable[[Report], str | None] = field(default=lambda report: None)
    """The report of a chunk (seeds, cycles) -> why it cannot be believed, if it cannot."""
    models: Callable[[Any], Mapping[str, PyTree]] = field(default=lambda state: {})
    """By role, parts of the state that another run may start from, where nobody acts."""
    pretrained: Pretrained | None = None
    """What a run starts from that does not start from another. None: what `init` makes."""
    measured: Measured | None = None
    """What a test of the state measures. None: nothing, or what `tested` says."""
    tested: Callable[[Any], tuple[Mapping[str, Mapping[str, Array]], Array]] | None = None
    """The state of one seed -> figures by test, among them `solve_rate`, and what they took: where
    there is no environment to measure anybody in."""
    valuation: Valuation | None = None
    """How levels are scored. None: there are none."""
    lineage: Archived | None = None
    """The archive whose insertions are written down, if there is one."""
    data: Data | None = None
    """What `step` reads besides its state, if anything."""
    language: Callable[[Any], Spoken] | None = None
    """A state of one seed -> the language model in it, for `cairn lm serve`. None: it has none."""
    questions: Questions | None = None
    """How that model is asked, for a report of its behaviour. None: nobody verifies answers."""
