"""SOS: LookAhead with as much of LOLA's shaping as keeps it stable.

Letcher et al. 2019, arXiv:1811.08469.
"""

from dataclasses import dataclass

from jaxtyping import Array, Float

from cairn.core import checks
from cairn.games.differentiable import Values, sos_step
from cairn.games.rounds import Aware, gradient_method


@dataclass(frozen=True)
class Config(Aware):
    """SOS."""

    a: float = 0.5
    """Share of LookAhead's length that shaping may take back."""
    b: float = 0.1
    """Length of the plain gradient below which shaping fades."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.positive(self, "a", "b")


def step(values: Values, theta: Float[Array, "n d"], config: Config) -> Float[Array, "n d"]:
    """One step of everyone."""
    return sos_step(values, theta, config.rate, config.eta, a=config.a, b=config.b)


METHOD = gradient_method(__doc__, Config, step)
