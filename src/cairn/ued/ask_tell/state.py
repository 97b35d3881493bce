"""What a curriculum for other people's trainers is made of: design, state, outcomes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from cairn.archive.replay import Replay, ReplayConfig
from cairn.core.ledger import Ledger
from cairn.envs.protocol import Space
from cairn.sampler.segments import Segment
from cairn.score import Score
from cairn.ued import sfl
from cairn.ued.config import CurationConfig, CycleConfig

COUNTS = ("training", "scoring", "mutation")
KEEPS_NOTHING = ReplayConfig(capacity=1)
"""Of methods without an archive: it gives out ids."""


class Rule(NamedTuple):
    """What sets one curriculum apart from another, where the settings do not."""

    learns_new: bool
    """Whether new levels may be learned from, or are only scored."""
    side_by_side: int = 1
    """Kinds of level side by side in one batch: 1, or replayed ones beside new (2), beside new
    and edited ones (3)."""


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "dr": Rule(learns_new=True),
        "plr": Rule(learns_new=True),
        "robust-plr": Rule(learns_new=False),
        "parallel-plr": Rule(learns_new=False, side_by_side=2),
        "accel": Rule(learns_new=False),
        "parallel-accel": Rule(learns_new=False, side_by_side=3),
        "sfl": Rule(learns_new=True),
    }
)
"""By the name of the method."""


class Selection(NamedTuple):
    """SFL: what is played, and how far the next choice has come."""

    buffer: sfl.Buffer
    found: sfl.Buffer
    told: Int[Array, ""]
    """Candidates told so far."""
    given: Int[Array, ""]
    """Levels to learn from since the last choice."""


class Parents(NamedTuple):
    """ACCEL: the replayed levels that were told last, to be edited next."""

    segment: Segment
    """As many rows as `batch`."""
    there: Int[Array, ""]
    """Of them there are; 0: nothing to edit."""


class Curriculum(eqx.Module):
    """Everything that changes. Its arrays are what is saved, beside the levels not yet told."""

    key: Key[Array, ""]
    cycle: Int[Array, ""]
    """Asks and tells so far."""
    archive: Replay
    ledger: Ledger
    extra: Selection | Parents | None


class Played(NamedTuple):
    """What was told of B levels: their episodes, one a row, the finished ones first."""

    returns: Float[Array, "E B"]
    solved: Bool[Array, "E B"]
    values: Float[Array, "E B"]
    finished: Bool[Array, "E B"]
    score: Float[Array, " B"]
    scored: Bool[Array, " B"]
    """Whether the score of a level was told."""
    learned: Bool[Array, " B"]
    """Whether the trainer learned from it."""
    candidate: Bool[Array, " B"]
    """Whether it was asked for to be scored alone."""
    steps: UInt32[Array, " B"]


class Design(NamedTuple):
    """The fixed part: the method's settings bound to a space."""

    space: Space
    rule: Rule
    config: CycleConfig
    scoring: Score | None

    @property
    def kept(self) -> ReplayConfig:
        """How its archive draws."""
        return self.config if isinstance(self.config, CurationConfig) else KEEPS_NOTHING

    @property
    def edits(self) -> bool:
        """Whether it edits levels."""
        return "edits" in self.config.generators
