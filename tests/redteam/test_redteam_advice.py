"""What a person is told to change: the limit that was reached, and settings that idle a server."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from redteam_harness import config

from cairn.cli.redteam_commands import how_to_go_on, idle
from cairn.engine.journaled import Config as Engine
from cairn.lm.cast import Model
from cairn.redteam.directory import read_config

CONFIGS = sorted((Path(__file__).parents[2] / "src/cairn/redteam/configs").glob("*.toml"))
RUN = Path("runs/a")


@pytest.mark.parametrize(
    "stopped, advice",
    [
        ("budget 'run': the running time is over. Raise wall_s", " --wall-s MORE"),
        ("budget 'run': the next call may use 512 micros, but 3 of 9 are left.", " --money MORE"),
        ("budget 'run': the next call may use 1 calls, but 0 of 9 are left.", " --calls MORE"),
        (
            "budget 'run/judge': the next call may use 90 tokens, but 3 of 9 are left.",
            ", tokens of [models.judge.limits] raised in runs/a/config.json",
        ),
        ("the search is not complete", ""),
    ],
)
def test_only_the_limit_that_was_reached_is_to_be_raised(stopped, advice):
    assert how_to_go_on(RUN, stopped) == f"cairn redteam resume runs/a{advice}"


def served(**engine):
    settings = config(2, 2)
    roles = {role: Model("http://127.0.0.1:1/v1", f"m-{role}") for role in settings.roles}
    return replace(settings, simulation=None, models=roles, engine=Engine(trials=9, **engine))


def test_fewer_trials_at_a_time_than_slots_are_said():
    def said(**engine):
        return idle(served(**engine))

    assert said(lag=128) == [] == said(lag=64)
    (line,) = said(lag=32)
    assert line.startswith("32 trials are evaluated at a time, fewer than there are slots (")
    assert "target has 64" in line and "Raise engine.lag" in line
    assert said(lag=128, workers=63) and not said(lag=128, workers=64)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_presets_keep_their_slots_busy(path):
    settings = read_config(path)
    most = max((getattr(model, "slots", 0) for model in settings.models.values()), default=0)
    assert settings.engine.at_once >= most
    assert settings.engine.lag >= 2 * most


def test_help_and_a_wrong_flag_wait_for_no_jax():
    script = (
        "import sys\n"
        "from cairn.cli.main import run\n"
        "try: run(['redteam', *sys.argv[1:]])\n"
        "finally: print('jax' in sys.modules)\n"
    )
    for arguments in (["--help"], ["run", "--demo", "--sede", "1"], ["label"]):
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "False", done.stderr
