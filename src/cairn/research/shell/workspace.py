"""The files of an episode as a value, a command run on them in the jail, and what became of them.

A command sees the files in a fresh folder; afterwards they come back as one archive, of which only
plain files with names inside the folder are believed. So an episode is its files and nothing else:
no process of one command is there at the next.
"""

import base64
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cairn import jail

ARCHIVE = ".cairn-workspace.tar"
LARGEST_MB = 32
"""What an episode's files may take, and one archive of them."""
DRIVER = """
import json, os, subprocess, sys, tarfile
command, limit, shown = json.load(open(".cairn-command"))
os.unlink(".cairn-command")
os.unlink(sys.argv[0])
status = "ended"
child = subprocess.Popen(["/bin/bash", "-c", command], stdin=subprocess.DEVNULL)
try:
    child.wait(limit)
except subprocess.TimeoutExpired:
    child.kill()
    child.wait()
    sys.stderr.write(f"The command took longer than {limit:g} s and was stopped.\\n")
def kept(info):
    top = info.name.split("/")[0]
    return None if top in shown or "__pycache__" in info.name or not (
        info.isfile() or info.isdir()) else info
with tarfile.open(ARCHIVE, "w") as archive:
    for name in sorted(os.listdir(".")):
        if name != ARCHIVE:
            archive.add(name, filter=kept)
"""


class Ran(NamedTuple):
    """What came of a command."""

    output: str
    files: dict[str, bytes]
    seconds: float
    cpu_seconds: float
    broken: bool = False
    """The jail's own fault: nothing is known of the command."""


async def run(
    command: str,
    files: Mapping[str, bytes],
    *,
    shown: Mapping[str, Path],
    seconds: float = 60.0,
    tier: int | None = None,
) -> Ran:
    """Run a command of bash on files.

    Args:
        shown: folders that are seen read-only, by name.
        seconds: after which the command is stopped; what it wrote until then is kept.
    """
    order = json.dumps([command, seconds, sorted(shown)])
    outcome = await jail.arun(
        ["python", ".cairn-driver.py"],
        files={**files, ".cairn-driver.py": f"ARCHIVE = {ARCHIVE!r}\n{DRIVER}",
               ".cairn-command": order},
        readonly=shown,
        back=[ARCHIVE],
        limits=jail.Limits(seconds=seconds + 10, disk_mb=2 * LARGEST_MB, memory_mb=2048),
        tier=tier,
    )  # fmt: skip
    said = "\n".join(part.rstrip() for part in (outcome.stdout, outcome.stderr) if part.strip())
    used = outcome.seconds, outcome.cpu_seconds
    if outcome.kind == "jail_error":
        return Ran("", dict(files), *used, broken=True)
    if ARCHIVE not in outcome.files:
        said = f"{said}\nStopped ({outcome.kind}: {outcome.reason}). No file was changed."
        return Ran(said.strip(), dict(files), *used)
    return Ran(said, unpacked(outcome.files[ARCHIVE]), *used)


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The plain files of an archive that a candidate could write: nothing of it is extracted."""
    found, size = {}, 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            for member in members:
                parts = member.name.split("/")
                if not member.isfile() or any(part in ("", ".", "..") for part in parts):
                    continue
                size += member.size
                if size > LARGEST_MB * 2**20:
                    break
                body = members.extractfile(member)
                found[member.name] = b"" if body is None else body.read()
    except (tarfile.TarError, OSError, EOFError):
        pass  # what was read until then is what there is
    return found


def packed(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files as JSON."""
    return {name: base64.b64encode(body).decode() for name, body in sorted(files.items())}


def from_packed(files: Mapping[str, str]) -> dict[str, bytes]:
    """The files that were packed."""
    return {name: base64.b64decode(body) for name, body in files.items()}
