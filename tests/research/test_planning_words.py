"""Planning in words: what is read, the grammar of answers, teachers, learning; Craftax by hand."""

from importlib.util import find_spec
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.research.planning import arms, craftax_teacher, tuned
from cairn.research.planning import speaker as speaking
from cairn.research.planning import turns as playing
from cairn.research.planning.craftax_sight import ACTIONS, BLOCKS, GOALS, KINDS, sight
from cairn.research.planning.craftax_text import CraftaxText
from cairn.research.planning.graph_text import NODES, GraphText
from cairn.research.planning.speaker import MAY_NOT, MUST, OWN, Speaker
from cairn.research.planning.texts import ASK, END, NONE, PLAN, no_plan

WORLD = GraphText(nodes=8, turns=6, longest=3)
WORDS = WORLD.words


def read(state, plan):
    return WORDS.decode([w for w in WORLD.text(state, plan).tolist() if w != NONE]).split()


@pytest.mark.slow
def test_a_graph_is_read_as_a_tree_around_the_walker_and_a_plan_is_a_way_through_it():
    state = WORLD.begin(jax.random.key(4))
    words = read(state, no_plan(WORLD))
    *pairs, here, colon = words
    assert colon == ":" and here == WORDS.names[NODES + int(state.at)]
    back = {pairs[at][0]: pairs[at + 1] for at in range(0, len(pairs), 2)}
    known = {WORDS.names[NODES + int(n)] for n in np.flatnonzero(state.known)}
    assert {here, *back} == known and all(mark[1] in "*?!<" for mark in pairs[::2])
    joined = np.asarray(state.graph.joined)
    for node, after in back.items():  # each leads to the walker over edges
        assert joined[ord(node) - 97, ord(after) - 97]
        while node != here:
            node = back[node]
    plan = WORLD.plan(state, jax.random.key(0))
    said = WORDS.decode([w for w in plan.tolist() if w != NONE]).split()
    way = [pairs[0][0]]
    while back[way[-1]] != here:
        way.append(back[way[-1]])
    assert said == way[-WORLD.longest :]
    # Walked, it is struck out from behind; off the way there is none.
    assert read(state, plan)[-len(said) :] == said
    state, *_ = WORLD.act(state, WORLD.advise(state, plan, jax.random.key(1)), jax.random.key(2))
    assert WORDS.names[NODES + int(state.at)] == said[-1]
    assert [w for w in WORLD.remaining(state, plan).tolist() if w != NONE] == [
        WORDS.encode(word)[0] for word in said[:-1]
    ]
    assert (WORLD.remaining(state._replace(at=jnp.array(state.graph.goal)), plan)[-1] == NONE) or (
        int(state.graph.goal) + NODES in plan.tolist()
    )


def test_answers_are_written_and_read_and_each_word_knows_what_it_is():
    plan = jnp.array([[9, 10, NONE], [9, NONE, NONE]])
    said = speaking.written(plan, jnp.array([11, 12]), jnp.array([True, False]))
    assert said.tolist() == [[PLAN, 9, 10, END, 11, NONE], [12, *[NONE] * 5]]
    found = speaking.read(said)
    assert found.planned.tolist() == [True, False] and found.action.tolist() == [11, 12]
    assert found.plan.tolist() == [[9, 10, NONE], [NONE] * 3] and found.words.tolist() == [4, 0]
    assert speaking.kinds(said).tolist() == [[0, 1, 1, 1, 2, 3], [0, 3, 3, 3, 3, 3]]


@pytest.mark.slow
def test_a_transformer_keeps_to_the_grammar_and_orders_and_is_weighed_as_it_spoke():
    speaker = Speaker.init(jax.random.key(0), WORLD, 16, 1)
    states = jax.vmap(WORLD.begin)(jax.random.split(jax.random.key(1), 6))
    prompts = jax.vmap(lambda s: WORLD.text(s, no_plan(WORLD)))(states)
    legal = jax.vmap(WORLD.legal)(states)
    orders = jnp.array([MUST, MUST, MAY_NOT, MAY_NOT, OWN, OWN])
    answers = jax.jit(speaking.speak, static_argnums=1)(
        speaker, WORLD, prompts, legal, orders, jax.random.key(2)
    )
    found = speaking.read(answers.said)
    assert found.planned[:4].tolist() == [True, True, False, False]
    assert bool(jnp.take_along_axis(legal, found.action[:, None], 1).all())
    for row in np.asarray(found.plan)[:2]:
        assert row[0] != NONE and all(NODES <= w < NODES + 8 or w == NONE for w in row)
    weighed = speaking.weigh(speaker, WORLD, prompts, legal, answers.said, orders)
    assert np.asarray(weighed.log_chances.sum(-1)) == pytest.approx(
        np.asarray(answers.log_chance), abs=1e-4
    )
    assert np.asarray(weighed.value) == pytest.approx(np.asarray(answers.value), abs=1e-5)
    assert (weighed.log_chances[:2, 0] == 0).all()  # what is ordered is no choice


@pytest.mark.slow
def test_turns_count_until_an_episode_ends_and_a_plan_costs_its_words():
    turns = playing.play(WORLD, None, playing.every(2), jax.random.key(0), 8)
    assert (turns.planned[::2] == 1).all() and not turns.planned[1::2].any()
    told = playing.told(turns, 0.1)
    words = (turns.said[..., 1:] != NONE).sum(-1) * turns.planned  # all but the action
    assert (turns.words == words).all() and (turns.prompt[..., -1 - WORLD.longest] == ASK).all()
    assert told.worth == pytest.approx(told.reward - 0.1 * (words * turns.live).sum(0))
    assert (turns.reward[~turns.live] == 0).all() and told.turns.max() <= WORLD.turns
    free = playing.told(playing.play(WORLD, None, playing.every(0), jax.random.key(0), 8), 0.1)
    assert (free.words == 0).all()
    assert "plan" in playing.shown(WORLD, turns).splitlines()[0]
    given = playing.play(WORLD, None, playing.handed(WORLD.plan, 1), jax.random.key(0), 8)
    always = playing.play(WORLD, None, playing.every(1), jax.random.key(0), 8)
    assert not given.planned.any() and (given.action[0] == always.action[0]).all()


def test_advantages_without_discount_are_returns_less_values_until_the_end():
    reward = np.array([[1.0, 1.0], [-0.5, 9.0], [2.0, 9.0]])
    value = np.array([[0.5, 0.5], [0.25, 9.0], [1.0, 9.0]])
    live = np.array([[True, True], [True, False], [True, False]])
    found = tuned.advantages(reward, value, live, 1.0)
    assert found[:, 0].tolist() == pytest.approx([2.0, 1.25, 1.0])
    assert found[:, 1].tolist() == pytest.approx([0.5, 0.0, 0.0])


@pytest.mark.slow
def test_it_imitates_and_goes_on_by_reward():
    config = tuned.Config(width=16, layers=1, primed=60, rows=64, episodes=64, updates=2, batch=8,
                          epochs=1, priming_rate=1e-2)  # fmt: skip
    rows = tuned.demonstrations(WORLD, config, jax.random.key(0))
    said = []
    speaker = tuned.prime(WORLD, config, rows, jax.random.key(1), said.append)
    fresh = Speaker.init(jax.random.key(1), WORLD, 16, 1)

    def error(player):
        told = map(jnp.asarray, rows)
        return -float(speaking.weigh(player, WORLD, *told).log_chances.sum(-1).mean())

    assert len(said) == 5 and error(speaker) < 0.8 * error(fresh)
    after, curve = tuned.improve(WORLD, config, speaker, jax.random.key(2), 0.01)
    assert len(curve) == 2 and 0.1 < curve[0][1] < 0.9  # plans of every frequency
    assert not jnp.array_equal(after.model.embed, speaker.model.embed)
    found = arms.steered(WORLD, after, jax.random.key(3), 8)
    assert set(found) == {"shown", "hidden"} and all(0 <= x <= 1 for x in found.values())


def test_what_cannot_be_is_refused():
    for make in (lambda: GraphText(nodes=30), lambda: GraphText(longest=1)):
        with pytest.raises(ConfigError, match="4 to 26 nodes"):
            make()
    with pytest.raises(ConfigError, match="at least 1"):
        tuned.Config(rows=0)
    with pytest.raises(ConfigError, match="graph, craftax; got 'maze'"):
        arms.world_of("maze")


def player(blocks, *, facing=4, cow=None, **carried):
    """A state as the package has it: blocks by (row, column) from the player."""
    ground = np.full((64, 64), BLOCKS.index("grass"))
    for (row, column), name in blocks.items():
        ground[30 + row, 30 + column] = BLOCKS.index(name)
    mobs = lambda place: SimpleNamespace(  # noqa: E731
        position=jnp.array([place or (0, 0)]) + 30, mask=jnp.array([place is not None])
    )
    names = ("wood", "stone", "sapling", "wood_pickaxe", "stone_pickaxe", "iron_pickaxe",
             "wood_sword", "stone_sword", "iron_sword")  # fmt: skip
    bag = dict.fromkeys(names, 0) | carried
    return SimpleNamespace(
        map=jnp.asarray(ground), player_position=jnp.array([30, 30]),
        player_direction=jnp.array(facing),
        cows=mobs(cow), zombies=mobs(None), player_health=jnp.array(9),
        player_food=jnp.array(8), player_drink=jnp.array(7),
        inventory=SimpleNamespace(**{name: jnp.array(count) for name, count in bag.items()}),
        achievements=jnp.zeros(22, bool),
    )  # fmt: skip


def test_what_is_near_in_craftax_is_said_with_where_it_is(monkeypatch):
    monkeypatch.setattr(CraftaxText, "__check_init__", lambda self: None)
    state = player({(0, -2): "tree", (3, 0): "water", (1, 0): "stone", (0, 5): "coal"},
                   cow=(-1, 4), wood=7)  # fmt: skip
    world = CraftaxText()
    text = world.words.decode(world.text(state, no_plan(world)).tolist())
    names = list(world.words.names)
    plan = [names.index(word) for word in ("e", "drink", "get-wood", "eat-cow")]
    state.achievements = state.achievements.at[GOALS["get-wood"]].set(True)
    read = world.words.decode(world.text(state, jnp.array(plan)).tolist())
    assert read.endswith("get-stone : e . eat-cow drink")  # what is next stands last
    for part in ("tree 2w - stone - 1s water - 3s coal . . iron . . table . . cow 4e 1n zombie . .",
                 "facing-s front-stone health9 food8 drink7 wood:5 stone:0 sapling:0 pickaxe:0",
                 " ".join(GOALS)):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(
    ("goal", "state", "action"),
    [
        ("get-wood", player({(0, -2): "tree"}), "left"),
        ("get-wood", player({(0, -1): "tree"}, facing=1), "do"),
        ("get-wood", player({}), "up"),  # the plan's way
        ("put-table", player({(0, -2): "tree"}, wood=1), "left"),
        ("put-table", player({}, wood=2), "place-table"),
        ("wood-pickaxe", player({(1, 1): "table"}, wood=1), "make-wood-pickaxe"),
        ("wood-pickaxe", player({(0, 3): "table"}, wood=1), "right"),
        ("wood-sword", player({(1, 1): "table", (0, -3): "tree"}), "left"),  # no wood
        ("get-stone", player({(1, 0): "table"}, wood=1), "make-wood-pickaxe"),
        ("get-stone", player({(-3, 0): "stone"}, wood_pickaxe=1), "up"),
        ("get-sapling", player({}), "do"),
        ("put-plant", player({}, sapling=1), "place-plant"),
        ("drink", player({(0, 1): "water"}, facing=2), "do"),
        ("eat-cow", player({}, cow=(2, 1)), "down"),
    ],
)
def test_the_teacher_takes_the_step_that_a_goal_needs(goal, state, action):
    goals = jnp.array([list(GOALS).index(goal)])
    found = craftax_teacher.advised(sight(state), jnp.array(2), goals, jax.random.key(0))
    assert ACTIONS[int(found)] == action


@pytest.mark.slow
def test_craftax_itself_has_these_numbers_and_plays():
    if find_spec("craftax") is None:
        with pytest.raises(MissingExtraError, match="uv sync --extra craftax"):
            CraftaxText()
        return
    from craftax.craftax_classic import constants

    plain = lambda name: name.lower().replace("_", "-")  # noqa: E731
    assert [plain(a.name) for a in constants.Action] == list(ACTIONS)
    named = {"wood": "log", "invalid": "nothing", "out-of-bounds": "edge"}
    named |= {"crafting-table": "table"}
    blocks = [plain(b.name) for b in constants.BlockType]
    assert [named.get(b, b) for b in blocks] == list(BLOCKS)
    achievements = {plain(a.name): a.value for a in constants.Achievement}
    own = ("collect-wood", "place-table", "make-wood-pickaxe", "make-wood-sword",
           "collect-sapling", "place-plant", "collect-drink", "eat-cow",
           "collect-stone")  # fmt: skip
    assert [achievements[name] for name in own] == list(GOALS.values())
    assert set(KINDS[:-2]) <= set(BLOCKS)
    world = CraftaxText(turns=3)
    turns = playing.play(world, None, playing.every(2), jax.random.key(0), 2)
    assert turns.live.all() and len(turns.reward) == 3
