"""Episodes of a policy as a dataset: `cairn.collect` and `cairn collect` are both this.

Episode n is made from the seed and n alone: its level, its start and every draw. So the same
episodes come out whatever is played side by side.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from cairn.core import trees
from cairn.core.dataset import Arrays, Dataset, creating, refuse_existing
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.rundir import versions
from cairn.engine.rollout import Carry, begin_at, column_keys, rollout
from cairn.envs.check import check
from cairn.envs.protocol import Environment
from cairn.envs.recorded import described
from cairn.evaluation.evaluate import Actions
from cairn.learners.greedy import greedy
from cairn.learners.protocol import Actor
from cairn.learners.random import Nothing, RandomPolicy
from cairn.nn.protocol import example
from cairn.runs.open import check_plays, one_seed, open_run
from cairn.runs.presets import experiment

BESIDE_BYTES, MOST_BESIDE, PIECE = 2**27, 64, 64
"""Episodes side by side take at most so many bytes and are at most so many; steps of one call."""


class Source(NamedTuple):
    """Who acts, and where."""

    task: str
    env: Environment
    actor: Actor
    about: dict[str, Any]
    """For `dataset.json`."""


class Count(NamedTuple):
    """How far collecting is."""

    episodes: int
    steps: int


def source(
    policy: Path | str, task: str | None = None, *, run_seed: int | None = None,
    role: str | None = None,
) -> Source:  # fmt: skip
    """The run at `policy` in the environment it was trained in, or "random" in that of `task`.

    Of a run with several seeds its first acts, or `run_seed`; of several roles the one that its
    tests are of, or `role`. Raises ConfigError if `task` is another than the run's.
    """
    if str(policy) == "random":
        if task is None:
            raise ConfigError("A random policy needs a task to act in: give task, such as maze.")
        env = experiment(task, method="random").env
        actor = Actor(RandomPolicy(env.action_spec), Nothing())
        return Source(task, env, actor, {"policy": "random"})
    run = open_run(policy)
    ours = run.experiment
    if task not in (None, ours.task):
        raise ConfigError(
            f"{policy} was trained on {ours.task}, but {task} came. Collect on {ours.task}."
        )
    actor = run.actor(role)
    place = run.of_seed(run_seed)
    about = {
        "policy": str(policy),
        "method": ours.method,
        "seed": run.seeds[place],
        "role": role,
        "cycle": int(np.asarray(run.state.cycle)[place]),
        "ledger": {name: row[place] for name, row in run.state.ledger.totals().items()},
    }
    return Source(ours.task, ours.env, Actor(actor.policy, one_seed(actor.state, place)), about)


def placed(who: Source, env: Environment) -> Source:
    """The same in a task of other settings. Whoever acts at random takes any of its actions."""
    if isinstance(who.actor.policy, RandomPolicy):
        assert not isinstance(env.action_spec, tuple)
        who = who._replace(actor=Actor(RandomPolicy(env.action_spec), Nothing()))
    return who._replace(env=env)


def collect(
    policy: Path | str | Source,
    data: Path | str,
    *,
    episodes: int = 1000,
    task: str | None = None,
    seed: int = 0,
    actions: Actions = "sampled",
    show: Callable[[Count], None] = lambda count: None,
) -> Dataset:
    """Play whole episodes and write them to the new directory `data`, complete or not at all.

    `policy` is the directory of a run, "random" with a `task`, or a `source`. Levels are drawn
    from the task's space. Raises DatasetError if something is at `data`, ConfigError if the policy
    does not fit the task or the task breaks the promises of an environment.
    """
    if episodes < 1 or not 0 <= seed < 2**32:
        raise ConfigError(
            f"episodes must be at least 1 and seed in [0, 2^32), got {episodes} and {seed}."
        )
    refuse_existing(Path(data))  # before the work
    who = policy if isinstance(policy, Source) else source(policy, task)
    if not isinstance(who.env, Environment) or len(who.env.players) != 1:
        raise ConfigError(f"{who.task} is not played by one alone, so its episodes cannot be kept.")
    check(who.env)
    advice = "Collect with the task's settings that it was trained with (see its config.json)."
    check_plays(who.actor, who.env, f"The policy {who.about['policy']}", advice)
    if actions == "greedy":
        who = who._replace(actor=Actor(greedy(who.actor.policy), who.actor.state))
    returns, solved, steps = [], [], 0
    with creating(Path(data)) as writer:
        for episode in _episodes(who, episodes, seed):
            writer.add(episode)
            returns.append(float(episode["episode.return"][0]))
            solved.append(bool(episode["episode.solved"][0]))
            steps += int(episode["episode.length"][0])
            show(Count(len(returns), steps))
        writer.finish(
            {
                **described(who.task, who.env),
                "collected_by": {**who.about, "actions": actions, "collect_seed": seed},
                "episodes": episodes,
                "steps": steps,
                "mean_return": float(np.mean(returns)),
                "solve_rate": float(np.mean(solved)),
                "versions": versions(),
            }
        )
    return Dataset.open(data)


def _episodes(who: Source, episodes: int, seed: int) -> Iterator[Arrays]:
    """One by one, in order."""
    env, state = who.env, who.actor.state
    key, role = jax.random.key(seed), env.players[0]
    width = min(_beside(env), episodes)
    piece = min(PIECE, env.max_steps)

    @jax.jit
    def begin(state: Any, numbers: Int[Array, " B"]) -> tuple[Any, Carry]:
        keys = lambda name: column_keys(stream(key, name), numbers)  # noqa: E731
        levels = jax.vmap(env.space.sample)(keys("level"))
        states, observations = jax.vmap(env.reset)(keys("reset"), levels)
        actors = {role: Actor(who.actor.policy, state)}
        carry = begin_at(env, actors, states, observations, width)
        return levels, carry._replace(moment=carry.moment._replace(over=jnp.zeros(width, bool)))

    @jax.jit
    def go_on(state: Any, carry: Carry, numbers: Int[Array, " B"]) -> tuple[Carry, Any]:
        actors = {role: Actor(who.actor.policy, state)}
        own = stream(key, "play")
        carry, traces = rollout(
            env, actors, None, own, steps=piece, start=carry, restart=None, columns=numbers
        )
        trace = traces[role]
        kept = (trace.observation, trace.action, trace.log_prob, trace.reward)
        return carry, (*kept, trace.terminated, trace.truncated, trace.solved)

    for first in range(0, episodes, width):
        numbers = jnp.arange(first, first + width, dtype=jnp.int32)
        levels, carry = begin(state, numbers)
        pieces = []
        while not np.asarray(carry.moment.over).all():
            if len(pieces) * piece >= env.max_steps:
                raise ConfigError(
                    f"An episode of {who.task} does not end: expected it to be truncated after "
                    f"max_steps = {env.max_steps}. Mend the environment's `step`."
                )
            carry, rows = go_on(state, carry, numbers)
            pieces.append(jax.tree.map(np.asarray, rows))
        played = jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)
        levels, last = jax.tree.map(np.asarray, (levels, carry.moment.observation))
        for column in range(min(width, episodes - first)):
            yield _episode(played, levels, last, column)


def _episode(played: Any, levels: Any, last: Any, column: int) -> Arrays:
    """The arrays of one column, which is one episode."""
    one = jax.tree.map(lambda leaf: leaf[:, column], played)
    observation, action, log_prob, reward, terminated, truncated, solved = one
    length = int(np.argmax(terminated | truncated)) + 1
    one_more = lambda leaf: np.concatenate([leaf[:length], np.zeros_like(leaf[:1])])  # noqa: E731
    seen = jax.tree.map(
        lambda leaf, end: np.concatenate([leaf[:length], end[None, column]]), observation, last
    )
    return {
        **trees.named("observation", seen),
        "action": one_more(action),
        "log_prob": one_more(log_prob),
        "reward": one_more(reward),
        "terminated": one_more(terminated),
        "truncated": one_more(truncated),
        "valid": np.arange(length + 1) < length,
        "episode.length": np.asarray([length], np.int32),
        "episode.return": np.asarray([reward[:length].astype(np.float64).sum()]),
        "episode.solved": solved[length - 1 : length],
        **{name: leaf[None, column] for name, leaf in trees.named("level", levels).items()},
    }


def _beside(env: Environment) -> int:
    """Episodes played side by side, by what their observations weigh."""
    shapes = jax.tree.leaves(jax.eval_shape(lambda: example(env.observation_spec)))
    row = sum(4 * leaf.size for leaf in shapes) + 16
    return int(np.clip(BESIDE_BYTES // (row * env.max_steps), 1, MOST_BESIDE))
