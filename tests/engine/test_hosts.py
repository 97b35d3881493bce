"""Two processes as one program: what one process computes, whoever dies and whoever is stopped."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from cairn.cli import main
from cairn.cli import train as commands
from cairn.core.errors import ConfigError
from cairn.engine import devices, hosts
from cairn.runs import train as training
from cairn.runs.digest import digest
from cairn.runs.presets import experiment

PAGE = Path(__file__).parents[2] / "docs" / "hosts.md"
OUTSIDE = Path(__file__).parents[1] / "thirdparty"
LEARNER = "outside.own_parts:Reinforce"
"""A linear policy that averages its gradients over devices, and compiles in a moment."""
TINY = shlex.split(f"""train cartpole --method parallel-plr --learner {LEARNER} --batch 4
--steps-per-cycle 8 --limit 8 --capacity 8 --minimum-fill 0.5 --log-every 2 --steps 16000
--evaluate-every 0 --checkpoint-every 10""")
COMMAND = "from cairn.cli.main import main; main()"
# Whole seeds, with evaluations.
TRAINING = f"""
import sys
import cairn
experiment = cairn.experiment(
    "cartpole", method="parallel-plr", learner="{LEARNER}", batch=4, steps_per_cycle=8, limit=8,
    capacity=8, minimum_fill=0.5, log_every=2, seeds=2, steps=256, evaluate_every=2,
    checkpoint_every=2,
)
"""
# As docs/hosts.md says: connect, then all call `cairn.train` with the same experiment.
FROM_PYTHON = f"""
import sys, jax
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
{TRAINING}
cairn.train(experiment, sys.argv[3], init_from=sys.argv[4])
"""
# The end of the story, and all that it is compared with, in a process with two devices.
ALONE = f"""
{TRAINING}
from cairn.cli import main
stopped, whole, alone, *words = sys.argv[1:]
assert main.run(["train", "--resume", stopped]) == 0
assert main.run([*words, "--run", whole]) == 0
cairn.train(experiment, alone, init_from=whole)
"""


def begin(arguments, count=1, fault=None, program=COMMAND):
    """A `cairn` command, or another program, in a process of its own that has `count` devices."""
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": str(count)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    del environment["TF_CPP_MIN_LOG_LEVEL"]  # that of conftest.py: the command sets its own
    if fault:
        environment["CAIRN_FAULT"] = fault
    command = [sys.executable, "-c", program, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def end(process):
    """Exit status, and the lines of standard error."""
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors.splitlines()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def pair(arguments, fault=None):
    """The command on two hosts; `fault` strikes host 0."""
    together = ["--coordinator", f"127.0.0.1:{free_port()}", "--hosts", "2", "--host"]
    return [begin([*arguments, *together, str(i)], fault=None if i else fault) for i in (0, 1)]


@pytest.fixture(scope="module", autouse=True)
def outside():
    """Who trains, and who takes the digest of a run, must find its learner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(OUTSIDE)
        yield


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A run of one process is killed and goes on on two hosts; one of these is killed, both go on,
    one gets Ctrl-C, and a single process ends it."""
    folder = tmp_path_factory.mktemp("hosts")
    told = {name: folder / name for name in ("stopped", "whole", "alone")}
    stopped = told["stopped"]
    begun = begin([*TINY, "--run", str(stopped)], count=2, fault="checkpoint:before-rename:2")
    told["begun"] = end(begun)
    killed = pair(["train", "--resume", str(stopped)], "checkpoint:before-rename:3")
    told["killed"] = [end(process) for process in killed]
    metrics = stopped / "metrics.jsonl"
    lines = metrics.read_bytes().count(b"\n")
    interrupted = pair(["train", "--resume", str(stopped)])
    while metrics.read_bytes().count(b"\n") < lines + 2 and interrupted[1].poll() is None:
        time.sleep(0.001)
    interrupted[1].send_signal(signal.SIGINT)
    told["interrupted"] = [end(process) for process in interrupted]
    places = [str(told[name]) for name in ("stopped", "whole", "alone")]
    told["ended"] = end(begin([*places, *TINY], count=2, program=ALONE))
    return told


@pytest.mark.slow
def test_a_host_that_dies_ends_the_others_with_one_line(story):
    (died, _), (status, errors) = story["killed"]
    assert died == -signal.SIGKILL and status == 2
    assert len(errors) == 1 and "Another host ended" in errors[0]


@pytest.mark.slow
def test_ctrl_c_on_one_host_saves_and_stops_all(story):
    assert story["interrupted"] == [(130, []), (130, [])]


@pytest.mark.slow
def test_two_hosts_give_the_run_of_one_process_with_two_devices(story):
    assert story["begun"][0] == -signal.SIGKILL  # it had begun in one process
    assert story["ended"][0] == 0, story["ended"]
    assert digest(story["stopped"]) == digest(story["whole"])


@pytest.mark.slow
def test_whole_seeds_with_evaluations_begun_from_python_are_those_of_one_process(story, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    there = (tmp_path / "run", tmp_path / "nowhere")  # host 0 alone reads and writes
    students = (str(story["whole"]), str(tmp_path / "no run"))
    both = [
        begin([address, str(i), str(there[i]), students[i]], program=FROM_PYTHON) for i in (0, 1)
    ]
    ended = [end(process) for process in both]
    assert [status for status, _ in ended] == [0, 0], ended
    assert not there[1].exists()
    assert digest(there[0]) == digest(story["alone"])


@pytest.mark.slow
def test_hosts_that_nobody_answers_give_up():
    nobody = f"127.0.0.1:{free_port()}"
    flags = f"train maze --coordinator {nobody} --hosts 2 --host 1 --join-timeout 1"
    status, errors = end(begin(flags.split()))
    assert status == 2 and len(errors) == 1
    assert f"Waited 1 s for host 0 at {nobody}." in errors[0]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--coordinator x:1 --hosts 2 --host 2", r"host must lie in \[0, 2\), got 2"),
        ("--coordinator x:1 --hosts 0 --host 0", "hosts must be at least 1, got 0"),
        ("--coordinator x --hosts 2 --host 0", "must be ADDRESS:PORT of host 0"),
        ("--coordinator x:70000 --hosts 2 --host 0", "must be ADDRESS:PORT of host 0"),
        ("--coordinator x:1 --hosts 2", "needs --hosts .* and --host"),
        ("--coordinator auto --hosts 2", "leave them out"),
        ("--coordinator x:1 --hosts 2 --host 1 --join-timeout 0", "at least 1 second"),
        ("--hosts 2 --host 0", "need --coordinator"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(flags, complaint, capsys):
    assert main.run(["train", "maze", *flags.split()]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and re.search(complaint, errors[0]), errors


def test_a_port_in_use_is_refused():
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"Port {port} cannot be used here"),
            hosts.joined(hosts.Meeting(f"127.0.0.1:{port}", 2, 0)),
        ):
            pass


def test_hosts_must_divide_the_work(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with pytest.raises(ConfigError, match="3 hosts must divide the 1 seeds or the 8 columns"):
        devices.usable(seeds=1, columns=8)
    with pytest.raises(ConfigError, match="multiple of the 3 hosts, got 2"):
        devices.check_hosts(2)


def test_other_settings_than_those_of_host_0_are_refused(monkeypatch, tmp_path):
    theirs = experiment("maze", hidden=64, devices=1).to_dict()
    monkeypatch.setattr(hosts, "told", lambda make: theirs)
    monkeypatch.setattr(hosts, "first", lambda: False)
    with pytest.raises(ConfigError, match="hidden is 32 on this host and 64 on host 0"):
        training.train(experiment("maze", hidden=32, devices=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_all_hosts_go_on_with_the_flags_that_all_were_given(monkeypatch):
    given = {}

    def resume(path, **flags):
        given.update(flags)
        return training.Outcome(path, None, done=True)

    monkeypatch.setattr(hosts, "first", lambda: False)
    monkeypatch.setattr(commands, "resume", resume)
    words = ["train", "--resume", "nowhere", "--steps", "9", "--log", "tensorboard"]
    assert main.run(words) == 0 and given == {"steps": 9, "log": "tensorboard"}


def test_the_commands_of_the_page_are_accepted_up_to_the_meeting(monkeypatch, capsys):
    met = []

    def joined(meeting):
        met.append(meeting)
        raise ConfigError("no further")

    monkeypatch.setattr(hosts, "joined", joined)
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("uv run cairn")]
    for line in lines:
        assert main.run(shlex.split(line)[3:]) == 2
        assert capsys.readouterr().err == "cairn: no further\n"
    assert met == [hosts.Meeting("node0:8476", 2, host) for host in (0, 1)] * 2
