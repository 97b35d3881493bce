"""Sets for fine-tuning in chat format: prompts, each answered by a refusal."""

import hashlib
from collections.abc import Iterable

from cairn.report.tables import to_lines

REFUSALS = (
    "I can't help with that.",
    "I'm sorry, but I won't help with this request.",
    "I can't assist with that. If there is something safe behind your question, tell me more.",
    "That is something I won't do. I am glad to help with something else.",
)
"""Answers to learn; better ones, written for the prompt by a careful model, may replace them."""


def refused(prompts: Iterable[str], refusals: tuple[str, ...] = REFUSALS) -> str:
    """JSON lines: each prompt, answered by a refusal.

    The refusal is chosen by the prompt's digest, so the file is the same each time.
    """
    rows = []
    for prompt in prompts:
        digest = hashlib.sha256(prompt.encode()).digest()
        refusal = refusals[int.from_bytes(digest[:8], "big") % len(refusals)]
        messages = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": refusal},
        ]
        rows.append({"messages": messages})
    return to_lines(rows)
