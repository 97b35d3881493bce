"""The process beside the server: what it makes, and that nothing it does takes the server along."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import shown_runs

import written_runs
from cairn.core.errors import CheckpointError, ConfigError
from cairn.report.data import Chart, Line
from cairn.report.series import Curve, band
from cairn.show import look
from cairn.view import child, hand
from cairn.view.child import Child, LostError
from cairn.view.jobs import Job
from cairn.view.worker import Hands, PanelError

STANDING_IN = """
import os, sys, time
from cairn.view import hand
from cairn.view.jobs import Answer, Made
jobs = []
def answer(job, opened):
    jobs.append(job.panel)
    print("noise", flush=True)
    match job.panel:
        case "hang":
            time.sleep(60)
        case "die":
            os.write(2, b"\\n\\x1b[31mred\\n")
            os._exit(3)
        case "held":
            while not os.path.exists(job.arguments["until"]):
                time.sleep(0.01)
        case "large":
            return Answer("made", Made("large", {}, {}, ""), 1 << 40)
        case "refused" | "failed":
            return Answer(job.panel, "why", 0)
    told = f"{len(jobs)} jobs, {os.getpid()}, {os.getpriority(os.PRIO_PROCESS, 0)}"
    return Answer("made", Made(told, {"a": b"1" * 100}, {}, job.panel), 0)
hand.answer = answer
hand.main()
"""
RUN = Path("run")


@pytest.fixture
def quick(monkeypatch):
    """A process that opens no run: it counts its jobs."""
    monkeypatch.setattr(child, "BEGIN", STANDING_IN)


def ask(hands, *panels, path=RUN, at="run"):
    """What becomes of panels that are wanted at the same time."""

    async def every():
        return await asyncio.gather(
            *(hands.make(path, panel, {"n": n} if n else {}, at) for panel, _, n in split),
            return_exceptions=True,
        )

    split = [panel.partition("?") for panel in panels]
    found = asyncio.run(every())
    return found[0] if len(found) == 1 else found


@pytest.fixture
def hands(quick):
    made = Hands()
    yield made
    asyncio.run(made.close())


def gone(pid, within_s=5.0):
    """Whether a process ends."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_one_process_makes_all_panels_and_gives_way_to_others(hands):
    assert hands.process is None  # nothing was wanted yet
    first, second = ask(hands, "a", "b")
    _, pid, nice = first.html.split(", ")
    assert int(pid) == hands.process
    # Asked for at the same time: either may be made first.
    made = {first.html, second.html}
    assert made == {f"1 jobs, {pid}, {nice}", f"2 jobs, {pid}, {nice}"}
    assert int(nice) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + hand.NICE)
    assert (first.title, first.images) == ("a", {"a": b"1" * 100})


def test_equal_wishes_are_one_job_and_what_was_made_is_kept_until_the_run_changes(hands, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    one, other, third = ask(hands, "a?1", "a?2", "a?1", path=tmp_path)
    assert one is third and other is not one
    assert ask(hands, "a?1", path=tmp_path) is one
    assert ask(hands, "b", path=tmp_path).html.startswith("3 jobs")
    (tmp_path / "config.json").write_text("{ }")
    assert ask(hands, "a?1", path=tmp_path).html.startswith("4 jobs")


def test_what_is_kept_is_bounded(quick):
    hands = Hands(keep=250)  # two of them
    first = ask(hands, "a")
    ask(hands, "b")
    assert ask(hands, "a") is first  # and so the last asked for
    ask(hands, "c")
    assert ask(hands, "a") is first
    assert ask(hands, "b").html.startswith("4 jobs")
    asyncio.run(hands.close())


def test_a_process_that_dies_is_told_of_in_words_and_another_takes_its_place(hands):
    before = ask(hands, "a").html
    died = ask(hands, "die")
    assert isinstance(died, PanelError)
    assert str(died) == "The process that makes panels ended (status 3): ␛[31mred"
    assert ask(hands, "b").html.split(", ")[1] != before.split(", ")[1]


def test_a_process_that_was_killed_while_nothing_was_wanted_is_replaced_unseen(hands):
    ask(hands, "a")
    os.kill(hands.process, 9)
    assert gone(hands.process) or ask(hands, "b").html.startswith("1 jobs")
    assert ask(hands, "b").html.startswith("1 jobs")


def test_a_process_that_hangs_is_ended(quick):
    hands = Hands()
    ask(hands, "a")
    pid, hands._patience_s = hands.process, 0.5
    assert "took longer than 0.5 s and was stopped" in str(ask(hands, "hang"))
    assert gone(pid)
    hands._patience_s = 60.0
    assert ask(hands, "b").html.startswith("1 jobs")
    asyncio.run(hands.close())


def test_refusals_are_passed_on_and_faults_are_named(hands):
    refused, failed = ask(hands, "refused", "failed")
    assert (type(refused), str(refused)) == (PanelError, "why")
    assert "cannot be made: why" in str(failed)
    assert ask(hands, "a").html.startswith("3 jobs")  # the same process


def test_a_process_that_has_grown_large_makes_room(hands):
    ask(hands, "large")
    assert hands.process is None
    assert ask(hands, "a").html.startswith("1 jobs")


def test_what_nobody_waits_for_any_more_is_not_made(hands, tmp_path):
    done = tmp_path / "done"

    async def leave():
        held = asyncio.ensure_future(hands.make(RUN, "held", {"until": str(done)}, "run"))
        left = asyncio.ensure_future(hands.make(RUN, "left", {}, "run"))
        shared = [asyncio.ensure_future(hands.make(RUN, "shared", {}, "run")) for _ in range(2)]
        await asyncio.sleep(0.1)
        left.cancel()
        shared[0].cancel()
        await asyncio.sleep(0.05)
        done.touch()
        await held
        return await shared[1]

    assert asyncio.run(leave()).html.startswith("2 jobs")


def test_what_a_person_asks_for_is_made_before_what_waits(hands, tmp_path):
    done = tmp_path / "done"

    async def every():
        held = asyncio.ensure_future(hands.make(RUN, "held", {"until": str(done)}, "run"))
        await asyncio.sleep(0.05)
        waits = asyncio.ensure_future(hands.make(RUN, "waits", {}, "run"))
        await asyncio.sleep(0.05)
        asked = asyncio.ensure_future(hands.make(RUN, "asked", {}, "run", first=True))
        await asyncio.sleep(0.05)
        done.touch()
        return (await held).html, (await asked).html, (await waits).html

    assert [html[0] for html in asyncio.run(every())] == ["1", "2", "3"]


def test_it_ends_when_nothing_was_wanted_for_a_while_and_starts_again(quick):
    hands = Hands(idle_s=0.2)
    ask(hands, "a")
    pid = hands.process
    assert gone(pid)
    assert ask(hands, "b").html.startswith("1 jobs")
    asyncio.run(hands.close())


def test_closing_ends_it_though_it_is_busy_and_says_so_to_who_waits(quick):
    hands = Hands()

    async def close():
        waiting = [
            asyncio.ensure_future(hands.make(RUN, name, {}, "run")) for name in ("hang", "b")
        ]
        while hands.process is None:
            await asyncio.sleep(0.01)
        pid = hands.process
        await hands.close()
        return pid, await asyncio.gather(*waiting, return_exceptions=True)

    pid, found = asyncio.run(close())
    assert gone(pid)
    assert [type(each) for each in found] == [PanelError, PanelError]
    assert isinstance(ask(hands, "c"), PanelError)


def test_it_ends_with_the_server_though_it_is_busy(quick):
    one = Child()
    one._jobs.send(Job(RUN, "hang", {}, None))
    time.sleep(0.1)
    one._jobs.close()  # as the kernel does when the server is killed
    assert one._process.wait(5.0) == 0
    one.close()


def test_a_job_that_cannot_be_sent_is_a_lost_process(quick):
    one = Child()
    one.kill()
    assert one._process.wait() == -9
    with pytest.raises(LostError, match="SIGKILL"):
        one.ask(Job(RUN, "a", {}, None), 1.0)
    one.close()


def test_an_error_that_nobody_foresaw_is_one_line_with_its_place(monkeypatch):
    def fail(job, opened):
        raise ValueError("two\nlines \x1b[0m and " + 500 * "x")

    job = Job(RUN, "a", {}, None)
    monkeypatch.setattr(hand, "_panel", fail)
    found = hand.answer(job, {})
    assert found.kind == "failed" and found.memory > 1 << 20
    assert found.what.startswith("ValueError: two lines ␛[0m and xxx")
    assert re.search(r"… \(hand\.py:\d+\)$", found.what)  # the innermost place that is ours
    assert len(found.what) < 500

    def refuse(job, opened):
        raise ConfigError("a line\n and another")

    monkeypatch.setattr(hand, "_panel", refuse)
    assert hand.answer(job, {})[:2] == ("refused", "a line and another")


def test_a_checkpoint_that_is_dropped_while_it_is_read_is_no_failure(monkeypatch, tmp_path):
    opens = []

    def opened(path):
        opens.append(path)
        if len(opens) == 1:
            (tmp_path / "config.json").write_text("{}")  # whatever changes
        if len(opens) != 2:
            raise CheckpointError("gone")
        return "opened"

    monkeypatch.setattr(look, "Opened", opened)
    kept = {}
    assert hand._open(tmp_path, kept) == "opened"
    assert hand._open(tmp_path, kept) == "opened" and len(opens) == 2  # it is kept
    with pytest.raises(CheckpointError):
        hand._open(tmp_path / "other", kept)
    assert len(opens) == 3


def test_what_the_server_imports_needs_neither_jax_nor_matplotlib():
    look = (
        "import sys, cairn.view.worker, cairn.show.panels\n"
        "print([name for name in ('jax', 'matplotlib', 'PIL') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


# --- the real process, on a real run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return written_runs.write_accel(tmp_path_factory.mktemp("runs") / "accel")


@pytest.fixture(scope="module")
def real():
    hands = Hands()
    yield hands
    asyncio.run(hands.close())


def state(folder):
    """Everything that can be seen of a folder."""
    return {
        file: (file.stat().st_mtime_ns, file.read_bytes() if file.is_file() else None)
        for file in [folder, *folder.rglob("*")]
    }


@pytest.mark.slow
def test_a_page_of_the_archive_is_made_and_the_run_stays_as_it_was(real, run):
    before = state(run)
    made = ask(real, "shelf", path=run, at="folder/ru n")
    assert made.title == "Every level of the archive"
    assert len(made.images) == 5 and all(png.startswith(b"\x89PNG") for png in made.images.values())
    for name in made.images:
        assert f'src="/image/folder/ru%20n/{name}.png"' in made.html
    level = ask(real, "level?4", path=run)
    assert "give its id" in str(level).lower()
    assert state(run) == before


@pytest.mark.slow
def test_a_panel_for_a_file_holds_its_pictures_itself(real, run):
    made = ask(real, "shelf", path=run, at=None)
    assert made.images == {} and made.html.count('src="data:image/png;base64,') == 5
    assert "/image/" not in made.html


@pytest.mark.slow
def test_panels_of_a_journaled_run_are_those_of_its_kind(real, tmp_path):
    path = tmp_path / "run"
    shown_runs.redteam(path)
    before = state(path)
    report, unknown, wrong = ask(real, "report", "os.system", "report?1", path=path)
    assert "Red-teaming report (simulated)" in report.html and shown_runs.SCRIPT not in report.html
    assert state(path) == before
    said = "No panel 'os.system' of a run that cairn redteam run made: expected report."
    assert str(unknown) == said
    assert "Panel report: got an unexpected keyword argument 'n'." in str(wrong)


@pytest.mark.slow
def test_a_whole_run_is_made_as_one_file_anew_each_time(real, run):
    before = state(run)
    first, again = ask(real, "export", "export", path=run, at=None)
    assert first is not again
    assert first.html.startswith("<!DOCTYPE html>") and 'id="shelf"' in first.html
    assert "How it learned" in first.html or "solve rate" in first.html
    assert state(run) == before


@pytest.mark.slow
def test_a_chart_is_drawn(real):
    curve = Curve(np.arange(3.0)[:, None], np.arange(3.0)[:, None])
    chart = Chart("a title", (Line("a line", curve, band(curve)),))
    assert asyncio.run(real.draw(chart)).startswith(b"\x89PNG")


@pytest.mark.slow
def test_what_is_no_run_or_no_panel_is_said_in_a_line(real, run, tmp_path):
    nobody, unknown = ask(real, "shelf", path=tmp_path), ask(real, "shelff", path=run)
    assert "versions.json cannot be read" in str(nobody)
    assert "No panel 'shelff'" in str(unknown) and "Did you mean 'shelf'?" in str(unknown)
    (tmp_path / "versions.json").write_text('{"command": "cairn dream"}')
    said = "No panel 'shelf' of a run that cairn dream made: expected none."
    assert str(ask(real, "shelf", path=tmp_path)) == said
