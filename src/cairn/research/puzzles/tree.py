"""The states that a search has met, each once, with their values, and the best one not expanded."""

from heapq import heappop, heappush

from cairn.research.puzzles.protocol import Game, Judge, Move, Position, State


class Tree:
    """What a search knows. It is a graph: a state reached in two ways is one state.

    The frontier is a heap, so that the best state that is not expanded costs the logarithm of
    their number; the reference walks the whole tree for it, each time.
    """

    def __init__(self, game: Game):
        self.game = game
        self.root = game.start
        self.values: dict[State, float] = {}
        self.winner: State | None = None
        self._came: dict[State, tuple[State, str]] = {}
        self._expanded: set[State] = set()
        self._frontier: list[tuple[float, int, State]] = []

    @property
    def expanded(self) -> int:
        """States whose moves were looked at."""
        return len(self._expanded)

    def moves(self, state: State) -> tuple[Move, ...]:
        """All moves; none where the game is over."""
        return () if self.game.won(state) else self.game.moves(state)

    def over(self, state: State) -> bool:
        """Whether the game is over there, won or not."""
        return not self.moves(state)

    def is_expanded(self, state: State) -> bool:
        """Whether its moves were looked at."""
        return state in self._expanded

    def expand(self, state: State) -> bool:
        """Look at the moves of a state; whether it is won, which ends the search."""
        self._expanded.add(state)
        if self.game.won(state):
            self.winner = state
            return True
        for move in self.moves(state):
            if move.state != self.root:
                self._came.setdefault(move.state, (state, move.text))
        return False

    def valued(self, state: State, value: float) -> None:
        """A state has a value, its first one for good; unexpanded it enters the frontier."""
        if state not in self.values:
            self.values[state] = value
            # The newest of equals first, as in the reference.
            heappush(self._frontier, (-value, -len(self.values), state))

    def best(self) -> State | None:
        """The unexpanded state of the highest value; None if there is none."""
        while self._frontier and self._frontier[0][2] in self._expanded:
            heappop(self._frontier)
        return self._frontier[0][2] if self._frontier else None

    def best_child(self, state: State) -> State | None:
        """The unexpanded child of the highest value, the first of equals; None without one."""
        open_ = [move.state for move in self.moves(state) if move.state not in self._expanded]
        return max(open_, key=lambda child: self.values[child], default=None)

    def at(self, state: State) -> Position:
        """A state with the way that first led to it."""
        path, here = [], state
        while here in self._came:
            here, text = self._came[here]
            path.append((here, text))
        return Position(state, tuple(reversed(path)), self.moves(state))

    def solution(self) -> tuple[str, ...]:
        """The actions that win."""
        if self.winner is None:
            return ()
        return tuple(text for _, text in self.at(self.winner).path)


async def value_children(tree: Tree, judge: Judge, state: State) -> None:
    """Expand a state and have its children valued that have no value, in one call."""
    if tree.expand(state):
        return
    asked = [move for move in tree.moves(state) if move.state not in tree.values]
    if asked:
        values = await judge.child_values(tree.at(state), asked)
        for move, value in zip(asked, values, strict=True):
            tree.valued(move.state, value)
