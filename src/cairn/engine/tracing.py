"""What a rollout writes down: rows of a step, and the traces they become."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from cairn.core.axes import COLUMNS
from cairn.core.branches import when
from cairn.core.trace import Keep, Start, Trace
from cairn.engine.devices import along
from cairn.engine.step import Moment, Played, each, forgets
from cairn.envs.protocol import Environment
from cairn.learners.protocol import Actor, Policy

TRACE: Any = Trace._make([along(COLUMNS, 1)] * len(Trace._fields))._replace(
    last_value=along(COLUMNS), start=along(COLUMNS)
)
"""How a trace lies on the devices that share its columns."""


class Kept(NamedTuple):
    """What is kept of a rollout beyond the usual."""

    wanted: dict[str, frozenset[Keep]]
    """By role."""
    remember: frozenset[str]
    """Roles whose memory outlives an episode."""
    bootstrap: bool
    """Whether the observation that a time limit cut an episode at is valued."""

    @classmethod
    def of(
        cls,
        policies: Mapping[str, Policy],
        keep: Mapping[str, Collection[Keep]],
        remember: Collection[str],
        bootstrap: bool,
    ) -> "Kept":
        """What the policies want, and what `keep` asks for besides."""
        wanted = {
            role: frozenset(getattr(policy, "keeps", ())) | frozenset(keep.get(role, ()))
            for role, policy in policies.items()
        }
        return cls(wanted, frozenset(remember), bootstrap)


def rows(
    env: Environment, actors: dict[str, Actor], moment: Moment, played: Played, kept: Kept
) -> dict[str, Trace]:
    """One step of each player's trace: arrays (B, ...)."""
    seen, came = each(env, actors, moment.observation), each(env, actors, played.observation)
    cut = played.truncated & ~played.terminated

    def row(role: str, actor: Actor) -> Trace:
        acted, wanted = played.acted[role], kept.wanted[role]
        return Trace(
            observation=seen[role],
            action=acted.action,
            log_prob=acted.log_prob,
            value=acted.value,
            reward=played.reward[role],
            terminated=played.terminated,
            truncated=cut,
            solved=played.solved[role],
            final_value=_value_where(actor, came[role], acted.memory, cut)
            if kept.bootstrap
            else jnp.zeros(cut.shape, jnp.float32),
            last_value=None,  # type: ignore[arg-type]  # `whole` knows it
            weight=None if moment.over is None else 1.0 - moment.over.astype(jnp.float32),
            reset=forgets(moment, role, kept.remember) if "start" in wanted else None,
            successor=came[role] if "successor" in wanted else None,
            extra=acted.extra if "extra" in wanted else None,
            state=moment.state if "state" in wanted else None,
        )

    return {role: row(role, actor) for role, actor in actors.items()}


def whole(
    env: Environment,
    actors: dict[str, Actor],
    first: Moment,
    last: Moment,
    steps: dict[str, Trace],
    kept: Kept,
) -> dict[str, Trace]:
    """The traces of a rollout from moment `first` to moment `last`, whose rows are these."""
    seen = each(env, actors, last.observation)

    def trace(role: str, actor: Actor) -> Trace:
        forget = forgets(last, role, kept.remember)
        value = _act(actor, seen[role], last.memory[role], forget).value
        if last.over is not None:
            value = jnp.where(last.over, 0.0, value)
        start = Start(first.memory[role], first.episode_return[role])
        return steps[role]._replace(
            last_value=value, start=start if "start" in kept.wanted[role] else None
        )

    return {role: trace(role, actor) for role, actor in actors.items()}


def _value_where(
    actor: Actor, observation: PyTree, memory: PyTree, wanted: Bool[Array, " B"]
) -> Float[Array, " B"]:
    """V of the observations where `wanted`, else 0. Time limits are rare: skip most steps."""

    def value(_: None) -> Array:
        acted = _act(actor, observation, memory, jnp.zeros(wanted.shape, bool))
        return jnp.where(wanted, acted.value, 0.0)

    return when(jnp.any(wanted), value, lambda _: jnp.zeros(wanted.shape), None)


def _act(actor: Actor, observation: PyTree, memory: PyTree, reset: Bool[Array, " B"]) -> Any:
    """A decision that nobody carries out, for its value."""
    noise = jnp.zeros((*reset.shape, *actor.policy.noise), jnp.float32)
    return actor.policy.act(actor.state, observation, memory, reset, noise)
