"""Every command and every block of Python in README.md and docs/ is run, in order, page by page.

Training commands get settings small enough for a test appended; everything else is run as written.
"""

import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from cairn.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
STUDENT = "--memory none --hidden 8 --head 4 --filters 2 --minibatches 1 --epochs 1"
RUN = "--batch 4 --steps-per-cycle 16 --steps 512 --log-every 4 --seeds 1"
MAZE = "--width 7 --height 7 --walls 5 --limit 16"
ARCHIVE = "--capacity 8"
SFL = "--candidates 8 --keep 4 --scoring-steps 64 --selected 2"


class Block(NamedTuple):
    """A fenced block: the words after the fence, and what is inside."""

    tags: list[str]
    text: str


def blocks(page):
    found = re.findall(r"^```(\S.*?)\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [Block(tags.split(), text) for tags, text in found]


def commands(block):
    lines = block.text.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.split("#")[0].strip()]


def small(arguments):
    """The arguments of a `cairn` command, with flags appended that make it small."""
    command, *rest = arguments
    if command == "train" and "--resume" not in rest:
        method = rest[rest.index("--method") + 1] if "--method" in rest else "dr"
        extra = f"{STUDENT} {RUN}"
        extra += f" {MAZE}" if rest[0] == "maze" else ""
        extra += f" {ARCHIVE}" if "plr" in method or "accel" in method else ""
        extra += f" {SFL}" if method == "sfl" else ""
        extra += " --turns 1" if method in ("dr", "random") else ""
        return [*arguments, *extra.split()]
    if command == "evaluate":
        suite = [] if "--suite" in rest else ["--suite", "random"]
        return [*arguments, "--attempts", "1", *suite]
    if command == "redteam" and rest[0] == "run":
        return [*arguments, "--trials", "12"]
    if command == "bench":
        return [*arguments, "--tiny"]
    return arguments


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    for block in blocks(page):
        kind, *options = block.tags
        if kind == "python":
            name = dict(option.split("=") for option in options if "=" in option).get("file")
            if name:
                Path(name).write_text(block.text)
            code = compile(block.text, f"{page.name}: {name or 'block'}", "exec")
            exec(code, {"__name__": "doc"})
        elif kind == "sh" and "setup" not in options:
            for command in commands(block):
                assert command[:3] == ["uv", "run", "cairn"], f"{page}: {command} is not run."
                with pytest.raises(SystemExit) as end:
                    main(small(command[3:]))
                assert end.value.code in (0, None), (command, capsys.readouterr())


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}."


def test_every_shell_block_is_tagged():
    for page in PAGES:
        for block in blocks(page):
            assert block.tags[0] in ("sh", "python", "json", "toml", "text"), (page, block.tags)
