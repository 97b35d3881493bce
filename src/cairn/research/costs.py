"""What each node cost: the calls that wrote it and the programs that scored it, from the journal.

Answers are kept with the trial that asked, so that nothing needs to be counted while a search runs.
What no answer came of (a lost call, a broken jail) is in the run's ledger and in no node.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cairn.core.budget import Amount
from cairn.lm.completion import unpack
from cairn.lm.errors import RejectedError
from cairn.research import grading

Answers = Iterable[tuple[bytes, str, str, str]]
"""Key, scope, label and body, as `Journal.answers` gives them."""


def by_node(answers: Answers) -> dict[int, Amount]:
    """By id: calls, tokens and money, and the time of its evaluations on all splits.

    Tokens and money are what servers said: 0 where one says nothing, or has no price.
    """
    found = defaultdict[int, Amount](Amount)
    for _, _, label, body in answers:
        trial, _, rest = label.partition("/")
        id, _, _ = trial.partition("-")  # fresh evaluations are of "7-test-0"
        if id.isdecimal():
            found[int(id)] = found[int(id)].plus(_used(rest.partition("/")[0], body))
    return dict(found)


def plain(cost: Amount) -> Mapping[str, int | float]:
    """As JSON."""
    return {
        "calls": cost.calls, "tokens": cost.tokens, "money": cost.micros / 1e6,
        "seconds": cost.wall_ms / 1000, "cpu_seconds": cost.cpu_ms / 1000,
    }  # fmt: skip


def told(cost: Amount) -> str:
    """In words; money where there is a price."""
    money = f", {cost.micros / 1e6:.4f} in money" if cost.micros else ""
    calls = f"{cost.calls} call{'' if cost.calls == 1 else 's'}, {cost.tokens:,} tokens{money}"
    times = f"{cost.wall_ms / 1000:.2f} s ({cost.cpu_ms / 1000:.2f} s of a processor)"
    return f"{calls}; programs ran {times}"


def _used(role: str, body: str) -> Amount:
    if role == grading.ROLE:
        return grading.used(grading.read(body))
    try:
        answer = unpack(body, cache_hit=True)
    except RejectedError:
        return Amount(calls=1)
    usage = answer.usage
    tokens = 0 if usage is None else usage.prompt + usage.completion
    return Amount(1, tokens, answer.cost_micros or 0)
