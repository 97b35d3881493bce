"""A world in words: what a language model reads at a turn, and what it may answer.

A prompt has a fixed number of words, in fixed places; a place without a word holds `.`. It says
what is seen, then `:`, then what remains of the plan in force, its next step last. An answer is an
action's word, or a new plan and then the action: `plan w w ; action`. So the decision to plan is
the answer's first word, as in Paglieri et al. 2025, Learning When to Plan. A world also has a
teacher, which plans and acts by rules; answers to imitate are its.

All methods are of one episode and pure: jit and vmap them.
"""

from typing import Protocol, TypeVar, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.vocabulary import RESERVED
from cairn.nn.language.tokens import Symbols

State = TypeVar("State")
COMMON = (*RESERVED, "plan", ";", ".", ":")
"""What every world's vocabulary begins with."""
PLAN, END, NONE, ASK = range(len(RESERVED), len(COMMON))
"""Ids: a plan begins, a plan ends, nothing stands here, the plan in force follows."""


@runtime_checkable
class TextWorld(Protocol[State]):
    """A world that is read and answered in words of one vocabulary."""

    @property
    def words(self) -> Symbols:
        """The vocabulary, of V words."""
        ...

    @property
    def turns(self) -> int:
        """Limit of an episode."""
        ...

    @property
    def length(self) -> int:
        """Words of a prompt: L."""
        ...

    @property
    def longest(self) -> int:
        """Words of the longest plan, its begin and end not counted: M."""
        ...

    @property
    def plannable(self) -> Bool[Array, " V"]:
        """Words that a plan may be made of."""
        ...

    def begin(self, key: Key[Array, ""]) -> State:
        """A new episode."""
        ...

    def text(self, state: State, plan: Int[Array, " M"]) -> Int[Array, " L"]:
        """What is read, with the plan in force (`NONE` where it has no word)."""
        ...

    def legal(self, state: State) -> Bool[Array, " V"]:
        """Words that are actions here."""
        ...

    def act(
        self, state: State, word: Int[Array, ""], key: Key[Array, ""]
    ) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
        """The state after an action, its reward, and whether the episode is over."""
        ...

    def plan(self, state: State, key: Key[Array, ""]) -> Int[Array, " M"]:
        """The teacher's plan, of at least one word, `NONE` after its last one."""
        ...

    def detour(self, state: State, key: Key[Array, ""]) -> Int[Array, " M"]:
        """Some plan that can be followed here and leads anywhere: for who hands one in."""
        ...

    def advise(self, state: State, plan: Int[Array, " M"], key: Key[Array, ""]) -> Int[Array, ""]:
        """The teacher's action under a plan, its own or another's; or without one."""
        ...


def no_plan(world: TextWorld) -> Int[Array, " M"]:
    """No plan is in force."""
    return jnp.full(world.longest, NONE, jnp.int32)
