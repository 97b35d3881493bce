"""How does the language model of a run answer, next to how it began? At the newest checkpoint."""

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from cairn.core import hosted
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.rundir import RunDir
from cairn.engine.program import Answered, Questions
from cairn.evaluation.behaviour import Answers
from cairn.evaluation.behaviour_report import Seen, summary
from cairn.evaluation.passing import Until, pass_until
from cairn.runs.open import Run, one_seed, open_run

NAME = "behaviour"
RESULT = f"{NAME}.json"
"""Where a run's newest report lies, for `cairn view` and `cairn show`."""
PASSES = 2
"""Correct answers until which a problem is asked again: of fewer there is no unbiased estimate."""
WHO = ("model", "start")

Advance = Callable[[str, int, int], None]
"""(who is asked what, how many such are behind, how many in all)."""
Ask = Callable[[Any, Any, Any, Any], Answered]
"""(a seed's state, whether as it began, P problems, key) -> n answers to each."""


@hosted.told()
def behaviour(
    run: Run | Path | str,
    *,
    problems: int = 64,
    answers: int = 16,
    draws: int = 64,
    seed: int = 0,
    advance: Advance = lambda what, behind, total: None,
) -> dict[str, Any]:
    """Ask the model of a run, and the one it began as, for `answers` to each of `problems`.

    Both get the same problems of each held-out split, which are those of every run of the task, and
    the same random numbers; answers are sampled at temperature 1. Where fewer than two of a
    problem's answers are correct it is asked again, up to `draws` times in all: PassUntil. Returns
    plain values for JSON: see `cairn.evaluation.behaviour.figures` for the figures. Reading changes
    nothing, and the ledger does not count it: `tokens_sampled` says what it took, by seed.

    Raises ConfigError where nobody verifies answers, or for numbers that cannot be.
    """
    run = run if isinstance(run, Run) else open_run(run)
    asked = questions_of(run)
    for name, value, least in (("problems", problems, 1), ("answers", answers, 2)):
        if value < least:
            raise ConfigError(f"{name} must be at least {least}, got {value}.")
    if draws < answers:
        raise ConfigError(f"draws must be at least answers ({answers}), got {draws}.")
    root = stream(jax.random.key(seed), "behaviour")
    sets = {split: _problems(asked, split, stream(root, split), problems) for split in asked.splits}
    ask: Ask = jax.jit(
        lambda state, begun, some, key: asked.answer(state, begun, some, key, answers)
    )
    spent = [0 for _ in run.seeds]
    seen: dict[str, dict[str, list[Seen]]] = {who: {s: [] for s in sets} for who in WHO}
    total, behind = len(run.seeds) * len(WHO) * len(sets), 0
    for place, trained in enumerate(run.seeds):
        state = one_seed(run.state, place)
        for who in WHO:
            for split, some in sets.items():
                advance(f"{who} on {split}", behind, total)
                key = jax.random.fold_in(stream(root, f"answers to {split}"), jnp.uint32(trained))
                own = partial(ask, state, jnp.bool_(who == "start"))
                found, tokens = look(own, some, key, draws)
                seen[who][split].append(found)
                spent[place] += tokens
                behind += 1
    return {
        "run": str(run.directory.path),
        "environment": run.experiment.task,
        "method": run.experiment.method,
        "seeds": run.seeds,
        "ledger": run.state.ledger.totals(),
        "problems": problems,
        "answers": answers,
        "draws": draws,
        "temperature": 1.0,
        "behaviour_seed": seed,
        "tokens_sampled": spent,
        **{who: summary(rows, asked.vocabulary) for who, rows in seen.items()},
    }


def look(
    ask: Callable[[Any, Any], Answered], problems: Any, key: Any, draws: int
) -> tuple[Seen, int]:
    """Answers to P problems, and more to those of too few correct ones; also the tokens it took.

    Further answers are asked for P problems at a time, the same program again: those that are left
    take turns in the rows. What comes after a problem's second correct answer counts nowhere, so it
    does not matter how many came at once.
    """
    first = Answers(**jax.device_get(ask(problems, jax.random.fold_in(key, 0)))._asdict())
    tokens, passed = int(first.mask.sum()), list(first.correct)
    for number in itertools.count(1):
        left = [row for row, told in enumerate(passed) if told.sum() < PASSES and len(told) < draws]
        if not left:
            break
        rows = np.resize(left, len(passed))
        again = jax.tree.map(lambda leaf, rows=rows: leaf[rows], problems)
        said = jax.device_get(ask(again, jax.random.fold_in(key, number)))
        tokens += int(said.mask.sum())
        for row, told in zip(rows, said.correct, strict=True):
            passed[row] = np.append(passed[row], told)[:draws]
    return Seen(first, _until(passed)), tokens


def at_end(directory: RunDir, say: Callable[[str], None]) -> dict[str, Any] | None:
    """The report at the end of a run, kept in it; None where there is none to be made.

    The run itself is complete and saved before, and does not change.
    """
    run = open_run(directory.path)
    asked = run.program.questions
    if asked is None or not asked.answers:
        return None
    if jax.process_count() > 1:
        say(f"How its model answers: cairn behaviour {directory.path}, on one host.")
        return None
    say("Asking its model for a report of its behaviour (Ctrl-C leaves that out) ...")
    report = behaviour(run, problems=asked.problems, answers=asked.answers, draws=asked.draws)
    directory.keep(NAME, report)
    return report


def questions_of(run: Run) -> Questions:
    """How the run's model is asked. Raises ConfigError if it has none, or nobody to verify it."""
    found = run.program.questions
    if found is None:
        raise ConfigError(
            f"{run.directory.path} has no language model whose answers are verified: it is a run "
            f"of {run.experiment.method} on {run.experiment.task}. Expected one such as cairn "
            f"train addition --method grpo makes."
        )
    return found


def _problems(asked: Questions, split: str, key: Any, number: int) -> Any:
    return jax.device_get(jax.jit(lambda key: asked.draw(split, key, number))(key))


def _until(passed: list[Bool[np.ndarray, " _"]]) -> Until:
    """Each problem by itself: those asked again have more answers than others."""
    each = [pass_until(row[None], PASSES) for row in passed]
    return Until(*(np.concatenate(column) for column in zip(*each, strict=True)))
