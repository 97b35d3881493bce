"""What the launcher is asked to do: checked, and written down for it."""

import itertools
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from numbers import Real
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
TIMES = {"seconds": 1_000_000, "cpu_seconds": 1_000_000_000}
"""Limits in seconds, and how many each may be at most."""
MOST = 1_000_000_000
"""What any other limit may be at most."""
LOOKED_AT = 10_000
"""Entries of an input folder that are looked at before a run."""


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
    bounds = _limits(limits)
    contents = {name: _content(name, content) for name, content in files.items()}
    if isinstance(argv_or_source, str):
        if SOURCE in contents:
            raise JailError(f"The source becomes {SOURCE}: no other file can have that name.")
        contents[SOURCE] = _encoded("The source", argv_or_source)
        argv = ["python", SOURCE]
    else:
        argv = [str(word) for word in argv_or_source]
    for name in (*contents, *readonly, *back):
        _check_name(name)
    _check_apart([*contents, *readonly])
    size = sum(map(len, contents.values()))
    if size > bounds["disk_mb"] * 2**20:
        raise JailError(
            f"The files take {size:,} bytes, and disk_mb allows {limits.disk_mb} MiB. Raise it, or "
            "give large inputs as `readonly`."
        )
    return {
        "tier": tier,
        "machine": platform.machine(),
        "argv": _program(argv),
        "env": _environment(env),
        "limits": bounds,
        "files": list(contents.items()),
        "readonly": [(name, _input(name, path, tier)) for name, path in readonly.items()],
        "back": list(back),
        "stdin": stdin,
        "visible": visible(),
        "seen": list(SEEN),
    }


def visible() -> list[str]:
    """Folders and files that a candidate may read: the system's programs, and this interpreter."""
    wanted = dict.fromkeys([*SYSTEM, *_interpreter()])
    return [
        path
        for path in wanted
        if not any(path.startswith(other + "/") for other in wanted if other != path)
    ]


def _interpreter() -> list[str]:
    """Where this interpreter is installed, and its program, which can lie elsewhere.

    Of an installation in somebody's home (`~/bin/python`) only what is Python's.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    real = Path(sys.executable).resolve()
    installed = [sys.base_prefix, sys.prefix]
    if (real.parent.parent / "lib" / version).is_dir():
        installed.append(str(real.parent.parent))
    found = []
    for prefix in installed:
        if _lived_in(prefix):
            found += [f"{prefix}/{part}" for part in (f"lib/{version}", f"lib64/{version}")]
            found += [f"{prefix}/pyvenv.cfg", *map(str, Path(prefix, "lib").glob("libpython*"))]
        else:
            found.append(prefix)
    return [*found, sys.executable, str(real)]


def _lived_in(prefix: str) -> bool:
    """Whether more lies there than an installation: in a home, or a folder that homes are in."""
    place, home = Path(prefix).resolve(), Path(os.path.expanduser("~")).resolve()
    return place in (Path("/"), home, home / ".local", *home.parents)


def _content(name: str, content: bytes | str | Path) -> bytes:
    if isinstance(content, Path):
        try:
            return content.read_bytes()
        except OSError as error:
            raise JailError(f"{name}: {content} cannot be read: {error.strerror}.") from None
    return _encoded(name, content) if isinstance(content, str) else bytes(content)


def _encoded(what: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise JailError(
            f"{what} is no text in UTF-8: {error.reason} at character {error.start:,}."
        ) from None


def _check_word(what: str, text: str) -> None:
    """What the kernel is given: no NUL, and bytes can be made of it."""
    try:
        whole = "\0" not in text and os.fsencode(text) is not None
    except UnicodeEncodeError:
        whole = False
    if not whole:
        raise JailError(f"{what} holds a NUL, or is no text in UTF-8: {text[:80]!r}.")


def _check_name(name: str) -> None:
    _check_word("The name of a file in the jail", name)
    parts = name.split("/")
    if not name or any(part in ("", ".", "..") for part in parts):
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
    for place, mode in itertools.islice(_modes(path), LOOKED_AT) if tier >= 2 else ():
        wanted = 0o5 if stat.S_ISDIR(mode) else 0o4
        if tier == 2 and os.geteuid() == 0 and mode & wanted != wanted:
            raise JailError(
                f"{name}: {place} is closed to other users (mode {mode & 0o777:o}). Started by "
                f"root, the jail runs programs as another user: chmod -R o+rX {path}."
            )
        if stat.S_ISSOCK(mode):  # whoever serves it would be reached through it
            raise JailError(f"{name}: {place} is a socket, and no input.")
    return str(path.resolve())


def _modes(path: Path) -> Iterator[tuple[str, int]]:
    """Of a file, or of a folder and all in it. Links are left out: they lead nowhere in a jail."""
    yield str(path), path.stat().st_mode
    for folder, inner, names in os.walk(path):
        for name in (*inner, *names):
            with suppress(FileNotFoundError):  # gone meanwhile
                mode = os.lstat(f"{folder}/{name}").st_mode
                if not stat.S_ISLNK(mode):
                    yield f"{folder}/{name}", mode


def _limits(limits: Limits) -> dict[str, float]:
    found = limits._asdict()
    for name, value in found.items():
        if name == "cpu_seconds" and value is None:
            value = 2 * found["seconds"]  # which has been looked at
        if not _is_number(value) or not value > 0:
            raise JailError(f"Limits.{name} must be a number above 0, got {value!r}.")
        if value > (most := TIMES.get(name, MOST)):
            raise JailError(f"Limits.{name} may be at most {most:,}, got {value:g}.")
        if name not in TIMES and value != int(value):
            raise JailError(f"Limits.{name} must be a whole number, got {value}.")
        found[name] = float(value) if name in TIMES else int(value)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _program(argv: list[str]) -> list[str]:
    if not argv:
        raise JailError("A command needs at least the name of a program.")
    name, *rest = argv
    for word in argv:
        _check_word("A word of the command", word)
    if name == "python":
        # Not -I: a candidate of several files imports from its own folder. There is no user's
        # folder, and the environment is ours.
        return [sys.executable, "-s", "-u", *rest]
    return [name if "/" in name else shutil.which(name, path=_path()) or name, *rest]


def _path() -> str:
    return f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin"


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    for name, value in env.items():
        _check_word("An environment variable", name + value)
        if not name or "=" in name:
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
