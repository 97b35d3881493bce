"""Tools that a model may call, the calls it makes, and the form an answer must have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cairn.core.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the protocol allows as the name of a tool or a schema."""


@dataclass(frozen=True)
class Tool:
    """A function that the model may ask to have called. Running it is the caller's business."""

    name: str
    """Letters, digits, `_` and `-`, at most 64."""
    description: str = ""
    """What it does and when to use it, in the model's language."""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """JSON schema of its arguments, an object; empty: it takes none."""
    strict: bool | None = None
    """Ask the server to hold arguments to the schema; None says nothing about it."""

    def __post_init__(self):
        _check_name("Tool.name", self.name)


class ToolCall(NamedTuple):
    """A call that the model asks for."""

    id: str
    """The server's name for it; the result is sent back under it."""
    name: str
    """Of a tool; nothing keeps a model from making one up."""
    arguments: str
    """JSON as the model wrote it, which need not be JSON: see `cairn.lm.answers.tool_calls`."""


@dataclass(frozen=True)
class Schema:
    """The form of an answer: JSON that fits a JSON schema."""

    body: Mapping[str, Any] = field(hash=False)
    """The JSON schema."""
    name: str = "answer"
    """What the server calls it."""
    strict: bool | None = True
    """Hold the decoding to the schema. Some servers then want `additionalProperties: false` and
    every property required. None says nothing about it."""

    def __post_init__(self):
        _check_name("Schema.name", self.name)


def _check_name(what: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError(f"{what} must be 1 to 64 letters, digits, '_' or '-', got {name!r}.")
