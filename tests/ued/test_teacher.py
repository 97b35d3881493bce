"""A curriculum for somebody else's trainer: what it asks, what it takes, what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cairn
from cairn.archive import replay
from cairn.core.errors import ConfigError, RunError
from cairn.core.keys import stream
from cairn.envs.spaces import Box, Finite, Product
from cairn.score.learnability import LEARNABILITY, Attempts, estimate
from cairn.score.told import TOLD
from cairn.ued.ask_tell import trials
from cairn.ued.ask_tell.outcomes import read
from cairn.ued.ask_tell.settings import design_of
from cairn.ued.ask_tell.teacher import Teacher

SPACE = Box({"x": (0.0, 1.0), "weight": (1.0, 100.0, "log")})
REPLAY = {"capacity": 16, "minimum_fill": 0.5, "score": "learnability"}
SFL = {"candidates": 8, "keep": 4, "refresh": 2, "batch": 4, "selected": 2}
EPISODES = 4


def outcome(levels, rng):
    """Solved the more often, the larger x."""
    solved = rng.random((len(levels["x"]), EPISODES)) < levels["x"][:, None]
    return {"solved": solved, "steps": np.full(len(solved), 10)}


def drive(teacher, times, n=6, seed=0):
    """Ask and tell so often; what was asked."""
    rng, asked = np.random.default_rng(seed), []
    for _ in range(times):
        ids, levels = teacher.ask(n)
        asked.append((ids, levels, teacher.may_learn(ids), teacher.facts(ids)))
        teacher.tell(ids, outcome(levels, rng))
    return asked


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module")
def robust():
    teacher = Teacher(SPACE, "robust-plr", seed=3, **REPLAY)
    return teacher, drive(teacher, 12)


@pytest.mark.slow
def test_robust_plr_learns_from_replayed_levels_and_counts_the_others_as_scoring(robust):
    teacher, asked = robust
    sources = [{fact["source"] for fact in facts} for *_, facts in asked]
    assert {"new"} in sources and {"replay"} in sources and {"new", "replay"} not in sources
    for (_, _, learn, _), source in zip(asked, sources, strict=True):
        assert learn.tolist() == [source == {"replay"}] * 6
    replays = sources.count({"replay"})
    assert teacher.ledger == {
        "training": 60 * replays, "scoring": 60 * (12 - replays), "mutation": 0,
        "environment_steps": 720, "asked": 72, "episodes": 72 * EPISODES, "untimed": 0,
    }  # fmt: skip


@pytest.mark.slow
def test_ids_of_asking_are_never_given_again_and_those_of_levels_are_kept(robust):
    _, asked = robust
    ids = np.concatenate([ids for ids, *_ in asked])
    assert ids.tolist() == list(range(72))
    levels = {}
    for _, played, _, facts in asked:
        for row, fact in enumerate(facts):
            x = levels.setdefault(fact["level"], played["x"][row])
            assert played["x"][row] == x
    news = [fact["level"] for *_, facts in asked for fact in facts if fact["source"] == "new"]
    assert sorted(news) == sorted(set(news))


@pytest.mark.slow
def test_the_archive_is_the_one_of_the_compiled_methods_told_one_level_at_a_time(robust):
    """An oracle: the same asks and outcomes, by `replay` and the score themselves."""
    teacher, asked = robust
    config, rng = teacher.design.config, np.random.default_rng(0)
    archive = replay.empty(SPACE.sample(jax.random.key(0)), LEARNABILITY.unseen(), config)
    how = replay.Remembering(LEARNABILITY.merge, LEARNABILITY.renew)
    insert = jax.jit(lambda a, c: replay.insert(a, c, config, how)[0])
    update = jax.jit(lambda a, *seen: replay.update(a, *seen, how))
    sample = jax.jit(lambda a, key: replay.sample(a, key, 6, config))
    for cycle, (_, levels, _, facts) in enumerate(asked):
        solved = outcome(levels, rng)["solved"].sum(axis=1).astype(np.float32)
        count = jnp.full(6, EPISODES, jnp.float32)
        seen = Attempts(jnp.asarray(solved), count, count)
        yes = jnp.ones(6, bool)
        if facts[0]["source"] == "replay":
            key = stream(stream_root(teacher), "replay", 2 * cycle)
            archive, slots = sample(archive, key)
            assert archive.ids[slots].tolist() == [fact["level"] for fact in facts]
            archive = update(archive, slots, jnp.zeros(6), yes, seen, yes)
            continue
        none = jnp.zeros(6, jnp.uint32)
        offered = replay.Candidates(
            jax.tree.map(jnp.asarray, levels),
            jnp.array([fact["level"] for fact in facts], jnp.uint32),
            none, jnp.zeros(6, bool), jnp.zeros(6, jnp.int32), estimate(seen), yes, seen,
        )  # fmt: skip
        archive = insert(archive, offered)
    mine = teacher._state.archive
    for name in ("ids", "scores", "ranks", "stamps", "clock", "count", "memory", "levels"):
        same(getattr(mine, name), getattr(archive, name))


def stream_root(teacher):
    return jax.random.key(teacher.seed)


@pytest.mark.slow
def test_how_far_a_batch_is_padded_changes_nothing(robust, monkeypatch):
    _, asked = robust
    monkeypatch.setattr(trials, "SMALLEST", 8)
    other = Teacher(SPACE, "robust-plr", seed=3, **REPLAY)
    for mine, theirs in zip(asked, drive(other, 12), strict=True):
        same(mine[:3], theirs[:3])
        assert mine[3] == theirs[3]


@pytest.mark.slow
def test_accel_edits_what_was_replayed_and_knows_parents_and_generations():
    teacher = Teacher(SPACE, "accel", seed=1, **REPLAY)
    asked = drive(teacher, 14)
    sources = [facts[0]["source"] for *_, facts in asked]
    places = [place for place, source in enumerate(sources) if source == "mutated"]
    assert places and all(sources[place - 1] == "replay" for place in places)
    for place in places:
        parents, children = asked[place - 1][3], asked[place][3]
        assert [child["parent"] for child in children] == [p["level"] for p in parents]
        assert [c["generation"] for c in children] == [p["generation"] + 1 for p in parents]
        assert not asked[place][2].any()
    assert teacher.ledger["mutation"] == 60 * len(places)
    lineage = teacher.lineage.levels
    assert (lineage.generation > 0).any()
    assert set(lineage.parent[lineage.has_parent]) <= set(lineage.id)
    assert len(set(lineage.id.tolist())) == len(lineage.id)


@pytest.mark.slow
def test_the_parallel_forms_put_kinds_side_by_side():
    teacher = Teacher(SPACE, "parallel-accel", **REPLAY)
    *_, (_, _, learn, facts) = drive(teacher, 8)
    assert [fact["source"] for fact in facts] == ["replay"] * 2 + ["mutated"] * 2 + ["new"] * 2
    assert learn.tolist() == [True] * 2 + [False] * 4
    assert [fact["parent"] for fact in facts[2:4]] == [fact["level"] for fact in facts[:2]]
    with pytest.raises(ConfigError, match="at least 3, for parallel-accel plays that many kinds"):
        teacher.ask(2)


@pytest.mark.slow
def test_sfl_judges_candidates_and_then_plays_the_most_learnable_by_its_share():
    teacher = Teacher(SPACE, "sfl", seed=2, **SFL)
    ids, levels = teacher.ask(8)
    assert not teacher.may_learn(ids).any()
    wins = [0, 4, 2, 1, 4, 3, 0, 0]
    solved = [[True] * won + [False] * (4 - won) for won in wins]
    solved[7] = [True]  # one episode tells nothing
    teacher.tell(ids[:5], {"solved": solved[:5]})
    for once in ({"solved": [True, False, True]}, {"solved": [[True], [], [False]]}):
        with pytest.raises(ConfigError, match="two finished episodes or more, and none of 3 has"):
            teacher.tell(ids[5:], once)
    assert teacher.open.tolist() == ids[5:].tolist() and teacher.ledger["episodes"] == 20
    more, _ = teacher.ask(1)
    assert not teacher.may_learn(more)[0]  # three candidates of eight are still to be told
    teacher.tell(ids[5:], {"solved": solved[5:]})
    kept = set(levels["x"][[2, 3, 5]].tolist())
    ids, chosen = teacher.ask(8)
    assert teacher.may_learn(ids).all()
    # Every second row is out of the buffer, whose fourth row nobody could judge.
    assert len(set(chosen["x"][1::2].tolist()) - kept) <= 1
    assert not set(chosen["x"][::2].tolist()) & kept
    facts = teacher.facts(ids)
    assert [fact["source"] for fact in facts] == ["new", "replay"] * 4
    assert len({fact["level"] for fact in facts}) == 8
    assert not teacher.may_learn(teacher.ask(1)[0])[0]  # refresh x batch levels were given


@pytest.mark.slow
def test_a_saved_teacher_asks_what_it_would_have_asked(robust, tmp_path):
    for teacher in (robust[0], Teacher(Product({"a": SPACE, "b": Finite("xyz")}), "sfl", **SFL)):
        ids, _ = teacher.ask(5)
        path = tmp_path / "teacher"
        teacher.save(path)
        other = Teacher.load(path)
        assert other.ledger == teacher.ledger and other.open.tolist() == ids.tolist()
        for one in (teacher, other):
            one.tell(ids, {"solved": np.arange(10).reshape(5, 2) % 3 == 0})
        for n in (5, 1):
            same(teacher.ask(n), other.ask(n))
        same(teacher.lineage, other.lineage)
        assert [p.name for p in tmp_path.iterdir()] == ["teacher"]
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(RunError, match="cut short or altered"):
        Teacher.load(path)
    with pytest.raises(RunError, match="does not exist: expected a file that Teacher"):
        Teacher.load(tmp_path / "nothing")


def test_a_space_of_ones_own_is_given_again(tmp_path):
    space = cairn.experiment("cartpole").env.space
    teacher = Teacher(space, "dr")
    _, levels = teacher.ask(3)
    assert levels.force.shape == (3,)
    teacher.save(tmp_path / "teacher")
    with pytest.raises(RunError, match=r"space of one's own: Teacher.load\(path, space\)"):
        Teacher.load(tmp_path / "teacher")
    same(Teacher.load(tmp_path / "teacher", space).ask(2), teacher.ask(2))


@pytest.mark.slow
def test_told_out_of_order_in_parts_and_without_episodes():
    teacher = Teacher(SPACE, "robust-plr", **REPLAY)
    first, second = teacher.ask(3)[0], teacher.ask(3)[0]
    teacher.tell(second[::-1], {"solved": [[True, False], [], [True]]})
    teacher.tell(
        first[1:], {"solved": np.zeros((2, 3), bool), "episodes": [3, 1], "learned": False}
    )
    assert teacher.open.tolist() == [0]
    assert teacher.lineage.levels.id.tolist() == [5, 3, 1, 2]
    assert teacher.ledger["episodes"] == 7 and teacher.ledger["untimed"] == 5


BAD = [
    ([0, 7], {"solved": [1, 0]}, "id 7 was never asked for"),
    ([0, 0], {"solved": [1, 0]}, "ids holds 0 twice"),
    ([[0, 1]], {"solved": [1, 0]}, "ids must be a row of whole numbers"),
    ([0, 1], {"solved": [1, 0, 1]}, r"solved must be an array \(2,\) or \(2, episodes\)"),
    ([0, 1], {"solved": [[1], [0], []]}, "solved must have one entry for each of 2 levels, got 3"),
    ([0, 1], {"solved": [0.5, 1]}, "solved must be true or false"),
    ([0, 1], {"returns": [np.nan, 1], "solved": [1, 1]}, "not finite. Leave out episodes th"),
    ([0, 1], {"returns": [1e39, 1], "solved": [1, 1]}, "returns holds a number that is not finite"),
    (
        [0, 1],
        {"solved": [1, 1], "score": [np.nan, 1]},
        "score holds .* finite. Give each level a f",
    ),
    ([0, 1], {"returns": [[1], [1, 2]], "solved": [[1], [1]]}, "must be of the same episodes"),
    ([0, 1], {"solved": [1, 1], "steps": [3, -1]}, "steps must not be negative"),
    ([0, 1], {"solved": [1, 1], "episodes": [2, 1]}, "episodes says up to 2, but solved has only"),
    ([0, 1], {"solve": [1, 1]}, "no 'solve'. Expected some of returns, .* Did you mean 'solved'"),
    ([0, 1], {"returns": [1, 1]}, "has to be told `solved` .whether each finished episode succ"),
]


@pytest.mark.slow
def test_what_cannot_be_right_is_refused_whole():
    teacher = Teacher(SPACE, "robust-plr", **REPLAY)
    teacher.ask(2)
    before = jax.tree.map(np.asarray, teacher._state.archive), teacher.ledger
    for ids, outcomes, reason in BAD:
        with pytest.raises(ConfigError, match=reason):
            teacher.tell(ids, outcomes)
        same((teacher._state.archive, teacher.ledger), before)
    teacher.tell([1], {"solved": [1]})
    for ask in (teacher.facts, teacher.may_learn):
        with pytest.raises(ConfigError, match=r"id 1 was told already: only levels that are open"):
            ask([1])
    with pytest.raises(ConfigError, match="id 1 was told already"):
        teacher.tell([1, 0], {"solved": [1, 1]})
    assert teacher.open.tolist() == [0]
    assert repr(teacher).endswith("'robust-plr', seed=0; 2 levels asked, 1 open)")
    for n in (0, -1, 1.5, True):
        with pytest.raises(
            ConfigError, match="ask needs a whole number of levels, at least 1; got"
        ):
            teacher.ask(n)


@pytest.mark.parametrize(
    ("space", "method", "settings", "reason"),
    [
        (SPACE, "paired", {}, "cannot be 'paired': its levels are designed by a learner"),
        (SPACE, "bc", {}, "cannot be 'bc': it is none of environment design"),
        (SPACE, "slf", {}, "Unknown method 'slf'.*Did you mean 'sfl'"),
        (SPACE, "plr", {"score": "regret"}, "compares student and antagonist, but here only the"),
        (SPACE, "plr", {"score": "perfect-regret"}, "needs the best return of each level. Compute"),
        (SPACE, "plr", {"score": "positive-value-loss"}, "reads every step, .*score='told'"),
        (SPACE, "plr", {"steps_per_cycle": 5}, "no setting of a Teacher: the trainer plays"),
        (SPACE, "plr", {"capacty": 5}, "Unknown setting 'capacty'. Did you mean 'capacity'"),
        (Finite("ab"), "accel", {}, "accel edits levels, but those of Finite have no neighbours"),
        (SPACE, "dr", {"seed": -1}, r"seed must be a whole number in \[0, 2\^32\), got -1"),
    ],
)
def test_what_cannot_teach_is_refused(space, method, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        Teacher(space, method, **settings)


def test_what_is_no_space_and_what_are_no_outcomes_is_said():
    with pytest.raises(ConfigError, match=r"space must be a cairn.Box, .* got dict"):
        design_of({"x": (0, 1)}, "dr", {})
    with pytest.raises(
        ConfigError, match=r"outcomes as a dictionary with some of returns, .* list"
    ):
        read([1, 1], 2)


@pytest.mark.slow
def test_scores_say_what_they_have_to_be_told():
    teacher = Teacher(SPACE, "plr", **REPLAY | {"score": "maxmc"})
    ids, _ = teacher.ask(2)
    with pytest.raises(
        ConfigError, match=r"'maxmc' has to be told `values` .*score='learnability'"
    ):
        teacher.tell(ids, {"returns": [1.0, 2.0]})
    teacher.tell(ids, {"returns": [[1.0, 3.0], [2.0, 2.0]], "values": [[0.5, 0.5], [1.0, 2.0]]})
    assert teacher.lineage.score.tolist() == [2.5, 0.5]
    own = Teacher(SPACE, "plr", **REPLAY | {"score": "told"})
    ids, _ = own.ask(2)
    with pytest.raises(ConfigError, match="score 'told' has to be told `score`"):
        own.tell(ids, {"returns": [1.0, 2.0]})
    told = TOLD.of(jnp.array([0.25, 4.0]), jnp.array([True, False]))({}, (), 1.0, 1.0)
    assert told.score.tolist() == [0.25, 0.0] and told.valid.tolist() == [True, False]
