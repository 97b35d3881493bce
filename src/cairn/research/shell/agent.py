"""A ReAct agent in the shell: a thought and one command a turn, until it submits or may not go on.

Yao et al. 2022, arXiv:2210.03629, with the defaults of MLGym's agent (arXiv:2502.14499): the last
five observations are kept, fifty steps; whatever ends an episode early (the cap, an answer that
cannot be read three times) hands in the program as it stands. An episode is one trial of a
journaled policy, so that k attempts are k trials: `metrics.profiles.best_at` makes best attempt@k
and best submission@k of them.
"""

import re
from dataclasses import dataclass
from typing import Any

from cairn.core.checks import at_least, positive
from cairn.core.draws import DrawKey
from cairn.engine.json_policy import JsonPolicy
from cairn.lm.client import Client, Clients
from cairn.lm.request import Message, Request
from cairn.research.shell.environment import Shell
from cairn.research.tasks.evaluator import TaskEvaluator
from cairn.research.tasks.task import Task

SYSTEM = """\
You are a research engineer in a shell. Each of your answers is a short thought and then exactly
one command between ``` fences. You see what it prints, and go on. Improve the score, use validate
to see it, and submit before your steps run out."""
UNREADABLE = "Your answer must hold exactly one command between ``` fences. Nothing was done."
OMITTED = "[an earlier observation of {lines} lines, omitted]"
TRIES = 3
"""Unreadable answers in a row that end an episode."""
_FENCE = re.compile(r"```[a-z]*\n(.*?)\n?```", re.S)


@dataclass(frozen=True)
class Config:
    """How an episode goes."""

    steps: int = 50
    """Most commands."""
    kept: int = 5
    """Observations that stay in the conversation; older ones are named only."""
    command_s: float = 60.0
    """The longest that a command may take."""
    longest: int = 20_000
    """Characters of an observation that are shown: its beginning and its end."""

    def __post_init__(self):
        at_least(self, 1, "steps", "kept", "longest")
        positive(self, "command_s")


def command_of(answer: str) -> str | None:
    """The one command of an answer; None if there is none, or more than one."""
    found = _FENCE.findall(answer)
    return found[0].strip() if len(found) == 1 and found[0].strip() else None


def conversation(first: str, turns: list[tuple[str, str]], kept: int) -> tuple[Message, ...]:
    """The messages so far: all answers, and the last `kept` observations."""
    messages = [Message("system", SYSTEM), Message("user", first)]
    for number, (answer, observation) in enumerate(turns):
        if number < len(turns) - kept:
            observation = OMITTED.format(lines=len(observation.splitlines()))
        messages += [Message("assistant", answer), Message("user", observation)]
    return tuple(messages)


async def attempt(shell: Shell, client: Client, config: Config = Config()) -> dict[str, Any]:
    """One episode: its validated scores in order, the submission, and how it ended.

    `status` is "submitted", "exit_forfeit", "exit_steps" or "exit_format"; after the last two the
    program as it stands is the submission. What stops the run (a limit, the endpoint) is raised.
    """
    first, _ = await shell.reset()
    turns: list[tuple[str, str]] = []
    unreadable, status = 0, "exit_steps"
    role = client.desk.roles[client.role]
    while shell.steps < config.steps:
        messages = conversation(first, turns, config.kept)
        request = Request(messages, role.sampling)
        answer = (await client.complete(request, purpose=f"turn {len(turns)}")).text
        command = command_of(answer)
        if command is None:
            unreadable += 1
            turns.append((answer or "(nothing)", UNREADABLE))
            if unreadable == TRIES:
                status = "exit_format"
                break
            continue
        unreadable = 0
        step = await shell.step(command)
        left = f"\n[{config.steps - shell.steps} steps left]"
        turns.append((answer, _cut(step.observation, config.longest) + left))
        if step.done:
            status = step.info["status"]
            break
    submission = None if status == "exit_forfeit" else shell.program()
    return {"scores": list(shell.scores), "submission": submission, "status": status,
            "steps": shell.steps}  # fmt: skip


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters omitted …]\n{text[-half:]}"


class Attempts(JsonPolicy):
    """k episodes as k trials. The state is the list of what they came to, the submission scored.

    `cairn.search(Attempts(task), models={"researcher": ...}, trials=4)`.
    """

    def __init__(self, task: Task, config: Config = Config(), *, tier: int | None = None):
        self.task, self.config, self.tier = task, config, tier

    def ask(self, state: list, trial_id: int, key: DrawKey, pending: Any) -> dict[str, Any]:
        """The next episode."""
        return {"attempt": trial_id, "task": self.task.digest}

    async def evaluate(self, trial: dict[str, Any], clients: Clients) -> dict[str, Any]:
        """One episode, and the score of what it handed in on the split that is searched on."""
        shell = Shell(self.task, clients, self.config.command_s, self.tier)
        found = await attempt(shell, clients["researcher"], self.config)
        if found["submission"] is not None:
            # Scored as any validation is: paid once, and not among the attempt's own.
            shell.steps += 1
            found["submitted"] = (await shell._validated()).score
        return found

    def tell(self, state: list, trial: dict[str, Any], outcome: Any) -> list:
        """One more; an attempt that failed has no score."""
        if not isinstance(outcome, dict):
            outcome = {"scores": [], "submission": None, "status": "failed", "steps": 0}
        return [*state, {**outcome, "attempt": trial["attempt"]}]

    async def tested(self, submission: str) -> float | None:
        """The score of a submission on the test split: for the report, once."""
        return (await TaskEvaluator(self.task, self.tier)(submission, "test")).score
