"""Backplay: start near the end of a demonstration, and move the start back to the true one.

Resnick et al. 2018, arXiv:1807.06919; with `advance` = success the start moves back as soon as
enough starts succeed: Salimans & Chen 2018, arXiv:1812.03381. Episodes begin at states of
demonstrations, d actions from their end, d uniform in a window; they have the time left that was
left there, and a memory that starts empty. The last phase is the true start distribution: new
levels from their beginning.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from cairn.core import branches, checks
from cairn.core.errors import ConfigError
from cairn.engine.program import Report, counted, merged
from cairn.envs.midway import Midway
from cairn.envs.oracle import demonstrates
from cairn.envs.protocol import Environment
from cairn.ued import backwards, demonstrations, parts
from cairn.ued.backwards import Curriculum, Windows
from cairn.ued.config import COUNTS, CycleConfig, check_episodes_end
from cairn.ued.method import method
from cairn.ued.metrics import rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CycleConfig, Windows):
    """Backplay and its success-gated form."""

    demonstrations: Literal["oracle", "own"] = "oracle"
    """Whose: the environment's, which knows a way; or the student's own successes from true
    starts."""
    pool: int = 16
    """Demonstrations held; of its own the newest."""
    refresh: int = 32
    """Cycles until the environment shows other levels; 0: never."""
    explore: float = 0.25
    """Share of the columns with true starts all along, to find demonstrations of its own."""
    turns: int = 4
    """Starts per column and rollout; a column goes on with the next when an episode ends."""

    counts: ClassVar[tuple[str, ...]] = (*COUNTS, "demonstrating")
    generators: ClassVar[tuple[str, ...]] = ("space", "states")
    needs: ClassVar[tuple[str, ...]] = ("demonstrations",)

    def __post_init__(self) -> None:
        CycleConfig.__post_init__(self)
        Windows.__post_init__(self)
        checks.at_least(self, 1, "turns", "pool")
        checks.at_least(self, 0, "refresh")
        checks.share(self, "explore")
        if self.demonstrations == "own" and not self.explorers:
            raise ConfigError(
                f"explore must leave a column of {self.batch} to true starts, got {self.explore}: "
                f"with --demonstrations own, demonstrations come from there."
            )

    @property
    def explorers(self) -> int:
        """Columns with true starts all along."""
        return round(self.explore * self.batch) if self.demonstrations == "own" else 0

    def check(self, env: Environment) -> None:
        """There must be demonstrations and states, and episodes must end within a cycle."""
        if not env.exact_resume:
            raise ConfigError(
                f"{type(env).__name__} keeps its states where no episode can begin at them. "
                f"Choose an environment written in JAX."
            )
        if self.demonstrations == "oracle" and not demonstrates(env):
            raise ConfigError(
                f"{type(env).__name__} cannot show how a level is solved. Give it `demonstration`, "
                f"or let the student learn from its own successes: --demonstrations own."
            )
        check_episodes_end(self, env)


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student; no demonstration yet."""
    shown = demonstrations.none(problem.env, config.pool, key)
    return parts.begin(problem, key, None, backwards.begin(shown), config.counts)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Draw starts, play on from them, learn; see whether the next window is due."""
    steps, own = problem.env.max_steps, config.demonstrations == "own"
    due, now = renew(problem, config, state)
    window, last = backwards.phase(config, now, steps, parts.progress(state, problem))
    fresh = last | (jnp.arange(config.batch) < config.explorers)
    keys = jax.random.split(parts.key_for(state, "levels"), (config.turns, config.batch))
    levels = jax.vmap(jax.vmap(problem.env.space.sample))(keys)
    key = parts.key_for(state, "starts")
    starts, distance = backwards.draw(config, now, window, levels, fresh, key, steps)
    trace = parts.play_turns(
        problem._replace(env=Midway(problem.env)),
        state.learner,
        starts,
        parts.key_for(state, "rollout"),
        config.steps_per_cycle,
        keep=("state",) if own else (),
    )
    learner, metrics = parts.learn(problem, state, trace._replace(state=None))
    now, success = backwards.judge(config, now, window, trace, ~fresh)
    if own:
        shown = demonstrations.offered(now.shown, trace, fresh, steps)
        now = backwards.showing(now, shown)
    ledger = state.ledger.add(
        training=trace.reward.size,
        demonstrating=jnp.where(due, config.pool * steps, 0),
        updates=problem.learner.gradient_steps,
    )
    told = {"window": window, "true_starts": jnp.mean(fresh), "demonstrations": now.shown.held}
    midway = {"start_distance": jnp.mean(distance), "start_success": success}
    after = parts.after(state, learner=learner, ledger=ledger, extra=now)
    return after, merged(
        Report(metrics | {name: jnp.asarray(v, jnp.float32) for name, v in told.items()}),
        counted(midway, ~last),
        rollout_metrics(trace),
    )


def renew(problem: Problem, config: Config, state: State) -> tuple[Bool[Array, ""], Curriculum]:
    """Whether the environment shows levels in this cycle, and the curriculum with them."""
    now: Curriculum = state.extra
    if config.demonstrations == "own":
        return jnp.asarray(False), now
    due = state.cycle % config.refresh == 0 if config.refresh else state.cycle == 0
    key = parts.key_for(state, "demonstrations")
    show = lambda old: demonstrations.shown(problem.env, config.pool, key)  # noqa: E731
    return due, backwards.showing(now, branches.when(due, show, lambda old: old, now.shown))


METHOD = method(__doc__, Config, init, step, constant_cost=False)
