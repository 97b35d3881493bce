"""A task as a shell: `reset`, then `step(command)`, as MLGym's environment has it.

Nathani et al. 2025, arXiv:2502.14499 (facebookresearch/MLGym): the reward is always 0; scores are
in `info`. `validate` scores the program as it stands and may be used as often as one likes;
`submit` ends. Differs: what is validated is the search split, and the test is never shown; every
command runs in the jail, in a process of its own, and one that takes too long is stopped without
ending the episode.
"""

import json
import shlex
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cairn.core.budget import Amount
from cairn.core.desk import NotDoneError
from cairn.lm.client import Clients
from cairn.research.evaluation import Graded
from cairn.research.grading import ROLE, digest
from cairn.research.shell import editor
from cairn.research.shell.editor import CommandError, Desk
from cairn.research.shell.workspace import Ran, from_packed, packed, run
from cairn.research.tasks.evaluator import TaskEvaluator, described
from cairn.research.tasks.task import Task

COMMANDS = """\
open PATH [LINE]                      show a file, with line numbers
goto LINE | scroll_up | scroll_down   move in the open file
create PATH                           a new file, open
edit START:END                        replace lines of the open file by those that follow,
...                                   up to a line that says end_of_edit
end_of_edit
insert LINE                           put lines behind a line of the open file,
...                                   up to a line that says end_of_insert
end_of_insert
search_dir WORDS [DIR] | search_file WORDS [FILE] | find_file PATTERN [DIR]
validate                              the score of your program as it stands
submit                                hand your program in; this ends the episode
skip                                  do nothing
exit_forfeit                          give up without handing anything in
Anything else is a command of bash, in your folder, without a network. It begins anew each time:
no process and no variable outlives a command, files do."""


class Step(NamedTuple):
    """What a step gives."""

    observation: str
    reward: float
    """Always 0: scores are in `info`."""
    done: bool
    info: dict[str, Any]
    """`score`: the last validated score, or None; `scores`: all of them, in order; `status`:
    "running", "submitted" or "exit_forfeit"; `submission`: the program that was handed in."""


@dataclass
class Shell:
    """An episode on a task."""

    task: Task
    clients: Clients | None = None
    """Pays for runs once, so that a killed episode goes on; None: runs them each time."""
    command_s: float = 60.0
    """The longest that a command may take."""
    tier: int | None = None
    """Of the jail."""
    desk: Desk = field(default_factory=lambda: Desk({}), init=False)
    scores: list[float | None] = field(default_factory=list, init=False)
    status: str = field(default="running", init=False)
    steps: int = field(default=0, init=False)

    async def reset(self, seed: int = 0) -> tuple[str, dict[str, Any]]:
        """The first observation, and `info`. Nothing here is drawn: the seed is for whoever asks
        several episodes."""
        files = {self.task.program: self.task.starter.encode() or b"\n"}
        for name, path in self.task.support.items():
            files[name] = path.read_bytes()
        if self.task.harness is not None:
            files["harness.py"] = self.task.harness.read_bytes()
        self.desk, self.scores, self.status, self.steps = Desk(files), [], "running", 0
        told = f"{described(self.task)}\n\nCommands:\n{COMMANDS}"
        return told, self._info()

    async def step(self, command: str) -> Step:
        """Carry a command out. After the end nothing is."""
        if self.status != "running":
            return Step("The episode is over.", 0.0, True, self._info())
        self.steps += 1
        try:
            observation = await self._do(command.strip())
        except CommandError as error:
            observation = str(error)
        return Step(observation, 0.0, self.status != "running", self._info())

    def program(self) -> str:
        """The program as it stands."""
        return self.desk.files.get(self.task.program, b"").decode(errors="replace")

    def _info(self) -> dict[str, Any]:
        valid = [score for score in self.scores if score is not None]
        submission = self.program() if self.status == "submitted" else None
        return {"score": valid[-1] if valid else None, "scores": list(self.scores),
                "status": self.status, "submission": submission}  # fmt: skip

    async def _do(self, command: str) -> str:
        head = command.split(None, 1)[0] if command else "skip"
        if head == "skip":
            return "Nothing was done."
        if head == "exit_forfeit":
            self.status = "exit_forfeit"
            return "You gave up."
        if head == "submit":
            self.status = "submitted"
            return "Your program was handed in."
        if head == "validate":
            return _told(self.task, await self._validated())
        if head in ("edit", "insert"):
            return self._edit(command, head)
        if head in ("open", "goto", "scroll_up", "scroll_down", "create"):
            self.desk = self._moved(head, _words(command)[1:])
            return editor.window(self.desk)
        if head in ("search_dir", "search_file", "find_file"):
            words = _words(command)[1:]
            if not 1 <= len(words) <= 2:
                raise CommandError(f"{head} takes what to look for, and perhaps where.")
            if head == "find_file":
                return editor.named(self.desk, *words)
            return editor.searched(self.desk, *words, one=head == "search_file")
        return await self._bash(command)

    def _moved(self, head: str, words: list[str]) -> Desk:
        if head == "open" and 1 <= len(words) <= 2:
            return editor.opened(self.desk, words[0], _line(words[1]) if words[1:] else 1)
        if head == "goto" and len(words) == 1:
            editor.window(self.desk)
            return editor.opened(self.desk, self.desk.name, _line(words[0]))
        if head == "create" and len(words) == 1:
            return editor.created(self.desk, words[0])
        if head.startswith("scroll") and not words:
            return editor.scrolled(
                self.desk, -editor.WINDOW if head == "scroll_up" else editor.WINDOW
            )
        raise CommandError(f"{head} takes other arguments; see the commands.")

    def _edit(self, command: str, head: str) -> str:
        found = (editor.EDIT if head == "edit" else editor.INSERT).match(command)
        if not found:
            raise CommandError(f"{head} needs its lines, and a last line that says end_of_{head}.")
        if head == "edit":
            self.desk = editor.edited(self.desk, int(found[1]), int(found[2]), found[3])
        else:
            self.desk = editor.inserted(self.desk, int(found[1]), found[2])
        return editor.window(self.desk)

    async def _bash(self, command: str) -> str:
        inputs = self.task.split("search").inputs
        shown = {} if self.task.train is None else {"train": self.task.train}
        if inputs is not None:
            shown[self.task.inputs_as] = inputs

        async def work() -> tuple[str, Amount]:
            ran = await run(
                command, self.desk.files, shown=shown, seconds=self.command_s, tier=self.tier
            )
            used = Amount(cpu_ms=round(1000 * ran.cpu_seconds), wall_ms=round(1000 * ran.seconds))
            if ran.broken:
                raise NotDoneError("the jail did not work", used)
            kept = json.dumps({**ran._asdict(), "files": packed(ran.files)})
            return kept, used

        said = json.loads(await self._once(f"shell {command}", work))
        ran = Ran(**{**said, "files": from_packed(said["files"])})
        name = self.desk.name if self.desk.name in ran.files else ""
        self.desk = Desk(ran.files, name, self.desk.line if name else 1)
        return ran.output or "Nothing was printed."

    async def _validated(self) -> Graded:
        text = self.program()

        async def work() -> tuple[str, Amount]:
            graded = await TaskEvaluator(self.task, self.tier)(text, "search")
            used = Amount(
                cpu_ms=round(1000 * graded.cpu_seconds), wall_ms=round(1000 * graded.seconds)
            )
            if graded.outcome == "jail_error":
                raise NotDoneError(graded.feedback, used)
            return json.dumps({**graded._asdict(), "artefacts": dict(graded.artefacts)}), used

        graded = Graded(**json.loads(await self._once(f"validate {digest(text)}", work)))
        self.scores.append(graded.score)
        return graded

    async def _once(self, what: str, work: Any) -> str:
        if self.clients is None:
            return (await work())[0]
        bounds = self.task.bounds
        most = 1000 * max(self.command_s + 10, bounds.seconds * max(1, self.task.rounds))
        reserve = Amount(cpu_ms=round(2 * most), wall_ms=round(most))
        return await self.clients.once(ROLE, f"step {self.steps} {what}", reserve, work)


def _told(task: Task, graded: Graded) -> str:
    base = "; ".join(
        f"{name} {scores['search']:g}"
        for name, scores in task.baselines.items() if "search" in scores
    )  # fmt: skip
    beside = f" (baselines: {base})" if base else ""
    if graded.score is None:
        return f"No score ({graded.outcome}).{beside}\n{graded.feedback}".strip()
    return f"Score ({task.metric}): {graded.score:g}{beside}\n{graded.feedback}".strip()


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise CommandError(f"{command!r} cannot be read: {error}.") from None


def _line(word: str) -> int:
    if not word.isdecimal():
        raise CommandError(f"A line is a whole number, got {word!r}.")
    return int(word)
