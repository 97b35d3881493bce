"""Levels by a teacher: one episode each in an environment's editor."""

import jax
from jax.sharding import Mesh
from jaxtyping import Array, Key

from cairn.core.keys import stream
from cairn.core.trace import Trace
from cairn.engine.rollout import rollout
from cairn.envs.protocol import Editor, Level
from cairn.learners.protocol import Actor

TEACHER = "teacher"
"""The role of whoever designs levels."""


def design(
    editor: Editor, teacher: Actor, key: Key[Array, ""], batch: int, mesh: Mesh | None = None
) -> tuple[Level, Trace]:
    """`batch` levels, each from noise of its own, and how the teacher made them."""
    noise = jax.vmap(editor.space.sample)(jax.random.split(stream(key, "noise"), batch))
    carry, traces = rollout(
        editor,
        {TEACHER: teacher},
        jax.tree.map(lambda leaf: leaf[None], noise),
        key,
        steps=editor.max_steps,
        restart=None,
        mesh=mesh,
    )
    return jax.vmap(editor.level)(carry.state), traces[TEACHER]
