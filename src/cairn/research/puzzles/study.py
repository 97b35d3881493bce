"""Many games: arms by puzzles, through a map, so that a kill loses no game that has ended."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cairn
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.core.files import to_json
from cairn.core.stats import Rate, rate
from cairn.research.puzzles import mcts
from cairn.research.puzzles.judge import Noise, NoisyJudge
from cairn.research.puzzles.kinds import Split, budget_of, check_kind, game_of, puzzles
from cairn.research.puzzles.model_judge import VERSION, ModelJudge
from cairn.research.puzzles.play import method_of, play

ROLE = "judge"
SHARD = 100
"""Games in a shard: what a kill may have to play again, without a call."""


@dataclass(frozen=True)
class Arm:
    """A way of playing."""

    name: str
    """In tables."""
    method: str
    noise: Noise | None = None
    """Of the simulated judge; None: a model is asked."""
    settings: mcts.Config = field(default_factory=mcts.Config)
    """Of MCTS; the others have none."""

    def __post_init__(self):
        method_of(self.method)


class Row(NamedTuple):
    """What an arm came to on a kind of puzzles."""

    kind: str
    arm: str
    won: Rate
    """Among games that ended, with Wilson's 95 % interval; a game without an answer is none."""
    failed: int
    calls: float | None
    """Mean a game."""
    tokens: float | None
    stopped: dict[str, int]
    """Games by how they ended."""


def items(
    kinds: Sequence[str], arms: Sequence[Arm], count: int, *, seed: int, split: Split,
    budget: int | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """A game for each kind, puzzle and arm; the arms of a puzzle stand together and share what was
    found out about it. Raises ConfigError for two arms of one name."""
    twice = [name for name, times in Counter(arm.name for arm in arms).items() if times > 1]
    if twice:
        raise ConfigError(f"two arms are called {twice[0]!r}: give each a name of its own.")
    return [
        {
            "id": f"{kind}/{number}/{arm.name}", "kind": kind, "puzzle": puzzle, "seed": seed,
            "arm": asdict(arm), "budget": budget or budget_of(kind), "prompts": VERSION,
        }
        for kind in kinds
        for number, puzzle in enumerate(puzzles(kind, count, seed=seed, split=split))
        for arm in arms
    ]  # fmt: skip


async def work(item: Any, clients: Mapping[str, Any], key: DrawKey) -> dict[str, Any]:
    """One game."""
    given = item.value
    arm, game = given["arm"], game_of(given["puzzle"])
    if arm["noise"] is None:
        judge = ModelJudge(game, clients[ROLE])
    else:
        # By puzzle and not by arm: all arms face the same errors.
        errors = DrawKey.root(given["seed"]).child(to_json(given["puzzle"]))
        judge = NoisyJudge(game, Noise(**arm["noise"]), errors)
    method = method_of(arm["method"], mcts.Config(**arm["settings"]))
    played = await play(game, judge, method, budget=given["budget"])
    return {"kind": given["kind"], "arm": arm["name"], **played._asdict()}


def run(games: Sequence[dict[str, Any]], path: Path, **more: Any) -> Any:
    """Play them all, or go on with it; a `Mapped`. `more`: as of `cairn.map`."""
    return cairn.map(work, source=list(games), id="id", run=path, shard=SHARD, **more)


def rows(outcomes: Iterable[Any], games: Sequence[dict[str, Any]]) -> list[Row]:
    """A row for each kind and arm, in the order of the games."""
    found: dict[tuple[str, str], list[Any]] = {}
    for game, outcome in zip(games, outcomes, strict=True):
        found.setdefault((game["kind"], game["arm"]["name"]), []).append(outcome)
    return [row(kind, arm, told) for (kind, arm), told in found.items()]


def row(kind: str, arm: str, outcomes: Sequence[Any]) -> Row:
    """The row of an arm's outcomes."""
    ended = [outcome.value for outcome in outcomes if outcome.kind == "done"]
    count = len(ended)
    calls = sum(sum(game["calls"].values()) for game in ended)
    tokens = sum(game["tokens"] for game in ended)
    return Row(
        kind, arm, rate(sum(game["won"] for game in ended), count), len(outcomes) - count,
        calls / count if count else None, tokens / count if count else None,
        dict(Counter(game["stopped"] for game in ended)),
    )  # fmt: skip


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise ConfigError for one that is not known, and for none."""
    if not kinds:
        raise ConfigError("name at least one kind of puzzles, e.g. countdown-5.")
    for kind in kinds:
        check_kind(kind)
