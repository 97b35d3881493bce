"""A small model learns to go on with texts, from files to a folder that others read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.cli import main
from cairn.core.errors import ConfigError, DatasetError
from cairn.core.rundir import RunDir
from cairn.lm.local_folder import open_folder
from cairn.nn.language.attention import causal
from cairn.nn.language.size import Size
from cairn.nn.language.transformer import Transformer
from cairn.offline.corpus import Corpus, prepare
from cairn.offline.pretrain import Config, Tokens, loss, windows
from cairn.runs.language import language

SIZE = {"width": 16, "layers": 1, "heads": 2, "kv-heads": 1, "head-width": 8, "inner": 16}
SMALL = {"batch": 8, "window": 12, "log-every": 20, "test-every": 20, "learning-rate": 0.02}
UPDATES = 120


def flags(settings):
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Two texts: one counts up, the other down."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "up.txt").write_text("abcdefgh" * 40)
    (folder / "deep").mkdir()
    (folder / "deep" / "down.md").write_text("hgfedcba" * 40)
    (folder / "picture.png").write_bytes(b"\xff\xfe")
    return folder


@pytest.fixture(scope="module")
def run(texts, tmp_path_factory):
    """Trained by the command."""
    folder = tmp_path_factory.mktemp("pretrain")
    steps = UPDATES * SMALL["batch"] * SMALL["window"]
    places = {"data": folder / "data", "run": folder / "run", "steps": steps}
    assert main.run(["lm", "train", str(texts), *flags(SIZE | SMALL | places)]) == 0
    return folder / "run"


@pytest.mark.slow
def test_it_learns_what_comes_next_and_counts_its_tokens(run):
    lines = RunDir.open(run).metrics()
    losses = [line["metrics"]["held_out_loss"][0] for line in lines]
    assert losses[-1] < 0.3 < 0.6 < losses[0]  # nats a token; 0.17 and 0.74 were measured
    ledger = lines[-1]["ledger"]
    assert ledger["updates"] == [UPDATES]
    assert ledger["tokens_learned"] == [UPDATES * SMALL["batch"] * SMALL["window"]]
    assert ledger["tokens_tested"] == [UPDATES // 20 * 16 * SMALL["window"]]


@pytest.mark.slow
def test_what_was_trained_goes_on_with_a_text_and_is_the_same_in_a_folder(run, tmp_path, capsys):
    spoken = language(run)
    ids = jnp.array([1, *spoken.tokenizer.encode("defghabc")])
    read = jax.jit(lambda model, ids: model.logits(model.hidden(ids, *causal(9))))
    following = np.asarray(read(spoken.model, ids).argmax(-1))
    # After two letters it is known whether they go up.
    assert spoken.tokenizer.decode(following[2:]) == "fghabcd"
    folder = tmp_path / "model"
    assert main.run(["lm", "export", str(run), str(folder)]) == 0
    found = open_folder(folder)
    assert found.tokenizer == spoken.tokenizer and found.stops == spoken.stops
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), found.model, spoken.model))
    assert main.run(["lm", "export", str(run), str(folder)]) == 2
    assert "already exists, and is not written over" in capsys.readouterr().err


@pytest.mark.slow
def test_a_text_sees_nothing_of_the_one_before_it():
    size = Size(width=8, layers=1, heads=1, kv_heads=1, head_width=8, inner=8)
    fresh = jax.eval_shape(lambda: Transformer.init(jax.random.key(1), size.shape(9)))
    draw = np.random.default_rng(0).normal
    model = jax.tree.map(lambda leaf: jnp.asarray(draw(0.0, 0.6, leaf.shape), jnp.float32), fresh)

    @jax.jit
    def value(token):
        return loss(model, Tokens(token, token == 1))

    def of(*rows):
        return float(value(jnp.array(rows)))

    first, other, second = [1, 5, 7, 2], [1, 8, 3, 2], [1, 6, 4, 2]
    end = [1]
    both = of([*first, *second, *end], [*other, *second, *end])
    alone = [of([*text, *text, *end], [*text, *text, *end]) for text in (first, other, second)]
    assert both == pytest.approx((alone[0] + alone[1] + 2 * alone[2]) / 4, abs=1e-5)
    assert abs(alone[0] - alone[1]) > 1e-3


def test_windows_lie_anywhere_whole():
    tokens = Tokens(jnp.arange(9), jnp.arange(9) == 4)
    rows = windows(tokens, jnp.array([0, 5]), Config(window=3))
    assert rows.token.tolist() == [[0, 1, 2, 3], [5, 6, 7, 8]]


def test_a_corpus_is_made_once_and_holds_every_text(texts, tmp_path):
    corpus = prepare(texts, tmp_path / "data")
    token, first = corpus.read()
    assert corpus.vocabulary == 4 + 8 and len(token) == 2 * (320 + 2)
    assert np.flatnonzero(first).tolist() == [0, 322] and token[0] == 1 and token[321] == 2
    assert corpus.tokenizer().decode(token[:322]) == "hgfedcba" * 40  # deep/ comes first
    assert prepare(texts, tmp_path / "data").dataset.digest == corpus.dataset.digest
    with pytest.raises(DatasetError, match="other texts or other tokens"):
        prepare(texts / "up.txt", tmp_path / "data")
    (tmp_path / "data" / "tokens.json").write_text('{"kind": "characters", "table": "abcdefgx"}')
    with pytest.raises(DatasetError, match="not the one that its texts were written with"):
        corpus.tokenizer()


def test_byte_pairs_are_learned_from_the_texts(texts, tmp_path):
    corpus = prepare(texts, tmp_path / "data", "bpe", 280)
    token, first = corpus.read()
    assert corpus.vocabulary == 280 and len(token) < 2 * 160 and first.sum() == 2
    assert corpus.tokenizer().decode(token[: np.flatnonzero(first)[1]]) == "hgfedcba" * 40


def test_what_is_no_corpus_is_refused_and_nothing_is_left(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "none").mkdir()
    (tmp_path / "empty.txt").write_text("")
    for source, words in (
        ("latin.txt", r"is not UTF-8 \(byte 3\)"), ("none", "has no text"),
        ("empty.txt", "every file is empty"), ("absent", "does not exist"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            prepare(tmp_path / source, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    with pytest.raises(DatasetError, match="is no dataset"):
        Corpus.open(tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lm", "trian"], "Did you mean 'train'?"),
        (["lm", "train", "--steps", "3"], "needs texts before its flags"),
        (["lm", "serve", "absent"], "absent does not exist; expected a run, or a model's folder"),
        (["lm", "serve", "absent", "--port", "70000"], "--port must lie in [0, 65535]"),
        (["lm", "serve", "absent", "--slots", "0"], "slots must be at least 1, got 0"),
        (["lm", "export", "absent"], "needs a run and a folder, got absent"),
        (["train", "sphere", "--method", "pretrain"], "it is no corpus of texts"),
        (["train", "text", "--method", "pretrain"], "cairn lm train TEXTS makes one"),
    ],
)
def test_mistakes_are_said_in_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments[1] == "serve" and "--port" not in arguments:
        arguments = [*arguments, "--port", "0"]
    assert main.run(arguments) == 2
    assert words in capsys.readouterr().err
