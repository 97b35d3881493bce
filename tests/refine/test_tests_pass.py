"""A rewrite whose tests fail in the jail is no good rewrite."""

import asyncio

import pytest

from cairn import jail
from cairn.core.errors import ConfigError
from cairn.refine.checks.base import Pair
from cairn.refine.checks.catalogue import check
from cairn.refine.checks.tests_pass import TestsPass as Passing
from cairn.refine.tasks.catalogue import task

GOOD = "def area(a, b):\n    return a * b  # by Ann Paulson\n"


def asked(own, original, rewrite):
    return asyncio.run(own(Pair(original, rewrite), {}))


def test_the_tests_of_a_folder_decide(tmp_path):
    (tmp_path / "test_area.py").write_text(
        "import unittest\nfrom shapes import area\n"
        "class T(unittest.TestCase):\n    def test(self): self.assertEqual(area(2, 3), 6)\n"
    )
    settings = {
        "command": ["python", "-m", "unittest", "-q"],
        "file": "shapes.py",
        "folder": str(tmp_path),
    }
    own = check("tests-pass", settings)
    assert asked(own, GOOD, GOOD.replace("Ann Paulson", "Eve")) is None
    failure = asked(own, GOOD, GOOD.replace("a * b", "a + b"))
    assert failure.check == "tests-pass" and "exit status 1" in failure.reason
    assert "Ann" not in failure.reason
    assert asked(own, "def area(a): pass", "def area(a): 1") is None  # failed before


def test_a_program_of_its_own_is_run():
    assert asked(Passing(), "assert 1", "assert 1, 'x'") is None
    assert asked(Passing(seconds=0.5), "x = 1", "while True: pass").reason.startswith(
        "Its tests do not pass any more (timeout)"
    )


def test_a_jail_that_does_not_work_is_not_the_rewrites_fault(monkeypatch):
    async def broken(*words, **how):
        return jail.run("pass", tier=9)

    monkeypatch.setattr(jail, "arun", broken)
    with pytest.raises(jail.JailError, match="the jail did not work"):
        asked(Passing(), "1", "2")


def test_a_task_names_it_with_a_command(tmp_path):
    (tmp_path / "own.toml").write_text(
        'base = "anonymize-code"\nchecks = ["code", "leak", "tests-pass"]\n'
        '[settings.tests-pass]\ncommand = ["python", "-m", "doctest", "program.py"]\n'
    )
    own = task(str(tmp_path / "own.toml"))
    assert [each.name for each in own.checks] == ["code", "leak", "tests-pass"]
    assert own.checks[-1].command[:3] == ("python", "-m", "doctest")
    for settings in ({"command": []}, {"folder": "nowhere"}):
        with pytest.raises(ConfigError):
            check("tests-pass", settings)
