import io

import pytest
from rich.console import Console

from cairn.core import console, units


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (7, "7"), (999, "999"), (999.6, "1.0k"), (1000, "1.0k"), (9940, "9.9k"),
     (9960, "10k"), (12_345, "12k"), (999_600, "1.0M"), (1_310_000, "1.3M"), (5e9, "5.0G"),
     (10**12, "1.0T"), (10**15, "1000T")],
)  # fmt: skip
def test_counts_keep_two_or_three_digits(number, text):
    assert console.count(number) == text


def test_rates_below_ten_keep_a_decimal():
    assert [console.rate(r) for r in (0.25, 9.96, 8123.0)] == ["0.2/s", "10/s", "8.1k/s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (245, "4m05s"), (12_000, "3h20m"),
     (3599.7, "1h00m"), (187_200, "2d04h")],
)  # fmt: skip
def test_durations_show_their_two_largest_units(seconds, text):
    assert units.duration(seconds) == text


def progress(every_s: float, terminal: bool) -> tuple[console.Progress, io.StringIO]:
    stream = io.StringIO()
    target = Console(file=stream, force_terminal=terminal, width=60)
    return console.Progress(target, every_s), stream


def test_a_pipe_gets_the_first_and_the_last_figures_as_plain_lines():
    shown, stream = progress(every_s=3600, terminal=False)
    with shown:
        for step in range(5):
            shown.show({"steps": str(step), "solved": "50 %"})
        shown.say("saved [/tmp] " + "x" * 80)
    assert stream.getvalue().splitlines() == [
        "steps 0  solved 50 %",
        "saved [/tmp] " + "x" * 80,
        "steps 4  solved 50 %",
    ]


def test_a_pipe_gets_every_line_that_is_due_only_once():
    shown, stream = progress(every_s=0, terminal=False)
    with shown:
        shown.show({"steps": "1"})
        shown.show({"steps": "2"})
    assert stream.getvalue() == "steps 1\nsteps 2\n"


def test_a_terminal_gets_one_line_redrawn_in_place():
    shown, stream = progress(every_s=0, terminal=True)
    with shown:
        shown.show({"steps": "1"})
        shown.show({"steps": "2"})
    assert "steps" in stream.getvalue() and "\x1b[" in stream.getvalue()
    assert stream.getvalue().count("\n") <= 1
