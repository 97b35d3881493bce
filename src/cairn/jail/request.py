"""What the launcher is asked to do: checked, and written down for it."""

import math
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cairn.jail.outcome import JailError, Limits

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
"""Programs and libraries of the system, which a candidate may read."""
SEEN = ("/dev/urandom", "/dev/random", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
"""What libraries look at, where the machine's own /dev and /proc are in sight (tier 1)."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SOURCE = "main.py"
"""Name of a candidate that comes as source."""


def ask(
    argv_or_source: Sequence[str] | str,
    files: Mapping[str, bytes | str | Path],
    readonly: Mapping[str, Path],
    back: Sequence[str],
    limits: Limits,
    tier: int,
    stdin: bytes,
    env: Mapping[str, str],
) -> dict[str, Any]:
    """All but the folder. Raises JailError for what cannot be."""
    contents = {name: _content(name, content) for name, content in files.items()}
    if isinstance(argv_or_source, str):
        if SOURCE in contents:
            raise JailError(f"The source becomes {SOURCE}: no other file can have that name.")
        contents[SOURCE] = argv_or_source.encode()
        argv = ["python", SOURCE]
    else:
        argv = [str(word) for word in argv_or_source]
    for name in (*contents, *readonly, *back):
        _check_name(name)
    _check_apart([*contents, *readonly])
    size = sum(map(len, contents.values()))
    if size > limits.disk_mb * 2**20:
        raise JailError(
            f"The files take {size:,} bytes, and disk_mb allows {limits.disk_mb} MiB. Raise it, or "
            "give large inputs as `readonly`."
        )
    return {
        "tier": tier,
        "machine": platform.machine(),
        "argv": _program(argv),
        "env": _environment(env),
        "limits": _limits(limits),
        "files": list(contents.items()),
        "readonly": [(name, _input(name, path, tier)) for name, path in readonly.items()],
        "back": list(back),
        "stdin": stdin,
        "visible": visible(),
        "seen": list(SEEN),
    }


def visible() -> list[str]:
    """Folders that a candidate may read: the system's programs, and this interpreter's."""
    real = Path(sys.executable).resolve().parent.parent
    wanted = dict.fromkeys([*SYSTEM, sys.base_prefix, sys.prefix, str(real)])
    return [
        path
        for path in wanted
        if not any(path.startswith(other + "/") for other in wanted if other != path)
    ]


def _content(name: str, content: bytes | str | Path) -> bytes:
    if isinstance(content, Path):
        try:
            return content.read_bytes()
        except OSError as error:
            raise JailError(f"{name}: {content} cannot be read: {error.strerror}.") from None
    return content.encode() if isinstance(content, str) else bytes(content)


def _check_name(name: str) -> None:
    parts = name.split("/")
    if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise JailError(
            f"A file in the jail is named by a path inside its work folder, got {name!r}."
        )


def _check_apart(names: list[str]) -> None:
    """No name twice, and none inside of another that is a file or somebody's own folder."""
    taken = set(names)
    if len(taken) < len(names):
        raise JailError("A name is given in `files` and in `readonly`.")
    for name in names:
        parts = name.split("/")
        above = [other for n in range(1, len(parts)) if (other := "/".join(parts[:n])) in taken]
        if above:
            raise JailError(f"{name!r} and {above[0]!r} cannot both be in the jail.")


def _input(name: str, path: Path, tier: int) -> str:
    if not path.exists():
        raise JailError(f"{name}: {path} is not there to be read.")
    wanted = 0o5 if path.is_dir() else 0o4
    mode = path.stat().st_mode & 0o777
    if tier == 2 and os.geteuid() == 0 and mode & wanted != wanted:
        raise JailError(
            f"{name}: {path} is closed to other users (mode {mode:o}). Started by root, the jail "
            "runs programs as another user: chmod -R o+rX it."
        )
    return str(path.resolve())


def _limits(limits: Limits) -> dict[str, float]:
    cpu = 2 * limits.seconds if limits.cpu_seconds is None else limits.cpu_seconds
    found = limits._replace(cpu_seconds=cpu)._asdict()
    for name, value in found.items():
        if not 0 < value < math.inf:
            raise JailError(f"Limits.{name} must be a number above 0, got {value}.")
    return found


def _program(argv: list[str]) -> list[str]:
    if not argv:
        raise JailError("A command needs at least the name of a program.")
    name, *rest = argv
    if "\0" in "".join(argv):
        raise JailError("A command holds a NUL.")
    if name == "python":
        # Not -I: a candidate of several files imports from its own folder. There is no user's
        # folder, and the environment is ours.
        return [sys.executable, "-s", "-u", *rest]
    return [name if "/" in name else shutil.which(name, path=_path()) or name, *rest]


def _path() -> str:
    return f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin"


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if not name or "=" in name or "\0" in name + value:
            raise JailError(f"{name!r} cannot be the name of an environment variable.")
    return {
        "PATH": _path(),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "JAX_PLATFORMS": "cpu",
        **dict.fromkeys(THREADS, "1"),
        **env,
    }
