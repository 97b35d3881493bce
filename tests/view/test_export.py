"""A run as one file: whole, private where it must be, and readable without a server or a script."""

import os
import re
import stat

import made_runs
import numpy as np
import pytest
import shown_runs
from shown_runs import ANSI, HOSTILE_NAME, IMAGE, SCRIPT

from cairn.core.errors import ConfigError, RunError
from cairn.report.data import Card, Row, Sheet
from cairn.report.parts import Link, Section, Table
from cairn.show import look
from cairn.view import notes
from cairn.view.export import export, write
from markup import inert

CARD = Card(IMAGE, ANSI, "good", np.zeros((8, 8, 3), np.uint8), {"a": "b"}, "?panel=x")


@pytest.fixture
def panels(monkeypatch):
    """The panels of a run that opens at once: one is made, one fails, one breaks, one is empty."""
    made = Section(
        "mazes",
        f"Levels {SCRIPT}",
        [
            Sheet("", "", (Row("", (CARD,)),)),
            Table(["level"], [[Link("to the site", "/run/other")]]),
        ],
    )

    def shown(opened, name, arguments):
        assert arguments == {}
        if name == "attempt":
            raise ConfigError(f"no such {SCRIPT}")
        if name == "archive":
            raise RuntimeError("nobody\nforesaw this")
        return made if name == "mazes" else None

    monkeypatch.setattr(look, "Opened", lambda path: path)
    monkeypatch.setattr(look, "look", shown)


def test_a_compiled_run_has_curves_panels_ledger_log_config_and_versions(tmp_path, panels):
    run = made_runs.compiled(tmp_path, "study one")
    notes.write(run, tags=("good", "<script>x</script>"), note=f"look again {IMAGE}")
    text = export(run)
    found = inert(text)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert ids == ["main", "curves", "mazes", "attempt", "archive", "ledger", "checkpoints", "log",
                   "raw-metrics", "raw-timing", "versions", "config"]  # fmt: skip
    assert found.tags.count("svg") >= 5 and found.tags.count("img") == 1
    for words in ("accel on maze", "solve rate", "good", "look again", "[student]", "metrics.jsonl",
                  "cairn train --config &#39;study one.toml&#39;"):  # fmt: skip
        assert words in text
    links = [link for link in found.values("href") if not link.startswith("data:text/csv")]
    assert {link.removeprefix("#") for link in links} <= set(ids), "none leads out of the file"


def test_a_panel_that_fails_is_a_line_in_its_place_and_the_rest_goes_on(tmp_path, panels):
    text = export(made_runs.compiled(tmp_path, "one"))
    attempt, archive = (
        text[text.index(f'<section id="{name}"') :] for name in ("attempt", "archive")
    )
    assert "This part cannot be made: no such &lt;script" in attempt.split("</section>")[0]
    said = archive.split("</section>")[0]
    assert "This part cannot be made: RuntimeError: nobody foresaw this" in said
    assert '<section id="versions"' in archive


def test_a_run_without_a_checkpoint_is_exported_without_panels_and_says_so(tmp_path):
    text = export(made_runs.compiled(tmp_path, "one"))
    assert "The run cannot be opened: " in text and '<section id="curves"' in text


def test_everything_is_read_without_a_script(tmp_path, panels):
    found = inert(export(made_runs.compiled(tmp_path, "one")))
    names = {name for name, _ in found.attributes}
    assert not {"hidden", "style", "onclick"} & names
    assert "noscript" not in found.tags and "form" not in found.tags


def test_hostile_names_settings_and_answers_are_inert(tmp_path):
    run = made_runs.journaled(
        tmp_path,
        HOSTILE_NAME,
        command="cairn.search",
        config={"policy": SCRIPT, IMAGE: ANSI, "engine": {"trials": 3}},
    )
    text = export(run)
    inert(text)
    assert "&lt;script&gt;alert(1)" in text and "&lt;img src=x onerror=alert(3)&gt;" in text


def test_a_language_run_is_for_its_owner_alone_and_a_compiled_one_as_other_files(tmp_path, panels):
    before = os.umask(0o022)
    try:
        for made, mode in ((made_runs.journaled, 0o600), (made_runs.compiled, 0o644)):
            target = tmp_path / f"{made.__name__}.html"
            command = {"command": "cairn.search"} if made is made_runs.journaled else {}
            write(made(tmp_path, made.__name__, **command), target)
            assert stat.S_IMODE(target.stat().st_mode) == mode
            assert target.read_text().startswith("<!DOCTYPE html>")
    finally:
        os.umask(before)
    assert not list(tmp_path.glob(".*.part"))


def test_a_file_that_cannot_be_made_leaves_the_old_one(tmp_path, panels, monkeypatch):
    target = tmp_path / "out.html"
    target.write_text("old")
    monkeypatch.setattr("cairn.view.export.document", lambda page: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(made_runs.compiled(tmp_path, "one"), target)
    assert target.read_text() == "old"


def test_a_run_whose_report_cannot_be_made_has_its_journal_and_says_why(tmp_path):
    run = made_runs.journaled(tmp_path, "redteam")
    text = export(run)
    assert re.search(r"This part cannot be made: .*is not the config of a cairn redteam run", text)
    assert '<section id="journal-' in text and '<section id="config"' in text
    redacted = export(run, redact=True)
    assert "This part cannot be made: RunError<" in redacted
    assert '<section id="config"' not in redacted, "it may hold prompts"
    (run / "journal.sqlite").write_bytes(b"no journal at all" * 100)
    assert '<section id="config"' in export(run)


def test_what_is_no_run_or_a_broken_one_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"empty is not a run: it has no config\.json\. Give"):
        export(tmp_path / "empty")
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        export(tmp_path / "nowhere")
    run = made_runs.compiled(tmp_path, "cut")
    (run / "config.json").write_text('{"experiment": ')
    with pytest.raises(RunError, match="cut cannot be exported: ") as found:
        export(run)
    assert "\n" not in str(found.value)


def test_exporting_changes_nothing_in_the_run(tmp_path, panels):
    def state(run):
        return {file: (file.stat().st_mtime_ns, file.read_bytes())
                for file in run.rglob("*") if file.is_file()}  # fmt: skip

    for run in (made_runs.compiled(tmp_path, "one"),
                made_runs.journaled(tmp_path, "two", command="cairn.search")):  # fmt: skip
        before = state(run)
        export(run)
        assert state(run) == before


@pytest.fixture(scope="module")
def redteam(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "redteam"
    shown_runs.redteam(path)
    return path


@pytest.mark.slow
def test_a_red_teaming_run_is_its_report_and_its_journal(redteam):
    text = export(redteam)
    found = inert(text)
    ids = found.values("id")
    assert {"map", "curve", "descent", "cells", "cell-0", "made"} <= set(ids)
    assert len(ids) == len(set(ids)) and any(name.startswith("journal-") for name in ids)
    assert "Red-teaming report (simulated)" in text and "plain seed" in text


@pytest.mark.slow
def test_redacted_it_holds_no_prompt_and_no_answer(redteam):
    from cairn.redteam import directory, run

    done = run.read_back(redteam, directory.open_run(redteam))
    texts = {entry.prompt for entry in done.state.entries.values()}
    texts |= {str(one) for test in done.tests for one in test.responses} | {"a plain seed"}
    text = export(redteam, redact=True)
    assert not [one for one in texts if one in text]
    assert text.count("[redacted: ") > len(done.state.held())
    clear = export(redteam)
    assert all(one in clear for one in texts if "<" not in one)
