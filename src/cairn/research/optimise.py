"""Improve any text against any function, from Python: `cairn.optimise(text, evaluate, ...)`."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount
from cairn.core.errors import ConfigError
from cairn.core.typed import plain
from cairn.lm.cast import Player
from cairn.lm.client import Clients
from cairn.lm.scripted import source_digest
from cairn.lm.spend import Spend
from cairn.research.evaluation import Graded, Problem
from cairn.research.grading import digest
from cairn.research.node import Tree
from cairn.research.policies.table import policy_of
from cairn.research.searching import RESEARCHER, Asking, TreeSearch
from cairn.runs.search import search

Score = float | tuple[float | None, str] | Graded | None
Evaluate = Callable[[str], Score | Awaitable[Score]]


@dataclass(frozen=True)
class Optimised:
    """What came of it."""

    text: str
    """The best text: that to begin with, if nothing was better."""
    score: float | None
    """As `evaluate` gave it, on the evaluations that the search saw: partly luck."""
    tree: Tree
    path: Path
    """The run's directory: give it as `run` to go on."""
    stopped: str
    """"finished", or the limit that ended it."""
    spent: Amount


@dataclass(frozen=True)
class _Function:
    """A function as an evaluator."""

    function: Evaluate
    larger_is_better: bool

    async def __call__(self, text: str, split: str, clients: Clients) -> Graded:
        found: Any = self.function(text)
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, Graded):
            return found
        score, feedback = found if isinstance(found, tuple) else (found, "")
        return Graded(score, "ok" if score is not None else "invalid", str(feedback))


def optimise(
    text: str,
    evaluate: Evaluate,
    *,
    models: Mapping[str, Any] | Player,
    description: str = "Improve the text.",
    larger_is_better: bool = True,
    language: str = "text",
    policy: str = "greedy",
    settings: Mapping[str, Any] | None = None,
    asking: Asking | None = None,
    trials: int = 30,
    run: Path | str | None = None,
    limits: Spend | Mapping[str, Any] | None = None,
    seed: int = 0,
    workers: int = 4,
    show: bool = True,
) -> Optimised:
    """Improve a text by a tree search; a run that exists is gone on with.

    Every answer and every evaluation is journaled: killed anywhere and called again with the same
    arguments, it pays for nothing twice.

    Args:
        text: to begin with: the tree's first node. "" to begin with drafts.
        evaluate: a function, async or not, from a text to its score; or to a score and what the
            next writer may read of it; None for no score. It runs in this process: a program that
            a model wrote belongs in `cairn.jail`.
        models: who writes: a model, or a table of roles with `researcher`, as in `cairn.search`.
        description: the task in words.
        larger_is_better: of the score.
        language: "text", or "python", which is parsed before it is evaluated; or another word for
            what the text is, as it is said to the model.
        policy, settings: where the search goes on; see docs/search.md.
        asking: operators, memory and roles.
        trials: nodes of the tree, the first among them.
        run, limits, seed, show: as in `cairn.search`.
        workers: how many are evaluated at a time.

    Raises what `cairn.search` raises.
    """
    if not isinstance(text, str):
        raise ConfigError(f"optimise: the text must be a string, got {type(text).__name__}.")
    if not callable(evaluate):
        raise ConfigError(f"optimise: evaluate must be a function, got {evaluate!r}.")
    asking = asking or Asking()
    problem = Problem(
        name=getattr(evaluate, "__name__", "evaluate"),
        description=description,
        evaluator=_Function(evaluate, larger_is_better),
        language=language,
        initial=text,
        fingerprint=source_digest(evaluate),
    )
    tree = TreeSearch(problem, policy_of(policy, settings), asking=asking, seed=seed)
    found = search(
        tree,
        models=models if isinstance(models, Mapping) else {RESEARCHER: models},
        trials=trials,
        run=run,
        limits=limits,
        seed=seed,
        lag=2 * workers,
        workers=workers,
        settings={
            "policy": policy, "settings": dict(settings or {}), "asking": plain(asking),
            "evaluate": problem.fingerprint, "text": digest(text), "language": language,
            "description": description, "larger_is_better": larger_is_better,
        },
        show=show,
    )  # fmt: skip
    best = found.state.tree.best()
    return Optimised(
        text if best is None else best.text,
        None if best is None else best.score,
        found.state.tree,
        found.path,
        found.stopped,
        found.spent,
    )
