"""Whether an environment is deterministic is told from what it does with its key."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.catalogue import find
from cairn.envs.chance import chance_in
from cairn.envs.levers import Levers
from cairn.ued import remidi


class Odd(Levers):
    """A lever game that does something with the key of a step, and says that it does nothing."""

    random_start: ClassVar[bool] = False
    does: str = eqx.field(static=True, default="nothing")

    def reset(self, key, level):
        if self.does == "start":
            level = level._replace(answer=jax.random.randint(key, (), 0, self.levers, jnp.int32))
        return super().reset(key, level)

    def step(self, key, state, action):
        played = super().step(key, state, action)
        match self.does:
            case "split":  # as most do, to no end
                jax.jit(jax.random.uniform)(jax.random.split(key)[1])
            case "loop":

                def body(carry, _):
                    return (carry[0] + 1.0, jax.random.split(carry[1])[0]), None

                reward = jax.lax.scan(body, (played.reward, key), None, 2)[0][0]
                return played._replace(reward=reward)
            case "slip":
                slips = jax.jit(jax.random.bernoulli)(key)
                return played._replace(reward=jnp.where(slips, 0.0, played.reward))
            case "host":
                form = jax.ShapeDtypeStruct((), jnp.float32)
                ask = jax.jit(lambda x: jax.pure_callback(lambda y: y, form, x))
                return played._replace(reward=ask(played.reward))
            case "log":
                jax.debug.callback(lambda x: None, action)
        return played


@pytest.mark.parametrize(
    ("does", "found"),
    [
        ("nothing", None),
        ("split", None),
        ("loop", None),
        ("log", None),
        ("slip", "step uses its key"),
        ("start", "reset uses its key"),
        ("host", "step calls the host"),
    ],
)
def test_chance_is_what_something_depends_on(does, found):
    assert chance_in(Odd(levers=3, does=does)) == found


@pytest.mark.parametrize(("name", "found"), [("maze", None), ("pendulum", "reset uses its key")])
def test_environments_of_ours_are_told_apart(name, found):
    assert chance_in(find(name)()) == found


def test_an_environment_may_hold_arrays():
    """Nothing that has them can be hashed."""

    class Told(Odd):
        answers: jax.Array = eqx.field(default_factory=lambda: jnp.arange(3))

    assert chance_in(Told(levers=3)) is None
    assert chance_in(Told(levers=3, does="slip")) == "step uses its key"


def test_remidi_refuses_chance_with_the_reason_and_what_to_do():
    config = remidi.Config(score="maxmc")
    config.check(Odd(does="split"))
    with pytest.raises(ConfigError, match=r"deterministic .* Odd.step uses its key: .* robust-plr"):
        config.check(Odd(does="slip"))
