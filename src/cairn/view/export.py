"""A run as one file: what its page shows, to be kept, sent and read without a server or a script.

Everything is made first, panels too, so this runs where a run may be opened (it imports JAX): in
the command, or in the process beside the server, never in the server.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cairn.core import files
from cairn.core.errors import CairnError, RunError
from cairn.core.resolve import function_at
from cairn.report.parts import Page, Section, Words
from cairn.report.render import document
from cairn.view import facts, kinds
from cairn.view.index import Runs
from cairn.view.journal import JournalView
from cairn.view.journal_found import COMMANDS
from cairn.view.offers import offers
from cairn.view.reading import read_table
from cairn.view.summaries import Summary
from cairn.view.watched import Watched


def export(run: Path | str, *, redact: bool = False) -> str:
    """The run at `run` as one HTML file. It holds what the run holds: of prompts the texts too.

    `redact`: of prompts and responses their lengths and digests alone. Raises RunError if it is no
    run that can be read; a panel that cannot be made is a line in its place.
    """
    return document(page(summary_of(Path(run)), redact=redact))


def write(run: Path | str, target: Path, *, redact: bool = False) -> None:
    """The same into `target`, whole or not at all; of a language run for its owner alone."""
    found = summary_of(Path(run))
    text = document(page(found, redact=redact))
    with files.replacing(target, private=found.kind == "journaled") as part:
        part.write_text(text, encoding="utf-8")


def summary_of(run: Path) -> Summary:
    """What is said of it in a list. Raises RunError if it cannot be read."""
    found = [one for one in Runs(run).scan() if one.path.resolve() == run.resolve()]
    if not found:
        raise RunError(
            f"{run} is not a run: it has no config.json. Give the directory of one, such as "
            f"runs/NAME."
        )
    if found[0].kind == "broken":
        raise RunError(f"{run} cannot be exported: {found[0].problem}")
    return found[0]


def page(run: Summary, *, redact: bool = False) -> Page:
    """Everything there is to see of a run, made. What cannot be is a line in its place."""
    kind = kinds.KINDS.get(run.command)
    failed = []
    if kind is not None and kind.page:
        try:
            found: Page = function_at(kind.page)(run.path, redact=redact)
            sections = [*found.sections, *_journal(run, redact=redact)]
            return found._replace(sections=sections, facts={**_facts(run), **found.facts})
        except Exception as error:  # the journal is worth a file without its report
            failed = [_failed("report", kind.title, error, redact=redact)]
    made = _compiled(run) if run.kind == "compiled" else _language(run, redact=redact)
    versions = facts.guarded("versions", "Versions", lambda: facts.versions(run))
    sections = [*failed, *made, versions]
    if run.kind == "compiled" or not redact:  # the config of a language run may hold prompts
        sections.append(facts.guarded("config", "Config", lambda: facts.again(run, run.name)))
    line = " on ".join(filter(None, (run.method, run.task)))
    notes = [run.problem] if run.problem else []
    return Page(run.name, line, sections, notes=notes, facts=_facts(run))


def _facts(run: Summary) -> dict[str, str]:
    """What a list of runs says of it."""
    found = {"run": run.name, "state": run.state, "tags": ", ".join(run.tags), "note": run.note}
    if run.seeds > 1:
        found["seeds"] = str(run.seeds)
    if run.headline is not None:
        name, value, low, high = run.headline
        between = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
        found[name] = f"{value:.3f}{between}"
    return {name: value for name, value in found.items() if value}


def _compiled(run: Summary) -> Iterator[Section]:
    """Curves, then the panels, made here and now, then what its files say."""
    looked = Watched(run.path, run.name).look(run)
    yield from looked.figures
    yield from _panels(run)
    yield from looked.facts


def _panels(run: Summary) -> Iterator[Section]:
    from cairn.show.look import Opened, look  # here: with it comes JAX

    offered = offers(run.kind, run.config, run.command)
    try:
        opened = Opened(run.path)
    except CairnError as error:
        yield Section("panels", "Panels", [Words(f"The run cannot be opened: {error}", "bad")])
        return
    for offer in offered:
        try:
            made = look(opened, offer.panel, {})
        except Exception as error:  # one panel of many: the others are worth the file
            made = _failed(offer.panel, offer.title, error)
        if made is not None:
            yield made


def _failed(id: str, title: str, error: Exception, *, redact: bool = False) -> Section:
    # What an error quotes may be a prompt.
    why = type(error).__name__ if redact or not isinstance(error, CairnError) else ""
    said = "" if redact else " ".join(str(error).split())
    told = ": ".join(filter(None, ("This part cannot be made", why, said)))
    return Section(id, title, [Words(told, "bad")])


def _language(run: Summary, *, redact: bool) -> list[Section]:
    """How far it is, and its calls."""
    told = kinds.told(run.path, run.command, read_table(run.path / "config.json"))
    standing = kinds.section(told, running=run.state == "running")
    return [standing, *_journal(run, redact=redact)]


def _journal(run: Summary, *, redact: bool) -> Sequence[Section]:
    """What its calls were: how many, how fast, what they cost, what failed."""
    view = JournalView(run.path, redact=redact)
    try:
        view.refresh()
        while view.more and not view.problem:
            view.refresh()
        if view.problem:
            return [Section("journal", "Journal", [Words(view.problem, "bad")])]
        own = [view.found()] if run.command in COMMANDS else []
        return [*own, *view.figures(run.state == "running")]
    finally:
        view.close()
