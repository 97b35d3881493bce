"""What the methods by gradients of exact values share: many pairs that learn at once.

A file of such a method has its `Config` and names its step; here is the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.core import checks
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.games import differentiable, exact
from cairn.games.differentiable import Values
from cairn.games.method import method
from cairn.games.tasks import Repeated
from cairn.runs.method import Method, Preset

Step = Callable[[Values, Float[Array, "n d"], Any], Float[Array, "n d"]]
"""V, everyone's parameters, settings -> everyone's parameters after a step."""


@dataclass(frozen=True)
class Config:
    """Learning by gradients."""

    games: int = 64
    """Groups of players who learn side by side, each from its own beginning."""
    rate: float = 1.0
    """Step size, on values that are not normalised (their scale is 1 / (1 - gamma))."""
    spread: float = 1.0
    """Standard deviation of the logits in the beginning."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "games")
        checks.positive(self, "rate")
        checks.not_negative(self, "spread")


@dataclass(frozen=True)
class Aware(Config):
    """Learning with a thought of how the others learn."""

    eta: float = 1.0
    """The step size that the others are thought to take."""
    others: Literal["alike", "naive"] = "alike"
    """Whether the other players learn like the first, or naively."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.not_negative(self, "eta")


class State(eqx.Module):
    """All that a run needs to go on."""

    key: Key[Array, ""]
    cycle: Int[Array, ""]
    ledger: Ledger
    theta: Float[Array, "games n d"]
    """Logits of cooperating."""


def init(task: Repeated, config: Config, key: Key[Array, ""]) -> State:
    """Everyone at random."""
    n = task.game.players
    theta = jax.random.normal(stream(key, "games.init", 0), (config.games, n, 1 + 2**n))
    return State(key, jnp.zeros((), jnp.int32), Ledger.zero(("updates",)), config.spread * theta)


def by(step: Step) -> Callable[[Repeated, Config, State], tuple[State, Report]]:
    """A cycle in which every group takes one step."""

    def cycle(task: Repeated, config: Config, state: State) -> tuple[State, Report]:
        payoffs = jnp.asarray(task.game.table, jnp.float32)

        def values(theta: Float[Array, "n d"]) -> Float[Array, " n"]:
            return exact.values(payoffs, theta, task.gamma)

        def moved(theta: Float[Array, "n d"]) -> Float[Array, "n d"]:
            new = step(values, theta, config)
            if isinstance(config, Aware) and config.others == "naive":
                plain = differentiable.naive_step(values, theta, config.rate)
                new = plain.at[0].set(new[0])
            return new

        earned = (1 - task.gamma) * jax.vmap(values)(state.theta)
        after = State(
            state.key, state.cycle + 1, state.ledger.add(updates=1), jax.vmap(moved)(state.theta)
        )
        return after, report(task, earned)

    return cycle


def report(task: Repeated, earned: Float[Array, "games n"]) -> Report:
    """Mean payoffs a round: of each player, of all, and how near all are to cooperation."""
    together, apart = task.game.welfare
    metrics = {f"reward_{i + 1}": earned[:, i].mean() for i in range(earned.shape[1])}
    metrics["welfare"] = earned.mean()
    if together != apart:
        metrics["cooperation"] = (earned.mean() - apart) / (together - apart)
    return Report(metrics)


def gradient_method(page: str | None, config: type[Config], step: Step) -> Method:
    """The METHOD of a file whose players take this step."""
    presets = {"paper": Preset("100 updates.", sections={"run": {"steps": 100}})}
    return method(
        page, config, init, by(step), counts=("updates",), least=lambda _: 1, presets=presets
    )
