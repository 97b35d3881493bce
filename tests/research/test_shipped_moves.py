"""The scripted researcher's programs: real ones, of a grammar, now and then with a bug."""

import ast
import asyncio
import random

import pytest

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.request import Request
from cairn.research import operators
from cairn.research.memory import recall
from cairn.research.node import Node, Tree
from cairn.research.policies.base import Proposal
from cairn.research.shipped import catalogue
from cairn.research.shipped.moves import Moves
from cairn.research.shipped.researcher import BOLD, GRAMMARS, ShippedResearcher, grammar_of, moves
from cairn.research.tasks.evaluator import TaskEvaluator


def test_every_shipped_task_has_a_grammar():
    assert set(GRAMMARS) == set(catalogue.SHIPPED)
    with pytest.raises(ConfigError, match="knows no task 'chess'"):
        grammar_of("chess")


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_choice_is_a_program_from_which_it_can_be_read(name):
    grammar = GRAMMARS[name]
    first = {choice: values[0] for choice, values in grammar.choices.items()}
    for choice, values in grammar.choices.items():
        for value in values:
            chosen = {**first, choice: value, "bug": None}
            text = grammar.text(chosen)
            ast.parse(text)
            assert grammar.read(text) == chosen
    clean = grammar.text({**first, "bug": None})
    for bug in grammar.bugs:
        # The bug that says that nothing is returned needs a function that returns something.
        assert grammar.text({**first, "bug": bug}).rpartition("#")[0] != clean.rpartition("#")[0]
    assert grammar.read("print(1)\n") is None and grammar.read("# choices: {}") is None


def test_moves_change_one_thing_take_bugs_out_and_mix():
    known = Moves(GRAMMARS["friedman"], p_bug=0.0, p_mend=1.0)
    draws = random.Random(0)
    first, second = known.draft(draws), known.draft(draws)
    read = known.grammar.read
    better = read(known.improve(first, draws))
    assert sum(better[n] != v for n, v in read(first).items()) == 1
    buggy = Moves(GRAMMARS["friedman"], p_bug=1.0).draft(draws)
    assert read(buggy)["bug"] and read(known.debug(buggy, draws))["bug"] is None
    child = read(known.crossover(first, second, draws))
    assert all(child[n] in (read(first)[n], read(second)[n]) for n in known.grammar.choices)
    assert read(known.improve("no grammar", draws)) is not None  # a starter, say


def test_the_researcher_answers_with_a_program_for_what_it_is_shown():
    researcher = ShippedResearcher("digits", p_bug=0.0)
    shown = moves("digits").draft(random.Random(0)).rstrip("\n")
    request = Request.of(f"Improve.\n<artefact-0a1b2c3d>\n{shown}\n</artefact-0a1b2c3d>\n")
    answer = researcher.answer(request, DrawKey.root(0))
    program = answer.split("```python\n")[1].split("```")[0]
    chosen, before = grammar_of("digits").read(program), grammar_of("digits").read(shown)
    assert sum(chosen[n] != before[n] for n in before) == 1


def asked(researcher, context, seed=0):
    answer = researcher.answer(Request.of(operators.improve(context)), DrawKey.root(seed))
    return answer.split("\n")[0], answer.split("```python\n")[1].split("```")[0]


def test_the_researcher_makes_no_change_that_it_is_told_of_and_more_at_once_where_it_is_cued():
    researcher, grammar = ShippedResearcher("3-sat", p_bug=0.0), grammar_of("3-sat")
    first = grammar.text({name: values[0] for name, values in grammar.choices.items()})
    shown = operators.Shown(first, "", 1.0, "ok", "")
    context = operators.Context("Task.", "python", False, (shown,), "", "", (), "0a1b2c3d")
    seen, tree = set(), [Node(0, (), "draft", first, utility=1.0)]
    for seed in range(7):  # of the ten that there are
        memory = recall("sibling", Tree(tuple(tree)), Proposal("improve", (0,)))
        plan, text = asked(researcher, context._replace(memory=memory), seed)
        assert plan not in seen
        seen.add(plan)
        tree.append(Node(seed + 1, (0,), "improve", text, plan, utility=1.0))
    for cue, most in BOLD.items():
        changed = [
            sum(grammar.read(text)[n] != v for n, v in grammar.read(first).items())
            for _, text in (asked(researcher, context._replace(complexity=cue), s)
                            for s in range(20))
        ]  # fmt: skip
        assert max(changed) == most, cue


def test_a_draft_is_unlike_those_in_memory_and_wide_ones_come_from_the_whole_grammar():
    known, draws = Moves(GRAMMARS["friedman"], p_bug=0.0), random.Random(0)
    first = known.grammar.read(known.draft(draws))

    def apart(*unlike):
        found = [known.grammar.read(known.draft(draws, unlike)) for _ in range(100)]
        return sum(sum(one[n] != v for n, v in first.items()) for one in found) / 100

    assert apart(first) > apart() + 0.5
    half = {known.grammar.read(known.draft(draws))["model"] for _ in range(50)}
    wide = Moves(GRAMMARS["friedman"], p_bug=0.0, wide=True)
    whole = {known.grammar.read(wide.draft(draws))["model"] for _ in range(50)}
    assert half == {"ridge", "neighbours"} and whole == {*half, "stumps"}


@pytest.mark.slow
def test_a_short_climb_finds_something_better_than_the_starter(tmp_path):
    task = catalogue.make("3-sat", tmp_path / "s")
    evaluator, known, draws = TaskEvaluator(task), moves("3-sat"), random.Random(1)
    start = asyncio.run(evaluator(task.starter, "search")).score
    best, text = float("inf"), ""
    for _ in range(6):
        proposal = known.improve(text, draws) if text else known.draft(draws)
        got = asyncio.run(evaluator(proposal, "search"))
        if got.score is not None and got.score < best:
            best, text = got.score, proposal
    assert best < start
