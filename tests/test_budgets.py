"""Processor time by wing is added up and judged, and one place says how tests compile."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from budgets import FULL_S, STARTING, Budgets, by_wing, over, processor_s, wing

HERE = Path(__file__).parent


def config(**option):
    known = {"slow": True, "as_users": False, "numprocesses": 0} | option
    return SimpleNamespace(option=SimpleNamespace(**known), get_verbosity=lambda: 0)


def test_every_file_of_tests_belongs_to_a_wing():
    for file in HERE.rglob("test_*.py"):
        assert wing(f"tests/{file.relative_to(HERE)}::test_x")
    assert wing("tests/engine/test_journal_kill.py::test_x") != wing("tests/engine/test_seeds.py")
    with pytest.raises(pytest.UsageError, match="add its folder to tests/budgets"):
        wing("tests/nowhere/test_x.py::test_x")


def test_time_of_this_process_and_of_children_counts():
    before = processor_s()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert processor_s() - before > 0.02


@pytest.mark.parametrize(
    ("spent", "as_users", "failed"),
    [(1.9 * FULL_S, False, False), (2.1 * FULL_S, False, True), (2.1 * FULL_S, True, False)],
)
def test_a_session_fails_when_a_wing_takes_twice_its_budget(spent, as_users, failed):
    plugin = Budgets(config(as_users=as_users))
    half = {"tests/ued/test_a.py::test_b": spent / 2, STARTING: 1.0}
    other = {"tests/ued/test_c.py::test_d": spent / 2, STARTING: 2.0}
    for worker in (half, other):  # each ran a part
        plugin.pytest_testnodedown(SimpleNamespace(workeroutput={"spent": (worker, [])}))
    total = by_wing(plugin.spent.seconds)
    assert total["ued"] == spent and total[STARTING] == 3.0
    session = SimpleNamespace(config=SimpleNamespace(), exitstatus=0)
    plugin.pytest_sessionfinish(session)
    assert (session.exitstatus != 0) == failed
    said = []
    plugin.pytest_terminal_summary(SimpleNamespace(write_line=said.append))
    assert any("OVER BUDGET" in line for line in said) == failed
    assert sum("NOT MARKED SLOW" in line for line in said) == 2


def test_what_starting_takes_is_no_wing_s_fault():
    assert over(by_wing({STARTING: 10 * FULL_S}), FULL_S) == []


def test_no_test_sets_flags_of_the_compiler():
    """`--as-users` could not undo them: tests/compiling.py alone does."""
    files = [file for file in HERE.rglob("*.py") if file.name != "compiling.py"]
    flags = ("xla_backend_optimization_level", "xla_cpu_", "JAX_DISABLE_MOST_OPTIMIZATIONS")
    found = [file.name for file in files if any(flag in file.read_text() for flag in flags)]
    assert found == [Path(__file__).name]
