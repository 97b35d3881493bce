"""The finite repeated game of two, sampled, against a learner who updates between episodes.

    trial: co-player begins anew, shaper's memory is empty
      for each of T_out episodes:  for each of T_in rounds, E games at once:
          both act on the last joint action as they see it (a start before the first)
        the co-player learns from its E games

Khan et al. 2023, arXiv:2312.12568, section 3. One co-player plays E games and learns from all: E is
no free parallelism, it sets the noise of its gradient. Observations, chance and co-players are
shared by all candidates (common random numbers); chance is drawn for a whole trial at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

STATES = 5
"""The start, CC, CD, DC, DD."""
Memory = Float[Array, "E H"]
Acts = Callable[[Float[Array, "E 5"], Memory], tuple[Float[Array, " E"], Memory]]
"""What E games look like and its memory -> logits of cooperating, new memory."""


class Chance(NamedTuple):
    """All that is random in a trial: uniform numbers for both players' actions, and the co-player's
    logits in the beginning."""

    mine: Float[Array, "out in E"]
    theirs: Float[Array, "out in E"]
    start: Float[Array, " 5"]


class Played(NamedTuple):
    """Mean payoffs a round of each episode, over its games."""

    mine: Float[Array, " out"]
    theirs: Float[Array, " out"]
    cooperated: Float[Array, "out 2"]
    """Shares of the rounds in which each cooperated."""


def chance(episodes: int, rounds: int, games: int, key: Key[Array, ""]) -> Chance:
    """Of one trial."""
    mine, theirs, start = jax.random.split(key, 3)
    shape = (episodes, rounds, games)
    return Chance(
        jax.random.uniform(mine, shape), jax.random.uniform(theirs, shape),
        jax.random.normal(start, (STATES,)),
    )  # fmt: skip


def trial(
    payoffs: Float[Array, "2 4"],
    acts: Acts,
    memory: Memory,
    drawn: Chance,
    *,
    gamma: float,
    co_rate: float,
    keeps: bool = True,
) -> Played:
    """One shaper against one co-player, who learns by policy gradient from a table of five logits.

    `payoffs` of both players at CC, CD, DC, DD as the shaper (the first) sees them. `keeps`:
    whether the shaper's memory lives through the trial, or begins anew with each episode.
    """
    empty = memory

    def episode(
        carry: tuple[Memory, Float[Array, " 5"]], drawn: tuple[Array, Array]
    ) -> tuple[tuple[Memory, Float[Array, " 5"]], Played]:
        memory, theta = carry
        memory = memory if keeps else empty
        memory, rounds = _episode(payoffs, acts, memory, theta, *drawn)
        theta = theta + co_rate * policy_gradient(rounds, theta, gamma)
        cooperated = jnp.stack([rounds.i_cooperate.mean(), rounds.they_cooperate.mean()])
        return (memory, theta), Played(rounds.mine.mean(), rounds.theirs.mean(), cooperated)

    return jax.lax.scan(episode, (memory, drawn.start), (drawn.mine, drawn.theirs))[1]


class Rounds(NamedTuple):
    """What happened in an episode, round by round."""

    seen: Float[Array, "in E 5"]
    """By the co-player."""
    i_cooperate: Bool[Array, "in E"]
    they_cooperate: Bool[Array, "in E"]
    mine: Float[Array, "in E"]
    theirs: Float[Array, "in E"]


def _episode(
    payoffs: Float[Array, "2 4"], acts: Acts, memory: Memory, theta: Float[Array, " 5"],
    mine: Float[Array, "in E"], theirs: Float[Array, "in E"],
) -> tuple[Memory, Rounds]:  # fmt: skip
    games = mine.shape[1]
    first = jnp.zeros((games, STATES)).at[:, 0].set(1.0)
    chances = jax.nn.sigmoid(theta)

    def play(
        carry: tuple[Memory, Array], drawn: tuple[Array, Array]
    ) -> tuple[tuple[Memory, Array], Rounds]:
        memory, seen = carry
        logits, memory = acts(seen, memory)
        other_way = seen[:, jnp.array([0, 1, 3, 2, 4])]
        i = drawn[0] < jax.nn.sigmoid(logits)
        they = drawn[1] < other_way @ chances
        joint = jnp.stack([i & they, i & ~they, ~i & they, ~i & ~they], axis=1)
        joint = joint.astype(jnp.float32)
        paid = joint @ payoffs.T
        after = jnp.concatenate([jnp.zeros((games, 1)), joint], axis=1)
        return (memory, after), Rounds(other_way, i, they, paid[:, 0], paid[:, 1])

    (memory, _), rounds = jax.lax.scan(play, (memory, first), (mine, theirs))
    return memory, rounds


def policy_gradient(rounds: Rounds, theta: Float[Array, " 5"], gamma: float) -> Float[Array, " 5"]:
    """Of the co-player: discounted rewards to go less their mean over the games of that round."""

    def back(later: Float[Array, " E"], now: Float[Array, " E"]) -> tuple[Array, Array]:
        total = now + gamma * later
        return total, total

    to_go = jax.lax.scan(back, jnp.zeros(rounds.theirs.shape[1]), rounds.theirs, reverse=True)[1]
    advantage = to_go - to_go.mean(axis=1, keepdims=True)
    surprise = rounds.they_cooperate.astype(jnp.float32) - rounds.seen @ jax.nn.sigmoid(theta)
    return jnp.einsum("tes,te->s", rounds.seen, surprise * advantage) / to_go.shape[1]
