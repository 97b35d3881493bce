"""The lever game: pull the right one of many levers, which some levels show and others do not.

Beukman et al. 2024, arXiv:2402.12284. Where the answer is visible the right lever pays 1 and any
other -1, and regret can fall to 0. Where it is invisible they pay 10 and -10, and all levels look
alike: pulling each of n levers equally often is the best against the worst of them, and leaves a
regret of 20 (1 - 1/n) that nothing can lower. Who trains on the largest regret trains on these.

Differs from the public code: a level has no arbitrary number, so that there are exactly 2 n.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.errors import ConfigError
from cairn.envs.protocol import (
    Discrete,
    Environment,
    Quick,
    Space,
    Step,
    Suite,
    Vector,
    plain_suite,
    unknown_suite,
)


class LeverLevel(NamedTuple):
    """One game. Batched levels carry leading axes."""

    answer: Int[Array, "*batch"]
    """The right lever, in [0, levers), int32."""
    visible: Bool[Array, "*batch"]
    """Whether it is seen."""


class LeverSpace(Space):
    """Every lever is as likely to be the right one."""

    game: "Levers"

    def sample(self, key: Key[Array, ""]) -> LeverLevel:
        """Draw a game; it is visible with the probability `shown`."""
        shown_key, answer_key = jax.random.split(key)
        answer = jax.random.randint(answer_key, (), 0, self.game.levers, jnp.int32)
        return LeverLevel(answer, jax.random.bernoulli(shown_key, self.game.shown))

    def mutate(self, key: Key[Array, ""], level: LeverLevel) -> LeverLevel:
        """Draw another answer."""
        return level._replace(answer=self.sample(key).answer)

    def describe(self, level: LeverLevel) -> dict[str, Any]:
        """The answer, and whether it is seen."""
        return {"answer": int(level.answer), "visible": bool(level.visible)}


class Levers(Environment):
    """Pull the right lever: some levels show which, others only pay more (for ReMiDi)."""

    random_start: ClassVar[bool] = False
    level_settings: ClassVar[tuple[str, ...]] = ("shown",)

    levers: int = eqx.field(static=True, default=25)
    """n, how many there are."""
    shown: float = eqx.field(static=True, default=0.5)
    """Share of new levels whose answer is visible."""
    pay: float = eqx.field(static=True, default=1.0)
    """What the right lever pays where it is visible; any other takes as much."""
    hidden_pay: float = eqx.field(static=True, default=10.0)
    """The same where it is not."""

    def __check_init__(self) -> None:
        """Refuse what is no game."""
        if self.levers < 2:
            raise ConfigError(f"levers must be at least 2, got {self.levers}.")
        if not 0 <= self.shown <= 1:
            raise ConfigError(f"shown must lie in [0, 1], got {self.shown}.")
        if not (0 < self.pay < jnp.inf and 0 < self.hidden_pay < jnp.inf):
            raise ConfigError(
                f"pay and hidden_pay must be positive, got {self.pay} and {self.hidden_pay}."
            )

    @property
    def max_steps(self) -> int:
        """One pull ends the game."""
        return 1

    @property
    def action_spec(self) -> Discrete:
        """Which lever."""
        return Discrete(self.levers)

    @property
    def observation_spec(self) -> Vector:
        """A one at the right lever, or at the end where that is not shown."""
        return Vector(self.levers + 1)

    @property
    def space(self) -> LeverSpace:
        """The levels to train on."""
        return LeverSpace(self)

    def reset(self, key: Key[Array, ""], level: LeverLevel) -> tuple[LeverLevel, Array]:
        """The game is its own state. Nothing here is random."""
        return level, self.observe(level)

    def step(self, key: Key[Array, ""], state: LeverLevel, action: Int[Array, ""]) -> Step:
        """Win or lose what is at stake; the game is over."""
        right = action == state.answer
        return Step(
            state=state,
            observation=self.observe(state),
            reward=jnp.where(right, 1.0, -1.0) * self.optimal_return(state),
            terminated=jnp.ones((), bool),
            truncated=jnp.zeros((), bool),
        )

    def optimal_return(self, level: LeverLevel) -> Float[Array, ""]:
        """What is at stake."""
        return jnp.where(level.visible, jnp.float32(self.pay), jnp.float32(self.hidden_pay))

    def observe(self, level: LeverLevel) -> Float[Array, " sight"]:
        """See `observation_spec`."""
        return jax.nn.one_hot(jnp.where(level.visible, level.answer, self.levers), self.levers + 1)

    def every(self, visible: bool) -> LeverLevel:
        """All games of one kind, a batch."""
        answers = jnp.arange(self.levers, dtype=jnp.int32)
        return LeverLevel(answers, jnp.full(self.levers, visible))

    def suites(self, full: bool = False) -> tuple[str, ...]:
        """All games of either kind: what can be learned, and what nobody can know."""
        return ("visible", "invisible")

    def suite(self, name: str, key: Key[Array, ""], full: bool = False) -> Suite:
        """The n games of one kind, whatever the key."""
        if name not in self.suites(full):
            raise unknown_suite(self, name, full)
        return plain_suite(name, self, self.every(name == "visible"))

    def quick_suites(self) -> dict[str, Quick]:
        """Both kinds, whole."""
        return {name: Quick(self.levers, 4) for name in self.suites()}
