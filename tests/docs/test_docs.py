"""Every command and every block of Python in README.md and docs/ is run, in order, page by page.

Training gets settings small enough for a test; everything else is run as written. What has been
trained is not trained again: a command with the settings of an earlier one gets a copy of its run.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import cairn
import house
from cairn.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

QUICKLY = {"random", "robust-plr", "parallel-plr", "accel", "parallel-accel", "sfl", "remidi"}
QUICKLY |= {*house.TAUGHT}
"""Methods that pages train in house.QUICK in the place of the maze."""


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


def trains(arguments):
    return arguments[0] == "train" and "--resume" not in arguments


def small(arguments):
    """The arguments of a `cairn` command, with flags appended that make it small."""
    command, *rest = arguments
    if trains(arguments):
        method = rest[rest.index("--method") + 1] if "--method" in rest else "dr"
        environment = rest[0]
        if environment == "maze" and method in QUICKLY and "--keep-checkpoints" not in rest:
            # Mazes and learners are those of other commands; these programs, of other tests.
            arguments, environment = [command, house.QUICK, *rest[1:]], house.QUICK
        chosen = house.settings(method, environment)
        if "--level" in rest:  # the named mazes
            chosen |= {"width": 13, "height": 13}
        if "--weights" in rest:  # whose size is its own
            chosen = {name: value for name, value in chosen.items() if name not in house.MODEL}
        if "--learner" in rest:  # whose settings are its own
            chosen = {name: value for name, value in chosen.items() if name not in house.STUDENT}
        return [*arguments, *house.words({"method": method} | chosen)]
    if command == "collect":
        return [*arguments, "--episodes", "8"]
    if command == "evaluate":
        suite = [] if "--suite" in rest else ["--suite", "random"]
        return [*arguments, "--attempts", "1", *suite]
    if command == "redteam" and rest[0] == "run":
        return [*arguments, "--trials", "12"]
    if command == "refine" and rest[0] == "bench":
        return [*arguments, "--records", "40"]
    if command == "search" and rest[0] == "puzzles":
        return [*arguments, "--puzzles", "3"]
    if command == "search" and rest[0] == "planning":
        return [*arguments, "--primed", "2", "--rounds", "1", "--demonstrations", "2"]
    if command == "search" and rest[0] == "run":
        return [*arguments, "--trials", "12"]
    if command == "progress":
        return [*arguments, "--levels", "2", "--attempts", "2", "--epochs", "2"]
    if command == "behaviour":
        return [*arguments, "--problems", "3", "--answers", "2", "--draws", "4"]
    if command == "bench":
        return [*arguments, "--tiny"]
    return arguments


@pytest.fixture(scope="module")
def trained():
    """Pairs of settings and the run that was trained with them."""
    return []


def run(arguments, trained):
    """The exit status of a `cairn` command, or 0 after copying the run it would have trained."""
    flags = dict(zip(arguments[2::2], arguments[3::2], strict=False))
    path = flags.pop("--run", None)
    settings = (arguments[1:2], sorted(flags.items()))
    for known, earlier in trained:
        if trains(arguments) and settings == known:
            shutil.copytree(earlier, path)
            return 0
    with pytest.raises(SystemExit) as end:
        main(arguments)
    if trains(arguments):
        trained.append((settings, Path(path).resolve()))
    return end.value.code


@pytest.fixture
def small_experiments(monkeypatch):
    """`cairn.experiment` on a page makes small ones."""
    whole = cairn.experiment

    def experiment(environment, *, method="dr", **settings):
        settings |= house.settings(method, environment)
        return whole(environment, method=method, **settings)

    monkeypatch.setattr(cairn, "experiment", experiment, raising=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("small_experiments")
def test_page_runs(page, trained, tmp_path, monkeypatch, capsys):
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
                status = run(small(command[3:]), trained)
                assert status in (0, None), (command, capsys.readouterr())


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}."


def test_every_shell_block_is_tagged():
    for page in PAGES:
        for block in blocks(page):
            assert block.tags[0] in ("sh", "python", "json", "toml", "text"), (page, block.tags)
