"""Improve any text against any function, from Python: `cairn.optimise(text, evaluate, ...)`."""

import inspect
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount
from cairn.core.errors import ConfigError
from cairn.core.redact import printable
from cairn.core.typed import plain
from cairn.lm.cast import Player
from cairn.lm.client import Clients
from cairn.lm.scripted import source_digest
from cairn.lm.spend import Spend
from cairn.research.evaluation import Graded, Problem
from cairn.research.grading import digest
from cairn.research.node import OURS, Tree
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
    faults: Mapping[str, int]
    """Texts that `evaluate` failed at, and those that no model answered, by kind: no writer learns
    anything from them."""


@dataclass(frozen=True)
class _Function:
    """A function as an evaluator."""

    function: Evaluate
    larger_is_better: bool
    first: str

    async def __call__(self, text: str, split: str, clients: Clients) -> Graded:
        try:
            found: Any = self.function(text)
            if inspect.isawaitable(found):
                found = await found
        except Exception as error:
            self._refuse(text, f"raised {type(error).__name__}: {error}", error)
            raise
        if isinstance(found, Graded):
            return found
        pair: Any = found if isinstance(found, tuple) and len(found) == 2 else (found, "")
        score: Any = pair[0]  # what kind of number it is `grades.checked` looks at
        if score is not None and not hasattr(score, "__float__"):
            what = f"gave {found!r}, expected a number, a number and words, or None"
            self._refuse(text, what, None)
        return Graded(score, "ok" if score is not None else "invalid", str(pair[1]))

    def _refuse(self, text: str, what: str, error: Exception | None) -> None:
        """At the text to begin with a fault is the function's: nothing else is worth paying for."""
        if text == self.first:
            said = printable(" ".join(what.split()))[:300]
            raise ConfigError(f"optimise: evaluate {said}, on the text to begin with.") from error


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
        trials: nodes of the tree, the first among them; at least 1.
        run, limits, seed, show: as in `cairn.search`.
        workers: how many are evaluated at a time.

    Raises what `cairn.search` raises, and ConfigError where `evaluate` raises, or gives no score,
    for the text to begin with. Where it does for a later text, that is counted in `faults`.
    """
    if not isinstance(text, str):
        raise ConfigError(f"optimise: the text must be a string, got {type(text).__name__}.")
    if not callable(evaluate):
        raise ConfigError(f"optimise: evaluate must be a function, got {evaluate!r}.")
    if trials < 1:
        raise ConfigError(f"optimise: trials must be at least 1, got {trials}.")
    if not re.fullmatch(r"\w[\w +#.-]{0,39}", language):
        raise ConfigError(
            f'optimise: language must be "python", "text" or a few other words for what the text '
            f"is, got {language!r}."
        )
    asking = asking or Asking()
    problem = Problem(
        name=getattr(evaluate, "__name__", "evaluate"),
        description=description,
        evaluator=_Function(evaluate, larger_is_better, text),
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
    faults = Counter(node.outcome for node in found.state.tree if node.outcome in OURS)
    if show is True and faults:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()))
        print(f"without a score by no fault of their own: {kinds}", file=sys.stderr)
    return Optimised(
        text if best is None else best.text,
        None if best is None else best.score,
        found.state.tree,
        found.path,
        found.stopped,
        found.spent,
        faults,
    )
