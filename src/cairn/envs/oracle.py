"""What an environment knows of the best that can be reached on its levels, and of the way there."""

import jax
from jaxtyping import Array, Float, PyTree

from cairn.core.errors import ConfigError
from cairn.envs.protocol import Environment, Level


def knows(env: Environment) -> bool:
    """Whether `env` can tell the best return of a level."""
    if type(env).optimal_return is Environment.optimal_return:
        return False

    def told(key: Array) -> Array | None:
        return env.optimal_return(env.space.sample(key))

    return jax.eval_shape(told, jax.random.key(0)) is not None


def optimal_returns(env: Environment, levels: Level) -> Float[Array, " B"]:
    """The best return of each of B levels. Raises ConfigError where nobody knows it."""
    best = jax.vmap(env.optimal_return)(levels)
    if best is None:
        raise no_oracle(env)
    return best


def no_oracle(env: Environment) -> ConfigError:
    """The error that says what else there is."""
    return ConfigError(
        f"{type(env).__name__} does not know the best return of a level, so regret cannot be "
        f"measured against it. Give it `optimal_return`, or choose a score that estimates regret."
    )


def demonstrates(env: Environment) -> bool:
    """Whether `env` can show how a level is solved."""

    def shown(key: Array) -> PyTree | None:
        return env.demonstration(env.space.sample(key))

    return jax.eval_shape(shown, jax.random.key(0)) is not None
