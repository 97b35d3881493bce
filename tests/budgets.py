"""Processor time of each wing's tests against its budget, printed at the end of every session.

Seconds are user and system time of this process and of the children it waited for, so a machine
that does something else at the same time, and processes side by side, change little. A session
fails if a wing takes twice its budget: put the time somewhere else, or make a test cheaper. With
`--as-users` the seconds are printed and nothing fails: the budgets are those of quick compilation.
"""

import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

FULL_S, INNER_S = 150.0, 15.0
"""A wing's budget in all tests, and in those not marked slow (the inner loop)."""
ONE_S = 2.0
"""What a test may take that is not marked slow."""
STARTING = "start, imports, collecting"

WINGS = {
    "archive": "archive",
    "bench": "bench",
    "bench/test_qd": "qd",
    "cli": "cli, show",
    "conformance": "envs",
    "core": "core",
    "docs": "docs",
    "docs/test_results": "results on pages",
    "engine": "engine",
    "engine/test_journal": "journal",
    "engine/test_map": "map",
    "envs": "envs",
    "envs/tokens": "token tasks",
    "evaluation": "evaluation, learners",
    "games": "games",
    "improve": "improve",
    "examples": "examples",
    "jail": "jail",
    "learners": "evaluation, learners",
    "learning": "ued",
    "lm": "lm",
    "nn": "score, nn",
    "offline": "offline",
    "qd": "qd",
    "redteam": "redteam",
    "refine": "refine",
    "research": "research",
    "report": "evaluation, learners",
    "resume": "runs",
    "runs": "runs",
    "sampler": "qd",
    "score": "score, nn",
    "show": "cli, show",
    "test_": "core",
    "thirdparty": "runs",
    "tuning": "tuning",
    "ued": "ued",
    "view": "view",
}
"""The wing whose budget the tests of a folder (or files that begin so) draw on; longest wins."""


class Spent(NamedTuple):
    """Processor seconds by test, and whether it is marked slow."""

    seconds: dict[str, float]
    slow: set[str]


def wing(test: str) -> str:
    """The wing of a test, from the name pytest gives it."""
    path = test.split("::")[0].removeprefix("tests/")
    fitting = [start for start in WINGS if path.startswith(start)]
    if not fitting:
        raise pytest.UsageError(f"{path} belongs to no wing: add its folder to tests/budgets.py.")
    return WINGS[max(fitting, key=len)]


def processor_s() -> float:
    """User and system time so far, of this process and of children that have ended."""
    mine, theirs = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def by_wing(seconds: dict[str, float]) -> Counter[str]:
    """The sum of each wing."""
    total: Counter[str] = Counter()
    for test, spent in seconds.items():
        total[test if test == STARTING else wing(test)] += spent  # pyright: ignore[reportArgumentType]
    return total


def over(total: Counter[str], budget_s: float) -> list[str]:
    """The wings that took twice their budget or more."""
    return [name for name, spent in total.items() if name != STARTING and spent >= 2 * budget_s]


class Budgets:
    """The plugin: measures where tests run, adds up and judges where the session is led."""

    def __init__(self, config: pytest.Config) -> None:
        self.spent = Spent({}, set())
        self.option = config.option
        self.verbose = config.get_verbosity() >= 0  # addopts say -q
        self.budget_s = FULL_S if config.option.slow else INNER_S

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse a folder without a wing before anything runs."""
        for item in items:
            wing(item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Around set-up, call and tear-down: what is shared counts for the first that asks."""
        before = processor_s()
        try:
            return (yield)
        finally:
            self.spent.seconds[item.nodeid] = processor_s() - before
            if item.get_closest_marker("slow"):
                self.spent.slow.add(item.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist has ended and left its sums."""
        seconds, slow = getattr(node, "workeroutput", {}).get("spent", ({}, []))
        seconds[STARTING] = seconds.get(STARTING, 0) + self.spent.seconds.get(STARTING, 0)
        self.spent.seconds.update(seconds)
        self.spent.slow.update(slow)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what was measured, or judge it."""
        mine = resource.getrusage(resource.RUSAGE_SELF)
        # Workers' time is not in the leader's own, though they are its children.
        rest = processor_s() - sum(s for t, s in self.spent.seconds.items() if t != STARTING)
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            self.spent.seconds[STARTING] = rest
            output["spent"] = (self.spent.seconds, sorted(self.spent.slow))
            return
        alone = not self.option.numprocesses if hasattr(self.option, "numprocesses") else True
        own = rest if alone else mine.ru_utime + mine.ru_stime
        self.spent.seconds[STARTING] = self.spent.seconds.get(STARTING, 0) + own
        if not self.option.as_users and over(by_wing(self.spent.seconds), self.budget_s):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The table, and tests that should be marked slow."""
        total = by_wing(self.spent.seconds)
        failed = [] if self.option.as_users else over(total, self.budget_s)
        write = terminalreporter.write_line
        write(f"Processor seconds (budget of a wing {self.budget_s:.0f}, failing at twice):")
        for name, seconds in total.most_common():
            write(f"  {seconds:6.1f}  {name}{'  OVER BUDGET' if name in failed else ''}")
        write(f"  {total.total():6.1f}  together")
        for test, seconds in sorted(self.spent.seconds.items(), key=lambda pair: -pair[1]):
            marked = test in self.spent.slow or test == STARTING
            if seconds > ONE_S and not marked:
                write(f"  {seconds:6.1f}  {test}  NOT MARKED SLOW")
            elif self.verbose and seconds > ONE_S / 4:
                write(f"  {seconds:6.1f}  {test}")
