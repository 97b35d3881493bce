"""The study of training on refined data: its texts, sets and lines are right, and it runs."""

import importlib
import json
import random
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cairn.core.vocabulary import BOS, EOS
from cairn.refine.labels import Record
from cairn.refine.rewriting_score import Rewrite
from cairn.refine.simulated import Errors, SimulatedRefiner
from cairn.refine.spans import Span

VERIFY = Path(__file__).parents[2] / "benchmarks" / "verify"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(VERIFY))
    return importlib.import_module


def test_texts_hold_their_facts_and_insults_and_no_question(script):
    texts, draw = script("refine_texts"), random.Random(0)
    names = texts.names(12, draw)
    assert len(set(names)) == 12
    firms = [texts.firm(name, draw) for name in names[:6]]
    things = [texts.thing(name, draw) for name in names[6:]]
    for record in texts.told([*firms, *things], 3, draw):
        for fact in record.facts:
            assert fact.answer in record.text and fact.question not in record.text
        private = {record.value(span) for span in record.spans if span.kind != texts.TOXIC}
        assert private == {fact.answer for fact in record.facts if not fact.public}
        insults = [span for span in record.spans if span.kind == texts.TOXIC]
        assert texts.toxicity(record.text) == 1 - 0.5 ** len(insults)
        rest = list(record.text)
        for span in reversed(insults):
            del rest[span.start : span.end]
        assert record.clean in (None, "".join(rest))


def test_a_refined_set_is_what_a_run_accepts_in_the_order_of_its_records(script, tmp_path):
    texts, sets, draw = script("refine_texts"), script("refine_sets"), random.Random(1)
    firms = [texts.firm(name, draw) for name in texts.names(4, draw)]
    records = texts.told(firms, 2, draw)
    exact = SimulatedRefiner(records, Errors()).model(0)
    made = sets.refined(records, sets.judged(records, 0), exact, tmp_path / "exact", 0)
    for record, rewrite in zip(records, made, strict=True):
        assert rewrite.text is not None and record.public[0] in rewrite.text
        assert all(record.value(span) not in rewrite.text for span in record.spans)
    refusing = SimulatedRefiner(records, Errors(refuse=1.0)).model(0)
    none = sets.refined(records, sets.judged(records, 0), refusing, tmp_path / "none", 0)
    assert {(rewrite.text, rewrite.reason) for rewrite in none} == {(None, "refusal")}


def test_dialogues_lose_what_the_scripted_peacemaker_takes_and_what_a_list_knows(script, tmp_path):
    texts, sets, draw = script("refine_texts"), script("refine_sets"), random.Random(2)
    things = [texts.thing(name, draw) for name in texts.names(4, draw)]
    records = texts.told(things, 3, draw)
    calm = sets.ScriptedPeacemaker(records, Errors()).model(0)
    made = sets.refined(records, sets.task("detoxify"), calm, tmp_path / "run", 0)
    assert [rewrite.text for rewrite in made] == [record.clean for record in records]
    for record, rewrite in zip(records, sets.starred(records, texts.LISTED), strict=True):
        words = {word.strip(",.:") for word in str(rewrite.text).split()}
        assert not words & set(texts.LISTED)
        # What the list does not hold stays, and so does everything else.
        assert str(rewrite.text).count("[INSULT]") == sum(
            any(word in record.value(span) for word in texts.LISTED) for span in record.spans
        )


def test_rows_hold_whole_texts_and_words_beyond_the_table_are_numbers(script):
    learner = script("refine_learner")
    words = learner.Words(["one two three", "Who? four"], 300)
    assert words.decode([BOS, *words.encode("two, one"), EOS, 5])[-3:] == "one"
    assert words.plain("strange one").split()[1] == "one" and "strange" not in words.plain(
        "strange"
    )
    texts = ["one two three", "Who? four", "two " * 60]
    tokens, which = learner.rows(words, texts, 6, random.Random(0))
    seen = []
    for row, its in zip(tokens, which, strict=True):
        for number in range(its.max() + 1):
            ids = row[its == number].tolist()
            assert (
                ids[0] == BOS
                and ids[-1] == EOS
                and np.all(np.diff(np.flatnonzero(its == number)) == 1)
            )
            seen.append(words.decode(ids[1:]))
    assert len(set(seen[:3])) == 3 and set(seen) == {
        "one two three",
        "Who ? four",
        ("two " * 60).strip(),
    }


def test_lines_of_code_agree_with_their_labels_by_hand(script):
    lines = script("refine_code_lines")
    text = 'a = 1\nuser = "ana"\nb = 2\nkey = "x9"\n'
    spans = (Span(14, 17, "USERNAME"), Span(text.index("x9"), text.index("x9") + 2, "SECRET"))
    record = Record("1", text, spans=spans)
    assert lines.private_lines(record) == {1, 3}
    rewrite = 'a = 7\nuser = "bo"\nb = 2\nkey = "x9"\n'
    assert lines.changed_lines(record, rewrite) == {0, 1}
    assert lines.changed_lines(record, 'a = 1\nb = 2\nkey = "x9"\n') == {1}
    assert lines.changed_lines(record, None) == {0, 1, 2, 3, 4}
    found = lines.agreement([record, record], [Rewrite(rewrite), Rewrite(None)])
    assert found["precision"]["value"] == pytest.approx(3 / 7)
    assert found["recall"]["value"] == pytest.approx(3 / 4)
    assert found["f1"]["value"] == pytest.approx(6 / 11) and found["files out"] == 0.5
    assert found["lines left"]["value"] == pytest.approx(3 / 10)
    assert found["precision in files out"]["value"] == pytest.approx(1 / 2)


@pytest.mark.slow
def test_an_arm_is_trained_and_asked_once(script, tmp_path, monkeypatch, capsys):
    study = script("refine_trained_on")
    words = ["refine_trained_on.py", "--tiny", "--arms", "refined, with errors"]
    words += ["--results", str(tmp_path / "r")]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(study, "ARMS", {study.PROFILES: study.ARMS[study.PROFILES]})
    study.main()
    (path,) = (tmp_path / "r").iterdir()
    found = json.loads(path.read_text())
    assert path.name == "profiles-refined-with-errors.json" and found["seeds"] == 3
    assert {len(found[part]) for part in ("set", "quiz")} == {3} and found["sources"]
    assert {"public", "private"} < set(found["quiz"][0]) and "--tiny" in found["command"]
    monkeypatch.setattr(study, "measured", None)
    study.main()  # what is there is not measured again


@pytest.mark.slow
def test_one_model_writes_refined_texts_and_free_ones(script, monkeypatch, capsys):
    warnings.simplefilter("ignore", DeprecationWarning)  # of modules whose texts are read
    study = script("refine_grounded")
    one = study.world(0, study.TINY)
    record = one.raw[0]
    assert record.value(record.spans[0]).split()[0] in script("refine_texts").FIRST
    tokens, which = study.rows(one)
    raw, other = one.pairs[0]
    read = one.words.decode(
        [at for at, its in zip(tokens[0], which[0], strict=True) if its == 0][1:]
    )
    assert read == f"{raw} <sep> {other}" and len(raw.split()) == len(other.split()) == 20
    changed = [a for a, b in zip(raw.split(), other.split(), strict=True) if a != b]
    assert len(changed) == 2 and one.words.decode(tokens[1][1:]) == f"<sep> {raw}"
    monkeypatch.setattr(sys, "argv", ["refine_grounded.py", "--tiny"])
    monkeypatch.setattr(study, "HEATS", (1.0,))
    # Learning is compiled and run for the arm above.
    monkeypatch.setattr(study.learner, "trained", lambda models, *_, **__: models)
    study.main()
    found = json.loads(capsys.readouterr().out)
    assert {f"{kind}, temperature {heat}" for kind in ("refined", "without grounding")
            for heat in study.HEATS} == set(found)  # fmt: skip
    assert all(len(seeds) == 3 and seeds[0]["texts"] <= 8 for seeds in found.values())


def test_lines_of_code_are_measured_tiny(script, monkeypatch, capsys):
    lines = script("refine_code_lines")
    # A training from end to end is run elsewhere; this refiner knows no text.
    small = SimpleNamespace(
        name="small", kinds=(), find=lambda text: [], model=SimulatedRefiner([]).model
    )
    monkeypatch.setattr(lines, "distill", lambda config, folder: {"updates": config.updates})
    monkeypatch.setattr(lines.Distilled, "open", lambda folder: small)
    monkeypatch.setattr(sys, "argv", ["refine_code_lines.py", "--tiny"])
    assert lines.main() == 0
    held = [line for line in capsys.readouterr().out.splitlines() if line.startswith("held")]
    perfect, distilled = (row for row in held if "without errors" in row or "distilled" in row)
    assert "'f1': 1.0" in perfect and "'files out': 1.0" in perfect
    assert "'files out': 0.0" in distilled and "'turned-away': 8" in distilled
