"""Which tier this machine has: found by running something in each."""

from functools import cache

from cairn.jail.outcome import Limits, Probe
from cairn.jail.running import run

TIERS = {
    0: "process",
    1: "self-restriction (Landlock, seccomp)",
    2: "namespaces",
    3: "helper (bubblewrap)",
}
_TRIAL = """
import ctypes, os
print(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1), os.path.exists("/proc/self"))
"""


@cache
def tier() -> Probe:
    """The strongest tier in which a program really runs; tried once in a process."""
    why_not, landlock = {}, 0
    for number in sorted(TIERS, reverse=True):
        found = run(_TRIAL, tier=number, limits=Limits(seconds=30.0))
        if found.kind == "ok":
            version, proc = found.stdout.split()
            landlock = max(0, int(version))
            without = {"Landlock": number >= 1 and not landlock, "/proc": proc == "False"}
            lacking = tuple(name for name, missing in without.items() if missing)
            return Probe(number, why_not, landlock, lacking)
        why_not[number] = found.reason or found.stderr.strip().rpartition("\n")[2]
    return Probe(-1, why_not, landlock)
