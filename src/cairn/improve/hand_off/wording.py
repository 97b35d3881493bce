"""A task's prompts and answers as texts, for models that have never seen its symbols."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from cairn.core.errors import TokenError
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED, SEP
from cairn.envs.tokens.protocol import TokenTask
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
        """What a model is asked; `ids` with its padding."""
        shown = np.asarray(ids)[np.asarray(ids) != PAD]
        if self.words == "symbols":
            text = self.symbols.between.join(self.task.symbols[at] for at in shown)
        else:
            shown = shown[:-1] if len(shown) and shown[-1] == SEP else shown
            text = self.symbols.decode(shown)
        if not self.chat:
            return f"{self.instruction}\n{text}\n" if self.instruction else text
        system = [{"role": "system", "content": self.instruction}] if self.instruction else []
        return [*system, {"role": "user", "content": text}]

    def answer(self, ids: Sequence[int] | Int[np.ndarray, " T"]) -> str:
        """What an answer says, without its end."""
        return self.symbols.decode(until_end(ids))

    def completion(self, ids: Sequence[int] | Int[np.ndarray, " T"]) -> str | list[Message]:
        """The answer as what follows the prompt."""
        text = self.answer(ids)
        if self.chat:
            return [{"role": "assistant", "content": text}]
        return f" {text}" if self.words == "symbols" and self.symbols.between else text

    def read(self, completion: Any, ended: bool = True) -> tuple[Int[np.ndarray, " T"], int]:
        """The tokens of a completion and how many there are: none of what is no answer at all.

        A text or a conversation's last message. Without an end it is no correct answer.
        """
        text = completion if isinstance(completion, str) else completion[-1]["content"]
        text, end, _ = text.partition(RESERVED[EOS])
        T = self.task.answer_length
        tokens = np.full(T, PAD, np.int32)
        try:
            ids = self.symbols.encode(text if " " in self.task.symbols else text.strip())
        except TokenError:
            return tokens, 0
        ids = [at for at in ids if at not in (PAD, BOS)] + ([EOS] if ended or end else [])
        tokens[: min(len(ids), T)] = ids[:T]  # what is too long has no end
        return tokens, min(len(ids), T)


def until_end(ids: Sequence[int] | Int[np.ndarray, " T"]) -> Int[np.ndarray, " n"]:
    """An answer's tokens up to its end, which is left out."""
    ids = np.asarray(ids)
    ends = np.flatnonzero((ids == EOS) | (ids == PAD))
    return ids[: ends[0]] if len(ends) else ids
