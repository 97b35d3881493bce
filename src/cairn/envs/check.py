"""Does an environment keep its promises? Shapes and dtypes are worked out, nothing is computed."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from cairn.core.errors import ConfigError
from cairn.envs.protocol import (
    MEASURES,
    Category,
    Continuous,
    Discrete,
    Environment,
    Image,
    Step,
    Vector,
)

ADVICE = "See docs/own-environment.md."
MISTAKES = (
    TypeError, ValueError, AttributeError, IndexError, KeyError, NotImplementedError,
    AssertionError, ZeroDivisionError,
)  # fmt: skip
"""What JAX and Python raise where somebody's code cannot be traced."""


def check(env: Environment) -> None:
    """Raise ConfigError, in one line, where `env` does not do as `cairn.envs.protocol` says.

    Whether it ever ends an episode cannot be seen so: that takes steps.
    """
    specs, actions = _specs(env), _actions(env)
    _tested(env)
    if not _is_count(env.max_steps):
        raise _broken(env, "max_steps", "a whole number of steps, at least 1", env.max_steps)
    key = jax.eval_shape(lambda: jax.random.key(0))
    level = _traced(env, "space.sample", env.space.sample, key)
    edited = _traced(env, "space.mutate", env.space.mutate, key, level)
    _same(env, "space.mutate", "levels like those of space.sample", level, edited)
    begun = _traced(env, "reset", env.reset, key, level)
    if not (isinstance(begun, tuple) and len(begun) == 2):
        raise _broken(env, "reset", "(state, observation)", type(begun).__name__)
    state, observation = begun
    _observed(env, "reset", specs, observation)
    played = _traced(env, "step", env.step, key, state, actions)
    if not isinstance(played, Step):
        raise _broken(env, "step", "a Step", type(played).__name__)
    _same(env, "step", "a state like that of reset", state, played.state)
    _observed(env, "step", specs, played.observation)
    reward = _array(jnp.float32)
    if len(env.players) > 1:
        reward = (reward,) * len(env.players)
    ends = {"terminated": _array(bool), "truncated": _array(bool)}
    for name, expected in ({"reward": reward} | ends).items():
        _same(env, "step", f"the {name}", expected, getattr(played, name))
    given = _array(jnp.float32, 2), _array(bool, 2)
    solved = _traced(env, "solved", env.solved, *given)
    _same(env, "solved", "a truth value for each episode", given[1], solved)

    if env.editor is not None:
        check(env.editor)
        draft, _ = jax.eval_shape(
            env.editor.reset, key, jax.eval_shape(env.editor.space.sample, key)
        )
        made = _traced(env.editor, "level", env.editor.level, draft)
        _same(env.editor, "level", "levels like those of the environment's space", level, made)


def _tested(env: Environment) -> None:
    if env.measure not in MEASURES:
        raise _broken(env, "measure", f"one of {', '.join(MEASURES)}", repr(env.measure))
    strange = [name for name in env.quick_suites() if name not in env.suites()]
    if strange:
        raise _broken(env, "quick_suites", f"some of {', '.join(env.suites())}", strange[0])


def _is_spec(node: object) -> bool:
    return isinstance(node, Image | Vector | Category)


def _specs(env: Environment) -> list[jax.ShapeDtypeStruct]:
    """The arrays that observations are promised to be."""
    kinds = Image | Vector | Category
    found = jax.tree.leaves(env.observation_spec, is_leaf=lambda node: isinstance(node, kinds))
    arrays = []
    for spec in found:
        match spec:
            case Image(shape=(int(), int(), int()) as shape) if min(shape) > 0:
                arrays.append(_array(jnp.float32, *shape))
            case Vector(size=int(size)) if size > 0:
                arrays.append(_array(jnp.float32, size))
            case Category(size=int(size)) if size > 0:
                arrays.append(_array(jnp.int32))
            case _:
                expected = "Image((rows, columns, channels)), Vector(size) or Category(size)"
                raise _broken(env, "observation_spec", expected, spec)
    if not arrays:
        raise _broken(env, "observation_spec", "something to see", env.observation_spec)
    return arrays


def _actions(env: Environment) -> Any:
    """An action as `step` is given it."""
    try:
        spec = env.action_spec
    except AttributeError as error:
        raise _broken(env, "actions", "a number of actions, or an action_spec", "none") from error
    several = len(env.players) > 1
    parts = spec if several and isinstance(spec, tuple) else (spec,)
    if len(parts) != len(env.players):
        raise _broken(env, "action_spec", f"one for each of {', '.join(env.players)}", spec)
    arrays = []
    for part in parts:
        if isinstance(part, Discrete) and _is_count(part.size):
            arrays.append(_array(jnp.int32))
        elif isinstance(part, Continuous):
            arrays.append(_array(jnp.float32, part.size))
        else:
            expected = "Discrete(size) with at least one action, or Continuous(low, high)"
            raise _broken(env, "action_spec", expected, part)
    return tuple(arrays) if several else arrays[0]


def _observed(env: Environment, method: str, specs: list, observation: PyTree) -> None:
    came = jax.tree.leaves(observation)
    if len(came) != len(specs):
        expected = f"an observation of {len(specs)} arrays (observation_spec)"
        raise _broken(env, method, expected, f"{len(came)} arrays")
    promised = jax.tree.structure(env.observation_spec, is_leaf=_is_spec)
    if promised != jax.tree.structure(observation):
        shown = _short(jax.tree.structure(observation))
        raise _broken(env, method, f"an observation like observation_spec, {promised}", shown)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(observation)]
    for name, spec, leaf in zip(names, specs, came, strict=True):
        _alike(env, method, f"the observation{name} (observation_spec)", spec, leaf)


def _same(env: Environment, method: str, what: str, expected: PyTree, came: PyTree) -> None:
    if jax.tree.structure(expected) != jax.tree.structure(came):
        trees = _short(jax.tree.structure(expected)), _short(jax.tree.structure(came))
        raise _broken(env, method, f"{what}, {trees[0]}", trees[1])
    pairs = zip(jax.tree.leaves_with_path(expected), jax.tree.leaves(came), strict=True)
    for (path, one), other in pairs:
        _alike(env, method, what + jax.tree_util.keystr(path), one, other)


def _alike(env: Environment, method: str, what: str, expected: Any, came: Any) -> None:
    if (expected.shape, expected.dtype) != (came.shape, came.dtype):
        raise _broken(env, method, f"{what}: {_words(expected)}", _words(came))


def _traced(env: Environment, method: str, function: Callable, *arguments: Any) -> Any:
    """What comes out, as shapes and dtypes."""
    try:
        return jax.eval_shape(function, *arguments)
    except MISTAKES as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise ConfigError(
            f"{type(env).__name__}.{method} cannot be compiled: {type(error).__name__}: "
            f"{_short(reason)} {ADVICE}"
        ) from error


def _broken(env: Environment, method: str, expected: str, came: object) -> ConfigError:
    return ConfigError(
        f"{type(env).__name__}.{method} must give {expected}; got {_short(came)}. {ADVICE}"
    )


def _array(dtype: Any, *shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def _words(array: Any) -> str:
    return f"{array.dtype}{list(array.shape)}"


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 120 else text[:117] + "..."


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
