"""A task's prompts and answers as texts, for models that have never seen its symbols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from cairn.core.errors import ConfigError, TokenError
from cairn.core.vocabulary import EOS, PAD, RESERVED, SEP
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve.config import CONDITIONS
from cairn.nn.language.tokens import Symbols

Words = Literal["plain", "symbols"]
Message = dict[str, str]
"""`role` and `content`."""


@dataclass(frozen=True)
class Wording:
    """How a task is put into words, and how its answers are read."""

    task: TokenTask
    words: Words = "plain"
    """Of a prompt: what is asked and nothing else, for models of others; or with its beginning and
    its end spelled, which is what a model trained here reads (`cairn lm export`)."""
    instruction: str = ""
    """What is said first. A model of others cannot know what it is to do with two numbers."""
    chat: bool = False
    """Whether a prompt is a conversation: `instruction` by the system, the problem by the user."""

    @property
    def how(self) -> dict[str, Any]:
        """Everything but the task, as arguments."""
        return {"words": self.words, "instruction": self.instruction, "chat": self.chat}

    @cached_property
    def symbols(self) -> Symbols:
        """The task's table."""
        return Symbols(self.task.symbols)

    def prompt(self, ids: Sequence[int] | Int[np.ndarray, " Tp"]) -> str | list[Message]:
        """What a model is asked; `ids` with its padding.

        Raises ConfigError for `symbols` if the text would be read as other tokens: a question that
        itself holds the name of a symbol.
        """
        shown = np.asarray(ids)[np.asarray(ids) != PAD]
        if self.words == "symbols":
            text = self.spelled(shown)
            if self.symbols.encode(text) != shown.tolist():
                raise ConfigError(
                    f"The prompt {text!r:.80} would be read as other symbols than it is made of: "
                    f"it holds the name of one. Expected words = plain for such a task."
                )
        else:
            shown = shown[:-1] if len(shown) and shown[-1] == SEP else shown
            text = self.symbols.decode(shown)
        if not self.chat:
            return f"{self.instruction}\n{text}\n" if self.instruction else text
        system = [{"role": "system", "content": self.instruction}] if self.instruction else []
        return [*system, {"role": "user", "content": text}]

    def answer(self, ids: Sequence[int] | Int[np.ndarray, " T"]) -> str:
        """What an answer says, without its end. What is no part of any answer is spelled too, so
        that it is judged as it was: `<pad>`, `<bos>`, a condition."""
        return self.spelled(until_end(ids))

    def spelled(self, ids: Sequence[int] | Int[np.ndarray, " n"]) -> str:
        """Every symbol of a row."""
        names = (*self.task.symbols, *CONDITIONS)
        return self.symbols.between.join(names[at] for at in ids)

    def completion(self, ids: Sequence[int] | Int[np.ndarray, " T"]) -> str | list[Message]:
        """The answer as what follows the prompt."""
        text = self.answer(ids)
        if self.chat:
            return [{"role": "assistant", "content": text}]
        return f" {text}" if self.words == "symbols" and self.symbols.between else text

    def read(self, completion: Any, ended: bool = True) -> tuple[Int[np.ndarray, " T"], int]:
        """The tokens of a completion and how many there are: none of what is no answer at all.

        A text or a conversation's last message. Without an end it is no correct answer. Raises
        ConfigError for what is neither.
        """
        text, end, _ = _text(completion).partition(RESERVED[EOS])
        T = self.task.answer_length
        tokens = np.full(T, PAD, np.int32)
        try:
            ids = self.symbols.encode(text if " " in self.task.symbols else text.strip())
        except TokenError:
            return tokens, 0
        ids += [EOS] if ended or end else []
        tokens[: min(len(ids), T)] = ids[:T]  # what is too long has no end
        return tokens, min(len(ids), T)


def until_end(ids: Sequence[int] | Int[np.ndarray, " T"]) -> Int[np.ndarray, " n"]:
    """An answer's tokens up to its end, which is left out; without one, up to the padding."""
    ids = np.asarray(ids)
    ends = np.flatnonzero(ids == EOS)
    if len(ends):
        return ids[: ends[0]]
    return ids[: len(ids) - int((ids[::-1] != PAD).argmax())] if (ids != PAD).any() else ids[:0]


def _text(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    last = completion[-1] if isinstance(completion, Sequence) and completion else None
    text = (last.get("content") or "") if isinstance(last, Mapping) else None
    if not isinstance(text, str):
        raise ConfigError(
            f"A completion must be a text or a conversation, a list of messages with a text as "
            f"content; got {completion!r:.80}. Nothing was counted."
        )
    return text
