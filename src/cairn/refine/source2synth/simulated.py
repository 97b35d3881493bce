"""Simulated writer and solver with known errors, for tables and documents: no language model.

They read the same prompts as a model does and speak in a few fixed phrases, so that the truth of
every item can be told from its question and its context. What is measured with them says whether
the harness does what it should, and nothing about any model.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.request import Request
from cairn.lm.simulated import Unmarked
from cairn.refine.source2synth import prompts
from cairn.refine.source2synth.documents import names

SPAN = 2
"""Words of an answer out of a document."""
_HEAD = re.compile(r'table "(.+?)" \((.*)\), (\d+) rows; rows \d+ to \d+:\n(.*)', re.S)
_COLUMN = re.compile(r'"([^"]+)" ?(\w*)')
_EXTREME = re.compile(r'(highest|lowest) "(.+?)"')
_LOOK_UP = re.compile(r'"([^"]+?)" (?:of|where) "([^"]+?)" is "([^"]*?)"')
_FOLLOWS = re.compile(r'follows the name (?:after|behind|that follows|that comes after) "(.+?)"\?')
_ASKED = re.compile(r"\A(.*)\n\nQuestion: (.*)\n(?:Answer|SQL):\Z", re.S)


@dataclass(frozen=True)
class Writer:
    """Writes questions about what it is shown; some of them wrong."""

    error: float = 0.0
    """Chance that a question is not the one that its answer belongs to."""
    unanswerable: float = 0.0
    """Chance that a question about a table asks for a row that there is not."""
    broken: float = 0.0
    """Chance of SQL that fails or finds nothing."""

    def __post_init__(self):
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ConfigError(f"Writer.{name} must lie in [0, 1], got {value}.")

    def script(self, request: Request, key: DrawKey) -> str:
        """What it says to one of the prompts."""
        told, draw = request.messages[-1].content, key.random()
        for template, say in self._says():
            if told.startswith(template.partition("\n")[0]):
                return say(told, draw)
        return "I can only write questions."

    def _says(self) -> list[tuple[str, Callable[[str, random.Random], str]]]:
        return [
            (prompts.Q1, _q1), (prompts.IMPUTE_Q1, _q1), (prompts.Q2, self._q2),
            (prompts.MERGE, _merge), (prompts.FACT, _fact), (prompts.SQL, self._sql),
            (prompts.ASK, self._ask),
        ]  # fmt: skip

    def _q2(self, told: str, draw: random.Random) -> str:
        passage, name = _part(told, "passage"), _part(told, "name")
        answer = _after(passage, passage.find(name) + len(name))
        if draw.random() < self.error:
            answer = _elsewhere(passage, answer, draw)
        return f'QUESTION: What follows "{name}"?\nANSWER: {answer}'

    def _sql(self, told: str, draw: random.Random) -> str:
        table, fact = _shown(_part(told, "table")), _part(told, "statement")
        if draw.random() < self.broken:
            wrong = draw.choice(["SELECT nothing FROM {}", "SELECT 1 FROM {} WHERE 1 = 2", "DROP"])
            return "SQL: " + wrong.format(f'"{table.name}"')
        if extreme := _EXTREME.search(fact):
            function = "max" if extreme[1] == "highest" else "min"
            return f'SQL: SELECT {function}("{extreme[2]}") FROM "{table.name}"'
        column, by, value = _looked_up(fact)
        return f'SQL: SELECT "{column}" FROM "{table.name}" WHERE "{by}" = \'{value}\''

    def _ask(self, told: str, draw: random.Random) -> str:
        table, sql = _shown(_part(told, "table")), _part(told, "sql")
        wrong = draw.random() < self.error
        lost = draw.random() < self.unanswerable
        extreme = re.search(r'(max|min)\("(.+?)"\)', sql)
        if extreme and not lost:
            high = (extreme[1] == "max") != wrong
            return f'QUESTION: What is the {"highest" if high else "lowest"} "{extreme[2]}"?'
        looked = re.search(r'SELECT "(.+?)" FROM .* WHERE "(.+?)" = \'(.*)\'', sql)
        if looked:
            column, by, value = looked.groups()
        else:
            column, by, value = extreme[2] if extreme else "", table.columns[0], ""
        others = [row[0] for row in table.rows if row[0] != value]
        if lost:
            value = f"nobody {draw.getrandbits(32):08x}"
        elif wrong and others:
            value = draw.choice(others)
        return f'QUESTION: What is the "{column}" where "{by}" is "{value}"?'


@dataclass(frozen=True)
class Solver:
    """Answers from the context, or from what it knows by heart where there is none."""

    accuracy: float = 1.0
    """Chance that a try at a question that can be answered says the truth; otherwise it names
    another value of the same column, or another place of the document."""
    memory: str = ""
    """A table, as prompts show it, that it knows without being shown it."""
    writer: Writer = Writer()
    """As what it imputes."""

    def script(self, request: Request, key: DrawKey) -> str:
        """What it says to a question, or to a prompt of the writer's."""
        told, draw = request.messages[-1].content, key.random()
        asked = _ASKED.match(told if "\n\nQuestion: " in told else f"{self.memory}\n\n{told}")
        if asked is None:
            return self.writer.script(request, key)
        context, question = asked.groups()
        found, others = answered(context, question)
        if found is not None and draw.random() < self.accuracy:
            return found
        return draw.choice(others) if others else "I do not know."


def writer(model: Writer | None = None, seed: int = 0) -> Unmarked:
    """A player."""
    model = model or Writer()
    return Unmarked(model.script, f"simulated {model}", seed)


def solver(model: Solver | None = None, seed: int = 0) -> Unmarked:
    """A player."""
    model = model or Solver()
    return Unmarked(model.script, f"simulated {model}", seed)


def answered(context: str, question: str) -> tuple[str | None, list[str]]:
    """The truth, and what else could be said: the other values of a column, or other places of a
    document. None where the context does not hold it."""
    if follows := _FOLLOWS.search(question):
        return _hop(context, follows[1])
    if not _HEAD.search(context):
        return None, []
    table = _shown(context)
    if extreme := _EXTREME.search(question):
        values = sorted(table.of(extreme[2]), key=float)
        truth = values[-1] if extreme[1] == "highest" else values[0]
    elif looked := _LOOK_UP.search(question):
        column, by, value = looked.groups()
        values = table.of(column)
        rows = [at for at, found in enumerate(table.of(by)) if found == value]
        truth = values[rows[0]] if rows else None
    else:
        return None, []
    return truth, [value for value in values if value != truth]


def _hop(context: str, before: str) -> tuple[str | None, list[str]]:
    first, _, second = context.partition("\n\n")
    at = first.find(before)
    found = [name for name, start, _ in names(first, {}) if start >= at + len(before)]
    name = next(iter(found), None)
    if at < 0 or name is None or name not in second:
        return None, []
    truth = _after(second, second.find(name) + len(name))
    words = second.split()
    others = [" ".join(words[n : n + SPAN]) for n in range(len(words) - SPAN + 1)]
    return truth, [other for other in others if other != truth]


class _Shown(NamedTuple):
    name: str
    columns: list[str]
    kinds: list[str]
    rows: list[list[str]]

    def of(self, column: str) -> list[str]:
        at = self.columns.index(column)
        return [row[at] for row in self.rows]


def _shown(text: str) -> _Shown:
    found = _HEAD.search(text)
    assert found is not None
    described = _COLUMN.findall(found[2])
    rows = [line.split(" | ") for line in found[4].strip().splitlines()]
    return _Shown(found[1], [name for name, _ in described], [kind for _, kind in described], rows)


def _part(told: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", told, re.S)
    return found[1] if found else ""


def _q1(told: str, draw: random.Random) -> str:
    passage, name = _part(told, "passage"), _part(told, "name")
    before = passage[: passage.find(name)].split()[-3:]
    return f'QUESTION: Which name follows "{" ".join(before)}"?'


def _merge(told: str, draw: random.Random) -> str:
    quoted = re.search(r'"(.*)"', _part(told, "first"))
    how = draw.choice(["after", "behind", "that follows", "that comes after"])
    return f'QUESTION: What follows the name {how} "{quoted[1] if quoted else ""}"?'


def _fact(told: str, draw: random.Random) -> str:
    table, row = _shown(_part(told, "table")), _part(told, "row")
    numbers = [
        name for name, kind in zip(table.columns, table.kinds, strict=True)
        if kind in ("INTEGER", "REAL")
    ]  # fmt: skip
    column, by = draw.choice(numbers or table.columns[1:]), table.columns[0]
    value = row.split(" | ")[0].partition(": ")[2]
    kind = draw.choice(["highest", "lowest", *["look-up"] * 4] if numbers else ["look-up"])
    if kind != "look-up":
        return f'FACT: There is a {kind} "{column}".'
    return f'FACT: There is the "{column}" where "{by}" is "{value}".'


def _looked_up(fact: str) -> tuple[str, str, str]:
    found = _LOOK_UP.search(fact)
    assert found is not None
    return found[1], found[2], found[3]


def _after(passage: str, at: int) -> str:
    return " ".join(passage[at:].split()[:SPAN]).strip(".,;")


def _elsewhere(passage: str, answer: str, draw: random.Random) -> str:
    words = passage.split()
    spans = [" ".join(words[n : n + SPAN]) for n in range(len(words) - SPAN + 1)]
    return draw.choice([span for span in spans if span.strip(".,;") != answer] or [answer])
