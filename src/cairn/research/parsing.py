"""What a model's answer proposes: a plan, and an artefact that is worth running.

As AIRA reads answers (arXiv:2507.02554): reasoning in `<think>` is taken off, the plan is what
comes before the first fence, the program is all fenced blocks of Python that parse, joined.
Differs: what cannot be read has a kind, and is asked for again instead of being run.
"""

import ast
import re
import warnings
from typing import NamedTuple

from cairn.lm.errors import UnreadableAnswerError

LONGEST = 100_000
"""Bytes of an artefact."""
_THINK = re.compile(r"<think>.*?(</think>|\Z)", re.S)
_PYTHON = frozenset({"", "python", "py", "python3"})


class NoArtefactError(UnreadableAnswerError):
    """An answer without an artefact that could be run."""

    def __init__(self, message: str, kind: str = "no-code", text: str = "", plan: str = ""):
        super().__init__(message)
        self.kind = kind
        """"no-code", "other-language", "several", "too-long", or "syntax"."""
        self.text = text
        """Of "syntax" alone: a program that does not parse can be mended."""
        self.plan = plan


class Proposed(NamedTuple):
    """What an answer proposes."""

    plan: str
    text: str


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


def without_thoughts(answer: str) -> str:
    """An answer without what its model thought aloud, on one line."""
    return " ".join(_THINK.sub("", answer).split())


def read(answer: str, language: str = "python", longest: int = LONGEST) -> Proposed:
    """Plan and artefact of an answer. Raises NoArtefactError."""
    said = _THINK.sub("", answer).strip()
    plan, blocks = split(said)
    # Before anything is parsed: a long text takes long.
    size = sum(len(block.text.encode(errors="replace")) for block in blocks)
    if max(size, 0 if blocks else len(said.encode(errors="replace"))) > longest:
        raise NoArtefactError(f"the artefact is longer than {longest:,} bytes", "too-long")
    if language != "python":
        return Proposed(plan if blocks else "", _text(said, blocks, language))
    text, error = _program(plan, blocks)
    if error:
        raise NoArtefactError(error, "syntax", text, plan)
    return Proposed(plan if blocks else "", text)


def split(answer: str) -> tuple[str, list[Block]]:
    """What comes before the first fence, and the blocks; one that is never closed ends with the
    answer. A fence of more backticks holds shorter ones."""
    plan: list[str] = []
    blocks: list[Block] = []
    fence, language, lines = "", "", []
    for line in answer.split("\n"):
        mark = re.match(r"\s*(`{3,}|~{3,})\s*([\w+#.-]*)", line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2]:
                blocks.append(Block(language, "\n".join(lines)))
                fence, lines = "", []
            else:
                lines.append(line)
        elif mark:
            fence, language = mark[1], mark[2].lower()
        elif not blocks:
            plan.append(line)
    if fence and lines:
        blocks.append(Block(language, "\n".join(lines)))
    return "\n".join(plan).strip(), blocks


def syntax_error(program: str) -> str:
    """Why Python cannot parse a program, in a line; "" if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes: not our program
            ast.parse(program)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _program(plan: str, blocks: list[Block]) -> tuple[str, str]:
    """The program, and why it cannot be parsed ("" if it can)."""
    python = [block.text for block in blocks if block.language in _PYTHON and block.text.strip()]
    if not blocks and plan.count("\n") > 0 and not syntax_error(plan):
        return plan, ""  # the whole answer is a program
    if not python:
        others = sorted({block.language for block in blocks if block.language})
        if others:
            said = f"expected a program in Python, got {', '.join(others)[:80]}"
            raise NoArtefactError(said, "other-language")
        raise NoArtefactError("expected one fenced block of Python, got none", "no-code")
    if len(python) == 1:  # parsed once: it is what costs most here
        return f"{python[0]}\n", syntax_error(f"{python[0]}\n")
    sound = [block for block in python if not syntax_error(block)]
    text = "\n\n".join(sound or python) + "\n"
    return text, syntax_error(text)


def _text(said: str, blocks: list[Block], language: str) -> str:
    if len(blocks) > 1:
        raise NoArtefactError(f"expected one fenced block, got {len(blocks)}", "several")
    text = blocks[0].text if blocks else said
    if not text.strip():
        raise NoArtefactError(f"expected a {language}, got nothing", "no-code")
    return text
