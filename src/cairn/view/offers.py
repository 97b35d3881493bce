"""Which panels a run may have, said from its config alone: nothing is opened."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cairn.show.panels import PANELS
from cairn.view.kinds import KINDS

OPENED = "The run is opened and the panel made: some seconds, minutes on a busy machine."


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
        found = KINDS.get(command)
        words = "The journal is read back: some seconds, a minute where it is long."
        return [Offer(panel_of(one), found.title, words) for one in found.panels] if found else []
    method = config.get("experiment.method") or config.get("experiment", {}).get("method")
    sections = frozenset(name.partition(".")[0] for name in config)
    return [
        Offer(
            panel.name,
            panel.title,
            "The run is opened and the panel made: some seconds, minutes on a busy machine.",
        )
        for panel in PANELS
        if panel.title and not panel.asked and panel.may(sections) and method not in panel.never
    ]


def panel_of(address: str) -> str:
    """What a panel of a journaled run is called in an address of the page: a function by its own
    name. Its module is known from the run alone."""
    return address.rpartition(":")[2]
