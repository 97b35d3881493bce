"""A game by hand for tests of the searches, and a judge that says what it is told."""

from collections.abc import Sequence

from cairn.research.puzzles.protocol import Move, Position, Spent


class Graph:
    """States by name; `wins` are over and won, a state without an edge is over and lost."""

    rules = "Follow the edges."
    start = "root"

    def __init__(self, edges, wins=()):
        self.edges, self.wins = edges, set(wins)

    def moves(self, state):
        return tuple(Move(f"to {child}", child) for child in self.edges.get(state, ()))

    def won(self, state):
        return state in self.wins

    def solvable(self, state):
        return self.won(state) or any(map(self.solvable, self.edges.get(state, ())))

    def show(self, state):
        return f"at {state}"

    def plain(self):
        return {"edges": self.edges}


class Told:
    """Values by state, 0.5 where none is given; every call costs ten tokens and is written down."""

    def __init__(self, values=(), explore=(), priors=()):
        self.values, self.leaves, self.priors = dict(values), set(explore), dict(priors)
        self.spent, self.log = Spent(), []

    def _add(self, role, what):
        self.spent.add(role, 10)
        self.log.append((role, what))

    async def value(self, at: Position) -> float:
        self._add("value", at.state)
        return self.values.get(at.state, 0.5)

    async def child_values(self, at: Position, asked: Sequence[Move]) -> Sequence[float]:
        self._add("child_values", (at.state, tuple(move.state for move in asked)))
        return [self.values.get(move.state, 0.5) for move in asked]

    async def prior(self, at: Position) -> Sequence[float]:
        self._add("prior", at.state)
        return [self.priors.get(move.state, 1.0) for move in at.moves]

    async def explore(self, at: Position, best: float) -> bool:
        self._add("explore", (at.state, best))
        return at.state in self.leaves
