"""The process beside the server, as it runs: opens runs, makes panels, answers one job at a time.

It alone imports JAX and Matplotlib, in its first job. It reads runs and writes nothing into them,
gives way to whoever else wants the processor, and ends with the server, however that ends.
"""

import hashlib
import inspect
import os
import resource
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import quote

from cairn.core.errors import CairnError, CheckpointError, ConfigError
from cairn.core.redact import printable
from cairn.core.resolve import function_at
from cairn.report.data import Chart
from cairn.report.parts import Section
from cairn.view.jobs import EXPORT, Answer, Job, Made
from cairn.view.kinds import KINDS
from cairn.view.offers import panel_of
from cairn.view.signature import Signature, command, signature

NICE = 10
"""A training run beside it gets ten times its share of a core."""
OPEN = 2
"""Runs that stay open."""
LONGEST = 400
"""Characters of an error that nobody foresaw."""


Opened = dict[tuple[Path, Signature], Any]
"""Runs that are open, the newest last (`cairn.show.look.Opened`)."""


def main() -> None:
    """Answer jobs from standard input on standard output until the first ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends us
    os.nice(NICE)
    jobs = Connection(os.dup(0), writable=False)
    answers = Connection(os.dup(1), readable=False)
    # What libraries print must not come between answers.
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    queue: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, queue), daemon=True).start()
    opened: Opened = {}
    while True:
        answers.send(answer(queue.get(), opened))


def answer(job: Job | Chart, opened: Opened) -> Answer:
    """Make a panel, or draw a chart. Whatever goes wrong is an answer."""
    try:
        kind, what = "made", _panel(job, opened) if isinstance(job, Job) else _drawn(job)
    except CairnError as error:
        kind, what = "refused", " ".join(str(error).split())
    except Exception as error:
        kind, what = "failed", _told(error)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Answer(kind, what, memory if sys.platform == "darwin" else memory * 1024)


def _panel(job: Job, opened: Opened) -> Made:
    from cairn.report.render import csv_uri, fragment, png_uri

    if job.panel == EXPORT:
        from cairn.view.export import export

        redact = bool(job.arguments.get("redact"))
        return Made(export(job.path, redact=redact), {}, {}, job.path.name)
    sections = _sections(job, opened)
    title = sections[0].title if sections else ""
    if job.at is None:
        shown = [fragment(one, image=png_uri, data=csv_uri, live=False) for one in sections]
        return Made("".join(shown), {}, {}, title)
    made, at = Made("", {}, {}, title), quote(job.at)

    def image(png: bytes) -> str:
        made.images[name := _digest(png)] = png
        return f"/image/{at}/{name}.png"

    def data(_: str, csv: str) -> str:
        made.data[name := _digest(csv.encode())] = csv
        return f"/data/{at}/{name}.csv"

    return made._replace(html="".join(fragment(one, image=image, data=data) for one in sections))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _sections(job: Job, opened: Opened) -> list[Section]:
    made_by = command(job.path)
    if made_by == "cairn train":
        from cairn.show.look import look

        section = look(_open(job.path, opened), job.panel, job.arguments)
        return [] if section is None else [section]
    return _of_kind(made_by, job)


def _of_kind(made_by: str, job: Job) -> list[Section]:
    """A panel of a journaled run, among those that its kind has."""
    kind = KINDS.get(made_by)
    panels = {panel_of(address): address for address in ([] if kind is None else kind.panels)}
    if job.panel not in panels:
        known = ", ".join(panels) or "none"
        raise ConfigError(f"No panel {job.panel!r} of a run that {made_by} made: expected {known}.")
    function = function_at(panels[job.panel])
    try:
        inspect.signature(function).bind(job.path, **job.arguments)
    except TypeError as error:
        raise ConfigError(f"Panel {job.panel}: {error}.") from error
    return function(job.path, **job.arguments)


def _open(path: Path, opened: Opened) -> Any:
    from cairn.show.look import Opened as Looked

    key = path, signature(path)
    found = opened.pop(key, None)
    if found is None:
        for old in [old for old in opened if old[0] == path]:
            del opened[old]  # first: two states of a run need not be in memory at once
        try:
            found = Looked(path)
        except CheckpointError:
            # A run that goes on may drop the checkpoint that is read: then there is a newer one.
            if signature(path) == key[1]:
                raise
            key = path, signature(path)
            found = Looked(path)
    opened[key] = found
    while len(opened) > OPEN:
        del opened[next(iter(opened))]
    return found


def _drawn(chart: Chart) -> Made:
    from cairn.show.curves import chart_png

    png = chart_png(chart)
    return Made("", {_digest(png): png}, {}, chart.title)


def _told(error: Exception) -> str:
    """What went wrong, in one line, and where: the innermost place in cairn."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}cairn{os.sep}" in frame.filename] or frames
    where = f" ({Path(ours[-1].filename).name}:{ours[-1].lineno})" if ours else ""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return printable(said if len(said) <= LONGEST else said[:LONGEST] + "…") + where


def _listen(jobs: Connection, queue: "SimpleQueue[Any]") -> None:
    """Hand jobs over, and end the process, busy or not, when the server is gone."""
    try:
        while True:
            queue.put(jobs.recv())
    except (EOFError, OSError):
        os._exit(0)
