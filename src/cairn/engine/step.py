"""One step of B columns: every player acts, the world moves.

Rollouts, evaluation, pictures and benchmarks share it; they differ in what follows an end.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree

from cairn.core import trees
from cairn.core.errors import ConfigError
from cairn.envs.protocol import Environment, Step
from cairn.learners.protocol import Acted, Actor

Actors = Mapping[str, Actor]
"""Who plays, by role."""


class Moment(NamedTuple):
    """B columns between two steps."""

    state: PyTree
    observation: PyTree
    """As the environment gives it: with several players, a tuple."""
    memory: dict[str, PyTree]
    """By role, as the two dictionaries below."""
    reset: Bool[Array, " B"]
    """Where an episode begins: memory is emptied before the next decision."""
    episode_return: dict[str, Float[Array, " B"]]
    """Of the episode under way."""
    over: Bool[Array, " B"] | None = None
    """Columns that have ended and stand still; None where none ever does."""


class Played(NamedTuple):
    """What one step of B columns came to. Dictionaries are by role."""

    acted: dict[str, Acted]
    state: PyTree
    observation: PyTree
    reward: dict[str, Float[Array, " B"]]
    terminated: Bool[Array, " B"]
    truncated: Bool[Array, " B"]
    episode_return: dict[str, Float[Array, " B"]]
    """With this step's reward."""
    solved: dict[str, Bool[Array, " B"]]
    """True where an episode ended that counts as the player's success."""

    @property
    def done(self) -> Bool[Array, " B"]:
        """Where an episode ended, for either reason."""
        return self.terminated | self.truncated


def seated(env: Environment, actors: Actors) -> dict[str, Actor]:
    """`actors` in the order of the environment's players. Raises ConfigError if they do not fit.

    Who plays alone may have any role: a teacher in its editor, an antagonist.
    """
    if len(env.players) == len(actors) == 1:
        return dict(actors)
    if set(actors) != set(env.players):
        raise ConfigError(
            f"{type(env).__name__} is played by {', '.join(env.players)}, got "
            f"{', '.join(actors) or 'nobody'}. Give one actor for each."
        )
    return {role: actors[role] for role in env.players}


def each(env: Environment, actors: Actors, values: Any) -> dict[str, Any]:
    """What an environment gives its players, by role."""
    parts = values if len(env.players) > 1 else (values,)
    return dict(zip(actors, parts, strict=True))


def first_moment(actors: Actors, state: PyTree, observation: PyTree, batch: int) -> Moment:
    """B columns at their first states, with empty memory."""
    memory = {r: actor.policy.initial_memory(actor.state, batch) for r, actor in actors.items()}
    return Moment(
        state=state,
        observation=observation,
        memory=memory,
        reset=jnp.ones(batch, bool),
        episode_return={role: jnp.zeros(batch, jnp.float32) for role in actors},
    )


def take(
    env: Environment,
    actors: Actors,
    moment: Moment,
    keys: Key[Array, " B"],
    uniforms: Mapping[str, Float[Array, "B ..."]],
    remember: Collection[str] = (),
) -> Played:
    """One step by `seated` actors. A role in `remember` keeps its memory when an episode ends."""
    seen = each(env, actors, moment.observation)
    acted = {
        role: actor.policy.act(
            actor.state,
            seen[role],
            moment.memory[role],
            forgets(moment, role, remember),
            uniforms[role],
        )
        for role, actor in actors.items()
    }
    actions = tuple(acted[role].action for role in actors)
    played: Step = jax.vmap(env.step)(
        keys, moment.state, actions if len(env.players) > 1 else actions[0]
    )
    reward = each(env, actors, played.reward)
    if moment.over is not None:
        acted, reward, played = _still(moment, acted, reward, played)
    total = {role: moment.episode_return[role] + reward[role] for role in actors}
    done = played.terminated | played.truncated
    return Played(
        acted=acted,
        state=played.state,
        observation=played.observation,
        reward=reward,
        terminated=played.terminated,
        truncated=played.truncated,
        episode_return=total,
        solved={role: done & env.solved(total[role], played.terminated) for role in actors},
    )


def go_on(
    moment: Moment,
    played: Played,
    ends: Bool[Array, " B"],
    starts: tuple[PyTree, PyTree] | None,
) -> Moment:
    """The next moment. Where `ends`, at these first states and observations; None: stand still."""
    state, observation, total = played.state, played.observation, played.episode_return
    over = moment.over
    if starts is None:
        over = ends if over is None else over | ends
    else:
        state, observation = trees.where(ends, starts, (state, observation))
        total = {role: jnp.where(ends, 0.0, value) for role, value in total.items()}
    memory = {role: acted.memory for role, acted in played.acted.items()}
    return Moment(
        state=state,
        observation=observation,
        memory=memory,
        reset=ends,
        episode_return=total,
        over=over,
    )


def forgets(moment: Moment, role: str, remember: Collection[str]) -> Bool[Array, " B"]:
    """Where the player's memory is emptied before its next decision."""
    return jnp.zeros_like(moment.reset) if role in remember else moment.reset


def _still(
    moment: Moment, acted: dict[str, Acted], reward: dict[str, Array], played: Step
) -> tuple[dict[str, Acted], dict[str, Array], Step]:
    """The step as if columns that are over had not made it: nothing moves, pays or ends."""
    over = moment.over
    assert over is not None
    state, observation = trees.where(
        over, (moment.state, moment.observation), (played.state, played.observation)
    )
    acted = {
        role: one._replace(
            memory=trees.where(over, moment.memory[role], one.memory),
            value=jnp.where(over, 0.0, one.value),
        )
        for role, one in acted.items()
    }
    reward = {role: jnp.where(over, 0.0, value) for role, value in reward.items()}
    ended = played.terminated & ~over, played.truncated & ~over
    return acted, reward, Step(state, observation, played.reward, *ended)
