"""A graph seen in part: plans against a plain Dijkstra, arms, costs, what a network learns of."""

import heapq

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.research.planning import learn, policy
from cairn.research.planning.graph import FAR, World, draw, next_of, planned, walked

WORLD = World(nodes=12, limit=20, noise=0.0, cost=0.01)
DRAW = jax.jit(lambda key: draw(WORLD, key))
PLAN = jax.jit(lambda walk, key: planned(WORLD, walk, key))
WALK = jax.jit(lambda walk, to: walked(WORLD, walk, to))


def dijkstra(edges, source):
    """Lengths from a node, by the textbook."""
    found, queue = {}, [(0.0, source)]
    while queue:
        length, node = heapq.heappop(queue)
        if node in found:
            continue
        found[node] = length
        for other, edge in enumerate(edges[node]):
            if edge < FAR and other not in found:
                heapq.heappush(queue, (length + float(edge), other))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_is_the_shortest_way_on_what_is_known(seed):
    walk = DRAW(jax.random.key(seed))
    graph = walk.graph
    joined, lengths = np.asarray(graph.joined), np.asarray(graph.lengths)
    assert (joined == joined.T).all() and not joined.diagonal().any()
    assert len(dijkstra(np.where(joined, lengths, FAR), 0)) == WORLD.nodes  # all are connected
    plan, tokens = PLAN(walk, jax.random.key(0))
    known = np.asarray(walk.known)
    edges = np.where(joined & known[:, None] & known[None], lengths, FAR)
    ways = dijkstra(edges, int(walk.at))
    goal = int(graph.goal)
    if known[goal]:
        target = goal
    else:
        border = [n for n in ways if (joined[n] & ~known).any()]
        target = min(border, key=lambda n: ways[n] + lengths[goal, n])
    from_target = dijkstra(edges, target)
    for node in range(WORLD.nodes):
        assert float(plan.distance[node]) == pytest.approx(from_target.get(node, FAR), abs=1e-4)
    steps, walk = 0, walk._replace(plan=plan)
    while int(walk.at) != target:  # followed to its end
        to, leads = next_of(walk)
        assert leads and joined[int(walk.at), int(to)]
        walk, _ = WALK(walk, to)
        steps += 1
    assert int(tokens) == 1 + steps and not next_of(walk)[1]


def test_what_is_known_and_news_grow_with_the_walk_and_the_end_stands_still():
    walk = DRAW(jax.random.key(1))
    near = np.asarray(walk.graph.joined)
    two = near[int(walk.at)] | near[near[int(walk.at)]].any(0)
    two[int(walk.at)] = True
    assert (np.asarray(walk.known) == two).all()
    walk = walk._replace(plan=PLAN(walk, jax.random.key(0))[0])
    before = int(walk.known.sum())
    moved, reward = WALK(walk, jnp.argmax(walk.graph.joined[walk.at]))
    assert int(moved.plan.news) == int(moved.known.sum()) - before and int(moved.plan.age) == 1
    assert float(reward) == pytest.approx((1.0 if moved.done else 0.0) - 1 / WORLD.limit)
    over = moved._replace(done=jnp.array(True))
    stays, nothing = WALK(over, jnp.argmax(walk.graph.joined[walk.at]))
    assert int(stays.at) == int(over.at) and float(nothing) == 0.0


def test_a_plan_is_paid_for_by_the_token_and_fixed_arms_plan_when_they_say():
    key = jax.random.key(3)

    @jax.jit
    def steps(period, cost):
        world = World(nodes=12, limit=20, noise=0.5, cost=cost)
        return policy.episode(world, policy.every(period), policy.follow, key)

    free, paid = steps(4, 0.0), steps(4, 0.1)
    live = np.asarray(free.live)
    wanted = live & (np.arange(20) % 4 == 0)
    assert (np.asarray(free.plan) == wanted).all() and (np.asarray(free.tokens)[wanted] >= 1).all()
    saved = np.asarray(free.reward) - np.asarray(paid.reward)
    assert saved == pytest.approx(0.1 * np.asarray(free.tokens), abs=1e-6)
    assert not steps(0, 0.1).plan.any() and (steps(1, 0.0).plan == steps(1, 0.0).live).all()


@pytest.mark.slow
def test_a_neighbour_that_is_none_is_never_chosen_and_what_is_over_is_not_learned_from():
    key = jax.random.key(0)
    network = policy.Network.init(key)
    steps = jax.jit(jax.vmap(lambda own: policy.episode(WORLD, *policy.of_network(network), own)))(
        jax.random.split(key, 4)
    )
    chosen = np.take_along_axis(np.asarray(steps.joined), np.asarray(steps.to)[..., None], 2)
    assert chosen.all()
    live = np.asarray(steps.live)
    assert not live.all()
    config = learn.Config()
    other = steps._replace(
        moves=jnp.where(steps.live[..., None, None], steps.moves, 7.0),
        decision=jnp.where(steps.live[..., None], steps.decision, 7.0),
    )
    for loss in (learn.imitation, lambda n, s: learn.objective(n, s, config)):
        assert float(loss(network, steps)) == pytest.approx(float(loss(network, other)), rel=1e-5)


def test_advantages_without_discount_and_decay_1_are_returns_less_values():
    steps = policy.Step(*[None] * 9)._replace(reward=jnp.array([[1.0, -0.5, 2.0]]))  # type: ignore
    values = jnp.array([[0.5, 0.25, 1.0]])
    assert learn.advantage(steps, values, 1.0)[0].tolist() == pytest.approx([2.0, 1.25, 1.0])
    assert learn.advantage(steps, values, 0.0)[0].tolist() == pytest.approx([0.75, 0.25, 1.0])


@pytest.mark.slow
def test_priming_imitates_planning_and_moves_and_reward_goes_on_from_there():
    key = jax.random.key(0)
    config = learn.Config(primed=40, updates=3, batch=8, learning_rate=1e-2)
    run = eqx.filter_jit(lambda config: learn.run(WORLD, config, key))
    network, plans = run(config)
    fresh = policy.Network.init(key)
    steps = jax.vmap(lambda own: policy.episode(WORLD, policy.every(2), policy.follow, own))(
        jax.random.split(key, 8)
    )
    assert plans.shape == (3,) and 0.2 < float(plans[0]) < 0.8  # of every frequency
    assert learn.imitation(network, steps) < learn.imitation(fresh, steps) - 0.5


def test_what_cannot_be_a_world_is_refused():
    with pytest.raises(ConfigError, match="nodes of at least 4"):
        World(nodes=3)
    with pytest.raises(ConfigError, match="batch of at least 2"):
        learn.Config(batch=1)
