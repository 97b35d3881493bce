"""The random policy on fresh random levels: what no learner may fall below."""

from cairn.ued.dr import Config, init, step

__all__ = ["Config", "init", "step"]
