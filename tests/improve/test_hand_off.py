"""Problems, answers and the curriculum as other people's trainers take them; none of them is here.

The real ones are run on it by `benchmarks/peers/trl_curriculum.py`.
"""

import json

import jax
import numpy as np
import pytest

from cairn.cli import main
from cairn.core.errors import ConfigError, MissingExtraError, RunError
from cairn.core.vocabulary import BOS, EOS, PAD, SEP
from cairn.envs.tokens.addition import Addition
from cairn.envs.tokens.repair import Repair
from cairn.improve.hand_off import problems, rows, saved, telling, trl
from cairn.improve.hand_off.problems import Named
from cairn.improve.hand_off.rows import Answers, Asked
from cairn.improve.hand_off.source import Prompts
from cairn.improve.hand_off.verl import compute_score
from cairn.improve.hand_off.wording import Wording

TASK = Addition(digits=1)
ONE = TASK.code("1")


@pytest.fixture(scope="module")
def asked():
    """Two problems of addition with prompts and answers."""

    @jax.jit
    def draw(keys):
        made = jax.vmap(lambda key: TASK.problem(key, "train"))(keys)
        answers = jax.vmap(TASK.demonstration)(made, keys)
        return made, jax.vmap(TASK.prompt)(made).ids, answers

    made, prompts, answers = jax.device_get(draw(jax.random.split(jax.random.key(0), 2)))
    return Asked(made, prompts, answers, [{"split": "train"}, {"split": "train"}])


def test_a_prompt_says_what_is_asked_or_every_symbol_a_model_of_ours_reads():
    ids = np.array([PAD, BOS, ONE, TASK.code("+"), ONE, SEP])
    assert Wording(TASK).prompt(ids) == "1+1"
    exact = Wording(TASK, "symbols")
    assert exact.symbols.encode(exact.prompt(ids)) == ids[1:].tolist()
    said = Wording(TASK, instruction="Add.", chat=True).prompt(ids)
    assert [each["role"] for each in said] == ["system", "user"] and said[1]["content"] == "1+1"


def test_a_completion_is_read_as_tokens_with_the_end_that_it_had():
    wording = Wording(TASK)
    tokens, length = wording.read(" 1 1 ")
    assert tokens[:4].tolist() == [ONE, ONE, EOS, PAD] and length == 3
    assert wording.read("11", ended=False)[1] == 2, "cut before its end"
    assert wording.read("11<eos>1")[0].tolist() == tokens.tolist()
    assert wording.read([{"role": "assistant", "content": "11"}])[1] == 3
    assert wording.read("eleven")[1] == 0, "no answer at all"
    assert wording.read([{"role": "assistant", "content": None}])[1] == 1, "an end and nothing else"
    with pytest.raises(ConfigError, match=r"must be a text or a conversation.* got 11"):
        wording.read(11)
    tokens, length = wording.read("1" * 20)
    assert length == TASK.answer_length and EOS not in tokens, "too long, so without an end"
    assert wording.answer(np.array([ONE, EOS, ONE])) == "1"
    assert wording.answer(np.array([ONE, ONE, PAD, PAD])) == "11", "cut, with padding behind"


@pytest.mark.parametrize("strange", [PAD, BOS, SEP, len(TASK.symbols)])
def test_symbols_that_are_part_of_no_answer_are_not_read_out_of_one(strange):
    """The last is a condition, which models have and tasks do not."""
    wording = Wording(TASK, "symbols")
    said = np.array([ONE, strange, ONE, EOS])
    tokens, length = wording.read(wording.answer(said))
    plain, _ = wording.read("11")
    assert tokens.tolist() != plain.tolist(), "1 and 1 with something between is not 11"
    assert length == 0 or tokens[:4].tolist() == said.tolist()


class Tagged(Addition):
    """A sum whose question can hold the name of a symbol, as questions in texts can."""

    @property
    def own_symbols(self):
        return (*Addition(self.digits).own_symbols, *"<pad>")


def test_a_prompt_that_would_be_read_as_other_symbols_is_refused():
    task = Tagged(digits=1)
    ids = np.array([BOS, *(task.code(one) for one in "<pad>"), SEP])
    assert Wording(task).prompt(ids) == "<pad>"
    with pytest.raises(ConfigError, match="holds the name of one"):
        Wording(task, "symbols").prompt(ids)


def test_a_problem_comes_back_from_its_text_and_is_verified_anew(asked):
    one = problems.rows(asked.problems)[0]
    again = problems.read(TASK, problems.written(one))
    for mine, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(again), strict=True):
        assert (np.asarray(mine) == theirs).all() and mine.dtype == theirs.dtype
    with pytest.raises(ConfigError, match="no problem of Addition"):
        problems.read(TASK, "[1]")
    with pytest.raises(ConfigError, match="no setting 'figures'"):
        Named("addition", {"figures": 2}).made()


def test_rows_of_each_form_hold_what_trl_and_verl_ask_for_and_can_be_verified(asked):
    named, wording = Named.of("addition", TASK), Wording(TASK)
    right = asked.demonstrations
    wrong = np.where(right == EOS, EOS, ONE).astype(np.int32)
    wrong[:, 0] = TASK.code("+")
    both = np.stack([right, wrong, right], axis=1)
    reward = np.array([[1.0, 0.0, 1.0], [np.nan, np.nan, np.nan]], np.float32)
    answers = Answers(both, reward, np.array([[True, False, True], [False] * 3]))
    made = {
        form: rows.rows(form, named, wording, asked, answers)
        for form in ("prompt-only", "prompt-completion", "preference", "messages", "verl")
    }
    about = {"task", "settings", "problem", "split"}
    assert [set(row) for row in made["prompt-only"]] == [{"prompt"} | about] * 2
    (only,) = made["prompt-completion"]  # a solution once, and nothing of what nobody could judge
    assert set(only) == {"prompt", "completion"} | about
    (pair,) = made["preference"]
    assert pair["chosen"] == only["completion"] and pair["chosen"] != pair["rejected"]
    assert rows.score(pair, pair["chosen"]) == 1 > rows.score(pair, pair["rejected"])
    (talk,) = made["messages"]
    assert [each["role"] for each in talk["messages"]] == ["user", "assistant"]
    (one, two) = made["verl"]
    assert set(one) == {"data_source", "prompt", "ability", "reward_model", "extra_info"}
    assert one["reward_model"]["style"] == "rule" and two["extra_info"]["index"] == 1
    truth = one["reward_model"]["ground_truth"]
    told = (one["data_source"], truth, truth, one["extra_info"])
    assert compute_score(*told) == 1 and compute_score(told[0], "+", *told[2:]) == 0
    unpaired = rows.rows("unpaired-preference", named, wording, asked, answers)
    assert [row["label"] for row in unpaired] == [True, False, True, None, None, None]
    assert [row["reward"] for row in unpaired] == [1, 0, 1, None, None, None]
    json.dumps([made, unpaired], allow_nan=False)
    with pytest.raises(ConfigError, match="name a run"):
        rows.rows("preference", named, wording, asked, None)


@pytest.fixture(scope="module")
def source():
    """A source of prompts, after a stand-in for a trainer has answered four batches."""
    made = Prompts(
        Repair(nodes=6, edges=7, edits=1),
        batch=4, capacity=16, minimum_fill=0.25, replays=0.5, reward="quality",
    )  # fmt: skip
    mend = jax.jit(jax.vmap(made.task.demonstration))
    made.history = [stand_in(made, mend) for _ in range(4)]
    return made


def stand_in(source, mend):
    """No trainer: answers twice with nothing and once as the task itself would."""
    asks = source.ask()
    ids = [row.id for row in asks]
    posed = problems.stacked([source.problem(at) for at in ids])
    best = mend(posed, jax.random.split(jax.random.key(ids[0]), 4))
    texts = [["", "", source.wording.completion(row)] for row in np.asarray(best)]
    return asks, source.tell(ids, texts)


@pytest.mark.slow
def test_what_was_told_decides_what_is_asked_next(source):
    first, later = source.history[0][0], [row for asks, _ in source.history[1:] for row in asks]
    assert {row.depth for row in first} == {0} and {row.solved for row in first} == {0.5}
    assert any(row.solved != 0.5 for row in later), "places come back with what is known of them"
    deep = np.asarray(source.archive.levels.depth) > 0
    assert deep.any(), "attempts that were reached are places too"
    assert (np.asarray(source.archive.has_parent) == deep).all()
    ids = [row.id for asks, _ in source.history for row in asks]
    assert ids == list(range(16)) and source.open == []
    assert int(source.archive.count) >= 8
    rewards = np.concatenate([found for _, found in source.history])
    assert (rewards[:, 2] >= rewards[:, 0]).all() and (rewards[:, 2] > 0).all()


@pytest.mark.slow
def test_places_are_told_once_and_mistakes_count_for_nothing(source):
    before = jax.device_get(source.archive)
    one, *rest = [row.id for row in source.ask()]
    tell, reward = source.tell, source.tell_rewards
    wrong = [
        (lambda: tell([0], [["a"]]), "id 0 was told already"),
        (lambda: tell([999], [["a"]]), "id 999 was never asked for"),
        (lambda: tell([-1], [["a"]]), "id -1 was never asked for"),
        (lambda: tell([], []), "at least one prompt, got none"),
        (lambda: tell([one, one], [["a"], ["a"]]), f"each prompt once, and id {one} is there 2 ti"),
        (lambda: tell([one, *rest], [["a"]] * 3 + [["a", "b"]]), "as many completions"),
        (
            lambda: tell([one], [["a"], ["a"]]),
            r"as many completions of each of 1 prompts.*\[1, 1\]",
        ),
        (lambda: tell([one], [[]]), "at least one"),
        (lambda: tell([one], ["12"]), "a list of completions for each of 1 prompts"),
        (lambda: tell([one], [[12]]), "must be a text or a conversation.* got 12"),
        (
            lambda: tell([one], [["a"]], ended=[True]),
            r"ended must be of shape \(1, 1\), got \(1,\)",
        ),
        (lambda: tell([one], [["a"]], ended=[[True], []]), "ended must be numbers, as many"),
        (lambda: reward([one], [[2.0]]), "must lie in"),
        (lambda: reward([one], [0.5]), r"must be of shape \(1, G\), got \(1,\)"),
        (lambda: reward([one, rest[0]], [[0.5]]), r"must be of shape \(2, G\), got \(1, 1\)"),
        (lambda: reward([one], [["good"]]), "rewards must be numbers"),
    ]
    for call, match in wrong:
        with pytest.raises(ConfigError, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert source.open == [one, *rest]
    assert (source.archive.scores == before.scores).all()
    source.tell([one, *rest], [["", "", ""]] * 4)
    assert source.open == []


@pytest.mark.parametrize("ids", ["a", ["a"], 3, None, [1.5]])
def test_ids_that_are_no_numbers_are_named(ids):
    with pytest.raises(ConfigError, match="ids must be a list of whole numbers, those that ask"):
        telling.numbers(ids)
    assert telling.numbers(np.array([3, 1])) == [3, 1]


@pytest.mark.slow
def test_a_saved_source_asks_next_what_it_would_have_asked(source, tmp_path):
    under_way = [*source.ask(), *source.ask()]
    open_ids = [row.id for row in under_way]
    source.tell_rewards(open_ids[:1], [[0.5]])
    source.save(tmp_path / "prompts.cairn")
    again = Prompts.load(tmp_path / "prompts.cairn")
    assert again.open == open_ids[1:] and repr(again) == repr(source)
    assert again.pending() == under_way[1:] == source.pending(), "as they were asked, id and all"
    chosen = trl.Chosen(again, reads=1)({"place": list(range(7))})
    assert chosen["id"] == open_ids[1:] and again.open == open_ids[1:], "before any new ones"
    assert chosen["prompt"] == [row.prompt for row in under_way[1:]]
    source.tell_rewards(open_ids[1:4], np.full((3, 3), 0.5))
    again.tell_rewards(open_ids[1:4], np.full((3, 3), 0.5))
    open_ids = open_ids[4:]
    nothing = np.full((4, 3), 0.5)
    for each in (source, again):
        each.tell_rewards(open_ids, nothing)
    mine, theirs = source.ask(), again.ask()
    assert mine == theirs
    source.tell_rewards([row.id for row in mine], nothing)
    with pytest.raises(RunError, match=r"expected a file that Prompts.save wrote"):
        Prompts.load(tmp_path / "other.cairn")
    saved.onefile.write(tmp_path / "old.cairn", saved.KIND, (), {"ids": [], "cycle": 0, "next": 0})
    with pytest.raises(RunError, match=r"by an older cairn: it says nothing of there, task, how"):
        Prompts.load(tmp_path / "old.cairn")


class Trained:
    """What a trainer does with a dataset of places, and nothing else."""

    def __init__(self, chosen, reads):
        self.chosen, self.reads = chosen, reads

    def epoch(self, places):
        seen = [self.chosen({"place": places}) for _ in range(self.reads)]
        assert all(one == seen[0] for one in seen), "one prompt for all answers and updates"
        return seen[0]


@pytest.mark.slow
def test_under_trl_a_place_keeps_its_prompt_until_it_was_read_and_rewards_are_told(source):
    reward = trl.Verified(source, ends=(EOS,))
    training = Trained(trl.Chosen(source, reads=3), 3)
    batch = training.epoch([5, 1, 9, 2])
    again = training.epoch([5, 1, 9, 2])
    assert set(batch["id"]).isdisjoint(again["id"]) and set(batch["problem"]) == {""}
    ids = [number for number in batch["id"] for _ in range(3)]
    found = reward(
        completions=["", "nothing", ""] * 4,
        completion_ids=[[EOS], [7, EOS], [7]] * 4,
        id=ids,
        problem=[""] * 12,
        prompts=None,
        trainer_state=None,
    )
    assert found[2] == 0 < found[0] and len(found) == 12, "an answer that was cut is no success"
    assert set(source.open) == set(again["id"])
    problem = problems.written(source.problem(again["id"][0]))
    held_out = reward(
        completions=[""], completion_ids=[[EOS]], id=[-1], problem=[problem], prompts=None
    )
    assert 0 <= held_out[0] <= 1 and set(source.open) == set(again["id"]), "a test is not told"
    source.tell_rewards(again["id"], np.full((4, 3), 0.5))
    assert source.open == []


def test_without_trl_the_line_that_installs_it_is_said():
    with pytest.raises(MissingExtraError, match="pip install trl"):
        trl._library("trl")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("addition", "needs a run or a task, and a file"),
        ("addition there.txt", "ending in .jsonl or .parquet"),
        ("addition no/where.jsonl", "There is no folder no"),
        ("addition a.jsonl --form preference", "name a run"),
        ("addition a.jsonl --answers model", "needs a run, and addition is a task"),
        ("additoin a.jsonl", "addition"),
        ("maze a.jsonl", "no task of symbols"),
        ("addition a.jsonl --count 0", "--count must be at least 1"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(
    words, complaint, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main.run(["lm", "data", *words.split()]) == 2
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
