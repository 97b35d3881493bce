"""One game: a method, a judge, a budget, and what came of it."""

from functools import partial
from typing import Literal, get_args

from cairn.core.errors import ConfigError, suggest
from cairn.research.puzzles import best_first, lfs, mcts, tot_bfs
from cairn.research.puzzles.protocol import BudgetSpentError, Game, Judge, Metered, Method, Played
from cairn.research.puzzles.tree import Tree

Name = Literal["lfs", "tot-bfs", "best-first", "mcts"]
NAMES: tuple[Name, ...] = get_args(Name)


def method_of(name: str, config: mcts.Config | None = None) -> Method:
    """The search of a name. Raises ConfigError for one that is not known."""
    methods: dict[str, Method] = {
        "lfs": lfs.search,
        "tot-bfs": tot_bfs.search,
        "best-first": best_first.search,
        "mcts": partial(mcts.search, config=config),
    }
    if name not in methods:
        raise ConfigError(
            f"No search is called {name!r}. Expected one of {', '.join(NAMES)}."
            f"{suggest(name, NAMES)}"
        )
    return methods[name]


async def play(game: Game, judge: Judge, method: Method, *, budget: int) -> Played:
    """Play one game to its end, or until `budget` tokens are spent.

    Raises what the judge raises: a game without an answer is not a lost one.
    """
    tree = Tree(game)
    try:
        stopped = await method(tree, Metered(judge, budget))
    except BudgetSpentError:
        stopped = "budget"
    spent = judge.spent
    won = tree.winner is not None
    return Played(won, stopped, tree.expanded, dict(spent.calls), spent.tokens, tree.solution())
