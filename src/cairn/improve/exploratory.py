"""ExIt: one answer at a time, started from what earlier answers have reached.

Jiang, Lupu & Bachrach 2025, arXiv:2509.04575. A model that is to improve its own work over many
steps learns single steps only: each starts from a problem or from an attempt of the archive, chosen
by how much is to be learned there, and its outcome becomes a place to start from in its turn.
No code of the authors is public. Differs: learnability is expected under a belief (`histories`)
instead of one group's variance, so that a child has a score before anybody has answered from it,
and every visit corrects it; every attempt is an entry of its own, in the place of prefixes of one;
a child is the best answer that is not yet right, since from a right one nothing is to be learned.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.archive import replay
from cairn.archive.replay import Replay
from cairn.core import checks, trees
from cairn.core.errors import ConfigError
from cairn.engine.program import Events, Report, merged
from cairn.envs.tokens.protocol import BASE, DIVERGE, IMPROVE, Revising
from cairn.improve import credit, histories, learning, parts, policy, skipping
from cairn.improve.histories import Belief, Node, Starts
from cairn.improve.method import method
from cairn.improve.parts import Played, Problem, State


@dataclass(frozen=True)
class Config(skipping.Skip):
    """ExIt. On tasks without attempts it is a curriculum of prompts."""

    deepest: int = 4
    """How many answers may lie before a start; what is learned is tested far deeper."""
    diverge: float = 0.1
    """Chance that an answer is asked to be unlike the attempt, not only better."""
    inherited: float = 8.0
    """Answers that a child's inherited belief counts for, at most. With fewer than its parent's a
    child seems to teach less than its parent, since less is known of it, and hardly ever comes
    back."""
    bonus: float = 0.0
    """How much an answer's credit goes by its distance from the others, in [0, 1]: at 1 the most
    usual one of each group has none."""
    refresh: int = 0
    """Cycles after which the reference of `kl` moves towards the model, again and again; 0: never.
    The start itself moves, and what is told of a distance to it is from where it then stands."""
    refresh_kept: float = 0.0
    """α, the share of the old reference in the new one."""

    def __post_init__(self) -> None:
        skipping.Skip.__post_init__(self)
        checks.at_least(self, 0, "deepest", "refresh")
        checks.share(self, "diverge", "bonus", "refresh_kept")
        checks.not_negative(self, "inherited")
        if self.refresh and not self.kl:
            raise ConfigError(
                f"refresh must be 0 without kl, got {self.refresh}: nothing holds on to a "
                f"reference (--kl 0.01)."
            )


def extra(problem: Problem, config: Config, key: Key[Array, ""]) -> Replay:
    """Nobody has reached anything yet."""
    return histories.empty(problem, config)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Choose starts; one answer from each; GRPO on what it gained; outcomes become starts."""
    fresh, passed = skipping.pose(problem, config, state, state.extra)
    archive, starts = histories.choose(state.extra, config, fresh, parts.key_for(state, "starts"))
    played, before = play(problem, config, state, starts)
    good = success(problem, config, played, before)
    given = credit.advantages(played.rollouts.reward, "standardised")
    if config.bonus:
        far = distance(learning.scores(state.student.model, played.rollouts).hidden, played.mask)
        given = given * ((1 - config.bonus) + config.bonus * far)
    known = ~jnp.isnan(played.rollouts.reward)
    archive, entered = keep(problem, config, archive, starts, played, good, known)
    loss = policy.clipped(problem, config, "seq-mean-token-mean")
    state, report = policy.improve(problem, config, state, played, given, loss, extra=archive)
    told = {
        "archive_fill": replay.fill(archive),
        "replayed": jnp.mean(starts.stored.astype(jnp.float32)),
        "depth": jnp.mean(starts.nodes.depth.astype(jnp.float32)),
        "gained": jnp.mean(jnp.where(known, played.rollouts.quality - before[:, None], 0.0)),
    }
    if config.skip < 1:
        told["skipped"] = jnp.sum(jnp.where(starts.stored, 0, passed)).astype(jnp.float32)
    start = refreshed(config, state.cycle, state.start, state.student.model)
    state = eqx.tree_at(lambda s: s.start, state, start)
    return state, merged(report, Report(told, (entered,)))


def keep(
    problem: Problem,
    config: Config,
    archive: Replay,
    starts: Starts,
    played: Played,
    good: Bool[Array, "P G"],
    known: Bool[Array, "P G"],
) -> tuple[Replay, Events]:
    """The archive with what was seen of the starts, and with what was reached from them."""
    count = lambda flags: jnp.sum((flags & known).astype(jnp.float32), axis=1)  # noqa: E731
    seen = Belief(count(good), count(~good))
    children, worth = reached(problem, config, starts.nodes, played)
    return histories.enter(archive, config, starts, seen, children, worth, config.inherited)


def refreshed(config: Config, cycle: Int[Array, ""], reference: PyTree, model: PyTree) -> PyTree:
    """θ_ref ← α θ_ref + (1 - α) θ when it is time, else θ_ref as it is."""
    if not config.refresh:
        return reference
    due = (cycle - config.before) % config.refresh == 0
    share = jnp.where(due, config.refresh_kept, 1.0)
    return jax.tree.map(lambda old, new: share * old + (1.0 - share) * new, reference, model)


def play(
    problem: Problem, config: Config, state: State, starts: Starts
) -> tuple[Played, Float[Array, " P"]]:
    """A group of answers from every start, and the quality that each start had."""
    task, problems = problem.task, starts.nodes.problem
    before = jnp.zeros(config.prompts)
    if isinstance(task, Revising):
        problems = instructed(task, config, starts.nodes, parts.key_for(state, "modes"))
        before = jax.vmap(task.standing)(problems)
    prompt = parts.shown(problem, config, problems)
    key = parts.key_for(state, "answers")
    played = parts.answer(problem, config, state.student.model, problems, prompt, key)
    if improving(problem, config):
        # What a revision gained, on one scale for all groups: a group's own would make every
        # group that is not constant look as if all could be learned there.
        gained = (1.0 + played.rollouts.reward - before[:, None]) / 2
        deep = (starts.nodes.depth > 0)[:, None]
        reward = jnp.where(deep, gained, played.rollouts.reward)
        played = played._replace(rollouts=played.rollouts._replace(reward=reward))
    return parts.rewarded(config, state, played), before


def instructed(task: Revising, config: Config, nodes: Node, key: Key[Array, ""]) -> parts.Problems:
    """What is asked: an answer, of an attempt a better one, or at times one unlike it."""
    coin = jax.random.uniform(key, nodes.depth.shape)
    again = jnp.where(coin < config.diverge, DIVERGE, IMPROVE)
    return jax.vmap(task.asked)(nodes.problem, jnp.where(nodes.depth > 0, again, BASE))


def improving(problem: Problem, config: Config) -> bool:
    """Whether answers are paid for what they gain, and not only for being right."""
    task = problem.task
    return isinstance(task, Revising) and task.graded and config.reward == "quality"


def success(
    problem: Problem, config: Config, played: Played, before: Float[Array, " P"]
) -> Bool[Array, "P G"]:
    """Whether an answer counts as one: it is better than what it started from, or it is correct."""
    if improving(problem, config):
        return played.rollouts.quality > before[:, None]
    return played.correct


def reached(
    problem: Problem, config: Config, nodes: Node, played: Played
) -> tuple[Node, Bool[Array, " P"]]:
    """What the best answer from each start that is not yet right made of it, and whether that is a
    place of its own."""
    task, P = problem.task, config.prompts
    if not isinstance(task, Revising):
        return nodes, jnp.zeros(P, bool)
    quality = jnp.nan_to_num(jnp.where(played.correct, -1.0, played.rollouts.quality), nan=-1.0)
    best = jnp.argmax(quality, axis=1)
    rows = jnp.arange(P, dtype=jnp.int32)
    length = played.rollouts.length.astype(jnp.int32)
    said = problem.vocabulary.read(played.rollouts.tok[rows, best])
    after = jax.vmap(task.after)(nodes.problem, said, length[rows, best])
    usual = lambda problems: jax.vmap(lambda one: task.asked(one, BASE))(problems)  # noqa: E731
    changed = ~trees.equal_rows(usual(after), usual(nodes.problem))
    unsolved = jax.vmap(task.standing)(after) < 1
    worth = changed & unsolved & (nodes.depth < config.deepest)
    return Node(usual(after), nodes.depth + 1), worth


def distance(hidden: Float[Array, "P G T D"], mask: Bool[Array, "P G T"]) -> Float[Array, "P G"]:
    """How far each answer's mean state is from the group's, from 0 for the nearest to 1."""
    counts = mask.astype(jnp.float32)[..., None]
    length = jnp.maximum(jnp.sum(counts, axis=2), 1.0)
    told = jnp.sum(hidden * counts, axis=2) / length
    off = jnp.sqrt(jnp.sum((told - jnp.mean(told, axis=1, keepdims=True)) ** 2, axis=-1))
    near, far = jnp.min(off, axis=1, keepdims=True), jnp.max(off, axis=1, keepdims=True)
    spread = far - near
    return jnp.where(spread > 1e-6, (off - near) / jnp.maximum(spread, 1e-6), 1.0)


METHOD = method(__doc__, Config, step, extra=extra, lineage=histories.written_down)
