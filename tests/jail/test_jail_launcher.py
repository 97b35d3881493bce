"""Parts of the launcher, where a whole run cannot bring about what they are for."""

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from cairn import jail

LAUNCHER = str(Path(jail.__file__).parent / "launcher")
sys.path.append(LAUNCHER)
import collect  # noqa: E402  # pyright: ignore[reportMissingImports]

STARVED = f"""
import os, resource, subprocess, sys
sys.path.append({LAUNCHER!r})
import tree
child = subprocess.Popen(["sleep", "30"])
resource.setrlimit(resource.RLIMIT_NOFILE, (0, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
said = []
for look in (tree.descendants, lambda pid: tree.kill(pid, 0.1)):
    try:
        said.append(str(look(os.getpid())))
    except OSError as error:
        said.append(error.strerror)
print(said, child.poll())
child.kill()
"""


def test_who_cannot_look_does_not_take_processes_for_gone():
    done = subprocess.run([sys.executable, "-c", STARVED], capture_output=True, text=True)
    assert done.stdout == "['Too many open files', 'Too many open files'] None\n", done.stderr


def test_a_folder_that_is_swapped_for_a_link_leads_nowhere(tmp_path, monkeypatch):
    box, outside = tmp_path / "box", tmp_path / "outside"
    (box / "a/inner").mkdir(parents=True)
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("x")
    real, swapped = os.scandir, []

    @contextmanager
    def and_swap(place):
        with real(place) as entries:
            yield swapped_when_listed(list(entries))

    def swapped_when_listed(entries):
        yield from entries
        if "inner" in [entry.name for entry in entries]:
            (above,) = [box / name for name in os.listdir(box)]
            (above / "inner").rmdir()
            (above / "inner").symlink_to(outside)
            swapped.append(above)

    monkeypatch.setattr(os, "scandir", and_swap)
    with suppress(OSError):
        collect.remove(str(box))
    assert len(swapped) == 1 and (outside / "kept").read_text() == "x"
    assert outside.stat().st_mode & 0o777 == 0o755


def test_a_folder_of_any_kind_is_removed(tmp_path):
    box = tmp_path / "box"
    (box / "closed" / "deep").mkdir(parents=True)
    (box / "closed" / "deep" / "f").write_text("x")
    (box / "link").symlink_to(tmp_path)
    (box / "closed" / "deep").chmod(0)
    (box / "closed").chmod(0)
    collect.remove(str(box))
    assert os.listdir(tmp_path) == []
