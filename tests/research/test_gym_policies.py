"""Array policies decide as those of `cairn.research.policies` do, on the same trees."""

from functools import cache
from random import Random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.keys import stream
from cairn.research.gym import policies as arrays
from cairn.research.gym.arrays import OPERATORS, Nodes
from cairn.research.gym.landscape import LANDSCAPES, Landscape, chosen
from cairn.research.gym.play import play, searches
from cairn.research.node import Node, Tree
from cairn.research.policies.table import policy_of

COUNT, SEARCHES = 48, 6
FLOATS = Landscape(*(jnp.float32(value) for value in LANDSCAPES["ceilings"]))


@cache
def grown(name: str) -> Nodes:
    keys = jax.random.split(jax.random.key(3), SEARCHES)
    found = searches(arrays.POLICIES[name](), FLOATS, keys, evaluations=COUNT)
    return jax.tree.map(np.asarray, found)


def tree_of(nodes: Nodes, search: int) -> list[Node]:
    one = jax.tree.map(lambda leaf: leaf[search], nodes)
    return [
        Node(
            at, () if one.parent[at] < 0 else (int(one.parent[at]),), OPERATORS[one.operator[at]],
            "text", utility=None if one.buggy[at] else float(one.seen[at]), outcome="failed here",
        )
        for at in range(COUNT)
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best-of", "restarts", "linear", "mcts"])
def test_without_chance_they_choose_the_same(name):
    nodes, plain = grown(name), policy_of(name)
    operators = set()
    for search in range(SEARCHES):
        tree, made = Tree(), tree_of(nodes, search)
        for node in made:
            said = plain.propose(None, tree, (), Random(0))
            assert (said.operator, said.parents) == (node.operator, node.parents), node.id
            tree = tree.grown(node)
            operators.add(node.operator)
    assert operators == {"draft"} if name == "best-of" else operators > {"draft", "debug"}


class Fixed(Random):
    """Every coin the same."""

    def random(self) -> float:
        return 0.0


@pytest.mark.slow
def test_greedy_differs_only_in_which_leaf_is_mended():
    nodes, plain = grown("greedy"), policy_of("greedy")
    for search in range(SEARCHES):
        tree = Tree()
        for node in tree_of(nodes, search):
            said = plain.propose(None, tree, (), Fixed(0))
            assert said.operator == node.operator
            if said.operator == "debug":
                leaf = tree[node.parents[0]]
                assert leaf.buggy and not tree.children(leaf.id)
            else:
                assert said.parents == node.parents
            tree = tree.grown(node)


@pytest.mark.slow
def test_an_evolution_has_the_same_members_by_generation():
    """Members are told by replaying: whoever is a parent is a member, and drafts end with
    generation 0."""
    nodes, plain = grown("evolution"), policy_of("evolution")
    for search in range(SEARCHES):
        tree, state = Tree(), plain.init()
        for node in tree_of(nodes, search):
            said = plain.propose(state, tree, (), Random(node.id))
            kinds = {said.operator, node.operator}
            assert len(kinds) == 1 or kinds == {"improve", "crossover"}
            if node.operator in ("improve", "crossover"):
                assert node.parents[0] in state["islands"][0]
            else:
                assert said.parents == node.parents
            tree = tree.grown(node)
            state = plain.observe(state, tree, node, Random(0))


def test_posteriors_of_adaptive_branching_are_the_same():
    from cairn.research.policies.branching import AbMctsA, Seen

    seen = np.array([[0, 0.0, 0.0], [1, 0.5, 0.25], [4, 2.0, 1.5]], np.float32)
    ours = np.stack([np.asarray(part) for part in arrays.AbMctsA().posterior(jnp.asarray(seen))])
    for row, column in zip(seen, ours.T, strict=True):
        plain = AbMctsA().posterior(Seen(int(row[0]), float(row[1]), float(row[2])))
        np.testing.assert_allclose(column, plain, rtol=1e-5)


@pytest.mark.slow
def test_adaptive_branching_makes_only_what_its_rules_allow():
    operators = set()
    for search in range(SEARCHES):
        made = tree_of(grown("ab-mcts-a"), search)
        for node in made:
            if node.parents:
                parent = made[node.parents[0]]
                assert (node.operator == "debug") == parent.buggy
        operators |= {node.operator for node in made}
    assert operators == {"draft", "improve", "debug"}


@pytest.mark.slow
def test_no_policy_sees_the_scale_of_a_metric():
    """Everything in another unit, exactly (a power of two): the same tree."""
    doubled = FLOATS._replace(
        **{name: 4 * getattr(FLOATS, name)
           for name in ("draft_spread", "step_mean", "step_spread", "room", "room_spread", "noise")}
    )  # fmt: skip
    keys = jax.random.split(jax.random.key(3), SEARCHES)
    for name in ("mcts", "greedy", "evolution", "ab-mcts-a"):
        other = searches(arrays.POLICIES[name](), doubled, keys, evaluations=COUNT)
        np.testing.assert_array_equal(other.parent, grown(name).parent)
        np.testing.assert_array_equal(other.operator, grown(name).operator)


@pytest.mark.slow
def test_what_is_chosen_measured_best_and_the_oracle_is_never_worse():
    nodes = grown("best-of")
    quality, oracle = (np.asarray(curve) for curve in jax.vmap(chosen)(nodes))
    for search in range(SEARCHES):
        for at in range(COUNT):
            fine = [i for i in range(at + 1) if not nodes.buggy[search, i]]
            if not fine:
                assert np.isnan(quality[search, at])
                continue
            best = max(fine, key=lambda i: nodes.seen[search, i])
            assert quality[search, at] == nodes.quality[search, best]
            assert oracle[search, at] == nodes.quality[search, fine].max()


@pytest.mark.slow
def test_a_search_is_the_same_in_whatever_block_it_is_played():
    policy: Any = arrays.POLICIES["greedy"]()
    whole = play(policy, LANDSCAPES["ceilings"], evaluations=COUNT, count=5, block=64)
    parts = play(policy, LANDSCAPES["ceilings"], evaluations=COUNT, count=5, block=2)
    np.testing.assert_array_equal(whole.chosen, parts.chosen)
    assert stream is not None
