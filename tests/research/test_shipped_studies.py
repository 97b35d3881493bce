"""The scripts behind docs/search-studies.md, in small: with a grader that reads a program's
choices, since programs in the jail are tested elsewhere; and what their scripted players do."""

import asyncio
import json
import random
import re
import sys
from pathlib import Path

import pytest

from cairn.core.draws import DrawKey
from cairn.lm.request import Message, Request
from cairn.research import operators
from cairn.research.evaluation import Graded
from cairn.research.shipped import catalogue, speedrun
from cairn.research.shipped.researcher import grammar_of, moves
from cairn.research.tasks.evaluator import TaskEvaluator

VERIFY = Path(__file__).parents[2] / "benchmarks" / "verify"


class Reads:
    """In the evaluator's place: more of the later choices is better; a bug is a failure."""

    def __init__(self, task):
        self.task, self.larger_is_better = task, task.larger_is_better

    async def __call__(self, text, split, clients=None):
        chosen = grammar_of(self.task.name).read(text)
        if chosen is None:
            return Graded(0.0, "ok", "")
        if chosen.get("bug"):
            return Graded(None, "failed", "NameError")
        choices = grammar_of(self.task.name).choices
        value = sum(list(v).index(chosen[n]) for n, v in choices.items()) + len(split) / 100
        return Graded(value if self.larger_is_better else -value, "ok", "")


@pytest.fixture
def study(monkeypatch):
    """A script as a module, its grader replaced."""
    monkeypatch.syspath_prepend(str(VERIFY))

    def load(name):
        import importlib

        monkeypatch.setattr(importlib.import_module("shipped_study"), "TaskEvaluator", Reads)
        return importlib.import_module(name)

    yield load
    for name in ("shipped_study", "search_shipped", "search_speedrun", "search_agents",
                 "search_prompts"):  # fmt: skip
        sys.modules.pop(name, None)


def ran(script, monkeypatch, tmp_path, *words):
    """The results of a tiny run, which a second one leaves as they are."""
    out = tmp_path / "found.json"
    command = ["x.py", "--tiny", "--kept", str(tmp_path / "kept"), "--results", str(out), *words]
    monkeypatch.setattr(sys, "argv", command)
    script.main()
    found = json.loads(out.read_text())
    script.main()
    assert json.loads(out.read_text())["rows"] == found["rows"]
    assert found["simulated"]
    return found


@pytest.mark.slow
def test_policies_and_operators_fill_a_table_each(study, monkeypatch, tmp_path):
    script = study("search_shipped")
    found = ran(script, monkeypatch, tmp_path, "3-sat")
    assert len(found["rows"]) == 2 * len(script.ARMS)
    row = found["rows"]["3-sat | aide | 0"]
    assert (
        row["nodes"] == 6 and row["chosen"]["search"] <= 0 and script.seeds_of(found, "3-sat") == 2
    )
    # By hand: of two seeds, this much better, where smaller is better.
    ours, base = (script.of(found, "3-sat", arm, "chosen", "test") for arm in ("aide", "best-of"))
    by = ((base[0] - ours[0]) + (base[1] - ours[1])) / 2
    (line,) = re.findall(r"\| `aide` \| \**\**([-\d.e]+) \[", script.policies(found))
    assert float(line) == pytest.approx(by, rel=0.01, abs=1e-6)
    assert "| 3-sat | `evolution` |" in script.operators(found)


def test_what_was_run_is_remembered_and_what_a_clock_ended_is_not(study, tmp_path):
    shared, asked = study("shipped_study"), []
    task = catalogue.make("3-sat", tmp_path / "task")

    class Once:
        def __init__(self, task):
            pass

        async def __call__(self, text, split):
            asked.append(text)
            return Graded(None, "timeout", "") if text == "slow" else Graded(1.0, "ok", "")

    grader = shared.Remembering(task, tmp_path / "kept.jsonl")
    grader.inner = Once(task)
    assert [grader.score("a", "test"), grader.score("a", "test")] == [1.0, 1.0]
    again = shared.Remembering(task, tmp_path / "kept.jsonl")
    again.inner = grader.inner
    assert again.score("a", "test") == 1.0 and asked == ["a"]
    for _ in range(2):
        with pytest.raises(AssertionError):
            again.score("slow", "test")
    assert asked == ["a", "slow", "slow"]


def prompted(text, *, parent="", failed=False, memory=""):
    shown = (
        operators.Shown(parent, "", None if failed else 1.0, "failed" if failed else "ok", ""),
    )
    context = operators.Context(
        text, "python", False, shown if parent else (), memory, "", (), "0a1b2c3d"
    )
    asked = operators.debug if failed else operators.improve if parent else operators.draft
    return Request.of(asked(context))


def test_the_reader_of_hints_applies_a_difference_and_reads_others_by_chance(study):
    script = study("search_speedrun")
    for start in speedrun.STARTS:
        reader = script.Reader(start)
        at_hand = speedrun.record(start)
        for level, share in {0: 1.0, **script.READS}.items():
            asked = prompted(f"Faster.\n\n{speedrun.hint(start, level)}\n\nGo.", parent=at_hand)
            answers = [reader.answer(asked, DrawKey.root(seed)) for seed in range(60)]
            got = sum(f'"record": {start + 1}' in answer for answer in answers) / 60
            assert got == 1.0 if level == 0 else abs(got - share) < 0.2, (start, level, got)
        asked = prompted("Faster.", parent=at_hand)
        answers = [reader.answer(asked, DrawKey.root(seed)) for seed in range(20)]
        assert not any(f'"record": {start + 1}' in answer for answer in answers)
        assert script.patched(start, speedrun.hint(start, 0)) == speedrun.record(start + 1)


@pytest.mark.slow
def test_fsr_is_recovered_from_what_the_searches_found(study, monkeypatch, tmp_path):
    script = study("search_speedrun")
    monkeypatch.setattr(script, "TaskEvaluator", Reads)
    costs = {speedrun.record(4): 100.0, speedrun.record(5): 20.0}

    async def told(self, text, split, clients=None):
        kept = [cost for body, cost in costs.items() if body.strip() in text]
        bug = '"bug": "' in text
        return Graded(None if bug else (kept or [150.0])[0], "failed" if bug else "ok", "")

    monkeypatch.setattr(Reads, "__call__", told)
    found = ran(script, monkeypatch, tmp_path, "--by", "flops")
    assert found["records"] == {"flops 4 4": 100.0, "flops 4 5": 20.0}
    assert script.fractions(found, "flops", 4, "none") == [0.0]
    assert script.fractions(found, "flops", 4, "level 0") == [1.0]


def test_the_agent_follows_its_prompt_and_the_writer_changes_one_sentence(study):
    script = study("search_prompts")

    def buggy(advice, share=80):
        asked = prompted(f"init(size), update(gradient, ...)\n{advice}")
        answers = [script.agent(asked, DrawKey.root(seed)) for seed in range(share)]
        return sum('"bug": "' in answer for answer in answers) / share, answers

    assert buggy("")[0] > 0.35 and buggy(script.READ)[0] < 0.2
    name, value, said = script.SPECIFIC["optimiser"]
    assert all(f'"{name}": "{value}"' in answer for answer in buggy(said, 5)[1])
    first = moves("optimiser").grammar.text(
        {n: v[0] for n, v in grammar_of("optimiser").choices.items()}
    )

    def changed(advice):
        asked = prompted(f"init(size), update(gradient, ...)\n{advice}", parent=first)
        plans = [script.agent(asked, DrawKey.root(seed)) for seed in range(30)]
        return max(plan.split("\n")[0].count(" to `") for plan in plans)

    assert changed(script.ONE) == 1 < changed("")
    asked = Request.of(f"<artefact-0a1b2c3d>\n{script.BEGIN}\n</artefact-0a1b2c3d>")
    for seed in range(30):
        answer = script.writer(asked, DrawKey.root(seed)).split("```\n")[1].split("\n```")[0]
        lines = answer.splitlines()
        assert 1 <= len(lines) <= script.LONGEST and set(lines) <= set(script.ADVICE)
        assert len(set(lines) ^ set(script.BEGIN.splitlines())) in (1, 2)


@pytest.mark.slow
def test_prompts_are_optimised_on_one_domain_and_tested_on_the_other(study, monkeypatch, tmp_path):
    script = study("search_prompts")
    monkeypatch.setattr(script, "Here", lambda task, folder: Reads(task))
    found = ran(script, monkeypatch, tmp_path)
    row = found["rows"]["optimiser | 0"]
    assert set(row) == {"begin", "chosen"} and len(row["chosen"]["text"]) <= 4
    # A share of the way to the reference: the same programs of the climb are worth 1.
    assert row["begin"]["test"] >= 0 and row["chosen"]["search"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["optimiser", "acquisition"])
def test_programs_run_in_process_score_what_they_score_in_the_jail(study, tmp_path, domain):
    script = study("search_prompts")
    folder = tmp_path / "task"
    task, known, draws = catalogue.make(domain, folder), moves(domain), random.Random(3)
    here, jailed = script.Here(task, folder), TaskEvaluator(task)
    for text in (task.starter, known.draft(draws), "def nothing():\n    pass\n"):
        one, other = (asyncio.run(grader(text, "test")) for grader in (here, jailed))
        assert (one.score, one.outcome) == (other.score, other.outcome)


def test_the_typist_goes_on_from_the_best_and_hands_it_in(study):
    script = study("search_agents")
    typist, scores = (
        script.Typist("3-sat", larger=False, programs=3),
        iter([20.0, 30.0, 10.0, None]),
    )
    messages, files, commands = [Message("user", "task")], {"program.py": "starter"}, []
    for turn in range(20):
        answer = typist(Request(tuple(messages)), DrawKey.root(0).child(turn))
        command = re.search(r"```\n(.*?)\n```", answer, re.S)[1]
        commands.append(command.split("\n")[0])
        observed = "Nothing was printed."
        if command == "validate":
            score = next(scores, 10.0)
            observed = f"Score (mean): {score}" if score is not None else "No score (failed)."
        elif command.startswith("cat >"):
            files["program.py"] = command.split("\n", 1)[1].rpartition("END-OF-PROGRAM")[0]
            files[turn] = files["program.py"]
        messages += [Message("assistant", answer), Message("user", observed)]
        if command == "submit":
            break
    assert commands[0] == "cp program.py first.py" and commands[-1] == "submit"
    assert commands.count("validate") == 5
    second = [body for key, body in files.items() if isinstance(key, int)][1]
    assert files["program.py"] == second  # the one that scored 10
    notes = json.loads(script._NOTE.findall(messages[-2].content)[-1])
    assert notes == [20.0, 30.0, 10.0, None, 10.0]
