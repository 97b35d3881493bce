"""Your own function as fitness, in plain Python: the search asks, you evaluate, you tell.

A ball is thrown into the wind. The map is where it comes down and how high it flew; the fitness
is how little effort it took. So in the end there is an easy throw for every place.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from cairn.archive.grid import Grid
from cairn.qd import map_elites
from cairn.qd.tasks import Task

GRAVITY, DRAG, TICK = 9.8, 0.02, 0.02


def throw(angle, speed, spin):
    """Fitness, metres far and metres high. No JAX here: a program of yours could run instead."""
    if not 0 <= speed <= 40 or abs(spin) > 1:
        return math.nan, 0.0, 0.0  # a failed evaluation never enters the map
    x, y, top = 0.0, 0.0, 0.0
    vx, vy = speed * math.cos(angle), speed * math.sin(angle)
    for _ in range(500):
        drag = DRAG * math.hypot(vx + 5.0, vy)  # against a wind of 5 m/s
        vx -= TICK * (drag * (vx + 5.0) + spin * vy)
        vy -= TICK * (GRAVITY + drag * vy - spin * vx)
        x, y = x + TICK * vx, y + TICK * vy
        top = max(top, y)
        if y < 0:
            break
    return -(speed**2) / 2 - 100 * spin**2, x, top


class Throw(Task):
    """What the search must know of it: the map, and where to begin."""

    @property
    def tessellation(self):
        return Grid((30, 20), (-10.0, 0.0), (50.0, 40.0))

    @property
    def start(self):
        return jnp.array([math.pi / 4, 10.0, 0.0], jnp.float32)

    @property
    def lowest(self):
        return -900.0  # the effort of the hardest throw


def main(cycles=200, batch=64, seed=0):
    task, config = Throw(), map_elites.Config(batch=batch, iso=0.3, line=0.3)
    state = map_elites.init(task, config, jax.random.key(seed))
    ask = jax.jit(partial(map_elites.ask, task, config))
    tell = jax.jit(partial(map_elites.tell, task, config))
    for _ in range(cycles):
        throws = ask(state)
        outcomes = np.array([throw(*one) for one in np.asarray(throws).tolist()], np.float32)
        state, report = tell(state, throws, jnp.array(outcomes[:, 0]), jnp.array(outcomes[:, 1:]))
    print(
        f"{report.metrics['coverage']:.0%} of the map; easiest throw {report.metrics['best']:.0f}"
    )
    return state


if __name__ == "__main__":
    main()
