"""What each kind of journaled run says of itself, without opening its wing."""

import json
import shlex
import subprocess
import sys

import pytest
from made_audit import audited
from made_journals import listing

from cairn.core.budget import Amount
from cairn.core.journal import Journal, canonical
from cairn.core.resolve import function_at
from cairn.redteam import run as redteam_run
from cairn.redteam import testing
from cairn.refine import look
from cairn.refine.directory import RefineRun
from cairn.refine.distill.directory import DistilledRun
from cairn.refine.source2synth.run import SynthRun
from cairn.research.directory import ResearchRun
from cairn.runs.mapping import MapRun
from cairn.runs.search import SearchRun
from cairn.view import kinds
from cairn.view.kinds import KINDS, describe, format_of, section, told
from cairn.view.summaries import Headline


def journaled(path):
    path.mkdir(exist_ok=True)
    return Journal(path / "journal.sqlite", config={})


def asked(stage, items, told, *, lag):
    """As the engine and a map over a list leave them: asks run ahead, past the last item too."""
    for trial in range(min(lag, items + lag)):
        stage.append("ask", trial, "null" if items and trial >= items else '{"place":1}')
    for trial in range(told):
        stage.append("failure" if trial == 1 else "tell", trial, '{"error":"E","message":"m"}')
        stage.append("ask", trial + lag, "null" if items and trial + lag >= items else "{}")


def test_every_kind_of_run_there_is_has_a_line_here():
    commands = {run.COMMAND for run in (redteam_run.directory.RedteamRun, testing.TestRun)}
    commands |= {ResearchRun.COMMAND, SynthRun.COMMAND, DistilledRun.COMMAND}
    assert set(KINDS) == commands | {SearchRun.COMMAND, MapRun.COMMAND, RefineRun.COMMAND}
    for kind in KINDS.values():
        for address in (*kind.panels, *filter(None, [kind.page])):
            assert callable(function_at(address)), address


def test_a_red_teaming_run_tells_its_search_its_test_and_how_it_goes_on(tmp_path):
    run = audited(tmp_path / "a run")
    config = json.loads((run / "config.json").read_text())
    before = listing(run)
    found = told(run, "cairn redteam run", config)
    assert listing(run) == before and found.title == "Red-teaming" and found.problem == ""
    assert found.named == (
        "rainbow",
        "simulation",
        Headline("attack success rate", 0.5, 0.25, 0.75),
    )
    assert [part[:3] for part in found.progress] == [("search", 40, 40), ("test", 6, 6)]
    assert found.finished and found.stopped == "finished"
    assert shlex.split(found.go_on) == ["cairn", "redteam", "resume", str(run)]
    assert "It is finished." in str(section(found)) and "resume" not in str(section(found))


def test_a_simulated_run_says_so_first(tmp_path):
    run = audited(tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    assert "Simulated. The models are programs" in str(
        section(told(run, "cairn redteam run", config)).parts[0]
    )
    assert kinds.is_simulated(config) and kinds.is_simulated({"simulation.seed": 0})
    real = {**config, "simulation": None}
    assert not kinds.is_simulated(real) and not kinds.is_simulated({"models.target.model": "m"})
    assert "imulated" not in str(section(told(run, "cairn redteam run", real)))


def test_a_red_teaming_run_that_stopped_or_was_given_more_trials_is_not_finished(tmp_path):
    run = audited(tmp_path / "run", ended=False)
    config = json.loads((run / "config.json").read_text())
    found = told(run, "cairn redteam run", config)
    assert found.progress[1][:3] == ("test", 5, 6) and not found.finished
    assert "It stopped: a limit" in str(section(found)) and "resume" in str(section(found))
    assert "resume" not in str(section(found, running=True))
    config["engine"]["trials"] = 50
    assert told(run, "cairn redteam run", config).progress[0][:3] == ("search", 40, 50)
    with journaled(tmp_path / "begun") as journal:
        asked(journal.stage("search"), 0, 7, lag=4)
    found = told(tmp_path / "begun", "cairn redteam run", config)
    assert [part[:3] for part in found.progress] == [("search", 7, 50), ("test", 0, None)]


def test_another_archive_is_not_tested_yet(tmp_path):
    run = audited(tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    with Journal(run / "journal.sqlite", config=redteam_run.directory.tied(
        redteam_run.directory.open_run(run)
    )) as journal:  # fmt: skip
        journal.stage("search").append("ask", 40, "{}")
    assert told(run, "cairn redteam run", config).progress[1][:3] == ("test", 0, None)


def test_a_test_of_prompts_counts_its_prompts_and_not_what_a_list_asks_beyond(tmp_path):
    with journaled(tmp_path / "run") as journal:
        asked(journal.stage("test-0123"), 9, 4, lag=9)
    found = told(tmp_path / "run", "cairn redteam test", {"models": {"target": {"model": "m"}}})
    assert found.progress == [("test", 4, 9, "prompts tested", False)]
    assert found.named == ("test of prompts", "m", None)
    with journaled(tmp_path / "run") as journal:
        stage = journal.stage("test-0123")
        for trial in range(4, 9):
            stage.append("tell", trial, "{}")
            stage.append("ask", trial + 9, "null")
    assert told(tmp_path / "run", "cairn redteam test", {}).finished


def test_a_search_counts_the_trials_that_were_told(tmp_path):
    with journaled(tmp_path / "run") as journal:
        asked(journal.stage("search"), 0, 12, lag=5)
    config = {"policy": "Longest", "engine": {"trials": 12}}
    found = told(tmp_path / "run", "cairn.search", config)
    assert found.progress == [("search", 12, 12, "trials told", True)] and found.finished
    assert found.named == ("Longest", "search", None)
    assert found.go_on == f"cairn.search(..., run={str(tmp_path / 'run')!r})"
    more = told(tmp_path / "run", "cairn.search", {"policy": "Longest", "engine": {"trials": 13}})
    assert not more.finished and "go on with it" in str(section(more))


def test_a_map_counts_items_of_finished_shards_the_newest_where_one_was_tried_again(tmp_path):
    def shard(done, rejected, failed):
        return canonical({"done": done, "rejected": rejected, "failed": failed, "fold": None})

    def stands():
        (found,) = told(tmp_path / "run", "cairn.map", {"source": "in.jsonl"}).progress
        return found

    with journaled(tmp_path / "run") as journal:
        stage = journal.stage("map")
        assert stands()[:3] == ("map", 0, None)
        stage.append("source", 0, canonical({"items": 20, "tied": {}, "shard": 10, "digests": []}))
        stage.append("shard", 1, shard(7, 2, 1))
        journal.commit()
        assert stands() == ("map", 10, 20, "items of finished shards; 2 rejected, 1 failed", False)
        stage.append("shard", 0, shard(10, 0, 0))
        journal.commit()
        assert stands()[1:3] == (20, 20) and stands().finished  # nothing is written elsewhere
        stage.append("sealed", 0, "{}")
        journal.commit()
        assert not stands().finished
        stage.append("joined", 0, "")
        stage.append("retry", 1, canonical({"kinds": ["failed"]}))
        stage.append("shard", 1, shard(8, 2, 0))
        journal.commit()
        assert stands() == ("map", 20, 20, "items of finished shards; 2 rejected", True)


def test_people_s_verdicts_correct_the_headline_and_odd_figures_are_none():
    mean = {"value": 0.4, "low": 0.3, "high": 0.5}
    both = {"success": {"mean": mean}, "corrected": {"rate": {"value": 0.6, "low": None}}}
    few = {**both, "labelled": {"true_unsafe": 9, "missed": 1, "true_safe": 8, "alarms": 1}}
    enough = {**both, "labelled": {**few["labelled"], "alarms": 2}}
    headline = describe("cairn redteam run", {}, enough).headline
    assert headline == ("attack success rate, corrected by 20 verdicts", 0.6, None, None)
    headline = describe("cairn redteam run", {}, few).headline
    assert headline == ("attack success rate", 0.4, 0.3, 0.5)
    for odd in (None, {}, {"success": 3}, {"success": {"mean": {"value": "0.4"}}}):
        assert describe("cairn redteam run", {"search": 3, "models": []}, odd) == ("", "", None)


def test_a_command_that_nobody_knows_is_named_and_its_journal_left_alone(tmp_path):
    found = told(tmp_path, "cairn.dream", {})
    assert found.title == "cairn.dream" and "knows no runs" in found.problem and not found.progress
    assert "knows no runs" in str(section(found))


def test_what_was_spent_is_told_and_a_run_that_has_just_begun_has_no_problem(tmp_path):
    with journaled(tmp_path / "run") as journal:
        send = journal.intend(b"k", "search", "m", Amount(1, tokens=9, micros=7))
        journal.settle(send, "answered", Amount(1, tokens=5, micros=2_000_000))
        lost = journal.intend(b"l", "search", "m", Amount(1, tokens=9))
        journal.settle(lost, "lost", None)
    found = told(tmp_path / "run", "cairn.search", {})
    assert found.spent == {"calls": 1.0, "tokens": 5.0, "money": 2.0}
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "journal.sqlite").touch()
    assert told(tmp_path / "new", "cairn.search", {})[2:7] == (
        [], kinds.NOTHING, False, False, "",
    )  # fmt: skip
    assert told(tmp_path / "new", "cairn.search", {}).problem == ""


def test_a_journal_that_is_a_link_is_not_followed(tmp_path):
    with journaled(tmp_path / "elsewhere"):
        pass
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.sqlite").symlink_to(tmp_path / "elsewhere" / "journal.sqlite")
    assert "is a link" in told(tmp_path / "run", "cairn.search", {}).problem


@pytest.mark.parametrize("state", ["missing", "text", "event", "summary"])
def test_what_cannot_be_read_is_said_in_a_line(tmp_path, state):
    run = tmp_path / "run"
    with journaled(run) as journal:
        asked(journal.stage("search"), 0, 3, lag=2)
        journal.stage("map").append("source", 0, "[]")
    expected = "journal.sqlite"
    if state == "missing":
        (run / "journal.sqlite").unlink()
    elif state == "text":
        (run / "journal.sqlite").write_text("no database" * 999)
    elif state == "summary":
        (run / "summary.json").write_text("{")
        expected = "summary.json"
    found = told(run, "cairn.map" if state == "event" else "cairn.search", {})
    assert expected in found.problem and "\n" not in found.problem
    assert bool(found.progress) == (state == "summary")


def test_the_view_of_journals_needs_neither_jax_nor_matplotlib():
    heavy = "jax", "equinox", "matplotlib", "aiohttp"
    script = (
        "import sys\nfrom cairn.view import journal, kinds, verdicts\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_distillation_has_no_journal_and_tells_its_updates_by_its_files(tmp_path):
    run = DistilledRun.create(tmp_path / "small", {"source": "made", "updates": 500}).path
    (run / "checkpoints").mkdir()
    for step in (200, 400):
        (run / "checkpoints" / f"step-{step:015d}.safetensors").touch()
    before = listing(run)
    found = told(run, DistilledRun.COMMAND, {"source": "made", "updates": 500})
    assert (found.title, found.named[:2]) == ("Small refiner", ("small refiner", "made"))
    assert format_of(DistilledRun.COMMAND) == DistilledRun.FORMAT  # or a list calls it unreadable
    assert found.progress == [("training", 400, 500, "updates", False)] and not found.problem
    assert look.distilled(run) == [] and listing(run) == before
    made = {"parameters": 12345, "texts": 80, "removed": 213, "threshold": 0.25, "seconds": 9.0}
    (run / "refiner.json").write_text(json.dumps(made | {"kinds": ["CODE"]}))
    found = told(run, DistilledRun.COMMAND, {"source": "made", "updates": 500})
    assert found.progress[0].done == 500 and found.finished
    (shown,) = look.distilled(run)
    assert "12,345" in str(shown) and "CODE" in str(shown)


def test_a_synthetic_set_tells_what_it_wrote_and_curated(tmp_path):
    config = {"source": "tables", "simulation": True}
    run = SynthRun.create(tmp_path / "out.synth", config).path
    with Journal(run / "journal.sqlite", config={}) as journal:
        for name, items, done in (("generate", 4, 4), ("curate-1", 2, 1)):
            stage = journal.stage(name)
            stage.append("source", 0, canonical({"items": items}))
            counts = {"done": done, "rejected": 0, "failed": 0}
            stage.append("shard", 0, canonical(counts))
    found = told(run, SynthRun.COMMAND, config)
    assert [part[:3] for part in found.progress] == [("generate", 4, 4), ("curate", 1, 2)]
    assert found.named[:2] == ("Source2Synth", "tables") and found.simulated
    assert not found.finished and not found.problem and look.synthesized(run) == []
    funnel = {"write": {"kept": 4}, "curate": {"unanswered": 1}}
    told_so = {"seeds": 4, "written": 4, "learned": 2, "kept": None, "funnel": funnel}
    (run / "summary.json").write_text(json.dumps(told_so))
    shown = str(look.synthesized(run))
    assert "unanswered" in shown and "imulated" in shown
