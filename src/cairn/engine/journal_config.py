"""How a journaled run is driven: how many trials, how far asks run ahead, how many at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from cairn.core.errors import ConfigError


@dataclass(frozen=True)
class Config:
    """How a run is driven. `seed`, `lag` and `order` are part of what a journal is tied to."""

    trials: int
    """How many trials; may be raised to go on with a finished run."""
    seed: int = 0
    """Root of all draws."""
    lag: int = 32
    """L: how many trials asks may run ahead of the tells. Choose it above `workers` (twice is
    good), so that one slow trial does not idle the others; a small one lets asks see more."""
    workers: int | None = None
    """How many trials are evaluated at a time; None: `lag`. It moves no result in trial order."""
    order: Literal["trial", "arrival"] = "trial"
    """In which order outcomes are told; "arrival" gives up independence of kills and timing."""
    trial_timeout_s: float | None = None
    """A trial that takes longer is told as a timeout; waiting for slots counts."""
    grace_s: float = 60.0
    """How long what is in flight may still arrive after the run was stopped, by Ctrl-C, an error
    or the policy; a second Ctrl-C ends it at once."""
    snapshot_every: int = 10_000
    """Events between snapshots of the state."""
    report_every_s: float = 0.5
    """How often progress is reported."""

    MOVED: ClassVar[Mapping[str, str]] = {
        "window": "it is two settings now: rename it to `lag` for the same results, and give "
        "`workers` for how many trials are evaluated at a time (left out: as many as `lag`)"
    }
    """Fields of earlier versions, for whoever reads a config that has them."""

    def __post_init__(self):
        for name in (
            "lag", "workers", "snapshot_every", "report_every_s", "trial_timeout_s", "grace_s",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"engine Config.{name} must be above 0, got {value}")
        if self.trials < 0:
            raise ConfigError(f"engine Config.trials must be at least 0, got {self.trials}")
        if self.order not in ("trial", "arrival"):
            raise ConfigError(
                f"engine Config.order must be 'trial' or 'arrival', got {self.order!r}"
            )

    @property
    def at_once(self) -> int:
        """How many trials are evaluated at a time."""
        return self.lag if self.workers is None else min(self.workers, self.lag)

    def idle(self, slots: Mapping[str, int]) -> str:
        """A line about servers that have more slots than trials are evaluated at a time; empty
        where there is none. `slots` are those by name."""
        wide = {name: count for name, count in slots.items() if count > self.at_once}
        if not wide:
            return ""
        listed = ", ".join(f"{name} has {count}" for name, count in wide.items())
        return (
            f"{self.at_once} trials are evaluated at a time, fewer than there are slots "
            f"({listed}): unless a trial makes several calls at once, some stay empty. Raise "
            f"engine.lag (twice the slots is good) and, if it is set, engine.workers."
        )

    def tied(self) -> dict:
        """The part that decides the result; put it into the config a Journal is opened with."""
        return {"seed": self.seed, "lag": self.lag, "order": self.order}
