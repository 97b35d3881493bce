"""The tree in a few lines."""

import pytest

from cairn.research.node import Node, Tree
from cairn.research.outline import outline


def node(id, parents=(), score=None, outcome="ok", spread=None):
    made = "improve" if parents else "draft"
    return Node(id, parents, made, "", utility=score, score=score, spread=spread, outcome=outcome)


TREE = Tree([
    node(0, score=0.1), node(1, (0,), 0.5, spread=0.01), node(2, (0,), 0.2),
    node(3, outcome="timeout"), node(4, (1,), 0.3), node(5, (2, 1), 0.4),
])  # fmt: skip


def test_best_and_newest_nodes_stand_below_what_they_were_made_of():
    assert outline(TREE) == [
        "0 draft  0.1",
        "├─ 1 improve  0.5 ± 0.01  best",
        "│  └─ 4 improve  0.3",
        "└─ 2 improve  0.2",
        "   └─ 5 improve  0.4",  # below its first parent alone
        "3 draft  timeout",
    ]


def test_what_is_left_out_is_counted():
    assert outline(TREE, most=4) == [
        "0 draft  0.1",
        "├─ 1 improve  0.5 ± 0.01  best  +1",
        "└─ 2 improve  0.2",
        "   └─ 5 improve  0.4",
        "and 1 more draft",
    ]
    chain = Tree(node(id, (id - 1,) if id else (), float(id)) for id in range(9))
    assert outline(chain, most=2) == ["… 7 improve  7", "  └─ 8 improve  8  best"]


@pytest.mark.parametrize("most", [1, 3, 100])
def test_no_tree_has_more_lines_than_asked_for_and_one_of_drafts(most):
    drafts = Tree(node(id) for id in range(200))
    assert len(outline(drafts, most=most)) == most + 1 and outline(Tree()) == []
