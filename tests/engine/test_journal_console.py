"""What the console says, and how often."""

import io
from dataclasses import replace

from rich.console import Console

from cairn.core.budget import Amount
from cairn.engine.journal_console import STOPPING, JournalConsole, line
from cairn.engine.journal_progress import Progress
from cairn.engine.journal_projection import Projection

MOMENT = Progress(
    told=5, trials=9, calls_per_s=1.0, answered=3, cached=0, in_flight=2, retries=0,
    spent=Amount(3, 30, 4000), kept=Amount(), maybe_twice=0, elapsed_s=1.0, projection=None,
)  # fmt: skip


def shown(*moments, terminal=False):
    text = io.StringIO()
    console = Console(file=text, width=300, force_terminal=terminal)
    with JournalConsole(console) as live:
        for moment in moments:
            live.show(moment)
    return text.getvalue()


def expecting(least, most):
    return replace(MOMENT, projection=Projection(Amount(least), Amount(most), 60.0))


def test_a_projection_is_said_once_and_again_when_it_was_wrong():
    said = shown(MOMENT, expecting(100, 200), expecting(150, 190), expecting(210, 300))
    assert said.count("the whole run will take") == 2
    assert "100 to 200 calls" in said and "210 to 300 calls" in said and "150 to" not in said


def test_a_stop_is_said_once_with_what_ends_the_wait():
    stopping = replace(MOMENT, stopping=True)
    assert shown(MOMENT, stopping, stopping).count(STOPPING) == 1
    assert STOPPING not in shown(MOMENT) and line(stopping).startswith("stopping · 5/9 trials")


def test_control_characters_of_a_policy_or_a_server_reach_no_terminal():
    evil = replace(MOMENT, about="best: \x1b[2Jgone\x07", notes=("note \x1b]0;title\x07",))
    for terminal in (False, True):
        said = shown(replace(MOMENT, about="calm"), evil, terminal=terminal)
        assert "\x1b[2J" not in said and "\x07" not in said and "\x1b]0" not in said
    assert "best: " in shown(evil) and "gone" in shown(evil)


def test_what_a_policy_shows_below_its_words_is_for_terminals_alone_and_cut_to_their_width():
    tree = replace(MOMENT, about="best 1\n0 draft [red]\n" + "x" * 400 + "\x1b[2J")
    assert "best 1" in shown(tree) and "0 draft" not in shown(tree)
    said = shown(tree, terminal=True)
    assert "  0 draft [red]" in said and "x" * 297 + "…" in said and "\x1b[2J" not in said


def test_the_last_moment_is_said_once():
    assert shown(MOMENT).count("5/9 trials") == 1
    assert shown(MOMENT, replace(MOMENT, told=6)).count("6/9 trials") == 1


def test_once_all_trials_are_told_nothing_is_projected():
    said = shown(replace(expecting(100, 200), told=9))
    assert "whole run" not in said and "projected" not in said and "left" not in said
    assert "reserved for calls that may be paid twice" in shown(expecting(100, 200))
