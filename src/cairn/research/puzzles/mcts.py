"""Monte Carlo tree search with PUCT; a value call at each new state stands for a rollout.

    choose   argmax of mean(child) + C · prior · sqrt(N(parent)) / (1 + N(child))
             C = c + ln((N(children) + 19,652 + 1) / 19,652), N: visits
    back up  the value to every state of the path

A win ends the game; a loss is backed up as 0, below every value. Priors are asked when an expanded
state is passed for the first time. Statistics are those of states, so ways that meet share them.

`reference=True` keeps what `src/llm_mcts.py` of NathanHerr/LLM-First-Search does instead:

    root_bug   sqrt(1 + depth · visits of the node) in place of sqrt(visits): at the root it is
               always 1, so that exploration there never grows
    shrunk     sum of values / (1 + visits) as the mean, which leans to 0
    mixed      a loss is -1 beside values in [0, 1]
"""

import math
from dataclasses import dataclass

from cairn.core.errors import ConfigError
from cairn.research.puzzles.protocol import Judge, State
from cairn.research.puzzles.tree import Tree

BASE = 19_652


@dataclass(frozen=True)
class Config:
    """Of the search."""

    c: float = 0.5
    """Exploration constant; the reference's, which tried 1.0 and 2.5 as well."""
    root_bug: bool = False
    shrunk: bool = False
    mixed: bool = False
    simulations: int = 2_000
    """Most simulations: one that ends in a known loss costs no call, so a budget of tokens alone
    might never end a game. The reference has no such bound."""

    def __post_init__(self):
        if not self.c >= 0 or not self.simulations >= 1:
            raise ConfigError(
                f"mcts.Config expects c of at least 0 and simulations of at least 1, got "
                f"{self.c} and {self.simulations}."
            )

    @staticmethod
    def reference(c: float = 0.5) -> "Config":
        """With everything that the reference does otherwise."""
        return Config(c, root_bug=True, shrunk=True, mixed=True)


async def search(tree: Tree, judge: Judge, *, config: Config | None = None) -> str:
    """Play one game; why it stopped."""
    config = config or Config()
    visits: dict[State, int] = {}
    sums: dict[State, float] = {}
    priors: dict[State, list[float]] = {}
    for _ in range(config.simulations):
        here, path = tree.root, [tree.root]
        while not tree.over(here) and tree.is_expanded(here):
            if here not in priors:
                priors[here] = normalised(await judge.prior(tree.at(here)))
            here = chosen(tree, here, len(path) - 1, visits, sums, priors[here], config)
            path.append(here)
        if tree.expand(here):
            return "won"
        if tree.over(here):
            reward = -1.0 if config.mixed else 0.0
        else:
            reward = await judge.value(tree.at(here))
        for state in path:
            visits[state] = visits.get(state, 0) + 1
            sums[state] = sums.get(state, 0.0) + reward
    return "simulations"


def chosen(
    tree: Tree, state: State, depth: int, visits: dict[State, int], sums: dict[State, float],
    priors: list[float], config: Config,
) -> State:  # fmt: skip
    """The child that PUCT goes to, the first of equals. An unvisited child's mean is 0."""
    children = [move.state for move in tree.moves(state)]
    counts = [visits.get(child, 0) for child in children]
    parent = 1 + depth * visits[state] if config.root_bug else visits[state]
    scale = config.c + math.log((sum(counts) + BASE + 1) / BASE)
    scale *= math.sqrt(parent)
    best, most = children[0], -math.inf
    for child, count, prior in zip(children, counts, priors, strict=True):
        mean = sums[child] / (count + config.shrunk) if count else 0.0
        score = mean + scale * prior / (1 + count)
        if score > most:
            best, most = child, score
    return best


def normalised(scores) -> list[float]:
    """Scores as a distribution; uniform where all are 0."""
    total = sum(scores)
    count = len(scores)
    return [score / total for score in scores] if total > 0 else [1 / count] * count
