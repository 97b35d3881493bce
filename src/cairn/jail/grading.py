"""A score from a grader that the candidate cannot reach.

The candidate has ended before its grader begins. The grader is another program in another jail: it
sees the files that the candidate was asked for, as bytes that were read without following a link,
and the labels, which no candidate's jail ever held. It leaves numbers, which are read by schema.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cairn.jail import results, running
from cairn.jail.outcome import NOTHING, JailError, Limits, Outcome

SCORE = "score.json"
"""What a grader writes: an object of numbers, or `{"invalid": "why"}` for a bad submission."""
SUBMISSION = "submission"
"""Folder in which a grader finds the candidate's files."""


class Grade(NamedTuple):
    """Scores, or whose fault it is that there are none."""

    scores: Mapping[str, float]
    """Empty if there is no score: never a 0 that nobody earned."""
    fault: str
    """Why there is no score; empty if there is one."""
    whose: str
    """`candidate`, `grader`, `jail`, or empty. Only the candidate's is for a model to see."""
    grader: Outcome | None
    """What became of the grader, if it ran."""


def grade(
    grader: Sequence[str] | str,
    candidate: Outcome,
    *,
    expects: Sequence[str],
    fields: Mapping[str, tuple[float, float]],
    files: Mapping[str, bytes | str | Path] = NOTHING,
    readonly: Mapping[str, Path] = NOTHING,
    limits: Limits = Limits(),  # noqa: B008 (a tuple)
    tier: int | None = None,
) -> Grade:
    """Grade what a candidate left.

    `grader`: a command, or Python source, as in `run`. `expects`: files without which nothing is
    graded. `fields`: numbers that the grader must write to `score.json`, with the least and the
    greatest that can be. `files` and `readonly` (labels) are for the grader alone.
    """
    early = _before(candidate, expects)
    if early is not None:
        return early
    how = _how(candidate, expects, files, readonly, limits, tier)
    return _after(running.run(grader, **how), fields)


async def agrade(
    grader: Sequence[str] | str,
    candidate: Outcome,
    *,
    expects: Sequence[str],
    fields: Mapping[str, tuple[float, float]],
    files: Mapping[str, bytes | str | Path] = NOTHING,
    readonly: Mapping[str, Path] = NOTHING,
    limits: Limits = Limits(),  # noqa: B008 (a tuple)
    tier: int | None = None,
) -> Grade:
    """As `grade`, for many at once."""
    early = _before(candidate, expects)
    if early is not None:
        return early
    how = _how(candidate, expects, files, readonly, limits, tier)
    return _after(await running.arun(grader, **how), fields)


def _before(candidate: Outcome, expects: Sequence[str]) -> Grade | None:
    """A grade that needs no grader."""
    if candidate.kind == "jail_error":
        return Grade({}, candidate.reason, "jail", None)
    if candidate.kind != "ok":
        return Grade({}, f"{candidate.kind}: {candidate.reason}", "candidate", None)
    missing = [name for name in expects if name not in candidate.files]
    if missing:
        return Grade({}, candidate.reason or f"{missing[0]} is missing", "candidate", None)
    return None


def _how(
    candidate: Outcome,
    expects: Sequence[str],
    files: Mapping[str, bytes | str | Path],
    readonly: Mapping[str, Path],
    limits: Limits,
    tier: int | None,
) -> dict[str, Any]:
    handed = {f"{SUBMISSION}/{name}": candidate.files[name] for name in expects}
    if clash := handed.keys() & {*files, *readonly}:
        raise JailError(f"The grader's own files cannot be called {sorted(clash)[0]}.")
    return {
        "files": {**files, **handed},
        "readonly": readonly,
        "back": [SCORE],
        "limits": limits,
        "tier": tier,
    }


def _after(found: Outcome, fields: Mapping[str, tuple[float, float]]) -> Grade:
    """Read what the grader wrote."""
    if found.kind == "jail_error":
        return Grade({}, found.reason, "jail", found)
    if found.kind != "ok":
        last = found.stderr.strip().rpartition("\n")[2]
        return Grade({}, f"{found.kind}: {last or found.reason}", "grader", found)
    if SCORE not in found.files:
        return Grade({}, found.reason, "grader", found)
    try:
        invalid = results.plain(found.files[SCORE]).get("invalid")
        if isinstance(invalid, str):
            return Grade({}, invalid[:500], "candidate", found)
        return Grade(results.numbers(found.files[SCORE], fields), "", "", found)
    except results.ResultError as error:
        return Grade({}, str(error), "grader", found)
