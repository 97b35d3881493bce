"""What a person sees: one live line in a terminal, plain lines in a pipe."""

import threading
import time
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.live import Live
from rich.table import Table

P = TypeVar("P", bound="Progress")
Q = TypeVar("Q", bound="PatientProgress")
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def count(number: float) -> str:
    """A count in at most three digits: 950, 1.3k, 12k, 1.3M."""
    for power, (unit, letter) in enumerate(_UNITS):
        # From 999.5 on, three digits round to the next unit's 1.0.
        if number >= 0.9995 * unit or (power == len(_UNITS) - 1 and number >= 999.5):
            scaled = number / unit
            return f"{scaled:.1f}{letter}" if scaled < 9.95 else f"{scaled:.0f}{letter}"
    return f"{number:.0f}"


def plural(number: int, noun: str) -> str:
    """ "1 level", "2 levels"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def rate(per_second: float) -> str:
    """A rate: 8.1k/s; below ten a second with one decimal."""
    return f"{per_second:.1f}/s" if per_second < 9.95 else f"{count(per_second)}/s"


class Progress:
    """Shows the newest figures of a run. Use as a context manager.

    In a terminal one line is redrawn in place. Anywhere else a plain line is printed at most
    every `every_s` seconds, and the last figures once more at the end.
    """

    def __init__(self, console: Console | None = None, every_s: float = 10.0):
        self.console = console or Console()
        self._every_s = every_s
        self._live = Live(console=self.console, refresh_per_second=4, transient=False)
        self._printed_at = -float("inf")
        self._held: dict[str, str] | None = None

    def __enter__(self: P) -> P:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:
            self._live.stop()
        elif self._held:
            self._print(self._held)

    def show(self, figures: dict[str, str]) -> None:
        """Names and already formatted values, in the order they should appear."""
        if self.console.is_terminal:
            self._live.update(_row(figures))
        elif time.monotonic() - self._printed_at >= self._every_s:
            self._print(figures)
        else:
            self._held = figures

    def say(self, text: str) -> None:
        """A line that stays, above the live one. Square brackets are text, not markup."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _print(self, figures: dict[str, str]) -> None:
        self._printed_at, self._held = time.monotonic(), None
        self.say("  ".join(f"{name} {value}" for name, value in figures.items()))


class PatientProgress(Progress):
    """The same, on standard error, of what may be over in a moment: silent for `patience_s`.

    A clock ends the silence, not the next figures: they may be long in coming.
    """

    def __init__(self, patience_s: float = 2.0, console: Console | None = None):
        super().__init__(console or Console(stderr=True))
        self._clock = threading.Timer(patience_s, self._speak)
        self._clock.daemon = True
        self._turn = threading.Lock()
        self._now: dict[str, str] = {}
        self._speaks = False

    def __enter__(self: Q) -> Q:
        self._clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clock.cancel()
        with self._turn:
            if self._speaks:
                super().__exit__(kind, error, traceback)
            self._speaks = False

    def show(self, figures: dict[str, str]) -> None:
        """As `Progress.show`, once the patience is over."""
        with self._turn:
            self._now = figures
            if self._speaks:
                super().show(figures)

    def _speak(self) -> None:
        with self._turn:
            if not self._clock.finished.is_set():
                super().__enter__()
                self._speaks = True
                if self._now:
                    super().show(self._now)


def _row(figures: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name in figures:
        table.add_column(header=name, no_wrap=True)
    table.add_row(*(f"[dim]{name}[/] {value}" for name, value in figures.items()))
    return table
