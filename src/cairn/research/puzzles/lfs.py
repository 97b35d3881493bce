"""LLM-First Search: the judge itself says when to leave a path for the best state elsewhere.

    value and children of the root; then, until a win, an empty frontier or a spent budget:
        explore if the game is over here, else ask, if there is anywhere else to go
        if so: go to the best unexpanded state, expand it
        go to its best child, expand that

Source: Herr et al. 2025, LLM-First Search, and `src/llm_first_search.py`. After a jump the best
child is moved to at once, so that an iteration expands two states: kept. Differs: states that are
reached in two ways are one, so a state may have no unexpanded child; then it is left.
"""

from cairn.research.puzzles.protocol import Judge
from cairn.research.puzzles.tree import Tree, value_children


async def search(tree: Tree, judge: Judge) -> str:
    """Play one game; why it stopped."""
    here = tree.root
    tree.valued(here, await judge.value(tree.at(here)))
    await value_children(tree, judge, here)
    while tree.winner is None:
        best = tree.best()
        if best is None:
            return "exhausted"
        explore = tree.best_child(here) is None
        if not explore:
            explore = await judge.explore(tree.at(here), tree.values[best])
        if explore:
            here = best
            await value_children(tree, judge, here)
        if tree.winner is None and (child := tree.best_child(here)) is not None:
            here = child
            await value_children(tree, judge, here)
    return "won"
