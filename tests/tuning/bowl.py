"""A method whose best settings are known, for tests of searches: it compiles in a moment.

Every cycle gains 1 - (log10(rate) - optimum)², where the optimum moves from -3 to -1 while the
budget is spent if it `drifts`, and stands at -2 if not. What was gained so far is its weights.
"""

from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from cairn.core import checks
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Program, Report
from cairn.runs.method import Method, Setup

TRACES = {"count": 0}
"""How often a step was traced."""


class Bowl(eqx.Module):
    """Where something is to be gained."""

    noise: float = eqx.field(static=True, default=0.0)


@dataclass(frozen=True)
class Config:
    rate: float = 0.5
    """Of which the logarithm counts."""
    share: float = 0.5
    bonus: Literal["none", "some"] = "none"
    size: int = 1
    """A shape."""
    drifts: bool = False

    def __post_init__(self) -> None:
        checks.positive(self, "rate")
        checks.share(self, "share")
        checks.at_least(self, 1, "size")


class State(eqx.Module):
    key: jax.Array
    cycle: jax.Array
    ledger: Ledger
    gained: jax.Array


def program(setup: Setup) -> Program:
    config, task = setup.sections["algorithm"], setup.task

    def init(key: jax.Array) -> State:
        return State(key, jnp.int32(0), Ledger.zero(("training",)), jnp.zeros(config.size))

    def step(state: State) -> tuple[State, Report]:
        TRACES["count"] += 1
        progress = state.ledger.spent(("training",)) / jnp.float32(setup.steps)
        optimum = jnp.where(config.drifts, 2.0 * progress - 3.0, -2.0)
        away = jnp.log10(jnp.float32(config.rate)) - optimum
        noise = task.noise * jax.random.normal(stream(state.key, "noise", state.cycle))
        gain = 1.0 - away**2 + noise + (0.1 if config.bonus == "some" else 0.0)
        # The square root of a negative number: settings that diverge.
        gain = jnp.where(config.share > 0.9, jnp.sqrt(-jnp.ones(())), gain)
        gained = state.gained + gain / config.size
        ledger = state.ledger.add(training=10)
        metrics = {"gain": gain, "gained": gained.sum()}
        return State(state.key, state.cycle + 1, ledger, gained), Report(metrics)

    return Program(init, step, counts=("training",), budget=("training",))


METHOD = Method(
    about="Gains by its rate.",
    sections={"algorithm": Config},
    program=program,
    takes=lambda kind: None,
    least=lambda setup: 10,
    constant_cost=True,
)
SETTINGS: dict[str, Any] = {"steps": 180, "log_every": 1, "seeds": 2}
