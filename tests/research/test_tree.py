"""A tree of artefacts is a value, and orders scores by "better" alone."""

import json
import math

import pytest

from cairn.research.node import Node, Tree, utility_of


def node(id, parents=(), utility=None, **fields):
    return Node(id, parents, "draft", f"text {id}", utility=utility, score=utility, **fields)


CHAIN = [node(0), node(1, (0,)), node(2, (1,)), node(3, (2,), 0.5), node(4, (3,)), node(5, (), 0.9)]


def test_growing_a_tree_twice_gives_two_trees_that_do_not_see_each_other():
    trunk = Tree([node(0, utility=1.0)])
    one, two = trunk.grown(node(1, (0,), 2.0)), trunk.grown(node(1, (0,), 3.0))
    assert [len(trunk), len(one), len(two)] == [1, 2, 2]
    assert (one[1].utility, two[1].utility) == (2.0, 3.0)
    assert trunk.children(0) == () and one.children(0) == (1,)
    assert trunk.bounds == (1.0, 1.0) and one.bounds == (1.0, 2.0) and 1 not in trunk
    assert two.bounds == (1.0, 3.0) and [len(tree.good) for tree in (trunk, one, two)] == [1, 2, 2]
    assert two.grown(node(2)).good == two.good, "a node without a score is none of them"


def test_debug_depth_counts_the_buggy_nodes_above():
    tree = Tree(CHAIN)
    assert [tree.debug_depth(id) for id in range(6)] == [0, 1, 2, 3, 0, 0]
    ours = Tree([node(0), node(1, (0,), outcome="jail_error"), node(2, (1,))])
    assert (ours.debug_depth(2), ours.tried) == (1, {1}), "a fault of ours was no attempt"


def test_kinship_of_drafts_leaves_paths_and_both_parents_of_a_crossover():
    tree = Tree([*CHAIN, node(6, (3, 5), 0.7)])
    assert [one.id for one in tree.drafts] == [0, 5]
    assert [one.id for one in tree.leaves] == [4, 6]
    assert tree.path(6) == (0, 1, 2, 3, 6) and tree.lineage(6) == (0, 1, 2, 3, 5, 6)


def test_the_best_is_the_earliest_of_equals_and_never_a_node_without_a_score():
    tree = Tree([node(0), node(1, (), 0.0), node(2, (), 0.0), node(3)])
    assert tree.best() is tree[1] and Tree([node(0)]).best() is None


def test_nan_and_infinite_scores_are_no_scores_and_an_integer_is_one():
    # AIDE took an integer metric for a missing one; OpenEvolve let NaN win (sheet 1.10, 2.5).
    assert [utility_of(x, larger_is_better=True) for x in (math.nan, math.inf, None)] == [None] * 3
    assert utility_of(1, larger_is_better=True) == 1.0
    assert utility_of(2, larger_is_better=False) == -2.0


def test_scaled_lies_in_0_1_for_either_direction_of_the_metric():
    # aira-dojo's values left [0, 1] where lower is better (sheet 1.10).
    scores = [3.0, 1.0, 2.0]
    for larger in (True, False):
        tree = Tree(
            node(i, (), utility_of(score, larger_is_better=larger))
            for i, score in enumerate(scores)
        )
        scaled = [tree.scaled(one) for one in tree]
        assert scaled == ([1.0, 0.0, 0.5] if larger else [0.0, 1.0, 0.5])
    assert Tree([node(0, (), 7.0)]).scaled(node(0, (), 7.0)) == 0.5


def test_a_dumped_tree_is_the_same_tree():
    tree = Tree([*CHAIN, node(6, (3, 5), 0.7, spread=0.1, island=2)])
    assert Tree.load(json.loads(tree.to_json())) == tree
    assert Tree.load(json.loads(tree.to_json())).to_json() == tree.to_json()


def test_an_id_twice_or_a_parent_that_is_missing_is_refused():
    tree = Tree([node(0)])
    with pytest.raises(ValueError, match="in the tree already"):
        tree.grown(node(0))
    with pytest.raises(ValueError, match="parent 9, which is not there"):
        tree.grown(node(1, (9,)))
