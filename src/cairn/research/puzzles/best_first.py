"""Best-first search: each move is made from the valued state with unexpanded children that is best.

Source: NathanHerr/LLM-First-Search, `src/llm_bestfs.py`. As there, what is compared are the values
of expanded states, a tie stays where it is, and the move is to the best unexpanded child. Differs:
a state without unexpanded children is no candidate, where the reference compares the current one
too and, if that is a lost end of high value, never leaves it.
"""

from heapq import heappop, heappush

from cairn.research.puzzles.protocol import Judge, State
from cairn.research.puzzles.tree import Tree, value_children


async def search(tree: Tree, judge: Judge) -> str:
    """Play one game; why it stopped."""
    here = tree.root
    tree.valued(here, await judge.value(tree.at(here)))
    await value_children(tree, judge, here)
    open_: list[tuple[float, int, State]] = [(-tree.values[here], 0, here)]
    while tree.winner is None:
        while open_ and tree.best_child(open_[0][2]) is None:
            heappop(open_)
        if not open_:
            return "exhausted"
        stays = tree.best_child(here) is not None and tree.values[here] >= -open_[0][0]
        here = here if stays else open_[0][2]
        child = tree.best_child(here)
        assert child is not None  # both have one
        here = child
        await value_children(tree, judge, here)
        heappush(open_, (-tree.values[here], tree.expanded, here))
    return "won"
