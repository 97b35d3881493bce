"""Search policies against trees worked out by hand, and what all of them keep."""

import json
import random

import numpy as np
import pytest
from tree_harness import grown, landscape, listed

from cairn.core.errors import ConfigError
from cairn.research.node import Node, Tree
from cairn.research.policies.base import WAIT, Proposal
from cairn.research.policies.branching import AbMctsA, Seen
from cairn.research.policies.chains import BestOf, Linear, Restarts
from cairn.research.policies.evolution import Evolution
from cairn.research.policies.greedy import Aide, Greedy
from cairn.research.policies.map_elites import MapElites
from cairn.research.policies.mcts import Mcts, Statistics
from cairn.research.policies.mixed import AbMctsM, Groups
from cairn.research.policies.pareto import Pareto
from cairn.research.policies.shinka import Shinka
from cairn.research.policies.table import POLICIES, policy_of
from cairn.research.policies.variants import variants

ISLANDS = Evolution(islands=3, population=6, p_migration=0.5)
EVERY = {name: policy_of(name) for name in POLICIES} | {
    "islands": ISLANDS, "steady": Evolution(steady=True, islands=2), "narrow": Mcts(children=1),
    # What the published settings leave out: who migrates, and the bandit over models.
    "grids": MapElites(islands=2, bins=4, migrate_every=4, migrants=0.5),
    "arms": Shinka(arms=("one", "two"), migration=0.4, migrate_every=4, archive=5),
    "merges": Pareto(drafts=4, p_merge=0.5, max_debug_depth=0),
}  # fmt: skip


def steps(made):
    return [" ".join([one.operator, *map(str, one.parents)]) for one in made]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("lag", [1, 4])
def test_no_affine_change_of_the_metric_and_not_its_sign_moves_a_tree(name, lag):
    # The harness checks every proposal besides: `improve` never has a buggy parent.
    policy, how = EVERY[name], {"lag": lag, "seed": 3}
    tree, made = grown(policy, landscape, 60, **how)
    _, scaled = grown(policy, landscape, 60, metric=lambda q: 37.5 * q - 1200, **how)
    flipped, negated = grown(policy, landscape, 60, metric=lambda q: -q, larger=False, **how)
    assert made == scaled == negated and len(tree) == 60
    assert [node.utility for node in tree] == [node.utility for node in flipped]


@pytest.mark.parametrize("size", [3, 25])
@pytest.mark.parametrize("name", POLICIES)
def test_a_fault_of_ours_counts_nowhere(name, size):
    """A tree, and the same tree with drafts and attempts to debug that no model answered or that a
    broken jail kept from their end: the same proposals."""
    policy, odd = EVERY[name], ("no_answer", "jail_error", "grader_error")
    tree, _ = grown(policy, landscape, size, seed=5)
    more = [Node(size + at, (), "draft", "", outcome=kind) for at, kind in enumerate(odd * 2)]
    if name == "map-elites":
        more = more[:5]  # its islands take turns: a whole round of them
    else:
        open_ = [node for node in tree.leaves if node.fixable]
        more += [Node(size + 6 + at, (one.id,), "debug", "x", outcome=odd[1], island=one.island)
                 for at, one in enumerate(open_)]  # fmt: skip
    states = []
    for nodes in (list(tree), [*tree, *more]):
        state, grow = policy.init(), Tree()
        for node in nodes:
            grow = grow.grown(node)
            state = policy.observe(state, grow, node, random.Random(node.id))
        states.append((state, grow))
    said = [[policy.propose(state, grow, [], random.Random(draw)) for draw in range(20)]
            for state, grow in states]  # fmt: skip
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "policy",
    [Mcts(max_debug_depth=1), Evolution(max_debug_depth=1), Restarts(), Pareto(drafts=1),
     Greedy(drafts=1, p_debug=1.0, max_debug_depth=0)],
)  # fmt: skip
def test_a_program_is_debugged_again_where_a_fault_of_ours_ended_that(policy):
    nodes = [Node(0, (), "draft", "x", score=0.1, utility=0.1),
             Node(1, (0,), "improve", "x", outcome="failed")]  # fmt: skip
    state, tree = policy.init(), Tree()
    for node in [*nodes, *[Node(id, (1,), "debug", "x", outcome="jail_error") for id in (2, 3)]]:
        tree = tree.grown(node)
        state = policy.observe(state, tree, node, random.Random(0))
    asked = policy.propose(state, tree, [], random.Random(0))
    assert asked.operator == "debug" and asked.parents == (1,)


@pytest.mark.parametrize("name", EVERY)
def test_a_policy_keeps_a_json_state_and_changes_no_argument(name):
    tree, _ = grown(EVERY[name], landscape, 40)
    policy, state, grow = EVERY[name], EVERY[name].init(), Tree()
    for node in tree:
        grow, before = grow.grown(node), json.dumps(state)
        after = policy.observe(state, grow, node, random.Random(0))
        assert json.dumps(state) == before
        assert after == policy.observe(state, grow, node, random.Random(0))
        state = json.loads(json.dumps(after))
        assert state == after


def test_greedy_drafts_then_mends_then_improves_the_best():
    outcomes = listed(0.1, None, 0.3, None, 0.2, 0.5)
    _, made = grown(Greedy(drafts=2, max_debug_depth=0), outcomes, 6)
    # 1 is mended at once (2); its success is the best, so 3 improves it, in vain; 4 mends 3.
    assert steps(made) == ["draft", "draft", "debug 1", "improve 2", "debug 3", "improve 2"]


def test_greedy_without_a_good_node_drafts_again():
    _, made = grown(Greedy(drafts=1), listed("empty", "empty", 0.1, 0.2), 4)
    assert steps(made) == ["draft", "draft", "draft", "improve 2"]


def test_aide_gives_up_a_leaf_below_three_buggy_ancestors():
    _, made = grown(Greedy(drafts=1, p_debug=1.0, max_debug_depth=3), listed(*[None] * 7), 7)
    # Leaves at depths 0 to 3 are mended; the one at depth 4 is not.
    assert steps(made)[:5] == ["draft", "debug 0", "debug 1", "debug 2", "debug 3"]
    assert steps(made)[5] == "draft"
    assert (Aide().p_debug, Aide().max_debug_depth) == (0.5, 3)


def test_mcts_grows_the_tree_worked_out_by_hand():
    """C = 1/4, two children, debug once. Scores lie in [0, 1] with both ends taken, so they are
    their own normalised values. After t5: N(1) = 4, W(1) = 1.7, N = 6 and so on."""
    outcomes = listed(0.0, 1.0, None, None, 0.5, 0.2, "empty", 0.0, 0.0, 0.0, 0.0, 0.3)
    policy = Mcts(children=2, widening=0, max_debug_depth=1)
    tree, made = grown(policy, outcomes, 12)
    assert steps(made) == [
        "draft", "draft", "improve 1", "debug 2", "improve 1", "improve 4", "improve 4",
        "improve 5", "improve 5", "improve 7", "improve 7",
        # Seven worthless visits later draft 0 has the larger bound: .379 against .315.
        "improve 0",
    ]  # fmt: skip
    stats = Statistics(tree, variants(tree, 1), [])
    assert (stats.visits[-1], stats.visits[1], stats.visits[4], stats.visits[0]) == (11, 9, 7, 2)
    assert stats.worth[1] == pytest.approx(1.7) and stats.worth[4] == pytest.approx(0.7)


def test_every_visit_of_a_node_is_its_own_or_of_a_child():
    tree, _ = grown(Mcts(children=2), landscape, 80)
    found = variants(tree, 20)
    stats = Statistics(tree, found, [])
    for one in found:
        below = sum(
            stats.visits[child.head.id]
            for child in found
            if child.head.parents and child.head.parents[0] == one.last.id
        )
        assert stats.visits[one.head.id] == 1 + below


def test_a_failed_expansion_costs_a_visit_of_the_worst_value():
    # aira-dojo backs up nothing, and falls into the same sub-tree again and again.
    tree, _ = grown(Mcts(children=1, widening=0), listed(0.0, "empty", "empty"), 3)
    stats = Statistics(tree, variants(tree, 20), [])
    assert (stats.visits[0], stats.worth[0]) == (3, 0.5)  # 0.5: the only score there is


def test_widening_leaves_bad_drafts_behind_and_without_it_there_are_five():
    def bad_drafts(proposal, tree, draws):
        return 0.1 * draws.random() if len(tree.drafts) < 5 else 1.0

    drafts = {}
    for widening in (0, 0.5):
        _, made = grown(Mcts(widening=widening), bad_drafts, 60)
        drafts[widening] = steps(made).count("draft")
    assert drafts[0] == 5 and drafts[0.5] == 8  # the smallest integers above the square root of N
    _, made = grown(Mcts(widening=0), listed(*["empty"] * 8), 8)
    assert steps(made) == ["draft"] * 8  # five dead drafts are no dead end either


def test_pending_trials_are_visits_of_the_worst_value_so_workers_part():
    tree = Tree([Node(0, (), "draft", "a", utility=1.0), Node(1, (), "draft", "b", utility=0.9)])
    policy, pending = Mcts(children=1, widening=0, exploration=0.5), []
    for _ in range(4):
        pending.append(policy.propose(None, tree.grown(Node(2, (0,), "improve", "c", utility=0.0)),
                                      pending, random.Random(0)))  # fmt: skip
    assert len(set(pending)) > 1
    assert next(iter(pending)) == Proposal("improve", (1,))


def test_two_workers_never_mend_one_leaf():
    for policy in (Greedy(drafts=1), Mcts(), Evolution(), AbMctsA(), AbMctsM()):
        _, made = grown(policy, lambda proposal, tree, draws: None, 30, lag=6)
        mended = [one.parents for one in made if one.operator == "debug"]
        if not isinstance(policy, AbMctsA | AbMctsM):  # these may mend a leaf twice, in turn
            assert len(mended) == len(set(mended)), policy


def test_islands_keep_their_nodes_whatever_fails():
    # aira-dojo zips islands with the surviving nodes: a discarded one moves all that follow.
    tree, made = grown(ISLANDS, landscape, 150, lag=5)
    policy, state, grow = ISLANDS, ISLANDS.init(), Tree()
    for node in tree:
        grow = grow.grown(node)
        state = policy.observe(state, grow, node, random.Random(1))
    for number, members in enumerate(Evolution(islands=3, population=6).init()["islands"]):
        assert members == [] and state["islands"][number]
    for node, proposal in zip(tree, made, strict=True):
        assert node.island == proposal.island
        if node.operator == "debug":
            assert tree[node.parents[0]].island == node.island
    still = Evolution(islands=3, population=6)  # no migration: lineages are closed
    state, grow = still.init(), Tree()
    for node in grown(still, landscape, 150, lag=5)[0]:
        grow = grow.grown(node)
        state = still.observe(state, grow, node, random.Random(1))
    for number, members in enumerate(state["islands"]):
        assert members and all(grow[member].island == number for member in members)


def test_a_reset_hits_the_worst_half_and_leaves_it_its_best_and_a_guest():
    # aira-dojo resets the best half, in both directions of the metric.
    rows = [(0, 0.1), (0, 0.2), (1, 0.8), (1, 0.9), (2, 0.3), (2, 0.4), (3, 0.6), (3, 0.7)]
    tree = Tree(Node(i, (), "draft", "x", utility=u, island=k) for i, (k, u) in enumerate(rows))
    policy = Evolution(islands=4, population=1, p_migration=1.0)
    state = {"generation": 3, "islands": [[0, 1], [2, 3], [4, 5], [6, 7]], "ended": []}
    failed = Node(8, (), "draft", "", island=0)
    after = policy.observe(state, tree.grown(failed), failed, random.Random(0))
    islands = after["islands"]
    assert islands[1] == [2, 3] and islands[3] == [6, 7]
    assert islands[0][0] == 1 and islands[2][0] == 5
    assert {islands[0][1], islands[2][1]} <= {2, 6}


def test_crossover_needs_two_members_in_the_island_it_draws_from():
    # aira-dojo raises if every island has one member.
    tree = Tree(Node(i, (), "draft", "x", utility=1.0, island=i) for i in range(2))
    policy = Evolution(islands=2, p_crossover=1.0)
    state = {"generation": 5, "islands": [[0], [1]], "ended": []}
    assert policy.propose(state, tree, [], random.Random(0)).operator == "improve"
    both = {"generation": 5, "islands": [[0, 1], []], "ended": []}
    assert policy.propose(both, tree, [], random.Random(0)).operator == "crossover"
    assert (
        policy.propose({**both, "generation": 1}, tree, [], random.Random(0)).operator == "improve"
    )


def test_evolution_asks_for_larger_changes_of_a_parent_that_has_had_many():
    policy = Evolution(complexity=True, p_crossover=0.0)
    tree, sizes = Tree([Node(0, (), "draft", "x", utility=1.0, score=1.0)]), []
    state = {"generation": 1, "islands": [[0]], "ended": []}
    for id in range(1, 6):
        proposal = policy.propose(state, tree, (), random.Random(0))
        sizes.append(proposal.complexity)
        tree = tree.grown(Node(id, proposal.parents, "improve", "x", utility=0.0, score=0.0))
    assert sizes == ["simple", "simple", "normal", "normal", "complex"]
    assert Evolution().propose(state, tree, (), random.Random(0)).complexity == ""


def test_a_generation_waits_for_its_last_child_and_a_steady_one_does_not():
    pending = [Proposal("draft")] * 5
    state = Evolution().init()
    assert Evolution().propose(state, Tree(), pending, random.Random(0)) is WAIT
    steady = Evolution(steady=True).propose(state, Tree(), pending, random.Random(0))
    assert steady == Proposal("draft")


def test_an_island_takes_who_is_as_good_as_its_mean_and_drops_its_worst():
    policy = Evolution(population=4, size=2)
    tree, _ = grown(policy, listed(0.5, 0.4, 0.6, 0.9), 4)
    state, grow = policy.init(), Tree()
    for node in tree:
        grow = grow.grown(node)
        state = policy.observe(state, grow, node, random.Random(0))
    # .5 enters; .4 is below the mean; .6 enters; .9 too, and the worst, .5, is dropped.
    assert state == {"generation": 1, "islands": [[2, 3]], "ended": []}


def test_chains_step_on_what_came_last_and_start_anew():
    outcomes = listed(0.5, None, 0.4, 0.3, None, None, 0.2)
    _, made = grown(Restarts(steps=3, max_debug_depth=1), outcomes, 7)
    assert steps(made) == [
        "draft",
        "improve 0",
        "debug 1",
        "draft",
        "improve 3",
        "debug 4",
        "draft",
    ]
    _, made = grown(Linear(max_debug_depth=1), listed(0.5, None, None, 0.3, 0.2), 5)
    assert steps(made) == ["draft", "improve 0", "debug 1", "improve 0", "improve 3"]
    assert Linear().propose(None, Tree(), [Proposal("draft")], random.Random(0)) is WAIT
    assert BestOf().propose(None, Tree(), [], random.Random(0)) == Proposal("draft")


def test_the_posterior_of_branching_is_the_textbooks():
    # m = 0, kappa = 1, nu = 1, tau^2 = 0.1; scores .2, .4, .6: mean .4, S = .08, n = 3.
    m, kappa, nu, tau2 = AbMctsA().posterior(Seen(3, 1.2, 0.56))
    assert (m, kappa, nu) == pytest.approx((0.3, 4, 4))
    assert tau2 == pytest.approx((0.1 + 0.08 + 3 * 0.16 / 4) / 4)


def test_branching_goes_wide_where_drafts_differ_and_deep_where_steps_gain():
    def wide(proposal, tree, draws):
        return draws.random() if proposal.operator == "draft" else 0.0

    def deep(proposal, tree, draws):
        return min(len(tree.path(proposal.parents[0])) / 20, 1.0) if proposal.parents else 0.0

    drafts = [steps(grown(AbMctsA(), task, 60)[1]).count("draft") for task in (wide, deep)]
    assert drafts[0] > 45 and drafts[1] < 20


def test_the_grid_has_the_density_of_the_multivariate_normal():
    """Marginally y is Gaussian with covariance s I + a (same group) + v0; the grid's log density
    must be the sum of that and the log priors, up to one constant."""
    scores = [[0.2, 0.5, 0.4], [0.9], [0.6, 0.7]]
    groups = Groups(scores, cells=5)
    y = np.concatenate(scores)
    same = np.equal.outer(*[np.repeat([0, 1, 2], [3, 1, 2])] * 2)
    exact = []
    for a, s in zip(groups.a, groups.s, strict=True):
        covariance = s * np.eye(6) + a * same + 0.04
        normal = (y - 0.5) @ np.linalg.solve(covariance, y - 0.5) + np.linalg.slogdet(covariance)[1]
        exact.append(-normal / 2 - a / (2 * 0.2**2) - s / (2 * 0.3**2))
    assert np.ptp(groups.log_density - exact) < 1e-9


def test_a_child_of_equal_scores_is_left_alone():
    """Four of four scores equal to two decimals: AB-MCTS-M never descends there."""
    nodes = [Node(0, (), "draft", "a", utility=1.0)]
    nodes += [Node(i, (0,), "improve", "a", utility=1.0) for i in (1, 2, 3)]
    nodes += [Node(4, (), "draft", "b", utility=0.0), Node(5, (4,), "improve", "b", utility=0.3)]
    made = {AbMctsM().propose(None, Tree(nodes), [], random.Random(i)) for i in range(40)}
    assert made <= {Proposal("draft"), Proposal("improve", (4,)), Proposal("improve", (5,))}


def test_a_policy_of_ones_own_comes_in_by_its_address():
    assert isinstance(policy_of("cairn.research.policies.mcts:Mcts", {"children": 3}), Mcts)
    for name, settings, said in (
        ("mtcs", {}, "Did you mean 'mcts'"),
        ("mcts", {"childs": 3}, r"no field 'childs'. Did you mean 'children'"),
        ("mcts", {"exploration": -1.0}, "exploration must be at least 0, got -1"),
        ("evolution", {"p_crossover": 50.0}, r"p_crossover must be in \[0, 1\], got 50"),
        ("random:Random", {}, "has no init, propose, observe"),
        ("restarts", {"steps": 0}, "steps must be at least 1"),
    ):
        with pytest.raises(ConfigError, match=said):
            policy_of(name, settings)
