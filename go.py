#!/usr/bin/env python3
"""Set cairn up in this checkout and use it; needs nothing but Python 3.11 or newer.

    python3 go.py train [flags of `cairn train maze`]   train an agent on mazes, test and draw it
    python3 go.py test [flags of pytest]                check style and types, run all tests
    python3 go.py test --as-users [flags of pytest]     run all tests, compiled as users compile

Everything that is installed lands in this folder (.venv and .cairn). Afterwards `uv run cairn`
and `uv run pytest` (without the slow tests) do the same; if uv was not there before, it is
.cairn/uv/bin/uv.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
OWN = HERE / ".cairn" / "uv"
OLDEST = (3, 11)


def main() -> int:
    """Find or make uv, sync, run the command; the exit status."""
    if sys.version_info < OLDEST:
        return fail(
            f"expected Python 3.11 or newer, got {sys.executable} {sys.version.split()[0]}."
        )
    command, *flags = sys.argv[1:] or ["--help"]
    if command not in ("train", "test"):
        print(__doc__)
        return 0 if command in ("--help", "-h") else fail(f"unknown command {command!r}.")
    uv = find_uv() or make_uv()
    if uv is None:
        return fail(
            "could not make uv. Install it by the system's package manager or pip, or the "
            "packages that give Python its `venv` and `pip` (python3-venv, python3-pip)."
        )
    environment = os.environ | {
        # The interpreter that runs this file is good enough: none is downloaded.
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    environment.pop("VIRTUAL_ENV", None)  # an active one is not this checkout's

    def run(*words: str) -> int:
        return subprocess.run([*uv, *words], cwd=HERE, env=environment).returncode

    if run("sync", "--quiet"):
        return fail("uv sync failed; its own message is above.")
    cairn = ("run", "--no-sync", "cairn")
    if command == "train":
        if "--run" not in flags:
            flags += ["--run", free_run()]
        path = flags[flags.index("--run") + 1]
        return (
            run(*cairn, "train", "maze", *flags)
            or run(*cairn, "evaluate", path)
            or run(*cairn, "show", path)
        )
    return max(run("run", "--no-sync", *check) for check in checks(flags))


def checks(flags: "list[str]") -> "list[tuple[str, ...]]":
    """What `test` runs. Tests compile quickly but for those that need it otherwise."""
    tests = ("pytest", "--slow", *flags)
    if "--as-users" in flags:
        return [tests]
    # One by one but for those that share a run: they are few and long. Their files alone:
    # collecting all others in every process took as long as some of these tests.
    tested = sorted((HERE / "tests").rglob("test_*.py"))
    marked = [path for path in tested if "mark.as_users" in path.read_text(encoding="utf-8")]
    files = [str(path.relative_to(HERE)) for path in marked]
    users = ("pytest", "--slow", "--as-users", "-m", "as_users", "--dist", "loadgroup", *files)
    return [("ruff", "check"), ("pyright",), tests, *([] if flags else [users])]


def free_run() -> str:
    """runs/maze-N with the smallest N that is free."""
    number = 1
    while (HERE / "runs" / f"maze-{number}").exists():
        number += 1
    return f"runs/maze-{number}"


def find_uv() -> "list[str] | None":
    """A uv that works: the one on PATH, or the one made here before."""
    for words in ([shutil.which("uv")], [str(OWN / "bin" / "uv")], in_target()):
        if words[0] and works(words):
            return words
    return None


def make_uv() -> "list[str] | None":
    """Install uv by pip into .cairn/uv: in a virtual environment, or plainly into the folder."""
    print("go.py: uv is not here; installing it into .cairn/uv ...", flush=True)
    try:
        venv.create(OWN, with_pip=True, clear=True)
        if pip(str(OWN / "bin" / "python"), "uv") and works([str(OWN / "bin" / "uv")]):
            return [str(OWN / "bin" / "uv")]
    except (OSError, subprocess.CalledProcessError):
        pass  # Debian's Python has no ensurepip unless python3-venv is installed
    shutil.rmtree(OWN, ignore_errors=True)
    if pip(sys.executable, "--target", str(OWN / "target"), "uv") and works(in_target()):
        return in_target()
    return None


def in_target() -> "list[str]":
    """Where pip --target puts uv."""
    return [str(OWN / "target" / "bin" / "uv")]


def pip(python: str, *words: str) -> bool:
    """Whether pip is there and succeeded. `--target` is allowed where the system is managed."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0


def works(words: "list[str]") -> bool:
    """Whether the command runs at all: a file on PATH may be the shim of one not there."""
    try:
        return subprocess.run([*words, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def fail(text: str) -> int:
    """One line about what is wrong; the exit status."""
    print(f"go.py: {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
