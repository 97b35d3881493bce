"""Methods of the wing: every one by its shapes, one as a whole run."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import house
from cairn.cli import main
from cairn.core.errors import ConfigError
from cairn.core.vocabulary import SEP
from cairn.evaluation.during import by_itself
from cairn.improve import parts, questions
from cairn.improve.method import bind
from cairn.lm.local_folder import open_folder
from cairn.lm.local_prompt import prompt_tokens
from cairn.runs import behaviour
from cairn.runs.catalogue import WINGS, describe_method
from cairn.runs.digest import digest
from cairn.runs.experiment import Experiment
from cairn.runs.language import language
from cairn.runs.presets import experiment
from cairn.runs.train import resume, train

METHODS = WINGS["self-improvement"]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_cycle_gives_the_state_it_was_given_and_counts_what_it_says(name):
    made = experiment("addition", method=name, **house.settings(name, "addition"))
    program = made.program
    state = jax.eval_shape(program.init, jax.random.key(0))
    after, report = jax.eval_shape(program.step, state)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    kinds = [(leaf.shape, leaf.dtype, leaf.weak_type) for leaf in jax.tree.leaves((state, after))]
    assert kinds[: len(kinds) // 2] == kinds[len(kinds) // 2 :]
    assert set(state.ledger.counts) == set(program.counts) >= {"updates", "tokens_tested"}
    assert all(value.shape == () for value in report.metrics.values())
    assert set(program.budget) <= set(program.counts)
    assert describe_method(name).endswith((".", "prompt."))


@pytest.fixture(scope="module")
def grpo(tmp_path_factory):
    """A run of two seeds that begins with demonstrations: its directory."""
    folder = tmp_path_factory.mktemp("grpo")
    made = experiment("addition", method="grpo", **house.settings("grpo", "addition") | MORE)
    return made, train(made, folder / "whole")


MORE = {
    "reward": "random", "sft_steps": 2, "seeds": 2, "evaluate_every": 2, "checkpoint_every": 1,
} | house.ASKED  # fmt: skip


@pytest.mark.slow
def test_a_run_begins_with_demonstrations_and_then_spends_its_budget_on_samples(grpo):
    made, outcome = grpo
    assert outcome.done
    first, *_, last = outcome.directory.metrics()
    assert first["ledger"]["tokens_sampled"] == [0, 0] and first["metrics"]["sft_loss"][0] > 2
    assert first["metrics"]["correct"] == [None, None], "nothing was sampled yet"
    assert last["metrics"]["sft_loss"] == [None, None]
    assert min(last["ledger"]["tokens_sampled"]) >= made.run.steps
    assert last["metrics"]["mismatch"][0] < 1e-4, "the learner scores tokens as the sampler did"
    assert set(last["evaluation"]) == {"test", "shifted"}
    assert last["ledger"]["tokens_tested"][0] > 0


@pytest.mark.slow
def test_the_start_is_the_model_as_it_was_when_the_method_began(grpo):
    _, outcome = grpo
    state = outcome.state
    start, model = (np.asarray(m.embed) for m in (state.start, state.student.model))
    assert not (start[0] == start[1]).all(), "each seed has its own"
    assert 0 < np.abs(start - model).max() < 0.1


@pytest.mark.slow
def test_a_run_that_ends_reports_how_its_model_answers_beside_its_start(grpo):
    _, outcome = grpo
    report, path = outcome.behaviour, outcome.directory.path
    kept = json.loads((path / "behaviour.json").read_text())
    assert kept == {name: value for name, value in report.items() if name != "run"}
    assert report["ledger"] == outcome.directory.metrics()[-1]["ledger"], "it is told apart"
    assert min(report["tokens_sampled"]) > 2 * 2 * 3 * 2  # models, splits, problems, answers
    for split in ("test", "shifted"):
        model, start = (report[who]["splits"][split] for who in ("model", "start"))
        assert {"pass@1", "pass@2", "pass_until", "distinct_valid", "entropy"} <= set(model)
        assert all(len(one["by_seed"]) == 2 for one in model.values())
        assert start["kl_to_start"]["by_seed"] == pytest.approx([0, 0], abs=1e-9)
        assert min(model["kl_to_start"]["by_seed"]) > 1e-6
        assert start["entropy"]["value"] != model["entropy"]["value"] < np.log(30)
    assert set(report["model"]["gap"]) == {"pass@1", "pass@2", "quality"}


@pytest.mark.slow
def test_a_start_is_shown_no_condition_that_it_never_learned():
    shown = {}
    for steps in (0, 2):
        chosen = house.settings("conditioned", "addition") | {"sft_steps": steps}
        made = experiment("addition", method="conditioned", **chosen)
        problem, config = bind(made.setup(None))

        @jax.jit
        def prompts(key, problem=problem, config=config):
            some = questions.draw(problem, "test", key, 3)
            return parts.shown_to_start(problem, config, some), parts.shown(problem, config, some)

        shown[steps] = jax.device_get(prompts(jax.random.key(0)))
    plain, told = shown[0]
    assert (plain.ids[:, :-1] == told.ids[:, :-1]).all() and (plain.length == told.length).all()
    assert (plain.ids[:, -1] == SEP).all() and (told.ids[:, -1] > SEP).all()
    assert (shown[2][0].ids == told.ids).all(), "demonstrations of this run have told it"


@pytest.mark.slow
def test_a_folder_is_spoken_with_as_its_run_is(grpo, tmp_path):
    path, folder = grpo[1].directory.path, tmp_path / "folder"
    assert main.run(["lm", "export", str(path), str(folder)]) == 0
    ours, theirs = language(path), open_folder(folder)
    assert theirs.closing == ours.closing == (SEP,)
    assert prompt_tokens(theirs, "1+2") == prompt_tokens(ours, "1+2")
    assert prompt_tokens(theirs, "1+2")[-1] == SEP
    assert theirs.tokenizer == ours.tokenizer
    assert (np.asarray(theirs.model.embed) == np.asarray(ours.model.embed)).all()


@pytest.mark.slow
def test_a_stopped_run_goes_on_bit_for_bit_and_its_report_can_be_made_later(
    grpo, tmp_path, monkeypatch
):
    made, outcome = grpo

    def stop(status):
        if status.line["cycle"][0] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(made, tmp_path / "stopped", show=stop)
    with monkeypatch.context() as at, pytest.raises(KeyboardInterrupt):
        at.setattr(behaviour, "behaviour", lambda run, **asked: stop_now())
        resume(tmp_path / "stopped")
    assert digest(tmp_path / "stopped") == digest(outcome.directory.path)
    assert not (tmp_path / "stopped" / "behaviour.json").exists()
    assert resume(tmp_path / "stopped").done
    reports = [run / "behaviour.json" for run in (tmp_path / "stopped", outcome.directory.path)]
    assert reports[0].read_bytes() == reports[1].read_bytes()


def stop_now():
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_run_starts_from_the_model_of_another_whatever_its_method(grpo, tmp_path):
    _, outcome = grpo
    made = experiment("addition", method="grpo", **house.settings("grpo", "addition") | MORE)
    made = made.changed({"sft_steps": 0, "learning_rate": 0.0, "steps": 32, "behaviour_answers": 0})
    state = train(made, tmp_path / "next", init_from=outcome.directory.path).state
    theirs, ours = outcome.state.student.model.embed, state.student.model.embed
    assert (np.asarray(theirs) == np.asarray(ours)).all()
    assert (np.asarray(state.start.embed) == np.asarray(theirs)).all()


@pytest.mark.slow
def test_a_step_is_one_program_and_a_test_is_another_and_neither_is_compiled_again():
    made = experiment("addition", method="grpo", **house.settings("grpo", "addition") | MORE)
    compiled, evaluate = made.compiled(), by_itself(made.program.tested)
    state = compiled.init()
    programs = []

    def heard(event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            programs.append(event)

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        for number in (1, 1, 1):
            state, _ = jax.block_until_ready(compiled.advance(state))
            assert len(programs) == number
        for number in (2, 2):
            evaluate(state)
            assert len(programs) == number
    finally:
        jax.monitoring.unregister_event_duration_listener(heard)


def test_what_does_not_fit_is_refused_in_words(capsys):
    for settings, words in (
        ({"minibatches": 3}, r"minibatches must divide prompts \(4\), got 3"),
        ({"reward": "steps", "reward_model_loss": "bradley-terry"}, "compares whole answers"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"behaviour_answers": 1}, r"must be 0 or lie in \[2, behaviour_draws = 64\], got 1"),
        ({"heads": 3}, "heads"),
    ):
        with pytest.raises(ConfigError, match=words):
            experiment("addition", method="grpo", **house.settings("grpo", "addition") | settings)
    with pytest.raises(ConfigError, match="epochs and minibatches must be 1, got 2 and 1"):
        experiment("addition", method="rloo", epochs=2)
    assert main.run(["train", "maze", "--method", "grpo"]) == 2
    assert "it is not a task of symbols" in capsys.readouterr().err
    assert main.run(["train", "addition", "--method", "plr"]) == 2
    assert "cannot learn addition" in capsys.readouterr().err


def test_a_config_names_a_learner_only_where_one_can_be_chosen():
    made = experiment("addition", method="grpo", **house.settings("grpo", "addition"))
    config = json.loads(json.dumps(made.to_dict()))
    assert config["experiment"] == {"task": "addition", "method": "grpo"}
    before = config | {"experiment": config["experiment"] | {"learner": "ppo"}}
    for one in (config, before):  # runs of before name one in any case
        assert Experiment.from_dict(one).to_dict() == made.to_dict()
    maze = experiment("maze", method="dr", **house.settings("dr"))
    assert maze.to_dict()["experiment"]["learner"] == "ppo"


def test_no_answer_is_kept_twice_whenever_it_is_found():
    from cairn.improve import buffer, cloning

    held = buffer.Buffer(
        *(jnp.zeros((6, 2), jnp.int32), jnp.zeros(6, jnp.int32)),
        *(jnp.zeros((6, 3), jnp.int32), jnp.zeros((6, 3))),
        *(jnp.zeros(6, jnp.uint32), jnp.zeros((), jnp.int32)),
    )
    token = jnp.arange(4, dtype=jnp.int32).reshape(2, 2, 1) + 4
    tokens = jnp.concatenate([token, jnp.full_like(token, 2), jnp.zeros_like(token)], axis=2)
    mask = (tokens > 0).astype(jnp.float32)
    rows = cloning.written(jnp.full((2, 2), 7), jnp.array([1, 2]), tokens, mask)
    kept = jnp.array([[True, False], [True, True]])

    @jax.jit
    def twice(held):
        names = jnp.array([[11, 12], [13, 14]], jnp.uint32)
        held, new = buffer.add(held, rows, kept, names)
        later = jnp.array([[11, 12], [15, 14]], jnp.uint32)
        held, again = buffer.add(held, rows, jnp.ones((2, 2), bool), later)
        return held, new, again, buffer.draw(held, jax.random.key(0), 64)

    held, new, again, drawn = jax.device_get(twice(held))
    assert new.tolist() == kept.tolist() and again.tolist() == [[False, True], [True, False]]
    assert held.added == 5 and held.known.tolist() == [11, 13, 14, 12, 15, 0]
    assert held.tok[:, 0].tolist() == [4, 6, 7, 5, 6, 0]
    assert held.prompt_len.tolist() == [1, 2, 2, 1, 2, 0]
    assert set(drawn.tok[:, 0, 0].tolist()) == {4, 5, 6, 7} and drawn.mask.sum() == 128
