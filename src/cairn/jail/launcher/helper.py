"""Tier 3: bubblewrap builds the namespaces, and a second launcher inside is their process 1."""

import os
import sys

from kernel import UnavailableError
from namespaces import COVERED, USER

_PLACES = ("/usr/bin", "/usr/local/bin", "/bin")
_MIB = 2**20
_HERE = "/launcher"


def start(ask: dict, request: int, streams: tuple[int, int, int], told: int) -> int:
    """Begin; the number of bubblewrap's process, whose one child is the warden."""
    program = next((f"{place}/bwrap" for place in _PLACES if os.access(f"{place}/bwrap", 1)), "")
    if not program:
        raise UnavailableError("bubblewrap (bwrap) is not installed")
    words = _arguments(ask)
    words += ["--", sys.executable, "-I", "-S", _HERE, str(request)]
    warden = os.fork()
    if warden == 0:
        try:
            for number in (request, told, *streams):
                os.set_inheritable(number, True)
            os.execve(program, [program, *words, *map(str, (told, *streams))], {})
        finally:
            os._exit(127)
    return warden


def _arguments(ask: dict) -> list[str]:
    words = ["--unshare-all", "--unshare-user", "--uid", str(USER), "--gid", str(USER)]
    words += ["--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    words += ["--as-pid-1", "--hostname", "box"]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for name in COVERED:
        if os.path.exists(f"/proc/{name}"):
            words += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    for place in ("/dev/shm", "/tmp", "/box"):
        words += ["--size", str(int(ask["limits"]["disk_mb"] * _MIB)), "--tmpfs", place]
    for path in ask["visible"]:
        if os.path.islink(path) and os.path.dirname(path) == "/":
            words += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            words += ["--ro-bind", os.path.realpath(path), path]
    words += ["--ro-bind", os.path.dirname(os.path.abspath(__file__)), _HERE]
    for name, source in ask["readonly"]:
        words += ["--ro-bind", source, f"/box/{name}"]
    return [*words, "--remount-ro", "/", "--chdir", "/"]
