"""The state of a run as a fold over its events, with snapshots to start from."""

import json
from collections.abc import Sequence
from typing import Any

from cairn.core.errors import RunError
from cairn.core.journal import Stage
from cairn.core.jsontext import parse
from cairn.engine.journal_blame import Blame
from cairn.engine.journal_policy import Failed, Policy, after_asking


class Fold:
    """What the events so far add up to."""

    def __init__(self, policy: Policy, blame: Blame):
        self.policy, self.blame = policy, blame
        with blame("init"):
            self.state: Any = policy.init()
        self.asked = 0
        """Trials asked; the next ask has this id."""
        self.told = 0
        """Outcomes told; in trial order also the id of the next trial to tell."""
        self.pending: dict[int, str] = {}
        """Trials asked and not told, as JSON: fewer than `lag`."""
        self._trials: dict[int, Any] = {}
        self.snapshot_seq = 0
        """Event after which the newest snapshot was taken."""

    @property
    def trials(self) -> Sequence[Any]:
        """The pending trials, in trial order."""
        return list(self._trials.values())

    def apply(self, kind: str, trial_id: int, body: str) -> None:
        """Take in one event."""
        if kind == "ask":
            trial = parse(body)
            self.pending[trial_id] = body
            self._trials[trial_id] = trial
            self.asked += 1
            try:
                self.state = after_asking(self.policy, self.state, trial)
            except BaseException:
                with self.blame("asked", trial_id):
                    raise
            return
        if self.pending.pop(trial_id, None) is None:
            raise RunError(
                f"the journal tells an outcome of trial {trial_id}, which was never asked: it was "
                f"written by another program. Choose another run directory."
            )
        outcome = parse(body)
        if kind != "tell":
            outcome = Failed(kind, outcome["error"], outcome["message"])  # type: ignore[arg-type]
        try:
            self.state = self.policy.tell(self.state, self._trials.pop(trial_id), outcome)
        except BaseException:
            with self.blame("tell", trial_id):
                raise
        self.told += 1

    def dump(self) -> bytes:
        """Everything a fold needs to go on: a line of JSON, then the policy's state."""
        head = {"asked": self.asked, "told": self.told, "pending": list(self.pending.items())}
        return json.dumps(head).encode() + b"\n" + self.dump_state()

    def dump_state(self) -> bytes:
        """The policy's state alone."""
        with self.blame("dump"):
            return self.policy.dump(self.state)

    def load(self, body: bytes) -> None:
        """Take over what `dump` wrote."""
        head, _, state = body.partition(b"\n")
        record = json.loads(head)
        with self.blame("load"):
            self.state = self.policy.load(state)
        self.asked, self.told = record["asked"], record["told"]
        self.pending = dict(record["pending"])
        self._trials = {trial_id: json.loads(text) for trial_id, text in self.pending.items()}


def restore(policy: Policy, stage: Stage) -> Fold:
    """The fold over all events of a stage, from the newest snapshot on."""
    fold = Fold(policy, Blame(policy, stage.journal.path.parent, stage.journal.redact))
    shot = stage.snapshot()
    if shot is not None:
        fold.snapshot_seq, _, body = shot
        fold.load(body)
    for event in stage.events(after=fold.snapshot_seq):
        fold.apply(event.kind, event.trial, event.body)
    return fold
