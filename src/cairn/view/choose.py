"""Which runs of a list: by words, by their settings, in an order."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cairn.core.errors import ConfigError, suggest
from cairn.view.summaries import Plain, Summary

OWN: Mapping[str, Callable[[Summary], Plain]] = {
    "name": lambda run: run.name,
    "kind": lambda run: run.kind,
    "command": lambda run: run.command,
    "method": lambda run: run.method,
    "task": lambda run: run.task,
    "seeds": lambda run: run.seeds,
    "state": lambda run: run.state,
    "cost": lambda run: run.cost,
    "progress": lambda run: run.progress,
    "headline": lambda run: None if run.headline is None else run.headline.value,
    "created": lambda run: run.created,
    "updated": lambda run: run.updated,
    "star": lambda run: run.star,
    "note": lambda run: run.note,
    "problem": lambda run: run.problem,
}
"""Fields of a run besides its settings, what it spent (`spent.training`) and `tag`."""
COLUMNS: Mapping[str, str] = {"spent": "cost", "run": "name", "tags": "tag"}
"""Fields by what the columns of the list call them."""
NAMES = ("name", "state", "method", "task", "seeds", "spent", "headline", "updated", "created",
         "tag", "star", "note", "progress", "kind", "command", "problem")  # fmt: skip
"""Fields as they are listed for who names another one."""
SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "~": lambda found, wanted: str(wanted).casefold() in str(found).casefold(),
}
_TERM = re.compile(
    r"""\s*([\w.-]+)\s*(!=|<=|>=|=|<|>|~)\s*("[^"]*"|'[^']*'|[^\s,"']+)\s*(?:,\s*)?"""
)


def search(summaries: Iterable[Summary], text: str) -> list[Summary]:
    """The runs in which every word of `text` occurs: in name, method, task, tags, note and so on.

    Upper and lower case are the same.
    """
    words = text.casefold().split()

    def said(run: Summary) -> str:
        parts = (run.name, run.kind, run.command, run.method, run.task, run.state, *run.tags)
        return "\n".join((*parts, run.note, run.problem)).casefold()

    return [run for run in summaries if all(word in said(run) for word in words)]


def where(summaries: Sequence[Summary], filters: str) -> list[Summary]:
    """The runs for which every filter holds: `method=accel, run.seeds>3 learning_rate=0.001`.

    A filter is FIELD SIGN VALUE with one of = != < <= > >= ~ (contains); a value with spaces
    stands in quotes. A field is one of the run's own (`method`, `task`, `state`, `seeds`, `tag`,
    `star`, `headline`, `spent.training`, ...) or a setting, by its whole dotted name or the end of
    it. A run without the field is left out. Raises ConfigError for what is no filter, and for a
    field that no run has.
    """
    kept = list(summaries)
    place = 0
    while place < len(filters.rstrip()):
        term = _TERM.match(filters, place)
        if term is None:
            raise ConfigError(
                f"expected filters like method=accel, run.seeds>3 (signs: = != < <= > >= ~), got "
                f"{filters[place:].strip()[:60]!r}."
            )
        place = term.end()
        field, sign, text = term.groups()
        if field == "steps" and any("run.steps" in run.config for run in summaries):
            raise ConfigError(
                "steps may be what was spent or what was asked for: write spent or run.steps."
            )
        wanted = _value(text)
        if summaries and not any(values(run, field) for run in summaries):
            raise ConfigError(_unknown(summaries, field))
        kept = [run for run in kept if _holds(values(run, field), sign, wanted)]
    return kept


def order(summaries: Iterable[Summary], key: str) -> list[Summary]:
    """The runs by a field, as in `where`; `-` before it turns the order. Runs without it are last.

    Numbers come before texts; runs that are equal by it stay in the order they had.
    """
    field = key.removeprefix("-")
    with_it, without = [], []
    for run in summaries:
        found = values(run, field)
        (with_it if found and found[0] is not None else without).append(run)

    def rank(run: Summary) -> tuple[bool, float, str]:
        value = values(run, field)[0]
        if isinstance(value, int | float):
            return False, float(value), ""
        return True, 0.0, str(value).casefold()

    return sorted(with_it, key=rank, reverse=key.startswith("-")) + without


def values(run: Summary, field: str) -> list[Plain]:
    """What a run has of a field: several where a short name fits several settings, or of tags."""
    field = COLUMNS.get(field, field)
    if field in OWN:
        return [OWN[field](run)]
    if field == "tag":
        return list(run.tags) or [""]
    if field.startswith("spent."):
        amount = run.spent.get(field.removeprefix("spent."))
        return [] if amount is None else [amount]
    if field in run.config:
        return [run.config[field]]
    return [value for name, value in run.config.items() if name.endswith(f".{field}")]


def _unknown(summaries: Sequence[Summary], field: str) -> str:
    settings = {name for run in summaries for name in run.config}
    spent = {f"spent.{name}" for run in summaries for name in run.spent}
    near = suggest(field, sorted({*NAMES, *settings, *spent}))
    if not near:  # the end of a setting's name will do
        near = suggest(field, sorted({name.rpartition(".")[2] for name in settings}))
    return (
        f"no run has a field {field!r}.{near} Fields are {', '.join(NAMES)}, and every setting by "
        f"its name or the end of it."
    )


def _value(text: str) -> Plain:
    """A value as it is meant: quoted it is a text."""
    if text[0] in "\"'":
        return text[1:-1]
    constants: dict[str, Plain] = {"true": True, "false": False, "none": None, "null": None}
    if text.casefold() in constants:
        return constants[text.casefold()]
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return text


def _holds(found: list[Plain], sign: str, wanted: Plain) -> bool:
    """Whether a filter holds for one of the values; for all of them where they must differ."""
    if sign == "!=":
        return bool(found) and not any(_fits(value, "=", wanted) for value in found)
    return any(_fits(value, sign, wanted) for value in found)


def _fits(value: Plain, sign: str, wanted: Plain) -> bool:
    if sign == "~":
        return SIGNS[sign](value, wanted)
    if isinstance(value, str) and not isinstance(wanted, str) and wanted is not None:
        # A text that looks like a number is compared as what it is.
        value = _value(value) if value else value
    if isinstance(value, str) and isinstance(wanted, str):
        return SIGNS[sign](value.casefold(), wanted.casefold())
    if sign == "=" or (value is not None and wanted is not None):
        try:
            return SIGNS[sign](value, wanted)
        except TypeError:
            return False
    return False
