"""A search's tree in a few lines of text, for a terminal while it grows."""

from collections.abc import Sequence

from cairn.core.console import plural
from cairn.research.node import Node, Tree, score_of

MOST = 10
"""Nodes that are shown."""


def outline(tree: Tree, *, most: int = MOST) -> list[str]:
    """How the best node came to be, and the newest nodes with those that they were made of.

    A line each, along first parents; `+3` counts children that are not shown, and a line that
    begins with `…` had parents that are not. Empty for an empty tree.
    """
    best = tree.best()
    shown = _shown(tree, best, most)
    roots = [id for id in sorted(shown) if not set(tree[id].parents[:1]) & shown]
    lines = []
    for root in roots:
        before = "… " if tree[root].parents else ""
        lines.append(before + _said(tree, tree[root], shown, best))
        lines += _below(tree, root, shown, best, " " * len(before))
    left = len({draft.id for draft in tree.drafts} - {tree.path(root)[0] for root in roots})
    return [*lines, f"and {plural(left, 'more draft')}"] if left else lines


def _shown(tree: Tree, best: Node | None, most: int) -> set[int]:
    wanted = [] if best is None else [best.id]
    wanted += [node.id for node in reversed(list(tree))]
    shown: set[int] = set()
    for id in wanted:
        for ancestor in reversed(tree.path(id)):  # the node first, then what it was made of
            if ancestor in shown or len(shown) == most:
                break
            shown.add(ancestor)
    return shown


def _below(tree: Tree, id: int, shown: set[int], best: Node | None, indent: str) -> list[str]:
    children = _children(tree, id)
    seen, lines = [child for child in children if child in shown], []
    for child in seen:
        last = child == seen[-1]
        lines.append(f"{indent}{'└─' if last else '├─'} {_said(tree, tree[child], shown, best)}")
        lines += _below(tree, child, shown, best, f"{indent}{'   ' if last else '│  '}")
    return lines


def _children(tree: Tree, id: int) -> Sequence[int]:
    """Those of which it is the first parent."""
    return [child for child in tree.children(id) if tree[child].parents[0] == id]


def _said(tree: Tree, node: Node, shown: set[int], best: Node | None) -> str:
    came = node.outcome if node.buggy else score_of(node)
    hidden = sum(child not in shown for child in _children(tree, node.id))
    more = f"  +{hidden}" if hidden else ""
    return f"{node.id} {node.operator}  {came}{'  best' if node is best else ''}{more}"
