"""What a run in the jail gives back."""

import asyncio
import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from cairn import jail
from cairn.jail import JailError, Limits, request, running

TIERS = [0, *range(1, jail.tier().tier + 1)]


@pytest.mark.parametrize("tier", TIERS)
def test_a_program_gets_its_files_and_gives_back_what_is_asked(tier, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("1,2\n")
    source = """
import sys, os
import helper
text = open("inputs/x.csv").read() + open("deep/er.txt").read() + sys.stdin.read() + helper.WORD
open("out.txt", "w").write(text)
open(os.environ["TMPDIR"] + "/t", "w").write("x")
print(os.environ["GIVEN"])
sys.exit(3)
"""
    found = jail.run(
        source,
        files={"deep/er.txt": "b", "helper.py": "WORD = 'd'"},
        readonly={"inputs": tmp_path / "data"},
        back=["out.txt", "none.txt"],
        stdin=b"c",
        env={"GIVEN": "g"},
        tier=tier,
    )
    assert (found.kind, found.exit_code, found.stdout, found.tier) == ("failed", 3, "g\n", tier)
    assert found.files == {"out.txt": b"1,2\nbcd"} and "none.txt was not written" in found.reason
    assert found.cpu_seconds > 0 and 1 < found.peak_mb < 100


@pytest.mark.parametrize("tier", TIERS)
def test_what_it_is_given_to_read_is_no_disk_of_its_own(tier):
    source = "import sys, time\nprint(len(sys.stdin.read()))\ntime.sleep(0.4)"
    found = jail.run(source, stdin=bytes(3 * 2**20), limits=Limits(disk_mb=2), tier=tier)
    assert (found.kind, found.stdout) == ("ok", "3145728\n"), found


CHILDREN = """
import os, signal, time
FIRST
times = open("times", "ab", 0)
for _ in range(8):
    if os.fork() == 0:
        while time.process_time() < 0.01: pass
        times.write(b"%f " % time.process_time())
        os._exit(0)
    try: os.wait()
    except ChildProcessError: pass
"""


@pytest.mark.parametrize("tier", TIERS)
def test_processor_time_is_exact_or_what_it_can_have_been_at_most(tier):
    for first, exact in (("pass", True), ("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", False)):
        found = jail.run(CHILDREN.replace("FIRST", first), back=["times"], tier=tier)
        used = sum(map(float, found.files["times"].split()))
        assert found.kind == "ok" and used >= 0.08, found
        assert found.cpu_most >= used and found.cpu_seconds <= found.cpu_most
        assert (found.cpu_seconds == found.cpu_most) == exact


def test_many_at_once_and_a_cancelled_one_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def both():
        some = await asyncio.gather(*[jail.arun(f"print({n})") for n in range(4)])
        long = asyncio.create_task(jail.arun("import time; time.sleep(60)"))
        await asyncio.sleep(0.3)
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        return some

    some = asyncio.run(both())
    assert [one.stdout for one in some] == [f"{n}\n" for n in range(4)]
    assert os.listdir(tmp_path) == []


def test_a_tier_that_is_not_there_is_no_weaker_run():
    found = jail.run("print(1)", tier=9)
    assert (found.kind, found.stdout) == ("jail_error", "") and found.reason


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"files": {"../x": b""}}, "inside its work folder, got '../x'"),
        ({"back": ["/etc/passwd"]}, "inside its work folder"),
        ({"files": {"main.py": b""}}, "no other file can have that name"),
        ({"files": {"x": b"0" * 2**21}, "limits": Limits(disk_mb=1)}, "disk_mb allows 1 MiB"),
        ({"files": {"x/y": b""}, "readonly": {"x": Path("/")}}, "'x/y' and 'x' cannot both be"),
        ({"limits": Limits(seconds=0)}, "Limits.seconds must be a number above 0, got 0"),
        ({"limits": Limits(disk_mb=0.5)}, "Limits.disk_mb must be a whole number, got 0.5"),  # pyright: ignore[reportArgumentType]
        ({"limits": Limits(cpu_seconds=1e20)}, "at most 1,000,000,000, got 1e+20"),
        ({"limits": Limits(seconds=float("nan"))}, "must be a number above 0, got nan"),
        ({"limits": Limits(memory_mb="8")}, "must be a number above 0, got '8'"),  # pyright: ignore[reportArgumentType]
        ({"files": {"x": "\ud800"}}, "x is no text in UTF-8: surrogates not allowed"),
        ({"back": ["\ud800"]}, "The name of a file in the jail holds a NUL, or is no text"),
        ({"readonly": {"x": Path("/nowhere")}}, "/nowhere is not there"),
        ({"env": {"A=B": ""}}, "name of an environment variable"),
        ({"env": {"A": "\ud800"}}, "An environment variable holds a NUL, or is no text"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(wrong, words):
    with pytest.raises(JailError) as told:
        jail.run("pass", **wrong)
    assert words in str(told.value)


@pytest.mark.parametrize("program", ["x = '\ud800'", ["python", "-c", "\ud800"]])
def test_a_program_that_is_no_text_is_said(program):
    with pytest.raises(JailError, match="no text in UTF-8") as told:
        jail.run(program)
    assert "\n" not in str(told.value)


def test_an_installation_in_a_home_does_not_show_the_home(tmp_path, monkeypatch):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = tmp_path / "bin/python"
    for folder in ("bin", f"lib/{version}"):
        (tmp_path / folder).mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(program))
    shown = set(request.visible())
    assert {str(program), f"{tmp_path}/lib/{version}"} <= shown
    assert not shown & {str(tmp_path), f"{tmp_path}/bin", f"{tmp_path}/lib", "/"}
    for name in ("base_prefix", "prefix"):
        monkeypatch.setattr(sys, name, str(tmp_path))
    assert not set(request.visible()) & {str(tmp_path), f"{tmp_path}/bin", f"{tmp_path}/lib"}
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    assert str(tmp_path / "env") in request.visible()


def test_a_launcher_that_hangs_is_a_fault_of_ours_and_is_ended(tmp_path, monkeypatch):
    (tmp_path / "__main__.py").write_text("import time; time.sleep(60)")
    for name, value in (("LAUNCHER", str(tmp_path)), ("SLACK_S", 0.0), ("ENDING_S", 0.1)):
        monkeypatch.setattr(running, name, value)
    limits = Limits(seconds=0.1)
    for found in (
        jail.run("pass", tier=0, limits=limits),
        asyncio.run(jail.arun("pass", tier=0, limits=limits)),
    ):
        assert (found.kind, found.reason) == ("jail_error", "the launcher left no report")


@pytest.mark.skipif(2 not in TIERS, reason="only what is shown in tier 2 is looked at")
def test_a_socket_is_no_input(tmp_path):
    (tmp_path / "in").mkdir(mode=0o755)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "in/s"))
        (tmp_path / "in/s").chmod(0o777)
        with pytest.raises(JailError, match="in/s is a socket, and no input"):
            jail.run("pass", readonly={"x": tmp_path / "in"}, tier=2)


@pytest.mark.skipif(os.geteuid() != 0 or 2 not in TIERS, reason="root in tier 2 becomes another")
def test_an_input_that_only_root_can_read_is_refused(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(JailError, match=r"closed to other users \(mode 700\).*chmod -R o\+rX"):
        jail.run("pass", readonly={"x": tmp_path / "closed"}, tier=2)
    (tmp_path / "closed").chmod(0o755)
    (tmp_path / "closed/deep").mkdir(mode=0o755)
    (tmp_path / "closed/deep/f").touch(mode=0o600)
    with pytest.raises(JailError, match=r"deep/f is closed to other users \(mode 600\)"):
        jail.run("pass", readonly={"x": tmp_path / "closed"}, tier=2)


def test_a_program_that_is_not_there_is_the_candidates_fault():
    found = jail.run(["no-such-program"])
    assert (found.kind, found.exit_code) == ("failed", 127) and "No such file" in found.reason
