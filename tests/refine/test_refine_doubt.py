"""What only may be private: asked about once, kept on purpose, reported; never what is certain."""

import asyncio
import json

import pytest
from refine_job import config, read, write_rows

from cairn.core.errors import ConfigError
from cairn.lm.scripted import ScriptedModel
from cairn.refine.checks.base import SURE, Pair
from cairn.refine.checks.catalogue import check
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.figures import Asked, as_json, measure
from cairn.refine.run import refine
from cairn.refine.spans import Span
from cairn.refine.tasks.base import text_in
from cairn.refine.tasks.catalogue import read_task, task

SAID = "Grace Hopper wrote the first compiler. Write to ann.lee@corp.io about it."
KEPT = SAID.replace("ann.lee@corp.io", "eva@example.com")
GONE = KEPT.replace("Grace Hopper", "Val Stone")


def refined(tmp_path, *answers):
    """A run of one record; the model's answers in turn, the last one again and again."""
    asked = []

    def answer(request, key):
        asked.append(request.messages[-1].content)
        return answers[min(len(asked), len(answers)) - 1]

    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": SAID}])
    settings = config(given, tmp_path / "out.jsonl", task="anonymize")
    players = {"refiner": ScriptedModel(answer, name="in turn")}
    own = tmp_path / "own.toml"
    own.write_text('base = "anonymize"\nchecks = ["leak", "residual"]\n')
    counted = refine(settings, tmp_path / "run", read_task(own), players=players, show=False)
    rows = [row["refined"] | {"text": row["text"]} for row in read(tmp_path / "out.jsonl")]
    return counted, rows, asked


def test_the_name_is_in_doubt_and_the_address_is_not():
    scores = {span.kind: span.score for span in detectors().find(SAID)}
    assert scores["PERSON"] < SURE <= scores["EMAIL_ADDRESS"]


def test_what_is_kept_again_when_asked_about_stays_and_is_counted(tmp_path):
    counted, (row,), asked = refined(tmp_path, KEPT)
    assert (row["text"], row["tries"], row["doubtful"]) == (KEPT, 2, 1)
    assert row["failed"] == ["leak"] and counted.funnel["kept in doubt"] == 1
    assert "1 PERSON of the original (in line 1) may be private" in asked[1]
    assert '"if private"]' in asked[0] and asked[0].count('"if private"]') == 1
    found = measure(tmp_path / "run", Asked(), task("anonymize"))
    assert found.leaks is not None and found.leaks.leaking == 0
    assert as_json(found)["leaks"]["kept_in_doubt"] == {"PERSON": 1}
    # "Grace", "Hopper" are no public words: the detectors found them. "Write" and the rest stayed.
    assert found.utility == {"words kept": 1.0}


def test_what_is_replaced_when_asked_about_is_gone(tmp_path):
    _, (row,), asked = refined(tmp_path, KEPT, GONE)
    assert (row["text"], row["tries"], row["doubtful"]) == (GONE, 2, 0) and len(asked) == 2


def test_what_is_certain_is_never_kept(tmp_path):
    counted, rows, asked = refined(tmp_path, SAID)
    (reject,) = read(counted.rejects)
    assert rows == [] and reject["failed"] == ["leak"] * 3 and len(asked) == 3


def test_what_was_not_asked_about_is_asked_about():
    """Nobody keeps a second value because the first may be kept."""
    text = "Ada Byron met Max Born."
    private = (Span(0, 9, "PERSON", 0.6), Span(14, 22, "PERSON", 0.6))
    leak = check("leak")

    def doubt(rewrite):
        return asyncio.run(leak(Pair(text, rewrite, private), {})).doubtful

    one, other, both = doubt("Ada Byron left"), doubt("Max Born left"), doubt(text)
    assert len(one) == len(other) == 1 and one != other and both == one | other
    certain = private[0]._replace(score=0.9)
    assert asyncio.run(leak(Pair(text, text, (certain, private[1])), {})).doubtful == frozenset()


def test_how_sure_a_find_must_be_is_a_setting(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('base = "anonymize"\nsure = 0.0\n')
    assert read_task(own).sure == 0.0
    own.write_text('base = "anonymize"\nsure = 7.0\n')
    with pytest.raises(ConfigError, match=r"sure must lie in \[0, 1\], got 7"):
        read_task(own)
    assert json.dumps(["Ann", "Eva", "if private"]) in (
        task("anonymize").prompt("x", None, {"Ann": "Eva"}, {"Ann"})[-1].content
    )


def test_a_piece_that_keeps_what_it_was_asked_about_is_not_tried_for_another_piece(tmp_path):
    """Of three pieces the first keeps a public name, and only the last leaks what the second shows
    to be private."""
    thirds = (
        "Grace Hopper wrote the first compiler.\n\n",
        "Dear Anna Berger, your parcel is late.\n\n",
        "See Berger_notes.\n",
    )
    asked = []

    def answer(request, key):
        said = request.messages[-1].content
        found = text_in(said)
        asked.append(found.text)
        text = found.text.replace("Anna Berger", "Val Stone")
        return text.replace("Berger", "Stone") if "turned down" in said else text

    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": "".join(thirds)}])
    (tmp_path / "own.toml").write_text(
        'base = "anonymize"\nchecks = ["leak"]\npseudonyms = false\n'
    )
    settings = config(given, tmp_path / "out.jsonl", chunk=45)
    players = {"refiner": ScriptedModel(answer, name="pieces")}
    own = read_task(tmp_path / "own.toml")
    counted = refine(settings, tmp_path / "run", own, players=players, show=False)
    (row,) = read(tmp_path / "out.jsonl")
    assert row["text"] == "".join(thirds).replace("Anna Berger", "Val Stone").replace(
        "Berger", "Stone"
    )
    tries = [sum(third.strip() in text for text in asked) for third in thirds]
    assert tries == [2, 1, 2] and counted.spent.calls == 5
    assert (row["refined"]["doubtful"], row["refined"]["failed"]) == (1, ["leak"] * 2)


def test_a_weak_find_of_what_is_never_public_is_certain():
    """An echo must not pass: a password, a passport number, an address of a machine."""
    for kind in ("PASSWORD", "ID_NUMBER", "IP_ADDRESS", "USERNAME", "STREET_ADDRESS"):
        text = "hunter-2-oak stands here"
        pair = Pair(text, text, (Span(0, 12, kind, 0.55),))
        failure = asyncio.run(check("leak")(pair, {}))
        assert failure is not None and not failure.doubtful, kind


def test_what_one_piece_replaced_another_is_asked_about(tmp_path):
    """The first piece is asked about a name and replaces it; the second holds the surname alone,
    which nobody there knows for one before the pieces are joined."""
    halves = "Grace Hopper met us at noon.\n\n", "See Hopper_notes of the day.\n"
    asked = []

    def answer(request, key):
        said = request.messages[-1].content
        asked.append((text_in(said).text, said))
        text = asked[-1][0]
        return text.replace("Grace Hopper", "Val Stone") if "turned down" in said else text

    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": "".join(halves)}])
    (tmp_path / "own.toml").write_text('base = "anonymize"\nchecks = ["leak"]\n')
    settings = config(given, tmp_path / "out.jsonl", chunk=30)
    players = {"refiner": ScriptedModel(answer, name="pieces")}
    own = read_task(tmp_path / "own.toml")
    counted = refine(settings, tmp_path / "run", own, players=players, show=False)
    (row,) = read(tmp_path / "out.jsonl")
    assert [sum(half.strip() in text for text, _ in asked) for half in halves] == [2, 2]
    (said,) = (said for text, said in asked if "Hopper_notes" in text and "turned down" in said)
    assert "1 PERSON of the original may be private" in said and '"if private"]' in said
    # It was asked and kept it: let pass, and counted.
    assert row["text"] == halves[0].replace("Grace Hopper", "Val Stone") + halves[1]
    assert row["refined"]["doubtful"] == 1 and counted.funnel["kept in doubt"] == 1


def test_what_is_in_doubt_and_stands_once_may_be_called_otherwise():
    """It may be a part of what had to go: "Hopper" of a longer name, a word of an address."""
    table = {"Hopper": "Stone"}

    def failure(text, rewrite, score):
        at = text.index("Hopper")
        pair = Pair(text, rewrite, (Span(at, at + 6, "PERSON", score),), table)
        return asyncio.run(check("pseudonyms")(pair, {}))

    once, twice = "Grace M. Hopper came.", "Grace M. Hopper came. Hopper spoke."
    assert failure(once, "Val Rey came.", 0.45) is None
    assert "not used for 1 PERSON" in failure(once, "Val Rey came.", 0.9).reason
    assert "not used for 1 PERSON" in failure(twice, "Val Rey came. She spoke.", 0.45).reason
