"""The jail: programs that a model wrote run here, under limits, away from keys and files."""

from cairn.jail.outcome import JailError, Limits, Outcome, Probe
from cairn.jail.probe import tier
from cairn.jail.running import arun, run

__all__ = ["JailError", "Limits", "Outcome", "Probe", "arun", "run", "tier"]
