"""Methods of the wing: every one by its shapes, one as a whole run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import house
from cairn.cli import main
from cairn.core.errors import ConfigError
from cairn.evaluation.during import by_itself
from cairn.runs.catalogue import WINGS, describe_method
from cairn.runs.digest import digest
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


MORE = {"reward": "random", "sft_steps": 2, "seeds": 2, "evaluate_every": 2, "checkpoint_every": 1}


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
def test_a_stopped_run_goes_on_bit_for_bit(grpo, tmp_path):
    made, outcome = grpo

    def stop(status):
        if status.line["cycle"][0] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(made, tmp_path / "stopped", show=stop)
    assert resume(tmp_path / "stopped").done
    assert digest(tmp_path / "stopped") == digest(outcome.directory.path)


@pytest.mark.slow
def test_a_run_starts_from_the_model_of_another_whatever_its_method(grpo, tmp_path):
    _, outcome = grpo
    made = experiment("addition", method="grpo", **house.settings("grpo", "addition") | MORE)
    made = made.changed({"sft_steps": 0, "learning_rate": 0.0, "steps": 32})
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


def test_no_answer_is_kept_twice_whenever_it_is_found():
    from cairn.improve import buffer, cloning

    held = buffer.Buffer(
        *(jnp.zeros((6, 2), jnp.int32), jnp.zeros(6, jnp.int32)),
        *(jnp.zeros((6, 3), jnp.int32), jnp.zeros((6, 3))),
        *(jnp.zeros(6, jnp.uint32), jnp.zeros((), jnp.int32)),
    )
    token = jnp.arange(4, dtype=jnp.int32).reshape(2, 2, 1) + 4
    tokens = jnp.concatenate([token, jnp.full_like(token, 2), jnp.zeros_like(token)], axis=2)
    rows = cloning.written(jnp.full((2, 2), 7), jnp.array([1, 2]), tokens)
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
