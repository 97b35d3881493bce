"""Machines that have less: what is missing is found by trying, and said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cairn import jail

LAUNCHER = Path(jail.__file__).parent / "launcher"
POORER = f"""
import json, platform, sys
sys.path.append({str(LAUNCHER)!r})
import calls, kernel, seccomp
column = seccomp.column_of(platform.machine())
code = [seccomp.step(seccomp.LOAD, seccomp.NUMBER)]
for name in sys.argv[1:]:
    number = {{"landlock": (444, 444), "clone3": (435, 435)}}.get(name) or calls.REFUSED[name]
    code += seccomp.refuse(number[column], 38 if name in ("landlock", "clone3") else 1)
code += seccomp.refuse_when(calls.LOOKED_INTO["clone"][column], *seccomp._EVERYWHERE[0][1:])
code.append(seccomp.step(seccomp.RETURN, seccomp.ALLOW))
kernel.no_new_privileges()
kernel.install(b"".join(code))
from cairn import jail
print(json.dumps([jail.tier()._asdict(), jail.run("print(1)")._asdict() | {{"files": None}},
                  jail.run("print(1)", tier=2)._asdict() | {{"files": None}}]))
"""


def on_a_machine_without(*calls):
    command = [sys.executable, "-c", POORER, "clone3", *calls]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.mark.skipif(not jail.tier().landlock, reason="there is no Landlock here to do without")
def test_without_namespaces_a_program_runs_in_tier_1_and_the_probe_says_why():
    probe, best, asked = on_a_machine_without("unshare")
    assert (probe["tier"], best["kind"], best["tier"]) == (1, "ok", 1)
    assert probe["why_not"]["2"].startswith("unshare(user, pid, net, ipc, uts): ")
    assert (asked["kind"], asked["stdout"]) == ("jail_error", "")
    assert asked["reason"] == probe["why_not"]["2"]


def test_without_landlock_too_only_limits_are_left():
    probe, best, _ = on_a_machine_without("unshare", "landlock")
    assert (probe["tier"], best["kind"], best["tier"]) == (0, "ok", 0)
    assert "Landlock is not in this kernel" in probe["why_not"]["1"]


def test_a_container_that_hides_proc_has_namespaces_and_no_proc():
    probe, best, _ = on_a_machine_without("mount")
    assert best["kind"] == "ok" and probe["tier"] < 2 and probe["why_not"]["2"].startswith("mount")
