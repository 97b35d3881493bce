"""Where an answer can start from: problems, and attempts at them that were reached before.

They stand in the archive of prioritised replay (`cairn.archive.replay`), the same that curricula of
levels use, with staleness and all; what it knows of each is a belief about success, and what makes
one worth a visit is how much there is to learn: p (1 - p), expected under that belief.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.archive import replay
from cairn.archive.replay import Remembering, Replay, ReplayConfig
from cairn.core import checks, trees
from cairn.engine.program import Archived, Events
from cairn.improve import policy
from cairn.improve.parts import Problem, Problems

NEW, REACHED = range(2)
SOURCES = ("new", "reached")
"""Where places come from, for the lineage file: drawn as problems, or reached by an answer."""


class Belief(NamedTuple):
    """Pseudo-counts of answers from a place: Beta(1 + successes, 1 + failures)."""

    successes: Float[Array, "*n"]
    failures: Float[Array, "*n"]


class Node(NamedTuple):
    """A problem with the attempt that was reached, and after how many answers."""

    problem: Problems
    depth: Int[Array, "*n"]


def learnability(belief: Belief) -> Float[Array, "*n"]:
    """E p (1 - p) = ab / ((a + b) (a + b + 1)), a and b one more than the counts: 1/6 of what
    nobody has seen, at most 1/4, and near 0 of what is mastered or hopeless."""
    a, b = belief.successes + 1.0, belief.failures + 1.0
    return a * b / ((a + b) * (a + b + 1.0))


@dataclass(frozen=True)
class Curriculum(policy.Clip):
    """Which places come back."""

    curriculum: Literal["learnability", "uniform"] = "learnability"
    """Whether places come back by what is to be learned there, or all alike."""
    replays: float = 0.5
    """Share of a cycle's starts from the archive, once it is warm; 0: new problems only."""
    capacity: int = 1024
    """Places kept."""
    minimum_fill: float = 0.0625
    """Share of them to be filled before any comes back."""
    prioritisation: Literal["rank", "proportional"] = "rank"
    """Whether places are drawn by the rank of their learnability, or in proportion to it."""
    replay_temperature: float = 1.0
    """Its power is 1 over this: smaller is greedier. At 0.3, as curricula of levels have it, one
    place would have 61 % of a batch's replays."""
    staleness: float = 0.1
    """Share of draws by how long ago a place was seen."""
    remembered: float = 0.7
    """What earlier answers count after each further visit, in [0, 1]: the model has changed."""

    def __post_init__(self) -> None:
        policy.Clip.__post_init__(self)
        checks.share(self, "replays", "remembered")
        _ = self.replay  # refuses what no archive can be

    @property
    def replay(self) -> ReplayConfig:
        """How the archive draws and evicts."""
        if self.curriculum == "uniform":
            alike = ReplayConfig(self.capacity, "proportional", 1.0, 0.0, self.minimum_fill)
            return alike
        return ReplayConfig(
            self.capacity,
            self.prioritisation,
            self.replay_temperature,
            self.staleness,
            self.minimum_fill,
        )

    @property
    def replayed(self) -> int:
        """Starts from the archive."""
        return round(self.replays * self.prompts)

    @property
    def remembering(self) -> Remembering:
        """How visits add up, and the score that follows from them."""

        def merge(memory: Belief, seen: Belief) -> Belief:
            anything = seen.successes + seen.failures > 0
            kept = jnp.where(anything, self.remembered, 1.0)
            return Belief(
                kept * memory.successes + seen.successes, kept * memory.failures + seen.failures
            )

        return Remembering(merge, self.score)

    def score(self, belief: Belief) -> Float[Array, "*n"]:
        """What the archive ranks places by."""
        if self.curriculum == "uniform":
            return jnp.ones_like(belief.successes)
        return learnability(belief)


def empty(problem: Problem, config: Curriculum) -> Replay:
    """An archive without places."""
    zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), _place(problem))
    nothing = Belief(jnp.zeros(()), jnp.zeros(()))
    return replay.empty(zero, nothing, config.replay)


def written_down(problem: Problem) -> Archived:
    """What its lineage file holds."""
    return Archived(_place(problem), SOURCES)


def _place(problem: Problem) -> Node:
    """The shapes of one."""
    example = lambda: problem.task.problem(jax.random.key(0), "train")  # noqa: E731
    return jax.eval_shape(lambda: Node(example(), jnp.int32(0)))


class Starts(NamedTuple):
    """Where a cycle's P answers begin."""

    nodes: Node
    ids: Array
    """Each one's own, in the archive or out of it."""
    slots: Int[Array, " P"]
    stored: Bool[Array, " P"]
    """Which of them came from the archive."""
    belief: Belief
    """What is known of each."""


def choose(
    archive: Replay, config: Curriculum, fresh: Problems, key: Key[Array, ""]
) -> tuple[Replay, Starts]:
    """Some places of the archive, once it is warm, and new problems for the rest."""
    P, R = config.prompts, config.replayed
    archive, ids = replay.new_ids(archive, P)
    nothing = Belief(jnp.zeros(P), jnp.zeros(P))
    new = Node(fresh, jnp.zeros(P, jnp.int32))
    none = jnp.zeros(P, jnp.int32)
    if not R:
        return archive, Starts(new, ids, none, none > 0, nothing)
    drawn, slots = replay.sample(archive, key, R, config.replay)
    warm = replay.warm(archive, config.replay)
    # Only a draw that is used leaves a mark.
    marks = [(drawn.stamps, archive.stamps), (drawn.clock, archive.clock)]
    marks = tuple(jnp.where(warm, new, old) for new, old in marks)
    archive = eqx.tree_at(lambda a: (a.stamps, a.clock), archive, marks)
    slots = jnp.pad(slots, (0, P - R))
    stored = (jnp.arange(P, dtype=jnp.int32) < R) & warm
    nodes = trees.where(stored, trees.take(archive.levels, slots), new)
    belief = trees.where(stored, trees.take(archive.memory, slots), nothing)
    ids = jnp.where(stored, archive.ids[slots], ids)
    return archive, Starts(nodes, ids, slots, stored, belief)


def enter(
    archive: Replay,
    config: Curriculum,
    starts: Starts,
    seen: Belief,
    children: Node,
    worth: Bool[Array, " P"],
    inherited: float,
    live: Bool[Array, " P"] | None = None,
) -> tuple[Replay, Events]:
    """What was seen of the starts, the new ones among them offered, and their children too; also
    which of them entered.

    Where not `live`, nothing is entered; by default everything is.
    A child begins with its parent's belief, scaled to so many answers: nobody has answered from
    there yet, and its own answers correct it at the first visit.
    """
    how, P = config.remembering, config.prompts
    live = jnp.ones(P, bool) if live is None else live
    if config.replayed:
        back = starts.stored & live
        archive = replay.update(
            archive, starts.slots, jnp.zeros(P), jnp.ones(P, bool), seen, back, how
        )
    archive, ids = replay.new_ids(archive, P)
    parent = how.merge(starts.belief, seen)
    total = jnp.maximum(parent.successes + parent.failures, 1e-6)
    scale = jnp.minimum(inherited / total, 1.0)
    passed = Belief(parent.successes * scale, parent.failures * scale)
    both = lambda a, b: jnp.concatenate([a, b])  # noqa: E731
    belief = jax.tree.map(both, seen, passed)
    offered = replay.Candidates(
        levels=jax.tree.map(both, starts.nodes, children),
        ids=both(starts.ids, ids),
        parents=both(jnp.zeros(P, jnp.uint32), starts.ids),
        has_parent=both(jnp.zeros(P, bool), jnp.ones(P, bool)),
        generation=both(starts.nodes.depth, children.depth),
        scores=config.score(belief),
        valid=both(~starts.stored & live, worth & live),
        seen=belief,
    )
    archive, inserted = replay.insert(archive, offered, config.replay, how)
    return archive, Events(
        entered=inserted.entered,
        ids=offered.ids,
        parents=offered.parents,
        has_parent=offered.has_parent,
        generation=offered.generation,
        source=jnp.repeat(jnp.array([NEW, REACHED], jnp.int32), P),
        score=offered.scores,
        levels=offered.levels,
    )
