"""Tree of Thoughts, breadth first: level by level the three best are expanded, without a way back.

It stops when the best state of a level ends the game, won or lost. Source: Yao et al. 2023, Tree of
Thoughts, as in NathanHerr/LLM-First-Search, `src/llm_tot_bfs.py` (top_n = 3). Differs: a state that
two of a level lead to is in the next level once.
"""

from cairn.research.puzzles.protocol import Judge, State
from cairn.research.puzzles.tree import Tree, value_children


async def search(tree: Tree, judge: Judge, *, keep: int = 3) -> str:
    """Play one game; why it stopped. `keep`: states expanded on each level."""
    level: dict[State, None] = {tree.root: None}
    while True:
        below: dict[State, None] = {}
        for state in level:
            if not tree.is_expanded(state):
                await value_children(tree, judge, state)
            below |= dict.fromkeys(move.state for move in tree.moves(state))
        if not below:
            return "exhausted"
        ranked = sorted(below, key=lambda state: tree.values[state], reverse=True)
        if tree.over(ranked[0]):
            return "won" if tree.expand(ranked[0]) else "lost"
        level = dict.fromkeys(ranked[:keep])
