"""Help, version, listing, doctor: what a newcomer types first."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

import cairn
from cairn.cli import doctor, main
from cairn.core.sections import settings
from cairn.runs.catalogue import WINGS
from cairn.runs.presets import experiment

LIGHT = """
import sys
from cairn.cli.main import run
import cairn
before = dict(__import__("os").environ)
assert run(["--help"]) == 0 and run(["--version"]) == 0
heavy = {"jax", "numpy", "equinox", "tyro", "rich"} & set(sys.modules)
assert not heavy, heavy
assert before == dict(__import__("os").environ)
"""


def printed(capsys, *command, status=0):
    assert main.run(list(command)) == status
    return capsys.readouterr().out


def test_help_and_version_import_nothing_heavy_and_change_no_variable():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_names_every_command_that_is_there(capsys):
    text = printed(capsys, "--help")
    for name in main.COMMANDS:
        assert (f"\n  {name} " in text) == (find_spec(f"cairn.cli.{name}") is not None)
    assert printed(capsys) == text  # and so does no command at all
    assert printed(capsys, "--version").strip() == f"cairn {cairn.__version__}"


def test_train_help_explains_every_setting_of_what_was_chosen(capsys):
    with pytest.raises(SystemExit) as left:
        main.run(["train", "maze", "--method", "accel", "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for name in settings(experiment("maze", method="accel").everything):
        assert f"--{name.replace('_', '-')}" in text
    assert "Which method when" in text and "method accel, preset cpu" in text
    assert "Cells from west to east" in text  # a field's docstring


def test_list_has_a_line_for_everything(capsys):
    text = printed(capsys, "list")
    groups = json.loads(printed(capsys, "list", "--json"))
    wings = {f"methods of {wing}" for wing in WINGS}
    assert wings | {"environments", "learners", "networks", "scores", "presets"} <= set(groups)
    for entries in groups.values():
        for name, line in entries.items():
            assert line and f"  {name}" in text and line in text


@pytest.mark.as_users  # the self-tests are probes for a compiler that errs
def test_doctor_reports_machine_and_self_tests(capsys, monkeypatch):
    # No claim about this machine's speed: the loop's test is replaced.
    monkeypatch.setattr(doctor, "_fill_seconds", lambda size: size * 1e-8)
    found = json.loads(printed(capsys, "doctor", "--json"))
    assert all(found["self_tests"].values()) and len(found["self_tests"]) == 3
    assert found["versions"]["cairn"] == cairn.__version__
    assert found["machine"]["devices"] and found["machine"]["cores"] >= 1


def test_doctor_fails_if_the_compiler_does(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "_fill_seconds", lambda size: size**2 * 1e-8)  # each write copies
    monkeypatch.setattr(doctor.jax, "jit", lambda function: lambda rows: function(rows)[::-1])
    text = printed(capsys, "doctor", status=1)
    assert text.count("FAILED") == 3
    assert "Do not trust results" in text
