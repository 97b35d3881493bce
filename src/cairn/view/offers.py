"""Which panels a run may have, said from its config alone: nothing is opened."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cairn.show.panels import PANELS


class Offer(NamedTuple):
    """A panel to ask for. Asked, it may still say why it does not apply, or nothing."""

    panel: str
    """Its name."""
    title: str
    words: str
    """What is being made, for the meantime."""


def offers(kind: str, config: Mapping[str, Any], command: str = "") -> list[Offer]:
    """The panels of a run, in the order of the page.

    `kind` is "compiled" or "journaled", `config` that of the run (nested, or flat by dotted names),
    `command` what makes such runs.
    """
    if kind != "compiled":
        return []
    sections = frozenset(name.partition(".")[0] for name in config)
    return [
        Offer(panel.name, panel.title, "The run is opened and the panel made: some seconds.")
        for panel in PANELS
        if panel.title and not panel.asked and panel.may(sections)
    ]
