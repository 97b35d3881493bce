"""Any generator of reasoning-gym as a task of texts: made and judged by Python on the host.

Stojanovski et al. 2025, arXiv:2505.24760. Slow beside tasks in arrays, and judged as its authors
do: some of its judges give a little for an answer of the right form, so that quality is graded. The
harder split is that many levels up in the generator's own curriculum. Levels can hold the same
questions, so that a text's hash decides which split may have it.
"""

import functools
from types import ModuleType
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from cairn.core import checks
from cairn.core.errors import ConfigError, suggest
from cairn.envs.adapters import seeded
from cairn.envs.tokens.protocol import HELD_OUT
from cairn.envs.tokens.written import Question, Told, Written


class ReasoningGym(Written):
    """Any generator of reasoning-gym: texts judged on the host, which is slow."""

    name: ClassVar[str]
    """As its package calls it."""

    longest_prompt: int = eqx.field(static=True, default=512)
    """Characters of a question, at most."""
    longest_answer: int = eqx.field(static=True, default=64)
    """Characters of an answer, at most."""
    level: int = eqx.field(static=True, default=0)
    """Of the generator's curriculum, from 0."""
    harder: int = eqx.field(static=True, default=2)
    """Levels that the harder split lies above."""

    def __check_init__(self) -> None:
        """Ask for the generator now: what is missing or unknown is said at once."""
        checks.at_least(self, 0, "level")
        checks.at_least(self, 1, "harder")
        factory = _factory()
        known = factory.DATASETS
        if self.name not in known:
            raise ConfigError(
                f"reasoning-gym has no generator {self.name!r}, of {len(known)}."
                f"{suggest(self.name, known)}"
            )
        if not factory.has_curriculum(self.name):
            raise ConfigError(f"reasoning-gym's {self.name!r} has no curriculum to make it harder.")

    def question(self, rng: np.random.Generator, shifted: bool) -> Question:
        """The first that the generator makes of a seed."""
        level = self.level + (self.harder if shifted else 0)
        generator = _generator(self.name, level, int(rng.integers(2**31)))
        entry = generator[0]
        return Question(_plain(entry["question"]), _plain(entry["answer"]), (generator, entry))

    def score(self, question: Question, answer: str) -> float:
        """As the generator scores it."""
        generator, entry = question.data
        return float(generator.score_answer(answer, entry))

    def fits(self, problem: Told, split: str) -> Bool[Array, ""]:
        """One text in eight is held out, and of these every other is for the harder split."""
        asked = self.identity(problem)
        held_out, harder = asked % HELD_OUT == 0, asked // HELD_OUT % 2 == 1
        wanted = {"train": ~held_out, "test": held_out & ~harder, "shifted": held_out & harder}
        return jnp.asarray(wanted[split])


@functools.lru_cache
def named(name: str) -> type[ReasoningGym]:
    """The class of the generator `name`. The package is needed only to make one."""
    names = {"name": name, "__doc__": f"{name}. {ReasoningGym.__doc__}", "__module__": __name__}
    return type(f"ReasoningGym({name})", (ReasoningGym,), names)


def _factory() -> ModuleType:
    seeded.package("reasoning_gym", extra="reasoning")
    return seeded.package("reasoning_gym.factory", extra="reasoning")


def _generator(name: str, level: int, seed: int) -> Any:
    factory = _factory()
    dataset, steps = factory.DATASETS[name][0], factory.create_curriculum(name)
    steps.set_global_level(level)  # beyond an attribute's last level it stays there
    return dataset(config=steps.generate_configuration({"seed": seed, "size": 1}))


def _plain(text: Any) -> str:
    """In ASCII without tabs: what has no character there becomes a question mark."""
    return str(text).replace("\t", " ").replace("\r", "").encode("ascii", "replace").decode()
