"""Methods of the wing on a model that comes from a folder, with a tokeniser of its own."""

import json
import shutil
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pretrained
import pytest

import house
from cairn.cli import main
from cairn.core import checkpoint
from cairn.core.errors import TokenError
from cairn.core.vocabulary import BOS, EOS, PAD, SEP
from cairn.envs.tokens.addition import Addition
from cairn.envs.tokens.countdown import Countdown
from cairn.improve import model, parts
from cairn.improve.method import bind
from cairn.improve.vocabulary import borrowed, own
from cairn.lm.local_folder import open_folder
from cairn.nn.language import hugging, lora, weights
from cairn.nn.language.attention import causal
from cairn.nn.language.tokens import Characters
from cairn.runs.language import language
from cairn.runs.open import one_seed, open_run
from cairn.runs.presets import experiment
from cairn.runs.train import resume, train

HERE = Path("here")
SMALL = {
    name: value
    for name, value in house.settings("grpo", "addition").items()
    if name not in house.MODEL
}
LEARNING = {
    "sft_steps": 6, "sft_batch": 16, "sft_learning_rate": 1e-2, "steps": 100,
    "keep_checkpoints": "all", "reward": "random",
}  # fmt: skip


def bits(model):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(model)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model's folder, and a run that begins with it."""
    root = tmp_path_factory.mktemp("pretrained")
    folder = pretrained.folder(root / "folder")
    made = experiment("addition", method="grpo", **SMALL | LEARNING, weights=str(folder))
    return folder, train(made, root / "run")


def test_every_symbol_is_the_token_that_says_it():
    task, words = Countdown(), pretrained.tokenizer()
    found = borrowed(task, words, words.size + 5, HERE)
    said = [words.decode([token]) for token in found.token[4:].tolist()]
    assert tuple(said) == task.own_symbols and {"10", "11", "12", "*"} < set(said)
    assert found.token[SEP] == words.encode("\n")[0]
    assert found.token[EOS] == words.eos and found.ends == words.stops
    every = jnp.arange(len(task.symbols))
    assert found.read(found.write(every)).tolist() == [PAD, PAD, *every[2:].tolist()]
    assert found.read(jnp.array(words.stops)).tolist() == [EOS, EOS]
    strange = sorted(set(range(words.size + 5)) - set(found.token.tolist()) - set(words.stops))
    assert not found.read(jnp.array(strange)).any() and len(strange) > 200


def test_a_model_of_nothing_has_the_symbols_for_its_tokens():
    found = own(Addition())
    ids = jnp.arange(len(Addition().symbols) + 2)
    assert found.write(ids).tolist() == ids.tolist()
    assert found.read(ids).tolist() == [*ids[:-2].tolist(), PAD, PAD]
    assert found.token[BOS] == BOS and found.conditions == tuple(ids[-2:].tolist())


def test_a_separator_is_no_symbol_and_a_table_of_cairns_has_one_of_its_own():
    letters = Characters("\n +0123456789:;=")
    assert borrowed(Addition(), letters, 20, HERE).token[SEP] == letters.encode("\n")[0]
    table = own(Addition()).tokenizer
    again = borrowed(Addition(), table, table.size, HERE)
    assert again.token.tolist() == list(range(len(Addition().symbols))) and again.begins


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (pretrained.tokenizer(pairs=("10",)), "no single token for '11', '12', which Countdown"),
        (pretrained.tokenizer(without="*/"), r"no single token for '\*', '/'"),
        (Characters("*+-/0123456789"), "no token left to end a prompt with: expected one of '<sep"),
    ],
)
def test_a_tokeniser_that_lacks_symbols_is_refused_by_their_names(words, said):
    task = Countdown() if words.size > 20 else Countdown(largest=9)
    with pytest.raises(TokenError, match=said):
        borrowed(task, words, words.size, HERE)


@pytest.mark.slow
def test_a_token_that_is_no_symbol_makes_an_answer_wrong():
    task, words = Addition(digits=1), pretrained.tokenizer()
    found = borrowed(task, words, words.size, HERE)
    key = jax.random.key(3)

    @jax.jit
    def judged():
        problem = task.problem(key, "train")
        tokens = found.write(task.demonstration(problem, key))
        length = jnp.argmax(found.ended(tokens)) + 1
        stranger = jnp.int32(words.encode("q")[0])
        spoiled = [tokens.at[0].set(stranger), jnp.insert(tokens, length - 1, stranger)[:-1]]
        other = jnp.where(tokens == words.eos, words.stops[-1], tokens)

        def correct(tokens, length):
            return task.verify(problem, found.read(tokens), length.astype(jnp.int32)).correct

        return (
            *(correct(tokens, length), correct(other, length)),
            *(correct(spoiled[0], length), correct(spoiled[1], length + 1)),
        )

    assert [bool(one) for one in judged()] == [True, True, False, False]


@pytest.mark.slow
def test_a_run_begins_with_the_folders_own_logits_on_the_prompt_in_its_tokens(trained):
    folder, outcome = trained
    run = open_run(outcome.directory.path)
    first = checkpoint.every(outcome.directory.checkpoints)[0]
    state = one_seed(checkpoint.load(first, run.experiment.state_shape())[0], 0)
    loaded = weights.load(folder, dtype="float32")
    assert bits(state.student.model) == bits(loaded)
    problem, _ = bind(run.experiment.setup(None))
    keys = jax.random.split(jax.random.key(1), 3)
    problems = jax.vmap(lambda key: problem.task.problem(key, "test"))(keys)
    prompt = parts.plain(problem, problems)
    _, hidden = state.student.model.prefill(prompt.ids, prompt.length)
    shown = jax.vmap(problem.task.prompt)(problems)
    words = pretrained.tokenizer()
    for row, length, got in zip(shown.ids, shown.length, hidden, strict=True):
        assert row[-int(length)] == BOS and row[-1] == SEP
        text = problem.task.text(row[1 - int(length) : -1]).replace(" ", "") + "\n"
        tokens = jnp.array(words.encode(text))
        wanted = loaded.hidden(tokens, *causal(len(tokens)))[-1]
        np.testing.assert_allclose(loaded.logits(got), loaded.logits(wanted), atol=1e-4)


@pytest.mark.slow
def test_it_learns_from_demonstrations_and_then_from_its_own_answers(trained):
    _, outcome = trained
    assert outcome.done
    first, *_, last = outcome.directory.metrics()
    later = outcome.directory.metrics()[2]["metrics"]["sft_loss"][0]
    assert later < first["metrics"]["sft_loss"][0] - 0.5
    assert np.isfinite(last["metrics"]["loss"][0]) and last["metrics"]["mismatch"][0] < 1e-4
    assert min(last["ledger"]["tokens_sampled"]) >= 100
    assert bits(outcome.state.student.model) != bits(outcome.state.start)


@pytest.mark.slow
def test_adapters_learn_and_the_weights_of_the_folder_stay(trained, tmp_path):
    folder, _ = trained
    chosen = SMALL | {"sft_batch": 16, "sft_learning_rate": 1e-2, "steps": 600}
    made = experiment("addition", method="sft", **chosen, weights=str(folder), lora=2)
    outcome = train(made, tmp_path / "run")
    first, *_, last = outcome.directory.metrics()
    assert last["metrics"]["loss"][0] < first["metrics"]["loss"][0] - 0.1
    model, own = one_seed(outcome.state.student.model, 0), weights.load(folder)
    assert bits(lora.without(model)) == bits(own)
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))  # noqa: E731
    moments = count(outcome.state.moments) - 1  # the number of steps
    assert moments == 2 * (count(model) - count(own)) > 0, "Adam remembers what learns alone"
    assert main.run(["lm", "export", str(outcome.directory.path), str(tmp_path / "new")]) == 0
    exported = weights.load(tmp_path / "new")
    assert bits(exported) == bits(language(outcome.directory.path).model) != bits(own)
    np.testing.assert_array_equal(exported.embed, own.embed)


@pytest.mark.slow
def test_a_run_explains_itself_and_needs_the_folder_no_more(trained, tmp_path, monkeypatch):
    folder, outcome = trained
    config = outcome.directory.config
    told = {"weights": str(folder), "lora": 0}
    assert config["model"] == told, "a size that it does not have is not told"
    assert set(config["weights"]) == {"folder", "tokenizer", "numbers"}
    moved = shutil.copytree(outcome.directory.path, tmp_path / "moved")
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        assert resume(moved).done
        ours = language(moved)
        assert main.run(["lm", "export", str(moved), str(tmp_path / "new")]) == 0
    finally:
        hidden.rename(folder)
    theirs = open_folder(tmp_path / "new")
    assert bits(theirs.model) == bits(ours.model) != bits(weights.load(folder))
    assert theirs.closing == ours.closing == tuple(ours.tokenizer.encode("\n"))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        assert (tmp_path / "new" / name).read_bytes() == (folder / name).read_bytes()
    before, after = (hugging.read(one) for one in (folder, tmp_path / "new"))
    assert after == before | {"closing_token_ids": list(ours.closing)}


@pytest.mark.slow
def test_a_run_starts_from_another_with_the_words_that_this_one_has_kept(trained, tmp_path):
    _, outcome = trained
    kept = outcome.directory.path / "model"  # no weights are in it, and none are asked for
    made = experiment("addition", method="grpo", **SMALL | LEARNING, weights=str(kept))
    made = made.changed({"seed": 1})
    state = train(made, tmp_path / "next", init_from=outcome.directory.path)
    first = checkpoint.every(state.directory.checkpoints)[0]
    begun = checkpoint.load(first, made.state_shape())[0]
    assert bits(begun.student.model) == bits(outcome.state.student.model)
    assert set(state.directory.config["weights"]) == {"folder", "tokenizer"}


@pytest.mark.slow
def test_a_run_goes_on_only_with_the_tokeniser_it_began_with(trained, tmp_path, capsys):
    folder, outcome = trained
    changed = shutil.copytree(outcome.directory.path, tmp_path / "changed")
    file = changed / "model" / "tokenizer.json"
    file.write_text(file.read_text() + "\n")
    assert main.run(["train", "--resume", str(changed)]) == 2
    assert "config and tokeniser in" in capsys.readouterr().err
    # Without its copy a run reads the folder itself.
    shutil.rmtree(changed / "model")
    assert resume(changed).done
    hidden = folder.rename(folder.with_name("hidden"))
    model.described.cache_clear()  # another process has read nothing yet
    try:
        assert main.run(["train", "--resume", str(changed)]) == 2
    finally:
        hidden.rename(folder)
    assert f"{folder} does not exist" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "rank"),
    [("star", 2), ("refine", 0), ("exit", 0), ("sorm", 2), ("dapo", 0), ("ppo", 2)],
)
def test_other_methods_take_it_too(trained, method, rank):
    folder, _ = trained
    chosen = house.settings(method, "addition") | {"weights": str(folder), "lora": rank}
    chosen = {name: value for name, value in chosen.items() if name not in house.MODEL}
    program = experiment("addition", method=method, **chosen).program
    state = jax.eval_shape(program.init, jax.random.key(0))
    after, _ = jax.eval_shape(program.step, state)
    assert eqx.tree_equal(*(jax.tree.map(lambda leaf: leaf.shape, one) for one in (after, state)))


def test_what_does_not_fit_is_refused_in_one_line(tmp_path, capsys):
    folder = pretrained.folder(tmp_path / "folder")
    pretrained.folder(tmp_path / "short", context=8)
    task = Addition(digits=1)
    pretrained.folder(tmp_path / "plain", context=task.prompt_length + task.answer_length)
    bare, other, cut = (shutil.copytree(folder, tmp_path / n) for n in ("bare", "other", "cut"))
    (bare / "tokenizer.json").unlink()
    config = hugging.read(folder)
    (other / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))
    (cut / "config.json").write_text(json.dumps(config | {"intermediate_size": 32}))
    lost = shutil.copytree(folder, tmp_path / "lost")
    (lost / "model.safetensors").unlink()
    (tmp_path / "a-run").mkdir()
    (tmp_path / "a-run" / "versions.json").write_text("{}")
    for flags, words in (
        (["--weights", "absent"], "absent does not exist; expected"),
        (["--weights", "a-run"], "a-run is a run of cairn; expected a model's folder. Start from"),
        (["--weights", "bare"], "bare has no tokenizer.json"),
        (["--weights", "other"], "a model of the family 'gpt2'; cairn reads llama, qwen2, qwen3"),
        (["--weights", "cut"], "mlp.gate_proj.weight is (24, 16), but config.json asks for (32, 1"),
        (["--weights", "lost"], "model.safetensors: No such file"),
        (["--weights", "short"], "is made for 8 tokens, and prompt and answer of Addition take"),
        (["--weights", "plain", "--method", "star"], "take up to 15 by this method"),
        (["--lora", "2"], "lora must be 0 without weights, got 2: a new model has nothing"),
        (["--weights", "folder", "--width", "64"], "width must be left out with weights, got 64"),
        (["--weights", "folder", "--method", "crlft"], "a model of a folder (weights) has none"),
        (["--weights", "folder", "--method", "refine", "--where", "local"], "has none. Expected"),
    ):
        flags = [str(tmp_path / f) if (tmp_path / f).is_dir() else f for f in flags]
        method = [] if "--method" in flags else ["--method", "grpo"]
        run = ["--run", str(tmp_path / "run"), "--digits", "1"]
        assert main.run(["train", "addition", *method, *flags, *run]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1, (flags, said)
        assert not (tmp_path / "run").exists()
    tune = ["tune", "addition", "--method", "grpo", "--weights", str(folder), "--digits", "1"]
    assert main.run([*tune, "--search", "learning_rate=1e-5,1e-3"]) == 2
    assert "weights must be left out: trials begin with new models" in capsys.readouterr().err
