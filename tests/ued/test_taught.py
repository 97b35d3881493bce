"""Methods whose teacher makes every level: what it is paid, who plays. No maze, nothing trained.

What PAIRED's teacher gets, when, and what it learns from that is in test_paired.py.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import experiment

import cairn
import house
from cairn.core.errors import ConfigError
from cairn.core.ledger import Ledger
from cairn.core.rundir import RunDir, config_hash
from cairn.core.trace import Trace
from cairn.engine import loop
from cairn.envs.protocol import Continuous
from cairn.learners.protocol import Acted
from cairn.runs import handover
from cairn.runs.catalogue import method
from cairn.runs.open import open_run
from cairn.ued import flexible_paired, minimax, paired, population_paired, roles
from cairn.ued.method import problem_of
from cairn.ued.parts import Problem, State
from doors import Doors, Guesser, Settings

T, B = 4, 3


class Closed(Doors):
    """A game whose levels nobody can design."""

    @property
    def editor(self):
        return None


# Returns of two episodes of two steps each, for each of three levels. The first level only the
# student can solve, the second only the others, the third nobody.
RETURNS = {
    "student": [[0.2, 1.0], [0.0, 0.0], [0.0, 0.0]],
    "antagonist": [[0.0, 0.2], [0.6, 0.9], [0.0, 0.0]],
    "student-2": [[0.0, 0.2], [0.6, 0.9], [0.0, 0.0]],
    "student-3": [[0.1, 0.1], [0.3, 0.5], [0.0, 0.0]],
}


def trace_of(role) -> Trace:
    """Each return at an episode's last step."""
    reward, ends = np.zeros((T, B), np.float32), np.zeros((T, B), bool)
    reward[1::2] = np.transpose(RETURNS[role])
    ends[1::2] = True
    zeros = jnp.zeros((T, B))
    return Trace(
        observation=zeros, action=zeros, log_prob=zeros, value=zeros, reward=jnp.asarray(reward),
        terminated=jnp.asarray(ends), truncated=jnp.zeros((T, B), bool),
        solved=jnp.asarray(ends & (reward > 0)), final_value=zeros, last_value=zeros[0],
    )  # fmt: skip


CASES = {
    "minimax": (minimax, {}, [-0.6, 0.0, 0.0]),
    "minimax, best": (minimax, {"against": "best"}, [-1.0, 0.0, 0.0]),
    # Where the student does better than the antagonist, 0.2 - 0.6: JaxUED pays less than nothing.
    "paired": (paired, {}, [0.0, 0.9, 0.0]),
    "paired, mean": (paired, {"antagonist": "mean"}, [0.0, 0.75, 0.0]),
    "flexible-paired": (flexible_paired, {}, [1.0 - 0.1, 0.9, 0.0]),
    "population-paired": (
        population_paired, {"students": 3}, [1.0 - 0.8 / 3, 0.9 - 1.15 / 3, 0.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_teacher_is_paid_what_the_method_says(case, monkeypatch):
    module, settings, expected = CASES[case]
    config = module.Config(batch=B, steps_per_cycle=T, **settings)
    setup = experiment(case.split(",")[0], Doors()).setup(None)
    players = config.players
    problems = {role: problem_of(setup, role=role) for role in (*players, "teacher")}
    design = trace_of("student")._replace(reward=jnp.full((T, B), 7.0))  # no reward of its own
    ledger = Ledger.zero(config.counts)
    state = State(jax.random.key(0), jnp.int32(0), {}, None, ledger, None)
    monkeypatch.setattr(roles, "design", lambda *given: (jnp.zeros(B), design))
    monkeypatch.setattr(roles, "play", lambda p, s, who, *rest: {one: trace_of(one) for one in who})
    seen = {}

    def learn(problems, state, traces):
        seen.update(traces)
        return dict(traces), {role: {} for role in traces}

    monkeypatch.setattr(roles, "learn", learn)
    after, report = module.step(problems, config, state)
    np.testing.assert_allclose(seen["teacher"].reward[-1], expected, atol=1e-6)
    assert not seen["teacher"].reward[:-1].any()
    name = "negative_return" if module is minimax else "regret"
    assert float(report.metrics[name]) == pytest.approx(np.mean(expected), abs=1e-6)
    # All learn, each from its own trace, and the ledger has the steps of each.
    assert set(seen) == set(after.learner) == {*players, "teacher"}
    assert all((seen[role].reward == trace_of(role).reward).all() for role in players)
    spent = after.ledger.totals()
    assert spent["training"] == len(players) * T * B and spent["designing"] == T * B
    assert spent["updates"] == 4 * len(problems)
    others = set(players) - {"student"}
    assert {f"{role}_solve_rate" for role in others} | {"solve_rate"} <= set(report.metrics)


class Remembering(Guesser):
    """Its memory is how often it acted since that was emptied, and so is what it does."""

    def initial_memory(self, state, batch):
        return jnp.zeros(batch, jnp.int32)

    def act(self, state, observation, memory, reset, uniform):
        memory = jnp.where(reset, 0, memory)
        still = jnp.zeros(memory.shape, jnp.float32)
        parts = memory[:, None].astype(jnp.float32) / 10.0
        number = parts if isinstance(self.action, Continuous) else memory
        return Acted(number, still, still, memory + 1)


def test_memory_starts_empty_with_every_cycle_and_every_episode():
    """minimax carries that of students and teacher on into other levels."""
    env = Doors()
    envs = {"student": env, "antagonist": env, "teacher": env.editor}
    problems = {
        role: Problem(one, Remembering.of(one, Settings()), 0.9, 0.9, False, 100)
        for role, one in envs.items()
    }
    learner = dict.fromkeys(problems, jnp.float32(0))
    ledger = Ledger.zero(paired.Config.counts)

    @jax.jit
    def cycle(number):
        state = State(jax.random.key(0), number, learner, None, ledger, None)
        _, design = roles.design(problems, state, B)
        levels = jnp.full(B, 0.9)  # no door opens: episodes of two steps
        traces = roles.play(problems, state, ("student", "antagonist"), levels, T)
        return {role: trace.action for role, trace in {**traces, "teacher": design}.items()}

    for number in (0, 1):
        acted = cycle(jnp.int32(number))
        for role in ("student", "antagonist"):
            np.testing.assert_array_equal(acted[role], np.tile([[0], [1]], (T // 2, B)))
        np.testing.assert_allclose(acted["teacher"][..., 0], np.tile([[0.0], [0.1]], B))


def test_roles_whose_number_is_a_setting_follow_it():
    def who(students):
        chosen = cairn.experiment("maze", method="population-paired", students=students)
        assert chosen.how.sections.keys() == {"algorithm", "student", "teacher"}
        cost = chosen.how.least(chosen.setup(None))
        assert cost == 64 * (students * 256 + 62)
        return list(chosen.program.actors(chosen.state_shape()))

    assert who(2) == ["student", "student-2", "teacher"]
    assert who(4) == ["student", "student-2", "student-3", "student-4", "teacher"]
    with pytest.raises(ConfigError, match="students must be at least 2, got 1"):
        cairn.experiment("maze", method="population-paired", students=1)


@pytest.mark.parametrize("name", house.TAUGHT)
def test_without_an_editor_there_is_nothing_to_teach_in(name):
    with pytest.raises(ConfigError, match="Closed has no editor"):
        cairn.experiment("test_taught:Closed", method=name)
    with pytest.raises(ConfigError, match="steps_per_cycle must be at least"):
        cairn.experiment("maze", method=name, steps_per_cycle=100)
    assert method(name).constant_cost == (name != "repaired")


def saved(path, name, **changed):
    """A run as it begins: the state before the first cycle, and a line of metrics."""
    settings = house.RUN | changed
    chosen = cairn.experiment("doors:Doors", method=name, learner="doors:Guesser", **settings)
    run = RunDir.create(path, chosen.to_dict())
    loop.save(run, chosen.compiled().init(), config_hash(run.config), 0)
    run.append({"ledger": {"training": [0], "designing": [0]}}, {})
    return chosen


@pytest.mark.slow
def test_every_student_of_a_population_can_be_tested_loaded_and_handed_on(tmp_path):
    chosen = saved(tmp_path / "run", "population-paired", students=3)
    run = open_run(tmp_path / "run")
    same = lambda a, b: bool(eqx.tree_equal(a, b))  # noqa: E731
    students = [run.actor(role).state for role in ("student", "student-2", "student-3")]
    assert not same(*students[:2]) and not same(*students[1:])
    report = cairn.evaluate(tmp_path / "run", attempts=1, role="student-3")
    assert report["role"] == "student-3" and 0 < report["suites"]["random"]["solve_rate"] < 1
    with pytest.raises(ConfigError, match=r"has no role 'student-4'. Expected one of student, "):
        cairn.load(tmp_path / "run", role="student-4")
    more = chosen.changed({"students": 4})
    given = handover.students(tmp_path / "run", more)
    assert list(given) == ["student", "student-2", "student-3", "student-4", "teacher"]
    assert same(given["student-3"], students[2]) and same(given["student-4"], students[0])
