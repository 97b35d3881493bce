"""What a run's ledger counts, and what a comparison holds equal: names and plain integers.

The ledger itself, which counts inside a compiled program, is in `cairn.core.ledger`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

COUNTS: Mapping[str, str] = MappingProxyType(
    {
        "training": "environment steps of rollouts whose traces reach the learner's update",
        "scoring": "environment steps that only score levels",
        "mutation": "environment steps on mutated levels before they enter the archive",
        "demonstrating": "environment steps that play demonstrations again, to know their states",
        "designing": "steps of a teacher in its editor",
        "evaluation": "environment steps of tests during the run, never seen by the learner",
        "updates": "optimiser updates",
        "evaluations": "solutions whose fitness was computed",
        "rows": "rows of a dataset read",
        "tokens_sampled": "tokens drawn from a model",
        "tokens_learned": "tokens that have a weight in a loss that was gone down, once a pass",
        "tokens_tested": "tokens drawn in tests during the run, never seen by the learner",
    }
)
"""The counts there are. A method declares those it keeps; the names mean the same everywhere."""

STEPS = ("training", "scoring", "mutation", "demonstrating", "designing", "evaluation")
"""The counts that are environment steps."""
SPENT = ("training", "scoring", "mutation", "demonstrating", "designing")
"""The environment steps that a comparison must hold equal: all but those of tests."""


def cost(totals: Mapping[str, list[int]]) -> list[int]:
    """What a comparison must hold equal, by seed, from a metrics line's `ledger`.

    Environment steps but those of tests; where a method takes none, its evaluations, tokens, or
    updates.
    """
    return total(totals, held(totals))


def held(names: Iterable[str]) -> tuple[str, ...]:
    """The counts that add up to `cost`, of a ledger of such counts."""
    kept = set(names)
    return tuple(name for name in _held_equal(kept)[1] if name in kept)


def unit(names: Iterable[str]) -> str:
    """What `cost` counts for a ledger of such counts: environment steps, evaluations, tokens …"""
    return _held_equal(names)[0]


def _held_equal(names: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    choices = {
        "environment steps": SPENT,
        "evaluations": ("evaluations",),
        "tokens sampled": ("tokens_sampled",),
        "tokens learned": ("tokens_learned",),
        "updates": ("updates",),
    }
    kept = set(names)
    found = [pair for pair in choices.items() if kept & set(pair[1])]
    return found[0] if found else (min(kept).replace("_", " "), (min(kept),))


def total(totals: Mapping[str, list[int]], names: Iterable[str]) -> list[int]:
    """The sum of some counts by seed, of those there are in a metrics line's `ledger`."""
    columns = [totals[name] for name in names if name in totals]
    return [sum(column) for column in zip(*columns, strict=True)]
