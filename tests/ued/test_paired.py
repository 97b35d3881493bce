"""PAIRED: what the teacher is paid, when, and what it learns from it."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import B, T, experiment, history

import cairn
import house
from cairn.core.errors import ConfigError
from cairn.core.returns import gae
from cairn.core.rundir import RunDir
from cairn.envs.maze.env import Maze
from cairn.envs.maze.level import MazeLevel
from cairn.learners.ppo import PPO, PPOConfig
from cairn.runs import presets
from cairn.runs import train as training
from cairn.runs.train import Outcome, train
from cairn.score.paired import Regret
from cairn.show import designs, look, subject
from cairn.show.panels import PANELS
from cairn.ued import paired, roles
from cairn.ued.method import problem_of
from cairn.ued.paired import STUDENTS
from cairn.ued.parts import Problem

TINY = experiment("paired")
PROBLEMS = {role: problem_of(TINY.setup(None), role=role) for role in (*STUDENTS, "teacher")}

MAZE_STEPS = TINY.env.editor.max_steps


@pytest.fixture(scope="module")
def state():
    return jax.jit(lambda key: roles.begin(PROBLEMS, key, paired.Config.counts))(jax.random.key(2))


@pytest.fixture(scope="module")
def designed(state):
    return jax.jit(lambda state: roles.design(PROBLEMS, state, B))(state)


def same(a, b):
    return bool(eqx.tree_equal(a, b))


@pytest.mark.slow
def test_a_design_is_one_episode_from_noise_of_its_own(designed):
    levels, trace = designed
    steps = MAZE_STEPS  # four walls, goal, agent
    assert trace.reward.shape == (steps, B)
    ends = np.zeros((steps, B), bool)
    ends[-1] = True
    np.testing.assert_array_equal(trace.terminated, ends)
    assert not trace.truncated.any() and not trace.reward.any()
    np.testing.assert_array_equal(trace.observation.time[:, 0], np.arange(steps))
    noise = np.asarray(trace.observation.noise)
    assert (noise == noise[:1]).all() and 0.4 < noise.mean() < 0.6
    assert len({column.tobytes() for column in noise[0]}) == B
    assert levels.walls.shape == (B, 4, 4) and (np.asarray(levels.goal) >= 0).all()


@pytest.mark.slow
def test_the_regret_is_paid_at_the_last_step_and_nothing_beyond_it_is_valued(designed):
    """Â = δ summed backwards, with δ = -V, γV' - V, and at the end regret - V."""
    trace = roles.paid_last(designed[1], jnp.array([0.5, 0.0, 1.0, 0.25]))
    np.testing.assert_array_equal(trace.reward[-1], [0.5, 0.0, 1.0, 0.25])
    assert not trace.reward[:-1].any()
    beyond = trace._replace(last_value=trace.last_value + 1000.0)
    advantage = np.asarray(gae(beyond, 0.9, 0.8))
    value = np.asarray(trace.value)
    expected = np.asarray(trace.reward[-1]) - value[-1]
    np.testing.assert_allclose(advantage[-1], expected, rtol=1e-5)
    for t in range(MAZE_STEPS - 2, -1, -1):
        expected = 0.9 * value[t + 1] - value[t] + 0.72 * expected
        np.testing.assert_allclose(advantage[t], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_level_that_cannot_be_solved_pays_nothing(state):
    walls = jnp.zeros((4, 4), bool).at[1].set(True)
    level = MazeLevel(walls, jnp.array([0, 0]), jnp.int32(0), jnp.array([3, 3]))
    levels = jax.tree.map(lambda leaf: jnp.stack([leaf] * B), level)
    traces = jax.jit(lambda s: roles.play(PROBLEMS, s, STUDENTS, levels, T))(state)
    for config in (paired.Config(), paired.Config(antagonist="mean")):
        scored = Regret(config.antagonist)(traces, (), 0.995, 0.98)
        assert scored.valid.all() and not scored.score.any()
    # The same levels, but not the same game: each draws its own actions.
    assert not same(traces["student"].action, traces["antagonist"].action)


@pytest.mark.slow
def test_all_three_learn_in_every_cycle_and_nothing_else_is_carried_on():
    for cycle in history("paired"):
        before, after = cycle.before.learner, cycle.after.learner
        assert set(after) == {"student", "antagonist", "teacher"}
        assert not any(same(before[role], after[role]) for role in after)
        assert not same(after["student"], after["antagonist"])
        assert after["student"].network.actor[0].weight.shape == (8, 4)
        # No memory of a policy outlives its levels.
        assert cycle.after.archive is None and cycle.after.extra is None
        assert float(cycle.report.metrics["regret"]) >= 0


@pytest.mark.slow
def test_the_teacher_s_learning_rate_is_its_own(state, designed):
    """minimax ignores it."""
    sections = dict(TINY.sections)
    sections["teacher"] = dataclasses.replace(sections["teacher"], learning_rate=0.0)
    setup = dataclasses.replace(TINY, sections=sections).setup(None)
    still = {role: problem_of(setup, role=role) for role in PROBLEMS}
    assert all(same(still[role].learner, PROBLEMS[role].learner) for role in STUDENTS)
    traces = {"teacher": roles.paid_last(designed[1], jnp.arange(B, dtype=jnp.float32))}
    learner, metrics = jax.jit(lambda s, t: roles.learn(still, s, t))(state, traces)
    assert same(learner["teacher"].network, state.learner["teacher"].network)
    assert float(metrics["teacher"]["gradient_norm"]) > 0


@pytest.mark.slow
def test_a_teacher_learns_what_pays():
    """Paid 1 for a goal in the left column of 4, it puts 90 % there from 25 % at random."""
    editor = Maze(width=4, height=4, view=3, walls=1).editor
    settings = PPOConfig(
        memory="none", hidden=16, head=16, filters=2, learning_rate=1e-2, epochs=2, decay="none"
    )
    problem = Problem(editor, PPO.of(editor, settings), 0.995, 0.98, False, 10**6)
    problems = {"teacher": problem}

    def cycle(state, _):
        levels, trace = roles.design(problems, state, 64)
        pay = (levels.goal[:, 0] == 0).astype(jnp.float32)
        traces = {"teacher": roles.paid_last(trace, pay)}
        learner, _ = roles.learn(problems, state, traces)
        after = dataclasses.replace(state, learner=learner, cycle=state.cycle + 1)
        return after, pay.mean()

    begun = roles.begin(problems, jax.random.key(0), paired.Config.counts)
    pays = np.asarray(jax.jit(lambda s: jax.lax.scan(cycle, s, length=40))(begun)[1])
    assert pays[:3].mean() < 0.5 and pays[-5:].mean() > 0.9


def test_what_it_cannot_work_with_is_refused_in_one_line():
    def refused(task="maze", **settings):
        with pytest.raises(ConfigError) as error:
            presets.experiment(task, method="paired", **settings)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "Returns has no editor" in refused("test_mixing:Returns")
    assert "steps_per_cycle must be at least" in refused(steps_per_cycle=100)
    assert "student.hidden or teacher.hidden" in refused(hidden=8)
    assert "teacher.minibatches must divide" in refused(teacher={"minibatches": 3})
    least = 64 * (2 * 256 + 62)
    assert f"steps must be at least {least}" in refused(steps=least - 1)
    assert presets.experiment("maze", method="paired", steps=least).env.walls == 60


def stop(experiment, program, compiled, run, state, show, say):
    return Outcome(run, state, done=False)


def begin(path, method, init_from=None, said=None, **changed):
    """A run at its first checkpoint: everything but the training."""
    chosen = cairn.experiment("maze", method=method, **(house.settings(method) | changed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_advance", stop)
        say = (lambda text: None) if said is None else said.append
        return train(chosen, path, init_from=init_from, say=say).state.learner


@pytest.mark.slow
def test_actors_start_from_those_of_another_run_by_role(tmp_path):
    dr = begin(tmp_path / "dr", "dr", seed=7)
    said = []
    first = begin(tmp_path / "first", "paired", tmp_path / "dr", said, seed=1)
    assert same(first["student"], dr) and same(first["antagonist"], dr)
    assert any("has no teacher: they start anew" in text for text in said)
    fresh = begin(tmp_path / "fresh", "paired", seed=2)
    assert not same(fresh["student"], fresh["antagonist"])
    second = begin(tmp_path / "second", "paired", tmp_path / "fresh", seed=3)
    assert same(second, fresh)
    back = begin(tmp_path / "back", "dr", tmp_path / "fresh", seed=4)
    assert same(back, fresh["student"])


@pytest.mark.slow
def test_a_run_is_evaluated_and_loaded_by_role(tmp_path):
    begin(tmp_path / "run", "paired", seeds=2)
    levels = tmp_path / "levels.json"
    levels.write_text('[{"rows": ["...", "..."], "agent": [0, 0], "heading": 0, "goal": [2, 1]}]')
    report = cairn.evaluate(tmp_path / "run", levels=levels, attempts=1)
    assert report["method"] == "paired" and len(report["suites"]) == 1
    with pytest.raises(ConfigError, match=r"teacher of .* does not play Maze"):
        cairn.evaluate(tmp_path / "run", levels=levels, attempts=1, role="teacher")
    agents = {role: cairn.load(tmp_path / "run", seed=1, role=role) for role in STUDENTS}
    usual = cairn.load(tmp_path / "run", seed=1)
    assert same(usual.state, agents["student"].state)
    assert not same(usual.state, agents["antagonist"].state)
    RunDir.open(tmp_path / "run").append({"ledger": {"training": [0, 0]}}, {})
    shown = {role: subject.read(tmp_path / "run", 1, role) for role in STUDENTS}
    for role in STUDENTS:
        assert same(shown[role].actor.state, agents[role].state)
    assert "paired (antagonist) on maze" in shown["antagonist"].caption
    with pytest.raises(ConfigError, match=r"teacher of .* does not play Maze"):
        subject.read(tmp_path / "run", 0, "teacher")
    with pytest.raises(ConfigError, match="has no role 'nobody'"):
        subject.read(tmp_path / "run", 0, "nobody")
    # On a page one can choose between those who play the mazes.
    opened = look.Opened(tmp_path / "run")
    assert look.players(opened.subject({})) == ["student", "antagonist"]
    other = opened.subject({"role": "antagonist", "seed": "1"})
    assert same(other.actor.state, agents["antagonist"].state)
    assert other.href("attempt", level="a b") == ("?panel=attempt&seed=1&role=antagonist&level=a+b")
    level = usual.env.space.sample(jax.random.key(0))
    _, observation = usual.env.reset(jax.random.key(0), level)
    assert 0 <= usual.act(observation) < 7


def looked_at(state, path, **replaced):
    """The tiny run as `cairn show` sees it, with other actors in some places."""
    learner = {**state.learner, **replaced}
    ledger = {name: [n] for name, n in state.ledger.totals().items()}
    state = dataclasses.replace(state, learner=learner)
    return subject.Subject(TINY, RunDir(path), state, 0, [{"ledger": ledger}])


def always(learner, action):
    """It does the same, whatever it sees."""
    return eqx.tree_at(
        lambda learner: learner.network.actor[-1].bias,
        learner,
        replace_fn=lambda bias: bias.at[action].set(1e6),
    )


@pytest.mark.slow
def test_levels_that_the_teacher_designs_are_shown_with_how_the_students_fare(tmp_path):
    state = history("paired")[-1].after
    who = {role: always(state.learner[role], 5) for role in ("teacher", "antagonist")}
    one = looked_at(state, tmp_path, **who)
    (panel,) = (panel for panel in PANELS if panel.name == "designed")
    assert panel.applies(one) is None
    made = one.once(designs.fresh)
    # It names one cell of 4 × 4 for every wall, and then for the goal, which takes their place.
    levels = [level.level for level in made]
    assert len(levels) == 12 and not any(level.walls.any() for level in levels)
    assert all(level.goal.tolist() == [1, 1] for level in levels)
    assert len({(*level.agent.tolist(), int(level.heading)) for level in levels}) > 3
    # The antagonist never walks; the student has learned little, but it walks.
    rates = np.array([[level.solve_rates[role] for role in STUDENTS] for level in made])
    assert rates[:, 0].any() and not rates[:, 1].any()
    sheet = panel.data(one)
    assert [len(row.cards) for row in sheet.rows] == [6, 6] and not sheet.descent
    shown = [(card.title, card.note) for row in sheet.rows for card in row.cards]
    assert shown == [(f"student {rate:.0%} solved", "antagonist 0%") for rate in rates[:, 0]]
    assert all(card.pixels.dtype == np.uint8 for row in sheet.rows for card in row.cards)
    assert panel.draw(sheet, tmp_path / panel.file).stat().st_size > 10_000
    # A teacher that plays the maze, as a student does, designs nothing, and nobody misses it.
    assert panel.applies(looked_at(state, tmp_path, teacher=state.learner["student"])) == ""
