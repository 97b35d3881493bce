"""What a language model is timed at: sampling from it, and one whole step of GRPO."""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, UInt32

from cairn.core.axes import COLUMNS
from cairn.core.vocabulary import BOS, EOS, SEP
from cairn.engine import devices
from cairn.engine.devices import WHOLE, along, over
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt, TokenTask, Verdict
from cairn.nn.language.block import Shape
from cairn.nn.language.decode import sample
from cairn.nn.language.size import Size
from cairn.nn.language.transformer import Transformer
from cairn.runs.presets import experiment

SIZES = {
    "0.4M": Size(),
    "10M": Size(width=384, layers=6, heads=6, kv_heads=6, head_width=64, inner=1024),
    "tiny": Size(width=8, layers=1, heads=2, kv_heads=2, head_width=4, inner=8),
}
"""Models by name. `tiny` is there to see that it works."""
WORDS = 60
"""Symbols of the task, besides those that are reserved."""


class Letters(NamedTuple):
    """A problem: what is shown, which asks for nothing."""

    shown: Int[Array, " n"]


class Letter(TokenTask):
    """Write the letter `w0` as often as you can: prompts and answers of any length."""

    shown: int = eqx.field(static=True, default=30)
    """Symbols of a prompt, besides its beginning and its end."""
    longest: int = eqx.field(static=True, default=32)
    """Symbols of an answer, its end counted."""

    @property
    def graded(self) -> bool:
        """Quality is a share."""
        return True

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """w0, w1, ..."""
        return tuple(f"w{number}" for number in range(WORDS))

    @property
    def prompt_length(self) -> int:
        """With beginning and end."""
        return self.shown + 2

    @property
    def answer_length(self) -> int:
        """As asked."""
        return self.longest

    def draw(self, key: Key[Array, ""], shifted: bool) -> Letters:
        """Any symbols."""
        low, high = (WORDS // 2, WORDS) if shifted else (0, WORDS // 2)
        return Letters(jax.random.randint(key, (self.shown,), low, high) + SEP + 1)

    def identity(self, problem: Letters) -> UInt32[Array, ""]:
        """All of them."""
        return layout.digest(problem.shown)

    def prompt(self, problem: Letters) -> Prompt:
        """BOS, the symbols, SEP."""
        ids = jnp.concatenate([jnp.array([BOS]), problem.shown, jnp.array([SEP])])
        return Prompt(ids.astype(jnp.int32), jnp.int32(self.prompt_length))

    def demonstration(self, problem: Letters, key: Key[Array, ""]) -> Int[Array, " T"]:
        """Nothing but w0."""
        return jnp.full(self.longest, SEP + 1, jnp.int32).at[-1].set(EOS)

    def verify(self, problem: Letters, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """The share of w0 among all symbols there is room for."""
        good = jnp.sum((tokens == SEP + 1).astype(jnp.float32)) / (self.longest - 1)
        quality = jnp.minimum(good, 1.0)
        right = jnp.full(tokens.shape, quality == 1)
        step = jnp.zeros(tokens.shape, jnp.int32)
        return Verdict(quality, quality == 1, layout.digest(tokens), step, right)


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """The work `sample` or `grpo` of a request."""
    return sampling(request) if request["work"] == "sample" else stepping(request)


def shape(name: str) -> Shape:
    """The model of a size, with the task's vocabulary and the two conditions of every run."""
    return SIZES[name].shape(WORDS + SEP + 1 + 2)


def sampling(request: dict[str, Any]) -> dict[str, Any]:
    """Answers of exactly `longest` tokens: nothing ends one."""
    form, P, G = shape(request["size"]), request["prompts"], request["group"]
    model = jax.jit(lambda key: Transformer.init(key, form))(jax.random.key(0))
    rng = np.random.default_rng(0)
    prompt = rng.integers(SEP + 1, WORDS, (P, request["shown"] + 2)).astype(np.int32)
    prompt, lengths = jnp.asarray(prompt), jnp.full(P, prompt.shape[1], jnp.int32)

    # Shared by devices as a run's prompts are.
    mesh = devices.plan(devices.usable(1, P), 1, P).columns
    by = partial(sample, group=G, limit=request["longest"], temperature=1.0, stop=(-1,))
    rows = along(COLUMNS)
    everywhere = over(mesh, by, (WHOLE, rows, rows, rows, WHOLE), rows)

    @jax.jit
    def work(model: Transformer, key: Key[Array, ""]) -> Array:
        said = everywhere(model, prompt, lengths, jnp.arange(P, dtype=jnp.int32), key)
        return jnp.sum(said.mask)

    done = {"tokens": 0}

    def run() -> None:
        for _ in range(request["amount"]):
            key = jax.random.fold_in(jax.random.key(1), done["tokens"])
            done["tokens"] += int(work(model, key))

    return {"parameters": parameters(model), "run": run, "count": lambda: dict(done)}


def stepping(request: dict[str, Any]) -> dict[str, Any]:
    """Whole steps of GRPO, as `cairn train` takes them, one compiled call each."""
    size = SIZES[request["size"]]
    chosen = experiment(
        "cairn.bench.language_work:Letter",
        method="grpo",
        shown=request["shown"],
        longest=request["longest"],
        model=vars(size),
        prompts=request["prompts"],
        group=request["group"],
        reward="quality",
        steps=10**12,
        log_every=1,
        evaluate_every=0,
    )
    compiled = chosen.compiled()
    state = [jax.block_until_ready(compiled.init())]
    compiled = compiled.ready(state[0])
    done = {"answers": 0}

    def run() -> None:
        for _ in range(request["amount"]):
            state[0], _ = jax.block_until_ready(compiled.advance(state[0]))
            done["answers"] += request["prompts"] * request["group"]

    def sampled() -> dict[str, float]:
        return {"tokens": float(np.sum(state[0].ledger.totals()["tokens_sampled"]))}

    return {
        "parameters": parameters(jax.tree.map(lambda leaf: leaf[0], state[0].student.model)),
        "run": run,
        "count": lambda: dict(done),
        "outcome": sampled,
    }


def parameters(model: Transformer) -> int:
    """How many numbers it is made of."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_array)))


class Cost(NamedTuple):
    """Floating-point operations of the products of one batch, two for each multiply-add."""

    sampled: float
    learned: float

    def of(self, work: str) -> float:
        """Of sampling alone, or of a whole step."""
        return self.sampled + (self.learned if work == "grpo" else 0.0)


def cost(size: str, prompts: int, group: int, shown: int, longest: int) -> Cost:
    """What the mathematics needs: a prompt once a group, an answer's last token never read.

    A gradient takes twice the operations of what it is of.
    """
    form, Tp = shape(size), shown + 2
    width, head = form.width, form.heads * form.head_width
    both = 2 * form.kv_heads * form.head_width
    layer = 2 * (width * (head + both) + head * width + 3 * width * form.inner)
    across = lambda seen: 4 * head * seen  # scores and their sum  # noqa: E731
    each = prompts * group
    reading = form.layers * prompts * (Tp * layer + across(Tp * (Tp + 1) / 2))
    seen = sum(Tp + place + 1 for place in range(longest - 1))
    writing = form.layers * each * ((longest - 1) * layer + across(seen))
    logits = 2 * width * form.vocabulary
    sampled = reading + writing + logits * (prompts + each * (longest - 1))
    forward = reading + writing + logits * each * longest
    return Cost(sampled, 3.0 * forward)
