"""What is built for TRL's trainer and what is refused; a stand-in takes the trainer's place.

The real one is run on it by `benchmarks/peers/trl_curriculum.py`.
"""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError, TaskError
from cairn.core.vocabulary import EOS
from cairn.envs.tokens.addition import Addition
from cairn.improve.hand_off import collect, problems, rows, trl
from cairn.improve.hand_off.problems import Named
from cairn.improve.hand_off.rows import Answers
from cairn.improve.hand_off.source import Prompts
from cairn.improve.hand_off.verl import compute_score
from cairn.improve.hand_off.wording import Wording

TASK = Addition(digits=1)


class Callback:
    """transformers.TrainerCallback."""


class Trainer:
    """trl.GRPOTrainer, as far as it is looked at."""

    def __init__(self, model, args, reward_funcs, train_dataset, **others):
        self.args, self.reward_funcs, self.places = args, reward_funcs, train_dataset
        self.callbacks = []
        self.model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=[EOS, 9]))
        decode = lambda ids: " ".join(map(str, ids))  # noqa: E731
        self.processing_class = SimpleNamespace(eos_token_id=EOS, decode=decode)

    def add_callback(self, callback):
        self.callbacks.append(callback)


class Dataset:
    """datasets.Dataset: columns."""

    def __init__(self, columns):
        self.columns = columns

    @classmethod
    def from_dict(cls, columns):
        return cls(columns)

    def with_transform(self, chosen):
        self.chosen = chosen
        return self


LIBRARIES = {
    "trl": SimpleNamespace(GRPOTrainer=Trainer),
    "datasets": SimpleNamespace(Dataset=Dataset),
    "transformers": SimpleNamespace(TrainerCallback=Callback),
}
USUAL = {
    "dataloader_num_workers": 0, "world_size": 1, "remove_unused_columns": False,
    "num_generations": 8, "steps_per_generation": 4, "num_iterations": 1,
    "gradient_accumulation_steps": 4, "generation_batch_size": 32, "temperature": 1.0,
    "top_p": 1.0, "top_k": 0, "min_p": None, "repetition_penalty": 1.0, "generation_kwargs": None,
    "loss_type": "dapo", "mask_truncated_completions": False,
}  # fmt: skip
"""Fields of a GRPOConfig."""


@pytest.fixture
def libraries(monkeypatch):
    monkeypatch.setattr(trl, "_library", LIBRARIES.__getitem__)


@pytest.fixture(scope="module")
def source():
    return Prompts(TASK, batch=4, capacity=8, words="symbols")


def test_a_trainer_reads_a_prompt_once_for_each_answer_and_every_piece(libraries, source):
    made = trl.grpo_trainer(source, "model", SimpleNamespace(**USUAL), length=16)
    assert made.places.chosen.reads == 8 * 4 and len(made.places.columns["place"]) == 16
    (verified,) = made.reward_funcs
    assert set(verified.ends) == {EOS, 9}
    assert verified.spell([1, 2]) == "1 2", "special tokens are not passed over in silence"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"dataloader_num_workers": 2}, "dataloader_num_workers must be 0"),
        ({"num_generations": 4}, "must be the group = 8 .* got 4. Make the source with group=4"),
        ({"generation_batch_size": 256}, "length must be at least 32, .* got 16"),
        ({"top_p": 0.9}, "top_p = 0.9, .* part of the vocabulary"),
        ({"top_k": 20}, "top_k = 20"),
        ({"generation_kwargs": {"top_p": 0.5}}, "top_p = 0.5"),
        ({"generation_kwargs": {"temperature": 0.5}}, "temperature 0.5 and learned from at 1"),
        ({"repetition_penalty": 1.1}, "repetition_penalty = 1.1 changes what is sampled"),
        ({"loss_type": "bnpo"}, "An update of 4 pieces divides each by its own tokens"),
        ({"mask_truncated_completions": True}, "left out of the loss and yet scored"),
    ],
)
def test_settings_are_refused_in_one_line_before_anything_is_built(
    libraries, source, change, complaint
):
    with pytest.raises(ConfigError, match=complaint) as caught:
        trl.grpo_trainer(source, "model", SimpleNamespace(**USUAL | change), length=16)
    assert "\n" not in str(caught.value)


def test_padding_that_ends_answers_is_no_mismatch_where_masks_go_by_length(libraries, source):
    """TRL pads with the end where a tokeniser has no padding (Llama's); its mask holds the end."""
    made = trl.grpo_trainer(source, "model", SimpleNamespace(**USUAL), length=16)
    assert made.processing_class.eos_token_id in made.reward_funcs[0].ends


def test_a_trainer_goes_on_only_where_no_rows_are_skipped(libraries, source, tmp_path):
    (saving,) = trl.grpo_trainer(source, "model", SimpleNamespace(**USUAL), length=16).callbacks
    args = SimpleNamespace(ignore_data_skip=False, output_dir=str(tmp_path))
    saving.on_train_begin(args, SimpleNamespace(global_step=0), None)
    with pytest.raises(ConfigError, match="ignore_data_skip must be True to go on from step 2"):
        saving.on_train_begin(args, SimpleNamespace(global_step=2), None)
    args.ignore_data_skip = True
    saving.on_train_begin(args, SimpleNamespace(global_step=2), None)
    saving.on_save(args, SimpleNamespace(global_step=2), None)
    assert (tmp_path / "checkpoint-2" / trl.SAVED).is_file()


def test_how_many_answers_there_will_be_is_believed_as_it_is_told():
    assert Prompts(TASK, batch=4, capacity=8, group=3).config.group == 3
    with pytest.raises(ConfigError, match="group"):
        Prompts(TASK, batch=4, capacity=8, group=0)


@pytest.mark.slow
def test_problems_to_evaluate_on_are_held_out_by_the_task_s_own_rule(libraries, source):
    test = trl.held_out(source, 12).columns
    trained = set(trl.held_out(source, 12, "shifted").columns["prompt"])
    trained |= {source.wording.prompt(row) for row in collect.new(TASK, "train", 64, 0).prompts}
    assert not set(test["prompt"]) & trained and set(test["id"]) == {-1}
    for text in test["problem"]:
        held_out = problems.read(TASK, text)
        assert bool(TASK.fits(held_out, "test")) and not bool(TASK.fits(held_out, "train"))
    with pytest.raises(ConfigError, match="one of test, shifted, got 'train'"):
        trl.held_out(source, 12, "train")
    with pytest.raises(ConfigError, match="at least one problem, got 0"):
        trl.held_out(source, 0)


class Everyday(Addition):
    """Sums of which none is held out."""

    def identity(self, problem):
        return super().identity(problem) | 1


def test_a_split_without_problems_is_refused_and_not_filled_with_training_prompts():
    with pytest.raises(ConfigError, match=r"split test has no problem .* of 4 wanted there are 0"):
        collect.new(Everyday(digits=1), "test", 4, 0)


class Unsure(Addition):
    """Sums that nobody can judge once an answer has more than one figure."""

    def verify(self, problem, tokens, length):
        verdict = super().verify(problem, tokens, length)
        return verdict._replace(quality=jnp.where(length > 2, jnp.nan, verdict.quality))


UNSURE = Unsure(digits=1)
NAMED = Named.of(f"{__name__}:Unsure", UNSURE)


@pytest.mark.slow
def test_what_nobody_could_judge_is_none_to_trl_and_tells_the_source_nothing():
    source = Prompts(UNSURE, batch=2, capacity=8)
    asked = source.ask()
    ids = [row.id for row in asked for _ in range(2)]
    said = {"completion_ids": [[EOS]] * 4, "prompts": None}
    found = trl.Verified(source)(completions=["x", "12"] * 2, id=ids, problem=[""] * 4, **said)
    assert found == [0, None, 0, None]
    seen = np.asarray(source.archive.memory.failures + source.archive.memory.successes)
    assert seen[: int(source.archive.count)].tolist() == [1, 1], "of each one answer was judged"
    (one,) = problems.rows(collect.new(UNSURE, "test", 1, 0).problems)
    text = problems.written(one)
    graded = lambda ids, ends=(): trl.Verified(source, ends)(  # noqa: E731
        completions=["12"], completion_ids=[ids], id=[-1], problem=[text]
    )
    assert graded([EOS]) == [None] and graded([7], (EOS,)) == [0], "without an end it is no answer"


def test_what_nobody_could_judge_is_null_in_a_row_and_none_to_who_verifies_anew():
    asked = collect.new(UNSURE, "train", 1, 0)
    both = np.full((1, 2, UNSURE.answer_length), EOS, np.int32)
    answers = Answers(both, np.array([[0.0, np.nan]], np.float32), np.zeros((1, 2), bool))
    made = rows.rows("unpaired-preference", NAMED, Wording(UNSURE), asked, answers)
    assert [(row["label"], row["reward"]) for row in made] == [(False, 0), (None, None)]
    row = made[0]
    columns = {name: [row[name]] * 2 for name in ("task", "settings", "problem")}
    assert trl.reward(["x", "12"], **columns) == [0, None]
    with pytest.raises(TaskError, match="could not judge '12', and verl needs a number"):
        compute_score("cairn/unsure", "12", "", row)
    assert compute_score("cairn/unsure", "x", "", row) == 0
