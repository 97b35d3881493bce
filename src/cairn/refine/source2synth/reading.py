"""Reading what the models wrote, and telling whether an answer is the one wanted."""

import re
import unicodedata

from cairn.lm.answers import whole_text
from cairn.lm.completion import Completion
from cairn.lm.errors import UnreadableAnswerError

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
_SQL_FENCE = re.compile(r"```(?:sql)?\s*\n?(.*?)```", re.S | re.I)


def line(answer: Completion, label: str, *, by: str) -> str:
    """What stands behind `LABEL:`, the last time that a line begins so.

    Raises UnreadableAnswerError where nothing does; the message holds none of the answer.
    """
    text = whole_text(answer, by=by)
    found = re.findall(rf"^[\s*_>#-]*{label}[\s*_]*:[\s*_]*(\S.*?)\s*$", text, re.M | re.I)
    if not found:
        raise UnreadableAnswerError(f"{by}: expected a line that begins with {label}:")
    return found[-1].strip("*_ ")


def statement(answer: Completion, *, by: str) -> str:
    """An SQL statement: in a fence, behind `SQL:`, or the whole answer."""
    text = whole_text(answer, by=by)
    fenced = _SQL_FENCE.findall(text)
    said = (
        fenced[-1] if fenced else re.split(r"^[\s*_>#-]*SQL[\s*_]*:", text, flags=re.M | re.I)[-1]
    )
    return said.strip().rstrip(";").strip()


def normal(text: str) -> str:
    """As answers are compared: no case, marks, articles or spare spaces (as for SQuAD and
    HotpotQA, in Unicode)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = "".join(
        " " if unicodedata.category(c)[0] in "PSZ" and c not in ".-" else c for c in folded
    )
    return " ".join(_ARTICLES.sub(" ", bare).split()).strip(".- ")


def right(said: str, wanted: str) -> bool:
    """Whether what was said holds the wanted answer (soft exact match, as in the paper), as whole
    words; a number counts by its value."""
    value = _value(wanted)
    if value is not None:
        return any(abs(found - value) <= 1e-6 * max(1.0, abs(value)) for found in _values(said))
    wanted, said = normal(wanted), normal(said)
    return bool(wanted) and f" {wanted} " in f" {said} "


def holds(text: str, part: str) -> bool:
    """Whether a text holds another as whole words, case and marks aside."""
    return f" {normal(part)} " in f" {normal(text)} " if normal(part) else False


def _value(text: str) -> float | None:
    bare = text.strip().rstrip(".")
    return float(bare.replace(",", "")) if _NUMBER.fullmatch(bare) else None


def _values(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in _NUMBER.findall(text)]
