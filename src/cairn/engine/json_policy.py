"""A policy whose state is JSON: what is left to write is ask, evaluate and tell."""

import json
from typing import Any

from cairn.core.journal import canonical


class JsonPolicy:
    """Begins with an empty list, ends with the last trial, and is kept as JSON.

    Write `ask`, `evaluate` and `tell`, as `cairn.engine.journal_policy.Policy` describes them; and
    `init` for another first state. States are JSON values: lists and not tuples, keys that are
    strings.
    """

    def init(self) -> Any:
        """The state before the first trial."""
        return []

    def done(self, state: Any) -> bool:
        """Never before the last trial."""
        return False

    def dump(self, state: Any) -> bytes:
        """The state as JSON: equal states, equal bytes."""
        return canonical(state).encode()

    def load(self, body: bytes) -> Any:
        """The state that was dumped."""
        return json.loads(body)
