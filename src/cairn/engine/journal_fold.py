"""The state of a run as a fold over its events, with snapshots to start from."""

import json
from typing import Any

from cairn.core.errors import RunError
from cairn.core.journal import Journal
from cairn.engine.journal_policy import Failed, Policy


class Fold:
    """What the events so far add up to."""

    def __init__(self, state: Any):
        self.state = state
        self.asked = 0
        """Trials asked; the next ask has this id."""
        self.told = 0
        """Outcomes told; in trial order also the id of the next trial to tell."""
        self.pending: dict[int, str] = {}
        """Trials asked and not told, at most as many as the window is wide."""
        self.snapshot_seq = 0
        """Event after which the newest snapshot was taken."""

    def apply(self, policy: Policy, kind: str, trial_id: int, body: str) -> None:
        """Take in one event."""
        if kind == "ask":
            self.pending[trial_id] = body
            self.asked += 1
            return
        try:
            trial = json.loads(self.pending.pop(trial_id))
        except KeyError:
            raise RunError(
                f"the journal tells an outcome of trial {trial_id}, which was never asked: it was "
                f"written by another program. Choose another run directory."
            ) from None
        outcome = json.loads(body)
        if kind != "tell":
            outcome = Failed(kind, outcome["error"], outcome["message"])  # type: ignore[arg-type]
        self.state = policy.tell(self.state, trial, outcome)
        self.told += 1

    def dump(self, policy: Policy) -> bytes:
        """Everything a fold needs to go on: a line of JSON, then the policy's state."""
        head = {"asked": self.asked, "told": self.told, "pending": list(self.pending.items())}
        return json.dumps(head).encode() + b"\n" + policy.dump(self.state)

    def load_state(self, policy: Policy, body: bytes) -> None:
        """Take over what `dump` wrote."""
        head, _, state = body.partition(b"\n")
        record = json.loads(head)
        self.state = policy.load(state)
        self.asked, self.told = record["asked"], record["told"]
        self.pending = dict(record["pending"])


def restore(policy: Policy, journal: Journal) -> Fold:
    """The fold over all events of the journal, from the newest snapshot on."""
    fold = Fold(policy.init())
    shot = journal.snapshot()
    if shot is not None:
        fold.snapshot_seq, _, body = shot
        fold.load_state(policy, body)
    for event in journal.events(after=fold.snapshot_seq):
        fold.apply(policy, event.kind, event.trial, event.body)
    return fold
