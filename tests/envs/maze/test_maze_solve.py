import jax
import jax.numpy as jnp
import maze_oracle as oracle
import numpy as np
import pytest

from cairn.envs.maze import generate, solve
from cairn.envs.maze.level import HEADINGS, MazeLevel


@pytest.fixture(scope="module")
def levels() -> MazeLevel:
    # Not square, so that exchanged axes show; 30 of 63 cells, so that many cannot be solved.
    def draw(key):
        return generate.random_walls(key, height=9, width=7, walls=30, replace=False)

    return jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 120))


def one(levels: MazeLevel, index: int) -> MazeLevel:
    return jax.tree.map(lambda leaf: leaf[index], levels)


@pytest.mark.slow
def test_moves_and_actions_equal_breadth_first_search(levels):
    got = jax.jit(jax.vmap(lambda x: (solve.shortest_path(x), solve.optimal_actions(x))))(levels)
    got = np.stack([np.asarray(g) for g in got], axis=1)
    want = [oracle.facts(one(levels, i)) for i in range(120)]
    want = np.array([[solve.UNREACHABLE if v is None else v for v in pair] for pair in want])
    np.testing.assert_array_equal(got, want)
    unsolvable = (want[:, 0] == solve.UNREACHABLE).mean()
    assert 0.2 < unsolvable < 0.8  # the test means something for both kinds


def test_distance_map_equals_breadth_first_search_in_every_cell(levels):
    maps = jax.jit(jax.vmap(lambda x: solve.distance_map(x.walls, x.goal)))(levels)
    for i in range(20):
        level = one(levels, i)
        want = np.full((9, 7), solve.UNREACHABLE)
        for (x, y), moves in oracle.moves(
            np.asarray(level.walls), tuple(level.goal.tolist())
        ).items():
            want[y, x] = moves
        np.testing.assert_array_equal(maps[i], want)


def test_solvable_is_a_finite_shortest_path(levels):
    got = jax.jit(jax.vmap(solve.solvable))(levels)
    want = [oracle.facts(one(levels, i))[0] is not None for i in range(120)]
    assert got.tolist() == want


def test_optimal_return_falls_by_the_share_of_the_limit_used_and_is_0_beyond_it():
    walls = jnp.zeros((1, 5), bool)
    level = MazeLevel(walls, jnp.array([0, 0]), jnp.int32(0), jnp.array([4, 0]))
    assert solve.optimal_return(level, 4) == pytest.approx(0.1)
    assert solve.optimal_return(level, 8) == pytest.approx(1 - 0.9 * 4 / 8)
    assert solve.optimal_return(level, 3) == 0
    turned = level._replace(heading=jnp.int32(2))  # two turns more
    assert solve.optimal_return(turned, 8) == pytest.approx(1 - 0.9 * 6 / 8)


def test_best_action_leads_to_the_goal_in_exactly_the_optimal_number_of_actions(levels):
    maps = jax.jit(jax.vmap(lambda x: solve.action_map(x.walls, x.goal)))(levels)
    best = jax.jit(solve.best_action)
    played = 0
    for i in range(40):
        level = one(levels, i)
        want = oracle.facts(level)[1]
        if want is None:
            continue
        agent, heading, taken = np.asarray(level.agent), int(level.heading), 0
        while tuple(agent) != tuple(np.asarray(level.goal)):
            action = int(best(maps[i], jnp.asarray(agent), jnp.int32(heading)))
            if action == solve.FORWARD:
                agent = agent + HEADINGS[heading]
                assert oracle.free(np.asarray(level.walls), *agent)
            else:
                heading = (heading + (1 if action == solve.RIGHT else 3)) % 4
            taken += 1
            assert taken <= want
        played += taken == want
    assert played > 10


def test_shortest_route_is_a_chain_of_neighbours_from_agent_to_goal(levels):
    for i in range(20):
        level = one(levels, i)
        route, want = solve.shortest_route(level), oracle.facts(level)[0]
        if want is None:
            assert route == []
            continue
        assert len(route) == want + 1
        assert route[0] == tuple(level.agent.tolist()) and route[-1] == tuple(level.goal.tolist())
        steps = np.abs(np.diff(route, axis=0)).sum(axis=1)
        assert (steps == 1).all() and all(oracle.free(np.asarray(level.walls), *c) for c in route)
