"""Every mistake gets one line: what was expected, what came, what to do. Exit status 2."""

import subprocess
import sys

import pytest

from cairn.cli import main

MAIN = "from cairn.cli.main import main; main()"
MISTAKES = {
    "trian": "Did you mean 'train'?",
    "train": "Expected an environment or another task first, got nothing",
    "train --hidden 8 maze": "Expected an environment or another task first",
    "train maxe": "Unknown environment 'maxe'. Expected one of maze",
    "train nowhere:Env": "Cannot import 'nowhere'",
    "train json:Env": "Module 'json' has no 'Env' for environment",
    "train json:JSONDecoder": "cannot learn json:JSONDecoder: it is not an environment",
    "train maze --method acel": "Did you mean 'accel'?",
    "train maze --preset refrence": "Did you mean 'reference'?",
    "train maze --hiden 8": "Unknown flag --hiden. Did you mean '--hidden'?",
    "train maze --batch 4 --frobnicate": "Unknown flag --frobnicate.",
    "train maze -x": "Unknown flag -x",
    "train maze 5": "Unexpected '5'",
    "train maze --hidden": "--hidden expects a whole number, got nothing",
    "train maze --hidden --batch 8": "--hidden expects a whole number, got nothing",
    "train maze --hidden x": "--hidden expects a whole number, got 'x'",
    "train maze --steps=1e6": "--steps expects a whole number, got '1e6'",
    "train maze --gamma x": "--gamma expects a number, got 'x'",
    "train maze --generator wals": "Did you mean 'walls'?",
    "train maze --log paper": "--log expects one of none, tensorboard, wandb, trackio",
    "train maze --seeds 0": "seeds must be at least 1, got 0",
    "train maze --seed -1": "seed must lie in",
    "train maze --steps 5": "steps must be at least 16384, one cycle's, got 5",
    "train maze --minibatches 7": "minibatches must divide",
    "train maze --generator walls --walls 500": "expected 0 to 167 walls, got 500",
    "train maze --view 15": "larger than 13x13",
    "train maze --method plr --replay-probability 95": "replay_probability must lie in [0, 1]",
    "train maze --init-from nowhere": "nowhere does not exist",
    "train --resume nowhere": "nowhere does not exist",
    "train maze --score maxmc": "dr has no --score: it is a setting of plr, robust-plr",
    "train cartpole --method remidi": "deterministic environment, but CartPole.reset",
    "train maze --learner json:loads": "is not a learner: it has no Config and no of",
    "train arm --learner mine": "leaves nobody to be chosen as its learner",
    "train math:pi": "cannot learn math:pi: it is not an environment",
    "train math:pi --method bc": "bc cannot learn math:pi: it is not an environment of one player",
    "train gymnasum/CartPole-v1": "Unknown environment 'gymnasum/CartPole-v1'. Expected one of",
    "train cairn.envs.protocol:Environment": "cannot be made",
    "train maze --steps 40000000000000000000000": "steps must stay below 2^63",
    "train maze --method sfl --limit 600": "scoring_steps must hold two episodes of 600 steps",
    "train maze --network nowhere:Net": "Cannot import 'nowhere' for network",
    "digest": "required: run",
    "digest --quick run": "--quick",
    "list --yaml": "--yaml",
    "doctor now": "now",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_is_one_line_on_stderr_with_status_2(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.run(command.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("cairn: ") and said.count("\n") == 1
    assert MISTAKES[command] in said
    assert not list(tmp_path.rglob("config.json"))  # no run was begun


def test_the_process_ends_with_that_status():
    code = "from cairn.cli.main import main; main(['trian'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cairn: Unknown command 'trian'.")


def test_ctrl_c_before_the_loop_ends_with_130(capsys, monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_find", lambda name: interrupted)
    assert main.run(["train"]) == 130
    assert capsys.readouterr().err == "cairn: stopped by Ctrl-C.\n"


@pytest.mark.slow
def test_a_reader_that_has_gone_is_no_mistake_and_another_broken_pipe_is_no_success(monkeypatch):
    for unbuffered in ("", "-u"):
        call = f"'{sys.executable}' {unbuffered} -c '{MAIN}' list | true; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", call], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    call = f"'{sys.executable}' -c '{MAIN}' --version >&-"
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")

    def broken(arguments):
        raise BrokenPipeError

    monkeypatch.setattr(main, "_find", lambda name: broken)
    with pytest.raises(BrokenPipeError):
        main.run(["list"])
