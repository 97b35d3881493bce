"""What methods share that collect answers and then train on them: rounds of a buffer and a refit.

A round collects for some cycles; then the model begins anew from the start and learns from all
that was ever kept. Whoever trains on from where it stood would fit easy prompts ever more closely.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from cairn.core import branches, checks
from cairn.core.errors import ConfigError
from cairn.engine.program import Report, counted, merged
from cairn.improve import buffer, cloning, learning, parts, select
from cairn.improve.buffer import Buffer
from cairn.improve.config import Config
from cairn.improve.gradients import gradient
from cairn.improve.parts import Played, Problem, State, Student


@dataclass(frozen=True)
class Collect(Config):
    """What every method of this kind needs to know."""

    rows: int = 4096
    """Answers kept at most, the newest."""
    distinct: bool = True
    """Whether the same solution of a problem is kept only once."""
    most: int = 4
    """Answers kept of one prompt and cycle at most; 0: all."""
    fit_steps: int = 200
    """Updates of a refit."""
    fit_batch: int = 128
    """Answers in each of them."""

    def __post_init__(self) -> None:
        Config.__post_init__(self)
        checks.at_least(self, 1, "fit_steps", "fit_batch")
        checks.at_least(self, 0, "most")
        if self.rows < self.prompts * self.group:
            raise ConfigError(
                f"rows must be at least prompts times group ({self.prompts * self.group}), got "
                f"{self.rows}: a cycle's answers have to fit."
            )


def keep(problem: Problem, config: Collect, played: Played) -> Bool[Array, "P G"]:
    """Correct answers with a reward, each solution once if so wished, so many of a prompt."""
    kept = played.correct & jnp.any(played.mask, axis=-1)
    if config.reward == "random":
        kept = played.rollouts.reward > 0
    elif config.reward == "quality":
        kept = select.best(played.rollouts.reward) & (played.rollouts.reward > 0)
    elif config.reward == "model":  # a score by comparison has no zero
        kept = select.best(played.rollouts.reward) & select.above_least(played.rollouts.reward)
    elif config.reward == "steps":
        kept = played.rollouts.reward > 0.5
    if config.distinct:
        kept = select.distinct(kept, played.canonical)
    return select.capped(kept, config.most)


def collect(
    problem: Problem, config: Collect, held: Buffer, played: Played, kept: Bool[Array, "P G"]
) -> tuple[Buffer, Report]:
    """What is kept goes into the buffer."""
    names = buffer.names(problem, played)
    if not config.distinct:  # every answer is one of its own
        place = jnp.arange(names.size, dtype=jnp.uint32).reshape(names.shape)
        names = (held.added.astype(jnp.uint32) + place) | jnp.uint32(1 << 31)
    held, new = buffer.add(held, played.rollouts, kept, names)
    mean = lambda flags: jnp.mean(flags.astype(jnp.float32))  # noqa: E731
    return held, Report(
        {
            "kept": mean(new),
            "covered": mean(jnp.any(kept, axis=1)),
            "held": buffer.taken(held).astype(jnp.float32),
        }
    )


def refit(
    problem: Problem, config: Collect, state: State, held: Buffer, when: Bool[Array, ""]
) -> tuple[Student, Int[Array, ""], Report]:
    """The start after learning from the buffer, or the student as it is; tokens learned."""
    when = when & (held.added > 0)

    def fit(student: Student) -> tuple[Student, Int[Array, ""], Float[Array, ""]]:
        base = student._replace(model=state.start)
        moments = learning.moments(base)
        root, mesh = parts.key_for(state, "fit"), problem.sharers(config.fit_batch)

        def update(now: tuple, number: Array) -> tuple[tuple, tuple[Array, Array]]:
            drawn = buffer.draw(held, jax.random.fold_in(root, number), config.fit_batch)
            found, told = gradient(cloning.cross_entropy, now[0], (drawn, drawn.reward), mesh)
            rate = jnp.float32(config.learning_rate)
            learned, after, _ = learning.descend(config, now[0], now[1], found, rate)
            return (learned, after), (told["loss"], learning.count(drawn.mask > 0))

        numbers = jnp.arange(config.fit_steps, dtype=jnp.int32)
        (fitted, _), (losses, tokens) = jax.lax.scan(update, (base, moments), numbers)
        return fitted, jnp.sum(tokens), losses[-1]

    leave = lambda student: (student, jnp.int32(0), jnp.zeros(()))  # noqa: E731
    student, tokens, loss = branches.when(when, fit, leave, state.student)
    return student, tokens, counted({"fit_loss": loss}, when)


def step(
    problem: Problem,
    config: Collect,
    state: State,
    played: Played,
    held: Buffer,
    due: Bool[Array, ""],
    *reports: Report,
) -> tuple[State, Report]:
    """The end of a cycle: refit if it is due, and enter what the cycle took."""
    student, tokens, fitted = refit(problem, config, state, held, due)
    steps = jnp.where(tokens > 0, config.fit_steps, 0)
    ledger = state.ledger.add(tokens_sampled=played.spent, tokens_learned=tokens, updates=steps)
    after = parts.after(state, student=student, ledger=ledger, extra=held)
    return after, merged(Report(parts.figures(played)), fitted, *reports)


def ends(problem: Problem, config: Config, state: State, spent: Int[Array, ""]) -> Bool[Array, ""]:
    """Whether this cycle's samples bring the budget to its end."""
    names = config.budget
    after = state.ledger.add(tokens_sampled=spent)
    return after.reached(problem.steps, names) & ~state.ledger.reached(problem.steps, names)
