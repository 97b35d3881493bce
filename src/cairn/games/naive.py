"""Naive learning: everyone climbs the gradient of the own value, as if the others stood still.

In the prisoner's dilemma nearly all pairs end in defection: the baseline of every shaper.
"""

from cairn.games.differentiable import naive_step
from cairn.games.rounds import Config, gradient_method

METHOD = gradient_method(
    __doc__, Config, lambda values, theta, config: naive_step(values, theta, config.rate)
)
