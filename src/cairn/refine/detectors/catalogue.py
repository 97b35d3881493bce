"""Detectors by name, as a task's file names them."""

from collections.abc import Sequence

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.refine.detectors.base import Detector
from cairn.refine.detectors.combined import THRESHOLD, Combined

_ROOM = "cairn.refine.detectors."
DETECTORS = {
    "cards": _ROOM + "money:CARDS",
    "ibans": _ROOM + "money:IBANS",
    "crypto": _ROOM + "money:CRYPTO",
    "identities": _ROOM + "identities:IDENTITIES",
    "labelled": _ROOM + "identities:LABELLED",
    "emails": _ROOM + "contact:EMAILS",
    "phones": _ROOM + "contact:PHONES",
    "network": _ROOM + "contact:NETWORK",
    "secrets": _ROOM + "secrets:SECRETS",
    "names": _ROOM + "names:NAMES",
    "addresses": _ROOM + "places:ADDRESSES",
    "births": _ROOM + "places:BIRTHS",
    "presidio": "cairn.refine.presidio:Presidio",
}
STANDARD = tuple(name for name in DETECTORS if name != "presidio")
"""All of ours."""


def detector(name: str) -> Detector:
    """The detector called `name`, or a user's own at `package.module:Name`: an object, or a class
    that needs no arguments. Raises ConfigError if it is none."""
    found = resolve(name, DETECTORS, "detector")
    made = found() if isinstance(found, type) else found
    if not isinstance(made, Detector):
        raise ConfigError(
            f"detector {name!r} must have name, kinds and find(text), got {type(made).__name__}."
        )
    return made


def detectors(
    names: Sequence[str] = STANDARD, *, threshold: float = THRESHOLD, other_forms: bool = True
) -> Combined:
    """Those named, as one that reads a text's other forms too; without names, all of ours.

    `threshold` in [0, 1] is the least score of what is reported.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"detectors: threshold must lie in [0, 1], got {threshold}.")
    if not names:
        raise ConfigError(f"detectors: expected names of {', '.join(DETECTORS)}, got none.")
    title = "standard" if tuple(names) == STANDARD else "+".join(names)
    return Combined(title, tuple(map(detector, names)), threshold, other_forms)
