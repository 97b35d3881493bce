"""The rewrite is the same program: only strings, comments and the names that had to go differ.

Python is read by its own tokenizer and parser. Other languages have no parser here: their text is
cut into strings, comments, words and signs by one table for all, brackets must balance as before,
and what the table gets wrong (a regular expression that holds a quote, or a comment with `#` or
`--` behind code) may fail a good one.
"""

import ast
import io
import keyword
import re
import tokenize
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from cairn.refine.checks.base import Failure, Pair


class Token(NamedTuple):
    """A word or sign of a program, and where it stands."""

    kind: str
    """string, comment, name, number, sign, or layout (indentation and ends of lines)."""
    text: str
    start: int
    end: int


def parses(text: str) -> bool:
    """Whether a text is a Python program."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strange escapes in other people's strings
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


_LAYOUT = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
_SKIPPED = (tokenize.ENCODING, tokenize.NL, tokenize.ENDMARKER)
_STRINGS = {tokenize.STRING} | {
    getattr(tokenize, name)
    for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")  # Python 3.12 and later
    if hasattr(tokenize, name)
}


def python_tokens(text: str) -> list[Token]:
    """The tokens of a program that parses."""
    starts = [0]
    for line in io.StringIO(text, newline=""):
        starts.append(starts[-1] + len(line))
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _SKIPPED:
            continue
        kind = "sign"
        if token.type in _STRINGS:
            kind = "string"
        elif token.type == tokenize.COMMENT:
            kind = "comment"
        elif token.type in _LAYOUT:
            kind = "layout"
        elif token.type == tokenize.NUMBER:
            kind = "number"
        elif token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            kind = "name"
        said = tokenize.tok_name[token.type] if kind == "layout" else token.string
        start = starts[min(token.start[0] - 1, len(starts) - 1)] + token.start[1]
        end = starts[min(token.end[0] - 1, len(starts) - 1)] + token.end[1]
        found.append(Token(kind, said, start, end))
    return found


_DIRECTIVE = (
    "include|define|undef|if|ifdef|ifndef|elif|elifdef|elifndef|else|endif|pragma|error|warning|"
    "line|import"
)
# In C, `#` begins an instruction, in CSS a selector, and `n-- > 0` is a sum: where a sign may be
# code, it is read as code.
_LINE_COMMENT = (
    rf"(?m:^)[ \t]*(?:#(?![!\[]|[ \t]*(?:{_DIRECTIVE})\b"
    r"|-?[^\W\d][\w-]*[^\n]*(?:\{|,[ \t]*\n|\n\s*\{))|--(?=[ \t]))[^\n]*"
)
_TABLE = re.compile(
    rf"(?P<comment>//[^\n]*|/\*(?s:.)*?\*/|{_LINE_COMMENT}|<!--(?s:.)*?-->)|"
    r'(?P<string>"""(?s:.)*?"""|"(?:[^"\\\n]|\\.)*+"|\'(?:[^\'\\\n]|\\.)*+\'|`(?:[^`\\]|\\.)*+`)|'
    r"(?P<number>(?<![\w.])\d[\w.]*)|(?P<name>[^\W\d]\w*)|(?P<sign>[^\w\s])"
)


def any_tokens(text: str) -> list[Token]:
    """The tokens of a program in any language, by one table for all."""
    found = []
    for match in _TABLE.finditer(text):
        kind = match.lastgroup or "sign"
        found.append(Token(kind, match[0], match.start(), match.end()))
    return found


def balanced(tokens: Sequence[Token]) -> bool:
    """Whether brackets outside of strings and comments close in order."""
    pairs, open_ = {")": "(", "]": "[", "}": "{"}, []
    for token in tokens:
        if token.kind == "sign" and token.text in "([{":
            open_.append(token.text)
        elif (
            token.kind == "sign"
            and token.text in pairs
            and (not open_ or open_.pop() != pairs[token.text])
        ):
            return False
    return not open_


_BEFORE, _AFTER = frozenset("*%/@-"), frozenset("*%/@.[(")
"""Signs that bind a string beside them before a plus does."""


def folded(tokens: Sequence[Token]) -> list[Token]:
    """Tokens without comments, with strings that are joined where they stand (side by side, or by a
    plus) as one: a value that was split over two may be replaced by one that is not."""
    tokens = [token for token in tokens if token.kind != "comment"]
    found: list[Token] = []
    for at, token in enumerate(tokens):
        found.append(token)
        if token.kind != "string" or len(found) < 2:
            continue
        first = len(found) - 2
        if len(found) > 2 and found[first].text == "+":
            first -= 1
            before = found[first - 1].text[0] if first else ""
            after = tokens[at + 1].text[0] if at + 1 < len(tokens) else ""
            if before in _BEFORE or after in _AFTER:
                continue
        if found[first].kind == "string":
            text = found[first].text + token.text
            found[first:] = [Token("string", text, found[first].start, token.end)]
    return found


@dataclass(frozen=True)
class Code:
    """The same program: it still parses, and only strings, comments and private names differ."""

    name: str = "code"
    language: Literal["auto", "python", "other"] = "auto"
    """auto: Python where the original is a Python program."""
    identifiers: tuple[str, ...] = ()
    """Names that may be changed besides those that hold something private."""
    lines: bool = True
    """Whether the number of lines must stay."""

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Says the line of the rewrite from which it differs."""
        python = self.language != "other" and parses(pair.original)
        if self.lines and pair.original.count("\n") != pair.rewrite.count("\n"):
            before, now = pair.original.count("\n") + 1, pair.rewrite.count("\n") + 1
            return Failure(self.name, f"It has {now} lines, the original {before}. Keep each line.")
        if python and not parses(pair.rewrite):
            return Failure(self.name, "It is no Python program any more: it does not parse.")
        read = python_tokens if python else any_tokens
        before, now = read(pair.original), read(pair.rewrite)
        if not python and balanced(before) and not balanced(now):
            return Failure(self.name, "Its brackets do not close any more.")
        before, now = folded(before), folded(now)
        place = next(self._differing(pair, before, now), None)
        if place is None:
            return None
        line = pair.rewrite.count("\n", 0, place) + 1
        return Failure(
            self.name,
            f"From line {line} on it is another program. Change strings, comments and names of "
            "people or machines alone.",
        )

    def _differing(self, pair: Pair, before: list[Token], now: list[Token]) -> Iterator[int]:
        """Places in the rewrite where it is another program."""
        renamed: dict[str, str] = {}
        named: dict[str, str] = {}
        for old, new in zip(before, now, strict=False):
            if old.kind != new.kind:
                yield new.start
            elif old.kind in ("name", "number"):
                may = old.text == new.text or self._may_go(pair, old)
                # One name, one other name, everywhere, which is no third one's.
                first = renamed.setdefault(old.text, new.text) == new.text
                if not (may and first and named.setdefault(new.text, old.text) == old.text):
                    yield new.start
            elif old.kind != "string" and old.text != new.text:
                yield new.start
        if len(before) != len(now):
            yield now[len(before)].start if len(now) > len(before) else len(pair.rewrite)

    def _may_go(self, pair: Pair, token: Token) -> bool:
        if token.text in self.identifiers:
            return True
        low = token.text.lower()
        return any(
            (span.start < token.end and token.start < span.end)
            or pair.original[span.start : span.end].lower() in low
            for span in pair.private
            if span.end - span.start > 2
        )
