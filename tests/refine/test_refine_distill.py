"""`cairn refine distill`: what it learns from, how chances are read, a training to its end."""

import json
import math
import pickle
import re
from pathlib import Path
from random import Random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refine_job import config, read, write_rows

from cairn.cli.main import run as cairn
from cairn.core.draws import DrawKey
from cairn.lm.request import Request
from cairn.nn.language.size import Size
from cairn.nn.language.transformer import Transformer
from cairn.refine.checks.base import Failure
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.distill import refiner, training
from cairn.refine.distill.config import Distillation
from cairn.refine.distill.examples import OTHER, Example, of_pair
from cairn.refine.distill.noise import pools, seen, unknown
from cairn.refine.distill.pieces import BUCKETS, SHAPES, Pieces, cut, shape_of
from cairn.refine.distill.reading import spans, windows
from cairn.refine.distill.refiner import Distilled
from cairn.refine.distill.run import distill
from cairn.refine.distill.tagger import Rows, chances, loss, shape
from cairn.refine.run import refine
from cairn.refine.spans import Span
from cairn.refine.tasks.catalogue import task

TINY = Size(width=32, layers=1, heads=2, kv_heads=2, head_width=16, inner=64)
ODD = "Ana İç, 555-0192\n\u200bа@b.de  x_9 \ud800 東京"


def test_words_and_what_is_between_them_are_the_text():
    pieces = cut(ODD)
    words = [ODD[start:end] for start, end in pieces.words]
    assert words[:6] == ["Ana", "İç", ",", "555", "-", "0192"] and "".join(words) == "".join(
        ODD.split(" ")
    )
    assert np.bincount(pieces.word).tolist() == [
        -(-len(word) // (2 if word.isdecimal() else 3)) for word in words
    ]
    assert pieces.ids.min() >= 1 and pieces.ids.max() < BUCKETS
    assert cut("").words.shape == (0, 2)
    one, inside, after = cut("ana").ids, cut("xxxana").ids[1:], cut("a ana").ids[1:]
    assert len({*one.tolist(), *inside.tolist(), *after.tolist()}) == 3  # how it stands counts


def test_a_pair_says_what_was_removed():
    text = "Ask Ana Paz (ana.paz@birchpost.eu) about the big brass kettle."
    made = of_pair(text, "Ask Ida Rey (ida.rey@example.org) about the kettle.", (detectors(),))
    removed = [(text[s.start : s.end], s.kind) for s in made.example.spans]
    assert ("ana.paz@birchpost.eu", "EMAIL_ADDRESS") in removed  # whole, though "." and "@" survive
    assert removed[0] == ("Ana Paz", "PERSON")  # and not "Ask", which the detector takes for a name
    assert removed[-1] == ("big brass", OTHER) and made.added == 0
    assert of_pair("Keep this.", "Keep this. And more words.", ()).added == 3
    (span,) = of_pair("key = _s3cret_ now", "key = _example_ now", ()).example.spans
    assert (span.start, span.end) == (6, 14)  # a word all the same
    apart = of_pair("Ask Ana, Bo now", "Ask Ida, Rey now", ()).example.spans
    assert [(s.start, s.end) for s in apart] == [(4, 7), (9, 11)]  # the sign between them survived
    assert of_pair("Keep this.", "Keep this.", ()).example.spans == ()


@pytest.mark.parametrize("pieces", [0, 7, 16, 17, 33, 1000])
def test_every_piece_is_taken_from_one_window(pieces):
    found = windows(pieces, 16)
    assert [at for w in found for at in range(w.used, w.until)] == list(range(pieces))
    assert all(w.start <= w.used and w.until <= w.end and w.end - w.start <= 16 for w in found)


def test_words_go_whole_and_side_by_side_in_one_span():
    text = "Ask Anabel Paz, or 7"
    pieces = cut(text)  # Ask | Ana bel | Paz | , | or | 7
    assert pieces.word.tolist() == [0, 1, 1, 2, 3, 4, 5]
    stays = np.array([0.9, 0.2, 0.6, 0.3, 0.9, 0.9, 0.4])
    rows = np.stack([stays, (1 - stays) * 0.25, (1 - stays) * 0.75], axis=1)
    found = spans(text, pieces, rows, ("PLACE", "PERSON"), 0.5)
    assert [(text[s.start : s.end], s.kind) for s in found] == [
        ("Anabel Paz", "PERSON"), ("7", "PERSON"),
    ]  # fmt: skip
    assert found[0].score == pytest.approx(0.7)
    assert [s.start for s in spans(text, pieces, rows, ("PLACE", "PERSON"), 0.65)] == [11]
    signs = Pieces(*cut(", ."))
    assert spans(", .", signs, np.array([[0.1, 0.9]] * 2), ("PERSON",), 0.5) == []


def test_a_piece_has_its_shape_and_an_unknown_one_keeps_it():
    pieces = cut("Ask MARIA (mia.bo) at 1905, Анна")
    shapes = [SHAPES[at] for at in shape_of(pieces.ids)]
    assert shapes == [
        "capital", "capitals", "capitals", "sign", "small", "sign", "small", "sign", "small",
        "digits", "digits", "sign", "capital", "goes on",
    ]  # fmt: skip
    changed = np.zeros(len(pieces.ids))
    for seed in range(200):
        ids = unknown(pieces.ids, pieces.word, Random(seed))
        assert (shape_of(ids) == shape_of(pieces.ids)).all()
        changed += ids != pieces.ids
    signs = shape_of(pieces.ids) == SHAPES.index("sign")
    assert not changed[signs].any() and (changed[~signs] > 10).all()


def test_noise_moves_no_label():
    values = {"Anabel Paz": "PERSON", "555-0192": "PHONE_NUMBER"}
    text = "Ask Anabel Paz, or dial 555-0192 before the kettle is cold; quiet please | thanks"
    places = [(text.index(value), value, kind) for value, kind in values.items()]
    example = Example(text, tuple(Span(at, at + len(v), kind) for at, v, kind in places))
    known, draw, whole = pools([example], ["zebra"]), Random(1), 0
    met = ""
    for _ in range(300):
        view = seen(example, known, draw, longest=60)
        assert len(view.text) <= 60 and view.text
        met += view.text
        for span in view.spans:
            stands = view.text[span.start : span.end].lower()
            [value] = [v for v, kind in values.items() if kind == span.kind]
            assert stands and stands in value.lower()  # cut at the edge of the view at most
            whole += stands == value.lower()
    assert whole > 100 and "zebra" in met and "Zebra" in met


def test_a_model_that_knows_nothing_loses_the_logarithm_of_its_tags():
    model = Transformer.init(jax.random.key(0), shape(TINY, 2))
    blank = jax.tree.map(lambda leaf: 0 * leaf, model)
    example = Example("Ask Ana.", (Span(4, 7, "PERSON"),))
    pieces, tags = training.tagged(example, ["PERSON", "PLACE"])
    assert tags.tolist() == [0, 1, 0]
    padded = np.zeros((4, 1, 8), np.int32)
    padded[:, 0, :3] = pieces.ids, [1, 1, 1], [0, 1, 2], tags
    assert float(loss(blank, Rows(*map(jnp.asarray, padded)))) == pytest.approx(math.log(3))


def test_half_of_what_removed_words_get_is_the_threshold(monkeypatch):
    def given(model, ids, segments, places):
        goes = np.where(np.asarray(ids) == cut("Ana").ids[0], 0.8, 0.1)
        return np.stack([1 - goes, goes], axis=-1)

    monkeypatch.setattr(training, "chances", given)
    config = Distillation("made", rows=1, length=16, noise=False)
    example = Example("Ana said so", (Span(0, 3, "PERSON"),))
    model = Transformer.init(jax.random.key(0), shape(TINY, 1))
    assert training.calibrate(model, [example], ["PERSON"], config) == pytest.approx(0.4)


def small_one(monkeypatch, *values):
    """A refiner that finds these values, whatever its weights would say."""

    def found(small, text):
        places = [(m.span(), kind) for v, kind in values for m in re.finditer(re.escape(v), text)]
        return tuple(sorted(Span(*place, kind, 0.9, "distilled") for place, kind in places))

    monkeypatch.setattr(refiner, "_found", found)
    return Distilled(Path("none"), ("PERSON", "CODE"), 0.5, 64, "digest")


def test_nothing_is_left_of_a_value_that_holds_one_of_the_table(monkeypatch):
    values = ("Ana Paz Lopez", "PERSON"), ("badge 77-4131", "CODE")
    small = small_one(monkeypatch, *values)
    table = {"Ana Paz": "Kim Stone", "77": "12"}
    made = small.rewrite("Ask Ana Paz Lopez, badge 77-4131.", table)
    found = re.fullmatch(r"Ask Kim Stone ([A-Z]\w+), ([a-z]{5}) 12-(\d{4})\.", made)
    assert found is not None and not {"Lopez", "badge", "4131"} & set(found.groups())


def test_a_value_of_the_table_goes_as_a_whole_word(monkeypatch):
    small = small_one(monkeypatch)
    table = {"Ann": "Kim", "王伟": "李平", "s3cr3t-x": "EXAMPLEx"}
    made = small.rewrite("Annex: Ann, Joann, Ann_1, 我叫王伟。 keys3cr3t-xy", table)
    assert made == "Annex: Kim, Joann, Kim_1, 我叫李平。 keyEXAMPLExy"


def test_what_the_small_refiner_alone_finds_is_called_the_same_in_the_whole_record(
    monkeypatch, tmp_path
):
    """In both fields, in each piece, at each try, and beside what the detectors find."""
    small = small_one(monkeypatch, ("qz-4131", "CODE"), ("dr-88", "CODE"))
    monkeypatch.setattr(Distilled, "open", lambda folder: small)
    lines = "Badge qz-4131 of Mr. Miller.\n\n", "Again dr-88, and qz-4131 came.\n"
    row = {"id": "a", "title": "qz-4131 and dr-88", "text": "".join(lines)}
    settings = config(
        write_rows(tmp_path / "in.jsonl", [row]), tmp_path / "out.jsonl", task="anonymize",
        text=("title", "text"), chunk=32, simulation=None, distilled="small",
    )  # fmt: skip
    refine(settings, tmp_path / "run", task("anonymize"), show=False)
    (out,) = read(tmp_path / "out.jsonl")
    one, other = re.fullmatch(r"(\w\w-\d{4}) and (\w\w-\d\d)", out["title"]).groups()
    assert one != "qz-4131" and other != "dr-88" and "Miller" not in out["text"]
    assert out["text"].count(one) == 2 and out["text"].count(other) == 1
    assert out["refined"]["found"] == 1  # by detectors: the others no check holds against it


def test_without_a_table_it_is_called_the_same_at_each_try(monkeypatch):
    small = small_one(monkeypatch, ("qz-4131", "CODE"))
    own = task("anonymize")
    asked = [
        own.prompt("Badge qz-4131.", feedback) for feedback in (None, Failure("leak", "Mend."))
    ]
    said = {small.answer(Request(tuple(each)), DrawKey.root(at)) for at, each in enumerate(asked)}
    assert len(said) == 1 and "qz-4131" not in said.pop()


def labelled(path):
    """Texts in which every word of digits is private: what can be learned in a moment."""
    draw = Random(0)
    rows = []
    for _ in range(80):
        count = draw.randrange(2, 30)
        words = draw.choices(["pay", "the", "old", "mill", "by", "noon", "or", "wait"], k=count)
        for at in range(draw.randrange(6), count, 6):
            words[at] = str(draw.randrange(10, 60))
        text = " ".join(words)
        codes = [match.span() for match in re.finditer(r"\d+", text)]
        spans = [{"start": start, "end": end, "kind": "CODE"} for start, end in codes]
        rows.append({"text": text, "spans": spans})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def readable(folder):
    """What of a folder that holds weights others than its owner can read."""
    everything = [folder, *folder.rglob("*")]
    assert len(everything) > 1
    return [path for path in everything if path.stat().st_mode & 0o077]


@pytest.mark.slow
def test_a_training_from_end_to_end_also_after_a_kill(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "SAVED", 20)
    source = labelled(tmp_path / "labelled.jsonl")
    config = Distillation(
        str(source), teacher="labels", updates=100, rows=6, length=32, size=TINY,
        learning_rate=0.02, noise=False,
    )  # fmt: skip
    whole = distill(config, tmp_path / "whole")
    assert whole["kinds"] == ["CODE"] and whole["texts"] == 80 and whole["removed"] > 80

    def killed(told):
        if told.done == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(config, tmp_path / "killed", killed)
    assert not readable(tmp_path / "killed" / "checkpoints")
    words = ["refine", "bench", "--labelled", str(source), "--distilled", str(tmp_path / "killed")]
    assert cairn(words) == 2
    assert "has not ended: give its command again" in capsys.readouterr().err
    again = distill(config, tmp_path / "killed")
    assert again["weights"] == whole["weights"] and again["threshold"] == whole["threshold"]
    small = Distilled.open(tmp_path / "whole")
    text = "wait by the mill 47 or pay " * 12  # more than is read at once
    found = small.found([text, "the old mill", short := "pay 12 by the old mill"])
    assert [len(each) for each in found] == [12, 0, 1]
    assert found[2] == small.find(short) and found[2][0][:3] == (4, 6, "CODE")
    other = small.rewrite(short)
    assert re.fullmatch(r"pay \d\d by the old mill", other) and other != short
    assert small.rewrite(short, {"12": "a sum", "mill": "barn"}) == "pay a sum by the old barn"
    for name in ("whole", "killed"):
        assert not readable(tmp_path / name / "model")
        held = [p for p in (tmp_path / name).rglob("*") if p.is_file()]
        assert not any(b"the old mill" in p.read_bytes() for p in held)
    with pytest.raises(Exception, match="threshold must lie in"):
        Distilled.open(tmp_path / "whole", threshold=1.5)
    other = pickle.loads(pickle.dumps(small.model()))  # for other processes
    assert other.identity == small.model().identity and small.digest in other.identity
    capsys.readouterr()
    words = ["refine", "bench", "--labelled", str(source), "--detectors", "none", "--json", "-"]
    assert cairn([*words, "--baselines", "mask", "--distilled", str(tmp_path / "whole")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["detectors"]["distilled"]["kinds"][1]["recall"]["value"] > 0.9
    assert told["rewriters"]["mask, distilled"]["over_edited"]["value"] < 0.05
    # As the refiner of a run.
    rows = [{"text": f"pay {number} by the old mill"} for number in range(20, 32)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.toml").write_text('instructions = "Remove codes."\nchecks = ["length"]\n')
    words = ["refine", "run", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    words += ["--task", str(tmp_path / "own.toml"), "--distilled", str(tmp_path / "whole")]
    assert cairn(words) == 0
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(out) == 12
    for before, after in zip(rows, out, strict=True):
        assert re.fullmatch(r"pay \d\d by the old mill", after["text"])
        assert after["text"] != before["text"]
    # And that run, as what another learns from.
    words = ["refine", "distill", str(tmp_path / "in.jsonl.refine"), str(tmp_path / "second")]
    words += ["--updates", "1", "--rows", "1", "--length", "16", "--width", "32", "--layers", "1"]
    capsys.readouterr()
    assert cairn([*words, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kinds"] == [OTHER] and told["removed"] == told["texts"] == 12


@pytest.mark.slow
def test_a_training_that_diverges_is_one_line_and_leaves_nothing(tmp_path, capsys):
    source, out = labelled(tmp_path / "labelled.jsonl"), tmp_path / "out"
    words = ["refine", "distill", str(source), str(out), "--labels", "labels", "--rows", "1"]
    words += ["--length", "16", "--width", "32", "--layers", "1", "--learning-rate", "1e30"]
    assert cairn([*words, "--updates", "9"]) == 2
    told = capsys.readouterr().err
    lines = [line for line in told.splitlines() if "cairn:" in line]
    assert len(lines) == 1 and "its loss is no number" in lines[0] and "Traceback" not in told
    assert f"Nothing was left at {out}" in lines[0] and not out.exists()


@pytest.mark.slow
def test_texts_of_a_row_do_not_see_each_other():
    model = Transformer.init(jax.random.key(1), shape(TINY, 1))
    one, two = cut("Ask Anabel").ids, cut("dial 555-0192").ids
    rows = np.zeros((3, 2, 16), np.int32)
    for row, texts in enumerate(([one, two], [two])):
        at = 0
        for number, ids in enumerate(texts, 1):
            to = at + len(ids)
            rows[:, row, at:to] = ids, [number] * len(ids), range(len(ids))
            at = to
    both = np.asarray(chances(model, *map(jnp.asarray, rows)))
    np.testing.assert_allclose(
        both[0, len(one) : len(one) + len(two)], both[1, : len(two)], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.jsonl", "does not exist; expected a run of cairn refine run, a file of labelled"),
        ("folder", "is not a run of cairn"),
        ("empty.jsonl", "expected labelled records, one a line, got none"),
        ("broken.jsonl", "line 1: expected a JSON object"),
        ("half.jsonl", 'line 2: expected an object with the strings "text" and "rewrite"'),
        ("reworded.jsonl", "it cannot learn to reword"),
        ("clean.jsonl", "nothing was removed from any of its 1 texts"),
    ],
)
def test_a_source_that_teaches_nothing_is_one_line(source, said, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    pair = {"text": "one two three", "rewrite": "one two three"}
    written = {
        "empty": "",
        "broken": "{",
        "half": f'{json.dumps(pair)}\n{{"text": "x"}}',
        "reworded": json.dumps(pair | {"rewrite": "quite another thing"}),
        "clean": json.dumps(pair),
    }
    for name, text in written.items():
        (tmp_path / f"{name}.jsonl").write_text(text)
    assert cairn(["refine", "distill", str(tmp_path / source), str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert said in told and len(told.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_settings_that_cannot_be_are_one_line(tmp_path, capsys):
    for words, said in (
        (["--threshold", "2"], "threshold must lie in (0, 1), got 2"),
        (["--length", "4"], "length must be at least 16 pieces, got 4"),
        (["--learning-rate", "0"], "learning_rate must be a number above 0, got 0"),
        (["--learning-rate", "nan"], "learning_rate must be a number above 0, got nan"),
        (["--learning-rate", "inf"], "learning_rate must be a number above 0, got inf"),
        (["--seed", "1" + 30 * "0"], "seed must lie in [0, 2^32), got 1000"),
        (["--seed", "-1"], "seed must lie in [0, 2^32), got -1"),
    ):
        assert cairn(["refine", "distill", "made", str(tmp_path / "out"), *words]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "in.jsonl").write_text('{"text": "x"}\n')
    run = [
        "refine",
        "run",
        str(tmp_path / "in.jsonl"),
        str(tmp_path / "o.jsonl"),
        "--task",
        "anonymize",
    ]
    assert cairn([*run, "--distilled", "none", "--demo"]) == 2
    assert "a model, a distilled or a simulated one" in capsys.readouterr().err
    assert cairn([*run, "--distilled", str(tmp_path / "none")]) == 2
    assert "does not exist; expected the directory of a run of cairn refine distill" in (
        capsys.readouterr().err
    )
