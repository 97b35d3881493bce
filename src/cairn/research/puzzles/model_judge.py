r"""A language model as judge: one JSON object an answer, inside \boxed{...}.

The roles and their keys are those of NathanHerr/LLM-First-Search (`src/countdown_game/
countdown_agent.py`); the wording is ours. An answer that cannot be read is asked for again, and so
are the actions that a list of scores left out, alone; what is missing after `readings` samples
makes the game fail. In the reference a value that is missing counts as 0, which is a judgement
that nobody made. A prior that is left out is 1 / actions at once, as there.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cairn.core.redact import printable
from cairn.lm.answers import whole_text
from cairn.lm.client import Client
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.request import Completion
from cairn.research.puzzles.judge import TOKEN
from cairn.research.puzzles.protocol import Game, Move, Position, Spent

BOX = r"\boxed{"
VERSION = "1"
"""Of the prompts: part of what a run is tied to."""
ROLES = {
    "prior": (
        "Score every possible move by how likely it is to lead to a win. The scores are a "
        "probability distribution over the moves.",
        '{"operation_scores": {"0": 0.7, "1": 0.3}}, with a number for every move in the list',
    ),
    "value": (
        "Estimate how likely it is that the game is won from the current state, from 0 (lost for "
        "certain) to 1 (won for certain).",
        '{"state_value_estimation": 0.5}',
    ),
    "child_values": (
        "For every move in the list, estimate how likely it is that the game is won after it, from "
        "0 (lost for certain) to 1 (won for certain).",
        '{"operation_values": {"0": 0.5, "1": 0.1}}, with a number for every move in the list',
    ),
    "explore": (
        "Decide whether to leave the current path and go on from a state seen earlier. Only do so "
        "if you are certain that the current path cannot be won.",
        '{"explore": false}, or true',
    ),
}


@dataclass
class ModelJudge:
    """A model behind the client of one game."""

    game: Game
    client: Client
    readings: int = 3
    """Samples asked for until an answer is read."""
    spent: Spent = field(default_factory=Spent)

    async def value(self, at: Position) -> float:
        """Of the state."""
        return await self._one("value", at, lambda found: _unit(found, "state_value_estimation"))

    async def explore(self, at: Position, best: float) -> bool:
        """Whether to go elsewhere; `best` is not shown, as in the reference."""
        return await self._one("explore", at, _decision)

    async def child_values(self, at: Position, asked: Sequence[Move]) -> Sequence[float]:
        """Of the states behind the moves; those left out are asked for again."""
        values: dict[int, float] = {}
        error: UnreadableAnswerError | None = None
        for attempt in range(self.readings):
            left = {n: move for n, move in enumerate(asked) if n not in values}
            answer = await self._ask("child_values", at, left, attempt)
            try:
                values |= _scores(_object(answer), "operation_values", left)
            except UnreadableAnswerError as found:
                error = found
            if len(values) == len(asked):
                return [values[n] for n in range(len(asked))]
        raise error or UnreadableAnswerError(
            f"judge: no value for {len(asked) - len(values)} of {len(asked)} moves in "
            f"{self.readings} answers"
        )

    async def prior(self, at: Position) -> Sequence[float]:
        """Over the moves."""
        moves = dict(enumerate(at.moves))

        def read(found: dict[str, Any]) -> list[float]:
            scores = _scores(found, "operation_scores", moves)
            return [scores.get(n, 1 / len(moves)) for n in moves]

        return await self._one("prior", at, read)

    async def _one(self, role: str, at: Position, read: Any) -> Any:
        for attempt in range(self.readings):
            answer = await self._ask(role, at, dict(enumerate(at.moves)), attempt)
            try:
                return read(_object(answer))
            except UnreadableAnswerError:
                if attempt == self.readings - 1:
                    raise
        raise AssertionError("readings is at least 1")

    async def _ask(
        self, role: str, at: Position, moves: dict[int, Move], attempt: int
    ) -> Completion:
        text = prompt(self.game, role, at, moves)
        request = self.client.request(text, system=self.game.rules)
        answer = await self.client.complete(request, purpose=role, sample_index=attempt)
        said = len(text) + len(self.game.rules) + len(answer.text)
        usage = answer.usage
        self.spent.add(role, usage.prompt + usage.completion if usage else said // TOKEN)
        return answer


def prompt(game: Game, role: str, at: Position, moves: dict[int, Move]) -> str:
    """What a model is asked: the whole way here, the moves by number, the form of the answer."""
    what, form = ROLES[role]
    seen = [f"State {n}:\n{game.show(state)}\nMove {n}: {text}" for n, (state, text) in
            enumerate(at.path)]  # fmt: skip
    seen.append(f"State {len(at.path)}, the current one:\n{game.show(at.state)}")
    listed = json.dumps({str(n): move.text for n, move in moves.items()})
    return (
        "\n\n".join(seen)
        + f"\n\nPossible moves: {listed}\n\n{what}\n\nThink if you need to, then end with one "
        f"JSON object inside {BOX}...}}:\n{BOX}OBJECT}} where OBJECT is {form}."
    )


def _object(answer: Completion) -> dict[str, Any]:
    """The JSON object in the last box. Raises UnreadableAnswerError where there is none."""
    text = whole_text(answer, by="judge")
    start = text.rfind(BOX)
    if start < 0:
        raise UnreadableAnswerError(f"judge: expected {BOX}...}}, got {printable(text[-60:])!r}")
    inside = text[start + len(BOX) :].lstrip()
    try:
        found, _ = json.JSONDecoder().raw_decode(inside)
    except (ValueError, RecursionError):
        raise UnreadableAnswerError(
            f"judge: expected a JSON object in the box, got {printable(inside[:60])!r}"
        ) from None
    if not isinstance(found, dict):
        raise UnreadableAnswerError(
            f"judge: expected a JSON object in the box, got {printable(inside[:60])!r}"
        )
    return found


def _unit(found: dict[str, Any], key: str) -> float:
    """The number in [0, 1] under a key. Raises UnreadableAnswerError for anything else."""
    value = found.get(key)
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    if not good:
        came = "nothing" if key not in found else printable(repr(value)[:40])
        raise UnreadableAnswerError(f"judge: expected a number in [0, 1] as {key!r}, got {came}")
    return float(value)  # type: ignore[arg-type]


def _decision(found: dict[str, Any]) -> bool:
    value = found.get("explore")
    if not isinstance(value, bool):
        came = "nothing" if "explore" not in found else printable(repr(value)[:40])
        raise UnreadableAnswerError(f"judge: expected true or false as 'explore', got {came}")
    return value


def _scores(found: dict[str, Any], key: str, moves: dict[int, Move]) -> dict[int, float]:
    """The scores that are there, by number of the move; a move may be named by its text too."""
    scores = found.get(key)
    if not isinstance(scores, dict):
        raise UnreadableAnswerError(f"judge: expected an object as {key!r}, got {list(found)[:5]}")
    read = {}
    for number, move in moves.items():
        name = str(number) if str(number) in scores else move.text
        if name in scores:
            read[number] = _unit(scores, name)
    return read
