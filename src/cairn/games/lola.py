"""LOLA: the gradient of the own value through the others' next learning step.

Foerster et al. 2018, arXiv:1709.04326. With exact values, two such learners find tit for tat in the
repeated prisoner's dilemma.
"""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Array, Float

from cairn.games.differentiable import Values, lola_step
from cairn.games.rounds import Aware, gradient_method


@dataclass(frozen=True)
class Config(Aware):
    """LOLA."""

    form: Literal["full", "original"] = "full"
    """All of the first order, as in the code of SOS and M-FOS; or shaping alone, as published."""


def step(values: Values, theta: Float[Array, "n d"], config: Config) -> Float[Array, "n d"]:
    """One step of everyone."""
    return lola_step(values, theta, config.rate, config.eta, full=config.form == "full")


METHOD = gradient_method(__doc__, Config, step)
