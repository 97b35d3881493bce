"""What passes between the server and the process beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

EXPORT = "export"
"""The panel that is the whole run as one file."""


class Job(NamedTuple):
    """A panel to be made."""

    path: Path
    panel: str
    arguments: Mapping[str, str]
    at: str | None
    """The run's name in addresses of the page; None: everything is put into the HTML itself."""


class Made(NamedTuple):
    """A panel as a page shows it."""

    html: str
    """Empty where there is nothing to say."""
    images: dict[str, bytes]
    """PNG by digest, served at /image/NAME/DIGEST.png."""
    data: dict[str, str]
    """CSV by digest, served at /data/NAME/DIGEST.csv."""
    title: str


class Answer(NamedTuple):
    """What became of a job."""

    kind: str
    """made, refused (a person can mend it), failed (nobody foresaw it)."""
    what: Any
    """Of what was made; or a line of text."""
    memory: int
    """Most bytes that the process has had so far."""
