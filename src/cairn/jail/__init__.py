"""The jail: programs that a model wrote run here, under limits, away from keys and files."""

from cairn.jail.grading import Grade, agrade, grade
from cairn.jail.outcome import JailError, Limits, Outcome, Probe
from cairn.jail.probe import tier
from cairn.jail.results import ResultError
from cairn.jail.running import arun, run

__all__ = [
    "Grade",
    "JailError",
    "Limits",
    "Outcome",
    "Probe",
    "ResultError",
    "agrade",
    "arun",
    "grade",
    "run",
    "tier",
]
