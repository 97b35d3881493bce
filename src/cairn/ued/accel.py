"""ACCEL: evolve levels by editing those just replayed.

Parker-Holder et al. 2022, arXiv:2203.01302. Robust PLR whose generator starts simple (empty rooms);
after every replay cycle the replayed levels are edited, played by the updated student without a
gradient, scored and offered to the archive. Complexity grows where the student is at its frontier.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from cairn.archive.replay import Replay
from cairn.core import branches, checks
from cairn.core.trace import Trace
from cairn.engine.program import Events, Report, counted, merged
from cairn.sampler import segments
from cairn.sampler.segments import Segment
from cairn.score import episode_statistics
from cairn.ued import parts
from cairn.ued.config import CurationConfig
from cairn.ued.method import empty_rooms, method
from cairn.ued.metrics import archive_metrics, rollout_metrics
from cairn.ued.parts import Problem, State

EASIEST = 4
"""How many parents `easiest` and `hardest` keep, as DCD."""


@dataclass(frozen=True)
class Config(CurationConfig):
    """ACCEL."""

    parents: Literal["batch", "easiest", "hardest"] = "batch"
    """Which replayed levels are edited: all (JaxUED, minimax), or the 4 with the highest or the
    lowest mean return, each B/4 times (DCD)."""
    mutation_probability: float = 1.0
    """Chance of a replay cycle to be followed by edits."""

    generators: ClassVar[tuple[str, ...]] = ("space", "edits")

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.share(self, "mutation_probability")


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student and an empty archive."""
    return parts.begin(problem, key, config)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """A cycle of robust PLR; if it replayed, edit the levels, score the children, offer them."""
    replay_now = parts.replay_coin(state, config)
    archive, batch = parts.curate(problem, config, state, replay_now)
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, batch.levels, key, config.steps_per_cycle)
    learner, metrics = parts.learn(problem, state, trace, when=replay_now)
    scored = parts.score(problem, config, trace, batch)
    archive, entered = parts.record(archive, batch, scored, config)
    ledger = parts.spend(state.ledger, problem, trace, gradient=replay_now)

    edit = jax.random.uniform(parts.key_for(state, "edit?")) < config.mutation_probability
    mutate_now = replay_now & edit
    archive, children = segments.mutated(
        archive,
        problem.env.space,
        config.scoring,
        choose_parents(batch, trace, config),
        parts.key_for(state, "mutate"),
    )
    archive, born = evaluate_children(
        problem, config, state, learner, archive, children, mutate_now
    )
    steps = config.batch * config.steps_per_cycle
    ledger = ledger.add(mutation=jnp.where(mutate_now, steps, 0))

    kept = {"children_kept": jnp.mean(born.entered.astype(jnp.float32))}
    after = parts.after(state, learner=learner, archive=archive, ledger=ledger)
    return after, merged(
        Report({"replayed": replay_now.astype(jnp.float32)}, (entered, born)),
        counted(metrics, replay_now),
        counted(kept, mutate_now),
        rollout_metrics(trace),
        archive_metrics(archive, config),
    )


def choose_parents(batch: Segment, trace: Trace, config: Config) -> Segment:
    """Who is edited: everyone, or a few of the batch over and over.

    A column without a complete episode has no return: it is neither easy nor hard, and comes last.
    """
    if config.parents == "batch":
        return batch
    sign = -1.0 if config.parents == "easiest" else 1.0
    episodes = episode_statistics(trace)
    known = episodes.finished > 0
    # Two keys, not one with an infinity in it: a return may be as large as it likes.
    order = jnp.lexsort((sign * episodes.mean_return, ~known))
    few = jnp.clip(jnp.sum(known), 1, EASIEST)
    chosen = order[jnp.arange(config.batch) % few]
    return jax.tree.map(lambda leaf: leaf[chosen], batch)


def evaluate_children(
    problem: Problem,
    config: Config,
    state: State,
    learner: object,
    archive: Replay,
    children: Segment,
    wanted: Bool[Array, ""],
) -> tuple[Replay, Events]:
    """Play and score the children with the updated student and offer them, if `wanted`."""
    key = parts.key_for(state, "children")

    def play(archive: Replay) -> tuple[Replay, Events]:
        trace = parts.play(problem, learner, children.levels, key, config.steps_per_cycle)
        scored = parts.score(problem, config, trace, children)
        return parts.record(archive, children, scored, config)

    nothing = branches.zeros(lambda archive: play(archive)[1], archive)
    return branches.when(wanted, play, lambda archive: (archive, nothing), archive)


METHOD = method(__doc__, Config, init, step, constant_cost=False, adapts=empty_rooms)
