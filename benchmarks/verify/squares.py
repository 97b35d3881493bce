"""A toy of 64×64 images: name the quadrant of the red square, not of the green one.

cairn train squares:Squares --memory none      (from this folder)
"""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from cairn.envs.protocol import Environment, Image, Space, Step

SIDE = 8
"""Pixels of a square's side."""


class Places(NamedTuple):
    """Rows and columns of the upper left corners."""

    red: jax.Array
    green: jax.Array


class AnyPlaces(Space):
    """Both squares anywhere, each inside a quadrant of its own choice."""

    size: int = eqx.field(static=True)

    def sample(self, key):
        """Uniform over quadrants, and over places inside them."""
        half = self.size // 2
        quadrant_key, place_key = jax.random.split(key)
        quadrant = jax.random.randint(quadrant_key, (2, 2), 0, 2)
        corner = jax.random.randint(place_key, (2, 2), 0, half - SIDE + 1)
        red, green = quadrant * half + corner
        return Places(red, green)

    def mutate(self, key, level):
        """Another place for the green one."""
        return level._replace(green=self.sample(key).green)


class Squares(Environment):
    """Name the quadrant of the red square in an image."""

    actions: ClassVar[int] = 4

    size: int = eqx.field(static=True, default=64)
    """Pixels of the image's side."""

    @property
    def max_steps(self):
        return 1

    @property
    def observation_spec(self):
        return Image((self.size, self.size, 3))

    @property
    def space(self):
        return AnyPlaces(self.size)

    def reset(self, key, level):
        """The level says where the squares are; the key, the noise and the brightness."""
        noise_key, light_key = jax.random.split(key)
        noise = 0.5 * jax.random.uniform(noise_key, (self.size, self.size, 3))
        light = jax.random.uniform(light_key, (2,), minval=0.6, maxval=1.0)
        place = jnp.arange(self.size)

        def over(image, corner, channel, value):
            rows, columns = ((place >= at) & (place < at + SIDE) for at in corner)
            here = (rows[:, None] & columns[None])[:, :, None]
            colour = value * jax.nn.one_hot(channel, 3)
            return jnp.where(here, colour[None, None], image)

        image = over(over(noise, level.green, 1, light[1]), level.red, 0, light[0])
        return level, image

    def step(self, key, state, action):
        low, right = (corner >= self.size // 2 for corner in state.red)
        quadrant = jnp.where(low, 2, 0) + jnp.where(right, 1, 0)
        blank = jnp.zeros((self.size, self.size, 3))
        reward = jnp.where(action == quadrant, 1.0, 0.0)
        return Step(state, blank, reward, jnp.ones((), bool), jnp.zeros((), bool))
