import asyncio

import pytest

from cairn.core.errors import ConfigError
from cairn.lm.errors import RejectedError
from cairn.lm.readings import refuses
from cairn.lm.request import Request
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.labels import Record
from cairn.refine.made.records import make
from cairn.refine.pseudonym_marks import marked
from cairn.refine.pseudonyms import completed
from cairn.refine.rewriting_score import Rewrite, leaks, score_rewrites
from cairn.refine.simulated import Errors, SimulatedRefiner, SimulatedVerifier
from cairn.refine.spans import Span
from cairn.refine.tasks.base import Task

TASK = Task("anonymize", "Rewrite without anything private.")


def rewrites(records, errors, *, feedback=None, seed=0):
    """One pass over the records, as a model is asked."""
    model = SimulatedRefiner(records, errors).model(seed)

    async def one(record):
        request = Request(tuple(TASK.prompt(record.text, feedback)))
        answer = await model.complete(request)
        if not answer.whole:
            return Rewrite(None, "cut")
        return Rewrite(None, "refused") if refuses(answer.text) else Rewrite(answer.text)

    async def every():
        return [await one(record) for record in records]

    return asyncio.run(every())


@pytest.fixture(scope="module")
def records():
    return list(make(300, seed=5))


def test_without_errors_nothing_leaks_and_nothing_else_changes(records):
    score = score_rewrites(records, rewrites(records, Errors()))
    assert score.outcomes["out"].value == 1 and score.public_kept.value == 1
    # Digits that stand apart are words, and some of a number's are those of its pseudonym: two of
    # equal place can be told apart no better than two equal words.
    assert score.leaking.value == 0 and score.added.value < 0.005
    # Two equal words, one of them private, cannot always be told apart.
    assert score.over_edited.high < 0.001 and score.precision.low > 0.998


@pytest.mark.slow
def test_injected_rates_are_found_again_within_their_intervals(records):
    errors = Errors(leak=0.2, over=0.05, refuse=0.1, invent=0.15, cut=0.08)
    score = score_rewrites(records, rewrites(records, errors))
    found = {
        "leak": score.leaks["any kind"],
        "over": score.over_edited,
        "refuse": score.outcomes["refused"],
        "invent": score.added,
    }
    for name, rate in found.items():
        assert rate.low <= getattr(errors, name) <= rate.high, (name, rate)
    cut = score.outcomes["cut"]
    assert cut.low <= (1 - errors.refuse) * errors.cut <= cut.high


def test_an_error_of_one_is_always_made_and_feedback_is_heeded(records):
    few = records[:40]
    private = [record for record in few if record.spans]
    leaking = rewrites(private, Errors(leak=1.0))
    assert all(leaks(r, w.text or "") for r, w in zip(private, leaking, strict=True))
    told = Failure("leak", "A name is still in it.")
    heeded = rewrites(private, Errors(leak=1.0, heed=1.0), feedback=told)
    assert not any(leaks(r, w.text or "") for r, w in zip(private, heeded, strict=True))
    assert {w.outcome for w in rewrites(few, Errors(refuse=1.0))} == {"refused"}
    assert {w.outcome for w in rewrites(few, Errors(cut=1.0))} == {"cut"}


def test_answers_go_by_the_seed(records):
    few, errors = records[:20], Errors(leak=0.5, over=0.2)
    assert rewrites(few, errors) == rewrites(few, errors)
    assert rewrites(few, errors) != rewrites(few, errors, seed=1)


def test_pseudonyms_that_are_asked_for_are_used():
    record = Record("1", "Ana and Bo", spans=(Span(0, 3, "PERSON"), Span(8, 10, "PERSON")))
    model = SimulatedRefiner([record]).model()
    request = Request(tuple(TASK.prompt(record.text, None, {"Ana": "Eva", "Bo": "Cy"})))
    assert asyncio.run(model.complete(request)).text == "Eva and Cy"


def test_a_text_without_labels_is_turned_away(records):
    model = SimulatedRefiner(records[:1]).model()
    with pytest.raises(RejectedError, match="no labels"):
        asyncio.run(model.complete(Request(tuple(TASK.prompt("Something else.")))))


def test_the_verifier_misses_and_alarms_as_often_as_it_is_told():
    text = "Call Ana Paz."
    record = Record("1", text, spans=(Span(5, 12, "PERSON"),))
    verifier = SimulatedVerifier([record], miss=0.3, alarm=0.1)

    def turned_down(rewrite):
        return asyncio.run(verifier(Pair(text, rewrite), {})) is not None

    leaking = sum(turned_down(f"Call Ana Paz. {n}") for n in range(1000))
    sound = sum(turned_down(f"Call Eva Roe. {n}") for n in range(1000))
    assert 655 <= leaking <= 745 and 70 <= sound <= 130  # three standard deviations


def test_rates_outside_0_and_1_are_refused():
    with pytest.raises(ConfigError, match=r"Errors\.leak must lie in \[0, 1\], got 5"):
        Errors(leak=5)
    with pytest.raises(ConfigError, match="must lie in"):
        SimulatedVerifier([], miss=-1)


def test_without_a_table_pseudonyms_are_nobodys_and_those_of_a_table_stay():
    card = "4111 1111 1111 1111"
    text = f"Ana Paz, {card}, ana@corp.io, four one one one"
    spans = [Span(0, 7, "PERSON"), Span(9, 28, "CREDIT_CARD"), Span(30, 41, "EMAIL_ADDRESS")]
    made = completed({"Ana Paz": "Eva Roe"}, text, spans, bytes(32))
    assert made["Ana Paz"] == "Eva Roe" and made.keys() == {"Ana Paz", card, "ana@corp.io"}
    assert marked("CREDIT_CARD", made[card]) and marked("EMAIL_ADDRESS", made["ana@corp.io"])
