"""What a run has learned, ready to act."""

from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from cairn.core.keys import stream
from cairn.envs.protocol import Environment
from cairn.runs.experiment import Experiment
from cairn.runs.open import Run, one_seed, open_run


class Decision(NamedTuple):
    """What the policy does, and what it will remember."""

    action: Any
    memory: PyTree


class Agent:
    """What a run has learned, ready to act in one episode at a time.

    `reset` before an episode, then `act` for each observation. Underneath, `decide` is a pure
    function of (learner state, observation, memory, key) for use inside `jit` and `vmap`.
    """

    def __init__(self, run: Run, seed: int | None = None, role: str | None = None):
        self.run = run
        self.experiment: Experiment = run.experiment
        self.env: Environment = run.experiment.env
        actor = run.actor(role)
        self.policy: Any = actor.policy
        """The pure policy underneath; `state` is the learner's, of one seed."""
        self.state: Any = one_seed(actor.state, run.of_seed(seed))
        self._decide = eqx.filter_jit(self.decide)
        self.reset()

    def initial_memory(self) -> PyTree:
        """Empty memory, for `decide`."""
        return self.policy.initial_memory(self.state, 1)

    def decide(
        self, learner_state: Any, observation: PyTree, memory: PyTree, key: Key[Array, ""]
    ) -> Decision:
        """Sample an action for one observation. Pure."""
        uniform = jax.random.uniform(key, (1, *self.policy.noise), jnp.float32)
        batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], observation)
        never = jnp.zeros(1, bool)
        acted = self.policy.act(learner_state, batch, memory, never, uniform)
        return Decision(acted.action[0], acted.memory)

    def reset(self, key: Key[Array, ""] | int = 0) -> None:
        """Forget everything and start an episode whose actions are drawn by `key`."""
        self._key = jax.random.key(key) if isinstance(key, int) else key
        self._time, self._memory = 0, self.initial_memory()

    def act(self, observation: PyTree) -> int | np.ndarray:
        """The next action of this episode: a number, or as many as a continuous action has."""
        key = stream(self._key, "act", self._time)
        decision = self._decide(self.state, observation, self._memory, key)
        self._time, self._memory = self._time + 1, decision.memory
        action = np.asarray(decision.action)
        return action if action.ndim else int(action)


def load(path: Path | str, seed: int | None = None, role: str | None = None) -> Agent:
    """What the run at `path` has learned; of its first seed and its student by default."""
    return Agent(open_run(path), seed, role)
