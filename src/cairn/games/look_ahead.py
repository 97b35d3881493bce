"""LookAhead: the gradient of the own value after the others' next step, taken as it is.

Zhang & Lesser 2010. It steadies learning where gradients turn in circles, and shapes nobody.
"""

from jaxtyping import Array, Float

from cairn.games.differentiable import Values, look_ahead_step
from cairn.games.rounds import Aware, gradient_method


def step(values: Values, theta: Float[Array, "n d"], config: Aware) -> Float[Array, "n d"]:
    """One step of everyone."""
    return look_ahead_step(values, theta, config.rate, config.eta)


METHOD = gradient_method(__doc__, Aware, step)
