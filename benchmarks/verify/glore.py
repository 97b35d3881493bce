"""Refining drafts: when by an outcome model, where by a stepwise one, and is it worth its tokens?

    uv run python benchmarks/verify/glore.py [--tiny] [--seeds 5] [--results DIR]

Sums of four digits with every sum on the way: a step is a line, and the first wrong one is known.
From one start: an outcome model (ORM), a stepwise one (SORM), a global and a local refiner, each
from equal sampled tokens. Then a likeliest draft is kept where the ORM believes in it; else a
global refinement and a local one, from before the step that the SORM doubts, stand beside it, and
the ORM takes the best. Against it: the draft and two samples, reranked by the same ORM. Tokens
sampled are told of each. All seeds in one program; JSON by part, kept, so it may be stopped.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from language_studies import Study, gain, last, load, mean, model, problems, said, study

from cairn.core.vocabulary import EOS
from cairn.engine.compiled import over_seeds
from cairn.envs.tokens.addition import Addition
from cairn.envs.tokens.protocol import Prompt
from cairn.improve import drafts, parts, reward_model, steps, testing
from cairn.improve.cloning import upto_end, written
from cairn.improve.config import Config
from cairn.improve.parts import Problem
from cairn.improve.reward_model import RewardModel
from cairn.nn.language.transformer import Transformer

TASK: dict[str, Any] = {"digits": 1, "operands": 4, "scratch": True}
SIZE = model(64)
START = TASK | SIZE | {"steps": 190_000, "sft_learning_rate": 2e-3, "log_every": 20}
COMMON = TASK | SIZE | {"steps": 100_000, "log_every": 5, "prompts": 32, "group": 8}
PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "orm": ("orm", {"reward_model_epochs": 2}),
    "sorm": ("sorm", {"tries": 4, "reward_model_epochs": 2}),
    "global": ("refine", {"where": "global", "learning_rate": 1e-3}),
    "local": ("refine", {"where": "local", "tries": 4, "learning_rate": 1e-3}),
}
EVERY = 256
"""Problems that are tested."""


class Models(NamedTuple):
    """One seed's, all from the same start."""

    start: Transformer
    whole: Transformer
    """The global refiner."""
    local: Transformer
    orm: RewardModel
    sorm: RewardModel


def tried(problem: Problem, config: Config, models: Models, asked: Any) -> dict[str, Array]:
    """Every way to answer test problems: which are right, and tokens sampled, means over P."""
    config, key = testing.verified(config), jax.random.key(5)
    prompt = parts.shown(problem, config, asked)
    likeliest = partial(parts.answer, problem, config, group=1, temperature=0.0)
    drawn = likeliest(models.start, asked, prompt, key)
    draft, length = drawn.rollouts.tok[:, 0], drawn.rollouts.length[:, 0].astype(jnp.int32)
    cut = doubted(models.sorm, drawn.rollouts)
    new = likeliest(models.whole, asked, drafts.shown(problem, prompt, draft, length), key)
    on = likeliest(models.local, asked, drafts.shown(problem, prompt, draft, length, cut), key)
    mended, _ = drafts.whole(draft, cut, on.rollouts.tok, on.rollouts.mask)
    fresh = parts.answer(problem, config, models.start, asked, prompt, key, group=3)

    tokens = jnp.concatenate([drawn.rollouts.tok, new.rollouts.tok, mended], axis=1)
    tokens = jnp.concatenate([tokens, fresh.rollouts.tok], axis=1)
    right, score = scored(problem, models.orm, asked, prompt, tokens)
    sampled = [part.rollouts.length for part in (drawn, new, on, fresh)]
    cost = jnp.concatenate(sampled, axis=1)
    return told(right, score, cost)


def doubted(sorm: RewardModel, rollouts: Any) -> Array:
    """Tokens before the first step that it thinks cannot be brought to a right end; where it
    believes in all of them, before the one it believes in least."""
    logit, seg = reward_model.readings(sorm, rollouts)[:, 0], rollouts.seg[:, 0]
    at = steps.ends(seg, rollouts.length[:, 0].astype(jnp.int32))
    bad = at & (logit < 0)
    least = jnp.argmin(jnp.where(at, logit, jnp.inf), axis=1).astype(jnp.int32)
    where = jnp.where(jnp.any(bad, axis=1), jnp.argmax(bad, axis=1).astype(jnp.int32), least)
    return steps.first(seg == jnp.take_along_axis(seg, where[:, None], axis=1))


def scored(
    problem: Problem, orm: RewardModel, asked: Any, prompt: Prompt, tokens: Array
) -> tuple[Array, Array]:
    """Of answers (P, n, T): whether each is right, and what the outcome model says."""
    mask = upto_end(problem.vocabulary, tokens)
    rollouts = written(prompt.ids, prompt.length, tokens, mask)
    length = rollouts.length.astype(jnp.int32)
    verify = jax.vmap(jax.vmap(problem.task.verify, in_axes=(None, 0, 0)))
    ended = jnp.any(tokens == EOS, axis=2)
    score = reward_model.reward(orm, rollouts)
    return verify(asked, tokens, length).correct, jnp.where(ended, score, -jnp.inf)


def told(right: Array, score: Array, cost: Array) -> dict[str, Array]:
    """Figures by way of answering; the axis is draft, global, local, three samples."""
    share = lambda flags: jnp.mean(flags.astype(jnp.float32))  # noqa: E731
    price = lambda *which: jnp.mean(sum(cost[:, one] for one in which))  # noqa: E731
    believed = score[:, 0] >= 0

    def best(*which: int) -> Array:
        these = jnp.array(which, jnp.int32)
        chosen = jnp.argmax(score[:, these], axis=1)
        return jnp.take_along_axis(right[:, these], chosen[:, None], axis=1)[:, 0]

    when = lambda then: jnp.where(believed, right[:, 0], then)  # noqa: E731
    asked_again = share(~believed)
    more = lambda *which: jnp.mean(jnp.where(believed, 0.0, sum(cost[:, one] for one in which)))  # noqa: E731
    ways = {
        "draft": (right[:, 0], price(0)),
        "global, always": (right[:, 1], price(0, 1)),
        "local, always": (right[:, 2], price(0, 2)),
        "global where doubted": (when(right[:, 1]), price(0) + more(1)),
        "local where doubted": (when(right[:, 2]), price(0) + more(2)),
        "best of draft, global, local where doubted": (when(best(0, 1, 2)), price(0) + more(1, 2)),
        "best of draft, global": (best(0, 1), price(0, 1)),
        "best of draft, local": (best(0, 2), price(0, 2)),
        "best of draft, global, local": (best(0, 1, 2), price(0, 1, 2)),
        "best of draft, 1 sample": (best(0, 3), price(0, 3)),
        "best of draft, 2 samples": (best(0, 3, 4), price(0, 3, 4)),
        "best of draft, 2 samples where doubted": (when(best(0, 3, 4)), price(0) + more(3, 4)),
        "best of 3 samples": (best(3, 4, 5), price(3, 4, 5)),
        "any of draft, global, local": (jnp.any(right[:, :3], axis=1), price(0, 1, 2)),
        "any of draft, 2 samples": (right[:, 0] | right[:, 3] | right[:, 4], price(0, 3, 4)),
    }
    wrong = ~right[:, 0]
    mean_of = lambda flags: parts.masked_mean(flags.astype(jnp.float32), wrong)  # noqa: E731
    found = {f"{name}: right": share(flags) for name, (flags, _) in ways.items()}
    found |= {f"{name}: tokens": tokens for name, (_, tokens) in ways.items()}
    return found | {
        "doubted": asked_again,
        "wrong drafts mended, global": mean_of(right[:, 1]),
        "wrong drafts mended, local": mean_of(right[:, 2]),
        "right drafts spoiled, global": parts.masked_mean(
            (~right[:, 1]).astype(jnp.float32), ~wrong
        ),
        "right drafts spoiled, local": parts.masked_mean(
            (~right[:, 2]).astype(jnp.float32), ~wrong
        ),
    }


def answers(this: Study) -> dict[str, Any]:
    """Every way to answer, lists over seeds."""
    start, number = load(this.runs / "scratch-start"), 4 if this.tiny else EVERY
    made = {name: load(this.runs / f"glore-{name}").state for name in PARTS}
    models = Models(
        start.state.student.model,
        made["global"].student.model,
        made["local"].student.model,
        made["orm"].reward_model.params,
        made["sorm"].reward_model.params,
    )
    one = partial(tried, start.problem, start.config)
    every = jax.jit(lambda models, asked: over_seeds(one, this.seeds)(models, asked))
    found = jax.device_get(every(models, problems(Addition(**TASK), number)))
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def main() -> None:
    """Measure what is missing, then say what was found."""
    this = study(__doc__, __file__, "glore")
    made = {}
    for name in PARTS:
        made[name] = this.result(name, partial(part, this, name))
    found = this.result("answers", lambda: {"found": answers(this)})
    if found and all(made.values()):
        this.tell(described(made, found["found"]))


def part(this: Study, name: str) -> dict[str, Any]:
    """A model of rewards, or a refiner."""
    this.train("scratch-start", "addition", "sft", START)
    method, more = PARTS[name]
    run = this.train(f"glore-{name}", "addition", method, COMMON | more, start="scratch-start")
    tests, ledger = last(run)["evaluation"], last(run)["ledger"]
    return {"tests": tests, "ledger": ledger, "settings": load(run).experiment.to_dict()}


def described(made: dict[str, Any], found: dict[str, Any]) -> str:
    """Tables for the page."""
    lines = [
        "| model | answers told apart (AUROC) | steps | first error found |",
        "|---|---|---|---|",
    ]
    for name in ("orm", "sorm"):
        told = made[name]["tests"]["test"]
        words = [said(mean(told[what])) for what in ("final_auroc", "step_auroc", "first_error")]
        lines.append("| " + " | ".join([name, *words]) + " |")
    lines += ["", "| answers | right | over the draft | over best of draft, 2 samples | tokens |"]
    lines.append("|---|---|---|---|---|")
    ways = [name[: -len(": right")] for name in found if name.endswith(": right")]
    ways.sort(key=lambda way: np.mean(found[f"{way}: tokens"]))
    base, rival = found["draft: right"], found["best of draft, 2 samples: right"]
    for way in ways:
        right = found[f"{way}: right"]
        over = [said(gain(right, other), "+") for other in (base, rival)]
        tokens = f"{np.mean(found[f'{way}: tokens']):.1f}"
        lines.append("| " + " | ".join([way, f"{np.mean(right):.3f}", *over, tokens]) + " |")
    lines.append("")
    rest = [name for name in found if ":" not in name]
    lines += [f"{name}: {said(mean(found[name]))}" for name in rest]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
