"""What a run, or one of its roles, may spend."""

import math
from dataclasses import dataclass

from cairn.core.budget import Limits
from cairn.core.errors import ConfigError


@dataclass(frozen=True)
class Spend:
    """Upper limits over all stages of a run together; leave out what is not limited.

    [limits] are the run's, [models.ROLE.limits] those of one role inside them.
    """

    calls: int | None = None
    """Requests sent, retries included."""
    tokens: int | None = None
    """Prompt and answer tokens."""
    money: float | None = None
    """In the currency of the prices."""
    wall_s: float | None = None
    """Seconds of running time, summed over resumes."""

    def __post_init__(self):
        # A model that costs nothing can run under a money limit of 0; a run of no calls cannot.
        for name, least in (("calls", 1), ("tokens", 1), ("money", 0.0), ("wall_s", 0.0)):
            value = getattr(self, name)
            if value is not None and not (value >= least and math.isfinite(value)):
                raise ConfigError(
                    f"limits.{name} must be a finite number of at least {least:g}, got {value}. "
                    f"Leave it out for no limit."
                )

    def limits(self) -> Limits:
        """As the engine counts."""
        micros = None if self.money is None else round(self.money * 1e6)
        return Limits(self.calls, self.tokens, micros, self.wall_s)
