"""A transformer that decides whether to plan, plans and acts: one answer a turn.

The grammar of answers (`texts`) is kept by masks, in sampling and in learning alike: words that
may not come next have no chance. A turn may be given an order: to plan, not to plan, or neither.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.keys import stream
from cairn.nn.language.block import Shape
from cairn.nn.language.transformer import Transformer
from cairn.research.planning.texts import END, NONE, PLAN, TextWorld

OWN, MUST, MAY_NOT = 0, 1, 2
"""Orders: as it decides; plan; do not plan."""
FIRST, PLANNING, ACTING, OVER = range(4)
"""What a word of an answer is."""


class Speaker(eqx.Module):
    """The model, and a value read off after the prompt."""

    model: Transformer
    value: Float[Array, " D"]

    @staticmethod
    def init(key: Key[Array, ""], world: TextWorld, width: int, layers: int = 2) -> "Speaker":
        """Fresh; heads are 16 wide."""
        heads = max(1, width // 16)
        shape = Shape(world.words.size, width, layers, heads, heads, 16, 3 * width)
        return Speaker(Transformer.init(stream(key, "speaker"), shape), jnp.zeros(width))


class Answers(NamedTuple):
    """Of B rows."""

    said: Int[Array, "B R"]
    """R is M + 3; `NONE` after the action."""
    log_chance: Float[Array, " B"]
    """Of the whole answer."""
    value: Float[Array, " B"]


class Read(NamedTuple):
    """What was answered."""

    planned: Bool[Array, " B"]
    plan: Int[Array, "B M"]
    """`NONE` after its last word, and where none was made."""
    action: Int[Array, " B"]
    words: Int[Array, " B"]
    """Said for the plan: its begin, its words, its end."""


def written(
    plan: Int[Array, "B M"], action: Int[Array, " B"], planned: Bool[Array, " B"]
) -> Int[Array, "B R"]:
    """Answers; `planned` says which begin with their plan."""
    at = jnp.arange(plan.shape[1] + 3)[None]
    end = 1 + (plan != NONE).sum(1, keepdims=True)
    whole = jnp.where(at == 0, PLAN, jnp.pad(plan, ((0, 0), (1, 2))))
    whole = jnp.where(at == end, END, whole)
    whole = jnp.where(at == end + 1, action[:, None], jnp.where(at > end + 1, NONE, whole))
    alone = jnp.where(at == 0, action[:, None], NONE)
    return jnp.where(planned[:, None], whole, alone).astype(jnp.int32)


def read(said: Int[Array, "B R"]) -> Read:
    """The parts of whole answers."""
    planned = said[:, 0] == PLAN
    end = jnp.where(planned, jnp.argmax(said == END, axis=1), -1)
    inside = jnp.arange(1, said.shape[1] - 2)[None] < end[:, None]
    plan = jnp.where(inside, said[:, 1:-2], NONE)
    action = jnp.take_along_axis(said, (end + 1)[:, None], axis=1)[:, 0]
    return Read(planned, plan, action, end + 1)


def allowed(
    world: TextWorld,
    kind: Int[Array, " B"],
    place: Int[Array, ""],
    legal: Bool[Array, "B V"],
    order: Int[Array, " B"],
) -> Bool[Array, "B V"]:
    """Words that may stand at this place of an answer, whose kind is known by what came before."""
    words = jnp.arange(world.words.size)[None]
    kind, order = kind[:, None], order[:, None]
    first = (legal & (order != MUST)) | ((words == PLAN) & (order != MAY_NOT))
    # A plan has a word at least, and `longest` at most: after these it ends.
    inside = world.plannable[None] & (place <= world.longest)
    inside = inside | ((words == END) & (place > 1))
    found = jnp.where(kind == FIRST, first, jnp.where(kind == PLANNING, inside, legal))
    return jnp.where(kind == OVER, words == NONE, found)


def kinds(said: Int[Array, "B R"]) -> Int[Array, "B R"]:
    """What each word is."""
    at = jnp.arange(said.shape[1])[None]
    planned = said[:, :1] == PLAN
    end = jnp.argmax(said == END, axis=1)[:, None]
    after = jnp.where(at <= end, PLANNING, jnp.where(at == end + 1, ACTING, OVER))
    return jnp.where(at == 0, FIRST, jnp.where(planned, after, OVER))


def speak(
    speaker: Speaker,
    world: TextWorld,
    prompts: Int[Array, "B L"],
    legal: Bool[Array, "B V"],
    order: Int[Array, " B"],
    key: Key[Array, ""],
) -> Answers:
    """Answers drawn word by word."""
    model, B = speaker.model.unstacked(), prompts.shape[0]
    prefix, hidden = model.prefill(prompts, jnp.full(B, world.length))
    suffix = model.begin(prefix, group=1, limit=world.longest + 3)

    def word(carry: tuple, place: Array) -> tuple[tuple, Array]:
        suffix, hidden, kind, total = carry
        may = allowed(world, kind, place, legal, order)
        scores = jnp.where(may, model.logits(hidden), -1e9)
        said = jax.random.categorical(stream(key, "word", place), scores)
        chance = jnp.take_along_axis(jax.nn.log_softmax(scores), said[:, None], axis=-1)[:, 0]
        after = jnp.where(said == END, ACTING, PLANNING)
        after = jnp.where((kind == FIRST) & (said == PLAN), PLANNING, after)
        acted = ((kind == FIRST) & (said != PLAN)) | (kind == ACTING) | (kind == OVER)
        after = jnp.where(acted, OVER, after)
        suffix, hidden = model.step(prefix, suffix, said[:, None], place)
        return (suffix, hidden[:, 0], after, total + chance), said

    begin = suffix, hidden, jnp.full(B, FIRST), jnp.zeros(B)
    places = jnp.arange(world.longest + 3, dtype=jnp.int32)
    (_, _, _, total), said = jax.lax.scan(word, begin, places)
    return Answers(said.T.astype(jnp.int32), total, hidden @ speaker.value)


class Weighed(NamedTuple):
    """Answers that were given, as the model sees them now."""

    log_chances: Float[Array, "B R"]
    """Of each word; 0 where only one was possible."""
    entropy: Float[Array, "B R"]
    value: Float[Array, " B"]


def weigh(
    speaker: Speaker,
    world: TextWorld,
    prompts: Int[Array, "B L"],
    legal: Bool[Array, "B V"],
    said: Int[Array, "B R"],
    order: Int[Array, " B"],
) -> Weighed:
    """Chances of answers that were given under these orders, with gradient."""
    lengths = jnp.full(prompts.shape[0], world.length)
    hidden = speaker.model.grouped(prompts, lengths, said[:, None])[:, 0]
    may = jax.vmap(lambda kind, place: allowed(world, kind, place, legal, order), (1, 0), 1)(
        kinds(said), jnp.arange(said.shape[1])
    )
    scores = jnp.where(may, speaker.model.logits(hidden), -1e9)
    logs = jax.nn.log_softmax(scores)
    chosen = jnp.take_along_axis(logs, said[..., None], axis=-1)[..., 0]
    entropy = -(jnp.exp(logs) * jnp.where(may, logs, 0.0)).sum(-1)
    return Weighed(chosen, entropy, hidden[:, 0] @ speaker.value)
