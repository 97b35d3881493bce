"""A broken environment is named in one line before anything is compiled."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.catalogue import ENVIRONMENTS
from cairn.envs.check import check
from cairn.envs.protocol import (
    Category,
    Continuous,
    Discrete,
    Environment,
    Image,
    Space,
    Step,
    Vector,
)


class Numbers(Space):
    def sample(self, key):
        return {"slope": jax.random.uniform(key)}

    def mutate(self, key, level):
        return {"slope": level["slope"] / 2}


class Good(Environment):
    actions: ClassVar[int] = 2
    max_steps: ClassVar = 5
    observation_spec: ClassVar = {"seen": Vector(2), "kind": Category(3)}
    space: ClassVar[Space] = Numbers()

    def reset(self, key, level):
        return (level, jnp.int32(0)), self.observe()

    def step(self, key, state, action):
        level, time = state
        truncated = time + 1 >= self.max_steps
        return Step((level, time + 1), self.observe(), level["slope"], jnp.array(False), truncated)

    def observe(self):
        return {"seen": jnp.zeros(2), "kind": jnp.int32(0)}


class Pair(Good):
    players: ClassVar[tuple[str, ...]] = ("one", "other")

    @property
    def action_spec(self):
        return Discrete(3), Continuous((0.0, 0.0), (1.0, 2.0))

    def step(self, key, state, action):
        first, second = action
        assert first.dtype == jnp.int32 and second.shape == (2,)
        played = super().step(key, state, first)
        return played._replace(reward=(played.reward, played.reward))


def varied(base=Good, **members):
    """`base` with other members."""
    return type("Odd", (base,), members)()


def stepping(**fields):
    return lambda self, key, state, action: Good.step(self, key, state, action)._replace(**fields)


def spaced(**methods):
    return type("OddSpace", (Numbers,), methods)()


def unsure(self, key, state, action):
    return state if action > 0 else None


def test_environments_that_keep_their_promises_pass():
    check(Good())
    check(Pair())
    for kind in ENVIRONMENTS.values():
        if isinstance(kind, type):
            check(kind())


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            varied(observe=lambda self: {"seen": jnp.zeros(3), "kind": jnp.int32(0)}),
            "Odd.reset must give the observation['seen'] (observation_spec): float32[2]; "
            "got float32[3].",
        ),
        (
            varied(observe=lambda self: {"seen": jnp.zeros(2, jnp.int32), "kind": jnp.int32(0)}),
            "Odd.reset must give the observation['seen'] (observation_spec): float32[2]; "
            "got int32[2].",
        ),
        (
            varied(observe=lambda self: jnp.zeros(2)),
            "Odd.reset must give an observation of 2 arrays (observation_spec); got 1 arrays.",
        ),
        (
            varied(step=stepping(observation={"seen": jnp.zeros(2), "kind": jnp.zeros(())})),
            "Odd.step must give the observation['kind'] (observation_spec): int32[]; "
            "got float32[].",
        ),
        (
            varied(step=stepping(reward=jnp.zeros(2))),
            "Odd.step must give the reward: float32[]; got float32[2].",
        ),
        (
            varied(step=stepping(reward=jnp.int32(1))),
            "Odd.step must give the reward: float32[]; got int32[].",
        ),
        (
            varied(step=stepping(terminated=jnp.int32(0))),
            "Odd.step must give the terminated: bool[]; got int32[].",
        ),
        (
            varied(step=stepping(truncated=jnp.zeros(1, bool))),
            "Odd.step must give the truncated: bool[]; got bool[1].",
        ),
        (
            varied(step=stepping(state=({"slope": jnp.zeros(())}, jnp.zeros(())))),
            "Odd.step must give a state like that of reset[1]: int32[]; got float32[].",
        ),
        (
            varied(step=stepping(state=jnp.int32(0))),
            "Odd.step must give a state like that of reset, PyTreeDef(({'slope': *}, *)); "
            "got PyTreeDef(*).",
        ),
        (
            varied(step=lambda self, key, state, action: (state, action)),
            "Odd.step must give a Step; got tuple.",
        ),
        (
            varied(reset=lambda self, key, level: level),
            "Odd.reset must give (state, observation); got dict.",
        ),
        (
            varied(space=spaced(mutate=lambda self, key, level: {"slope": jnp.int32(1)})),
            "Odd.space.mutate must give levels like those of space.sample['slope']: float32[]; "
            "got int32[].",
        ),
        (
            varied(max_steps=0),
            "Odd.max_steps must give a whole number of steps, at least 1; got 0.",
        ),
        (
            varied(actions=0),
            "Odd.action_spec must give Discrete(size) with at least one action, or "
            "Continuous(low, high); got Discrete(size=0).",
        ),
        (
            varied(action_spec=7),
            "Odd.action_spec must give Discrete(size) with at least one action, or "
            "Continuous(low, high); got 7.",
        ),
        (
            varied(Pair, action_spec=Discrete(2)),
            "Odd.action_spec must give one for each of one, other; got Discrete(size=2).",
        ),
        (
            varied(Pair, step=stepping()),
            "Odd.step must give the reward, PyTreeDef((*, *)); got PyTreeDef(*).",
        ),
        (
            varied(observation_spec=Image((5, 5))),
            "Odd.observation_spec must give Image((rows, columns, channels)), Vector(size) or "
            "Category(size); got Image(shape=(5, 5), cells=False).",
        ),
        (
            varied(solved=lambda self, total, terminated: total),
            "Odd.solved must give a truth value for each episode: bool[2]; got float32[2].",
        ),
        (
            varied(step=unsure),
            "Odd.step cannot be compiled: TracerBoolConversionError: Attempted boolean conversion "
            "of traced array with shape bool[].",
        ),
    ],
)
def test_a_broken_promise_names_the_method_what_was_expected_and_what_came(env, message):
    with pytest.raises(ConfigError) as caught:
        check(env)
    assert str(caught.value) == f"{message} See docs/own-environment.md."
