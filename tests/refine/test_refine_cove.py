"""Chain-of-Verification: call counts, what each variant sees, what becomes of planted errors."""

import json
from pathlib import Path

import pytest

import cairn
from cairn.cli.main import run
from cairn.core.errors import ConfigError
from cairn.lm.scripted import ScriptedModel
from cairn.lm.simulated import Unmarked
from cairn.refine import cove_simulated
from cairn.refine.checks.base import Check, Pair
from cairn.refine.checks.catalogue import check
from cairn.refine.cove import VARIANTS, Verification
from cairn.refine.cove_check import CoveCheck
from cairn.refine.cove_run import VerifyConfig, verify
from cairn.refine.cove_simulated import Memory, belongs

N = 6
SEEN = {"joint": 2, "two-step": 3, "factored": N + 2, "factor+revise": 2 * N + 2}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows(count, draft=None):
    more = {} if draft is None else {"draft": draft}
    return [{"id": f"r{n}", "prompt": f"List some items ({n}).", **more} for n in range(count)]


def verified(tmp_path, variant, model, given, name="out"):
    output = tmp_path / f"{name}.jsonl"
    config = VerifyConfig(models={}, verification=Verification(variant))
    players = {"writer": model}
    found = verify(given, output, config, run=tmp_path / f"{name}.run", players=players, show=False)
    return found, lines(output)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("drafted", [False, True])
def test_each_variant_makes_the_calls_that_the_paper_counts(tmp_path, variant, drafted):
    draft = "\n".join(f"- item-{n}" for n in range(N)) if drafted else None
    model = cove_simulated.memory(Memory(items=N))
    found, [row] = verified(tmp_path, variant, model, rows(1, draft))
    expected = SEEN[variant] + (not drafted)
    assert found.spent.calls == row["cove"]["calls"] == expected
    assert len(row["cove"]["checked"]) == N


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_draft_without_facts_stays_and_costs_one_call(tmp_path, variant):
    model = ScriptedModel(lambda request, key: "NONE", "silent")
    found, [row] = verified(tmp_path, variant, model, rows(1, "Hello."))
    assert row["text"] == "Hello." and not row["cove"]["changed"] and found.spent.calls == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_are_found_without_the_draft_unless_joint(tmp_path, variant):
    model, seen = cove_simulated.memory(), []

    def script(request, key):
        seen.append(request.messages[-1].content)
        return model.script(request, key)

    verified(tmp_path, variant, Unmarked(script, "seen"), rows(1, "- item-1\n- item-2"))
    # The draft's own form, a dash before each item, is in no prompt that asks for answers.
    answering = [told for told in seen if "ANSWER: " in told]
    assert answering and all(("- item-1" in told) == (variant == "joint") for told in answering)
    if variant.startswith("factor"):
        assert not any("item-1" in told and "item-2" in told for told in answering)


def test_a_checker_of_its_own_answers_the_questions(tmp_path):
    asked = []

    def checker(request, key):
        asked.append(request.messages[-1].content)
        return "ANSWER: no"

    config = VerifyConfig(models={}, verification=Verification(checker="checker"))
    players = {"writer": cove_simulated.memory(), "checker": ScriptedModel(checker, "no")}
    output = tmp_path / "out.jsonl"
    verify(rows(1), output, config, run=tmp_path / "run", players=players, show=False)
    [row] = lines(output)
    assert len(asked) == 6 and row["text"] == "nothing" and row["draft"].startswith("- item")


def kept(found):
    """Shares of the drafts' right and wrong items that stay."""
    counts = {True: [0, 0], False: [0, 0]}
    for row in found:
        stays = set(cove_simulated.ITEM.findall(row["text"]))
        for number in cove_simulated.ITEM.findall(row["draft"]):
            counts[belongs(int(number))][0] += 1
            counts[belongs(int(number))][1] += number in stays
    return {truth: stay / all_ for truth, (all_, stay) in counts.items()}


@pytest.mark.slow
def test_factored_checks_delete_wrong_items_and_joint_ones_repeat_them(tmp_path):
    model = cove_simulated.memory(Memory(wrong=0.5, right=0.8, repeats=0.9))
    shares = {}
    for variant in ("joint", "factored"):
        shares[variant] = kept(verified(tmp_path, variant, model, rows(60), variant)[1])
    # 180 items of each kind: three standard errors are 0.09.
    assert shares["factored"][True] == pytest.approx(0.8, abs=0.09)
    assert shares["factored"][False] == pytest.approx(0.2, abs=0.09)
    assert shares["joint"][False] == pytest.approx(0.9 + 0.1 * 0.2, abs=0.06)


def test_again_makes_no_call_and_another_variant_is_another_run(tmp_path):
    model = cove_simulated.memory()
    first, found = verified(tmp_path, "factored", model, rows(5))
    again, same = verified(tmp_path, "factored", model, rows(5))
    assert again.spent == first.spent and same == found
    with pytest.raises(cairn.core.errors.RunError, match="version"):
        verified(tmp_path, "joint", model, rows(5))


@pytest.mark.parametrize("talk", ["", "I would rather not.", "QUESTION: why?", "FINAL:"])
def test_a_model_that_answers_nonsense_fails_the_record_and_passes_nothing_on(tmp_path, talk):
    model = ScriptedModel(lambda request, key: talk, "talks")
    found, done = verified(tmp_path, "factored", model, rows(2, "The secret is item-7."))
    assert done == [] and found.failed == 2
    assert found.rejects is not None and "secret" not in Path(found.rejects).read_text()


CHECKED = "Anna was born in 1950 in Bern."


async def checked(item, clients, key):
    pseudonyms = {"Anna": "Berta"}
    pair = Pair(CHECKED, item.value["rewrite"], pseudonyms=pseudonyms)
    failure = await CoveCheck()(pair, clients)
    return None if failure is None else list(failure[:2])


def reader(request, key):
    """Answers from the text alone, by patterns."""
    told = request.messages[-1].content
    if told.startswith("Write questions"):
        return "QUESTION: Who was born?\nQUESTION: In which year?\nQUESTION: In which town?"
    text = told.partition("<text-")[2].partition(">")[2].partition("<")[0].rstrip(".").split()
    place = {"Who was": 0, "In which y": 4, "In which t": 6}
    at = next(at for words, at in place.items() if words in told)
    return f"ANSWER: {text[at] if len(text) > at else 'UNKNOWN'}"


@pytest.mark.parametrize(
    "rewrite, fails",
    [
        ("Berta was born in 1950 in Bern.", False),
        ("Berta was born in 1960 in Bern.", True),
        ("Clara was born in 1950 in Bern.", True),
    ],
)
def test_as_a_check_it_fails_what_the_original_does_not_say(tmp_path, rewrite, fails):
    assert isinstance(CoveCheck(), Check) and check("cove", {"most": 3}) == CoveCheck(most=3)
    found = cairn.map(
        checked, source=[{"rewrite": rewrite}], run=tmp_path / "run", show=False,
        models={"verifier": ScriptedModel(reader, "reader")},
    )  # fmt: skip
    [outcome] = found.outcomes()
    assert found.spent.calls == 1 + 2 * 3 and (outcome.value is not None) == fails
    if fails:
        name, reason = outcome.value
        assert name == "cove" and "1 of 3 facts" in reason
        assert "1950" not in reason


def test_the_command_runs_the_demo_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(3)))
    words = ["refine", "verify", "in.jsonl", "out.jsonl", "--demo", "--variant", "joint"]
    assert run(words) == 0 and "simulated model; joint" in capsys.readouterr().out
    assert run(words) == 0 and len(lines(Path("out.jsonl"))) == 3


@pytest.mark.parametrize(
    "words, expected",
    [
        (["in.jsonl"], "needs an input and an output"),
        (["in.jsonl", "out.jsonl"], "give --config CONFIG, or --demo"),
        (["in.jsonl", "out.jsonl", "--demo", "--variant", "both"], "expects one of joint"),
        (["none.jsonl", "out.jsonl", "--demo"], "none.jsonl"),
        (["bad.jsonl", "out.jsonl", "--demo"], "has no text 'prompt'"),
        (["empty.jsonl", "out.jsonl", "--demo"], "empty.jsonl holds no record: there is nothing"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys, words, expected):
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text('{"prompt": "x"}\n')
    Path("bad.jsonl").write_text('{"promt": "x"}\n')
    Path("empty.jsonl").write_text("\n")
    assert run(["refine", "verify", *words]) == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]


def test_settings_that_cannot_work_are_named():
    with pytest.raises(ConfigError, match=r"verification\.most must be at least 1, got 0"):
        Verification(most=0)
    with pytest.raises(ConfigError, match=r"needs \[models\.writer\]"):
        verify([], "out.jsonl", VerifyConfig(models={}), run="none")
