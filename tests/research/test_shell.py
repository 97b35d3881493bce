"""MLGym's shell in the jail, and an agent that plays in it."""

import asyncio
import io
import tarfile

import pytest
import task_folders

import cairn
from cairn.lm.scripted import ScriptedModel
from cairn.research.metrics.profiles import best_at
from cairn.research.shell import editor
from cairn.research.shell.agent import Attempts, Config, command_of, conversation
from cairn.research.shell.editor import CommandError, Desk
from cairn.research.shell.environment import Shell
from cairn.research.shell.workspace import unpacked
from cairn.research.tasks.folder import read_folder

BETTER = """
from pathlib import Path

words = Path("inputs/words.txt").read_text().split()
lines = "".join(f"{i},{len(word) + (i == 0)}\\n" for i, word in enumerate(words))
Path("out.csv").write_text("id,y\\n" + lines)
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return read_folder(task_folders.write(tmp_path_factory.mktemp("tasks") / "words"))


def played(task, *commands):
    async def play():
        shell = Shell(task, command_s=5.0)
        first, info = await shell.reset(seed=0)
        assert "validate" in first and info["status"] == "running"
        return shell, [await shell.step(command) for command in commands]

    return asyncio.run(play())


def test_files_are_opened_scrolled_edited_and_searched_without_a_process(task):
    shell, steps = played(
        task,
        "open program.py",
        "edit 2:2\nimport os\nend_of_edit",
        "insert 0\n# first\nend_of_insert",
        "goto 3",
        "scroll_down",
        "create notes.md",
        "edit 1:1\nlong words\nend_of_edit",
        'search_dir "long words"',
        "search_file words program.py",
        "find_file *.md",
        "skip",
        "exit_forfeit",
        "open program.py",
    )
    said = [step.observation for step in steps]
    assert "2: from pathlib import Path" in said[0] and "2: import os" in said[1]
    assert "1: # first" in said[2] and "[File: program.py (7 lines)]" in said[3]
    assert said[7] == "notes.md:1: long words" and said[9] == "notes.md"
    assert said[8].startswith("program.py:5: words = Path")
    assert [step.reward for step in steps] == [0.0] * 13
    assert steps[-2].done and steps[-2].info["status"] == "exit_forfeit"
    assert steps[-1].observation == "The episode is over." and shell.steps == 12
    assert steps[-1].info["submission"] is None


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("open nowhere.py", "There is no file nowhere.py"),
        ("goto 3", "No file is open"),
        ("edit 1:2\nx", "a last line that says end_of_edit"),
        ("create ../up.py", "no name within the folder"),
        ("create program.py", "is there already"),
        ("open program.py 99", "has lines 1 to 6, got 99"),
        ("open program.py first", "A line is a whole number, got 'first'"),
        ("open 'program.py", "cannot be read"),
        ("scroll_up 3", "takes other arguments"),
        ("search_file", "takes what to look for"),
    ],
)
def test_what_cannot_be_done_is_said_and_costs_a_step(task, command, line):
    shell, steps = played(task, command)
    assert line in steps[0].observation and not steps[0].done and shell.steps == 1


def test_an_edit_that_breaks_the_program_is_not_made():
    desk = editor.opened(Desk({"a.py": b"x = 1\ny = 2\n"}), "a.py")
    with pytest.raises(CommandError, match="The edit was not made"):
        editor.edited(desk, 1, 1, "x = (")
    assert editor.edited(desk, 2, 2, "y = 3\nz = 4").files["a.py"] == b"x = 1\ny = 3\nz = 4\n"
    with pytest.raises(CommandError, match="1 <= start <= end <= 2, got 2:3"):
        editor.edited(desk, 2, 3, "")


def test_nothing_of_an_archive_is_believed_but_plain_files_inside():
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        for name in ("a", "../b", "/c", "link", "e/f"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.SYMTYPE if name == "link" else tarfile.REGTYPE
            info.linkname, info.size = "/etc/passwd", int(info.type == tarfile.REGTYPE)
            archive.addfile(info, io.BytesIO(b"x"))
    assert unpacked(body.getvalue()) == {"a": b"x", "e/f": b"x"}
    assert unpacked(b"no archive") == {}


@pytest.mark.slow
def test_bash_runs_in_the_jail_files_stay_and_hidden_splits_do_not_show(task):
    _, steps = played(
        task,
        "ls; cat inputs/words.txt; echo kept > note; mkdir d; echo in > d/e",
        "cat note d/e; python -c 'print(6 * 7)'; env | grep -c KEY",
        "touch before; sleep 30; touch after",
        "ls",
        f"cat {task.split('test').answers}/y.csv",
    )
    said = [step.observation for step in steps]
    assert "program.py" in said[0] and "a bb ccc dddd" in said[0]
    assert said[1].split() == ["kept", "in", "42", "0"]
    assert "took longer than 5 s" in said[2]
    assert "before" in said[3] and "after" not in said[3]
    assert "No such file" in said[4] or "denied" in said[4]


@pytest.mark.slow
def test_validate_scores_the_program_as_it_stands_and_submit_ends(task):
    write = f"cat > program.py <<'END'\n{BETTER}END"
    _, steps = played(task, "validate", write, "validate", "echo 1/0 > program.py", "validate",
                      "submit")  # fmt: skip
    assert "Score (mean squared error): 0.25 (baselines: starter 0.25)" in steps[0].observation
    assert steps[2].info["scores"] == [0.25, 0.0] and steps[2].info["score"] == 0.0
    assert steps[4].info["scores"] == [0.25, 0.0, None] and "No score (failed)" in (
        steps[4].observation
    )
    assert steps[5].done and steps[5].info["submission"].strip() == "1/0"


def test_an_answer_holds_one_command_and_old_observations_are_only_named():
    assert command_of("I look.\n```\nls -l\n```") == "ls -l"
    assert command_of("```bash\na\n```\n```\nb\n```") is None and command_of("ls") is None
    turns = [(f"a{i}", f"o{i}\nx") for i in range(4)]
    said = [m.content for m in conversation("task", turns, kept=2)]
    assert said[1] == "task" and said[3] == "[an earlier observation of 2 lines, omitted]"
    assert said[-3:] == ["o2\nx", "a3", "o3\nx"]


def scripted(request, key):
    """Validates, improves in every second attempt, and submits; or talks without a command."""
    turn = sum(message.role == "assistant" for message in request.messages)
    attempt = key.random().random()
    if turn == 0:
        return "First the baseline.\n```\nvalidate\n```"
    if turn == 1:
        body = BETTER if attempt < 0.5 else "print('hello')"
        return f"Now better.\n```\ncat > program.py <<'END'\n{body}\nEND\n```"
    return "```\nvalidate\n```" if turn == 2 else "Done.\n```\nsubmit\n```"


@pytest.mark.slow
def test_attempts_are_journaled_trials_with_best_attempt_and_submission(task, tmp_path):
    def search(trials):
        return cairn.search(
            Attempts(task, Config(steps=6, command_s=5.0)), run=tmp_path / "run",
            models={"researcher": ScriptedModel(scripted)}, trials=trials, show=False,
        )  # fmt: skip

    first = search(1).state
    state = search(3).state
    assert state[:1] == first and [a["status"] for a in state] == ["submitted"] * 3
    assert all(attempt["scores"][0] == 0.25 for attempt in state)
    attempts = [attempt["scores"] for attempt in state]
    assert best_at(attempts, 3, larger_is_better=False) <= 0.25
    handed_in = [[attempt["submitted"]] for attempt in state]
    assert [row[0] for row in handed_in] == [a["scores"][-1] for a in state]


@pytest.mark.slow
def test_an_agent_that_says_nothing_or_never_ends_hands_in_what_there_is(task, tmp_path):
    for words, status, steps in [("Hm.", "exit_format", 0), ("```\nskip\n```", "exit_steps", 2)]:
        found = cairn.search(
            Attempts(task, Config(steps=2)), run=tmp_path / status,
            models={"researcher": ScriptedModel(lambda request, key, words=words: words)},
            trials=1, show=False,
        )  # fmt: skip
        got = found.state[0]
        assert (got["status"], got["steps"], got["submitted"]) == (status, steps, 0.25)
