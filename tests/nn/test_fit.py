"""A network that does not fit is refused before anything is compiled."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.core.trace import Trace
from cairn.envs.protocol import Continuous, Discrete, Vector
from cairn.learners.ppo import PPO, PPOConfig
from cairn.nn.catalogue import Named
from cairn.nn.protocol import Network, Output, check_fit

HERE = "test_fit:"


class Plain(Network):
    """What a user may write: `step` alone, around any equinox module."""

    mlp: eqx.nn.MLP

    def __init__(self, spec, outputs, config, key):
        self.mlp = eqx.nn.MLP(spec.size, outputs + 1, config.hidden, 1, key=key)

    def step(self, observation, memory, reset):
        out = jax.vmap(self.mlp)(observation)
        return Output(out[:, :-1], out[:, -1]), memory


class TooMany(Plain):
    def __init__(self, spec, outputs, config, key):
        super().__init__(spec, outputs + 2, config, key)


class Forgets(Plain):
    def initial_memory(self, batch):
        return jnp.zeros((batch, 3))

    def step(self, observation, memory, reset):
        return super().step(observation, memory[:, :2], reset)


class Blind(Plain):
    def step(self, observation, memory, reset):
        return super().step(observation[:, :1], memory, reset)


def no_network(spec, outputs, config, key):
    return eqx.nn.MLP(3, outputs, 4, 1, key=key)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TooMany", r"Network test_fit:TooMany: step must give a policy and a value of "
                    r"float32\[2, 4\], float32\[2\] for 4 outputs, got float32\[2, 6\]"),
        ("Forgets", r"a step must not change the shapes of its memory, float32\[2, 3\]; "
                    r"got float32\[2, 2\]"),
        ("Blind", r"Network test_fit:Blind cannot take the observation float32\[3\]: "),
        ("no_network", "test_fit:no_network is no network: expected a subclass of "
                       "cairn.nn.protocol.Network, got MLP"),
        ("Absent", "Module 'test_fit' has no 'Absent' for network 'test_fit:Absent'"),
    ],
)  # fmt: skip
def test_each_misfit_is_told_in_one_line(name, message):
    config = PPOConfig(network=HERE + name)
    with pytest.raises(ConfigError, match=message) as raised:
        PPO(config, Named(config), Vector(3), Discrete(4))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("memory", ["lstm", "none"])
def test_ours_fits_both_kinds_of_action(memory):
    factory = Named(PPOConfig(memory=memory, hidden=4, head=4))
    for outputs in (4, 1):
        check_fit(factory, (Vector(3), Vector(2)), outputs)


@pytest.mark.slow
@pytest.mark.parametrize("action", [Discrete(2), Continuous((-1.0,), (1.0,))])
def test_a_network_of_one_s_own_learns_with_leaves_that_are_no_arrays(action):
    """`equinox.nn.MLP` has its activation for a leaf."""
    config = PPOConfig(network=HERE + "Plain", hidden=4, epochs=1, learning_rate=0.01)
    student = PPO(config, Named(config), Vector(3), action)
    state = jax.jit(student.init)(jax.random.key(0))
    assert all(eqx.is_array(leaf) for leaf in jax.tree.leaves(state))
    steps, batch = 3, 2
    seen = jax.random.normal(jax.random.key(1), (steps, batch, 3))
    uniform = jnp.full((batch, *student.noise), 0.3)
    acted = jax.jit(student.act)(state, seen[0], None, jnp.ones(batch, bool), uniform)
    over = jnp.zeros((steps, batch), bool)
    every = lambda leaf: jnp.broadcast_to(leaf, (steps, *leaf.shape))  # noqa: E731
    trace = Trace(
        observation=seen,
        action=every(acted.action),
        log_prob=every(acted.log_prob),
        value=every(acted.value),
        reward=jax.random.normal(jax.random.key(2), (steps, batch)),
        terminated=over,
        truncated=over,
        solved=over,
        final_value=jnp.zeros((steps, batch)),
        last_value=acted.value,
        extra=jax.tree.map(every, acted.extra),
    )
    given = state, trace, jax.random.key(3), jnp.float32(0)
    after, metrics = jax.jit(student.update)(*given)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), after.network, state.network)
    assert all(jax.tree.leaves(changed))
    assert all(np.isfinite(value) for value in metrics.values())
