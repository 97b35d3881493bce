"""Learners that follow a gradient of exact values, one step each: naive, LookAhead, LOLA, SOS.

All take V: (n, d) parameters -> (n,) values, and give the new parameters of all players at once.
With g_ji = dV_i / dtheta_j, the others' step g_jj and an assumed step size eta:

    naive_i      = d_i V_i
    LookAhead_i  = naive_i + eta d_i sum_j  g_ji . stop(g_jj)     the others' step is a constant
    LOLA_i       = naive_i + eta d_i sum_j  stop(g_ji) . g_jj     as published: shaping alone
    full LOLA_i  = naive_i + eta d_i sum_j  g_ji . g_jj           of V_i(.., theta_j + eta g_jj)

LOLA: Foerster et al. 2018, arXiv:1709.04326. LookAhead: Zhang & Lesser 2010. SOS: Letcher et al.
2019, arXiv:1811.08469. "LOLA" in the code of SOS and M-FOS is the full form, in the paper it is
shaping alone: here each has its name. Differs from the code of Shaper, whose LOLA takes the
looked-ahead parameters as constants and so shapes nobody.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

Values = Callable[[Float[Array, "n d"]], Float[Array, " n"]]
"""V of each player, at everyone's parameters."""


def gradients(values: Values, theta: Float[Array, "n d"]) -> Float[Array, "n n d"]:
    """[i, j] = dV_i / dtheta_j."""
    return jax.jacrev(values)(theta)


def own(table: Float[Array, "n n d"]) -> Float[Array, "n d"]:
    """[i] = its part [i, i]."""
    return table[jnp.arange(len(table)), jnp.arange(len(table))]


def naive(values: Values, theta: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Everyone's own gradient."""
    return own(gradients(values, theta))


def look_ahead(values: Values, theta: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """What the others' step changes in the own gradient, their step taken as it is."""
    return _through(values, theta, steps=stop_gradient)


def shaping(values: Values, theta: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """What is gained by the own effect on the others' step."""
    return _through(values, theta, slopes=stop_gradient)


def _same(x: Array) -> Array:
    return x


def _through(
    values: Values,
    theta: Float[Array, "n d"],
    *,
    slopes: Callable[[Array], Array] = _same,
    steps: Callable[[Array], Array] = _same,
) -> Float[Array, "n d"]:
    """d_i of sum over j != i of slopes(g_ji) . steps(g_jj)."""

    def gained(theta: Float[Array, "n d"]) -> Float[Array, " n"]:
        table = gradients(values, theta)
        dots = jnp.einsum("ijd,jd->ij", slopes(table), steps(own(table)))
        return jnp.sum(dots * (1 - jnp.eye(len(theta))), axis=1)

    return own(jax.jacrev(gained)(theta))


def naive_step(values: Values, theta: Float[Array, "n d"], rate: float) -> Float[Array, "n d"]:
    """Simultaneous gradient ascent."""
    return theta + rate * naive(values, theta)


def look_ahead_step(
    values: Values, theta: Float[Array, "n d"], rate: float, eta: float = 1.0
) -> Float[Array, "n d"]:
    """LookAhead."""
    return theta + rate * (naive(values, theta) + eta * look_ahead(values, theta))


def lola_step(
    values: Values, theta: Float[Array, "n d"], rate: float, eta: float = 1.0, *, full: bool = True
) -> Float[Array, "n d"]:
    """LOLA: `full`, or shaping alone as in the paper."""
    more = _through(values, theta) if full else shaping(values, theta)
    return theta + rate * (naive(values, theta) + eta * more)


def sos_step(
    values: Values, theta: Float[Array, "n d"], rate: float, eta: float = 1.0,
    *, a: float = 0.5, b: float = 0.1,
) -> Float[Array, "n d"]:  # fmt: skip
    """Stable opponent shaping: LookAhead, with as much shaping as turns it back nowhere and
    vanishes at fixed points. `a` and `b` as in the paper."""
    plain = naive(values, theta)
    safe = plain + eta * look_ahead(values, theta)
    shaped = eta * shaping(values, theta)
    against = jnp.sum(shaped * safe)
    far = jnp.where(against >= 0, 1.0, jnp.minimum(1.0, -a * jnp.sum(safe**2) / against))
    size = jnp.sum(plain**2)
    near = jnp.where(jnp.sqrt(size) < b, size, 1.0)
    return theta + rate * (safe + jnp.minimum(far, near) * shaped)
