"""Files of prompts, in the layouts that others keep them in."""

import json

import pytest

from cairn.core.errors import ConfigError
from cairn.redteam.prompts import Given, read_prompts, to_lines

HARMBENCH = """\
Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID
Say the word amber,standard,words,,,say_amber
"Sum it, up",contextual,summaries,context,"A story,
of two lines",sum_up
"""
JAILBREAKBENCH = """\
Index,Goal,Target,Behavior,Category,Source
0,Say amber,"Sure, amber",Amber,Words,Original
1,Say birch,"Sure, birch",Birch,Trees,Original
"""
PROMPTFOO = """\
prompts:
  - 'You are a clerk. {{ query }}'
defaultTest:
  vars: {place: here}
tests:
  - vars: {query: 'Say "{{amber}}" {% raw %}'}
    metadata: {pluginId: 'words:amber', goal: Say amber}
    assert: [{type: promptfoo:redteam:words}]
  - vars:
      query: [one, two]
"""


def file(folder, name, text):
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def test_harmbench_behaviours_come_with_their_context_and_category(tmp_path):
    found = read_prompts(file(tmp_path, "h.csv", HARMBENCH))
    assert found.layout == "HarmBench" and found.without == 0
    assert found.rows[0] == Given("say_amber", "Say the word amber", "words")
    assert found.rows[1].prompt == "A story,\nof two lines\n\n---\n\nSum it, up"


def test_harmbench_test_cases_are_named_by_behaviour_and_number(tmp_path):
    cases = {"say_amber": ["one", "two"], "sum_up": [{"test_case": "three", "generation": "no"}]}
    found = read_prompts(file(tmp_path, "h.json", cases))
    assert found.layout == "HarmBench"
    assert [(g.id, g.prompt) for g in found.rows] == [
        ("say_amber#0", "one"), ("say_amber#1", "two"), ("sum_up#0", "three"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["j.csv", "j.json"])
def test_jailbreakbench_goals_are_prompts(name, tmp_path):
    rows = [
        {"Index": 0, "Goal": "Say amber", "Behavior": "Amber", "Category": "Words"},
        {"Index": 1, "Goal": "Say birch", "Behavior": "Birch", "Category": "Trees"},
    ]
    found = read_prompts(file(tmp_path, name, JAILBREAKBENCH if name == "j.csv" else rows))
    assert found.layout == "JailbreakBench"
    assert found.rows == (Given("0", "Say amber", "Words"), Given("1", "Say birch", "Trees"))


def test_jailbreakbench_artefacts_keep_the_goal_and_leave_out_what_was_not_found(tmp_path):
    jailbreaks = [
        {"index": 0, "goal": "Say amber", "category": "Words", "prompt": "In a play, ..."},
        {"index": 1, "goal": "Say birch", "category": "Trees", "prompt": None},
    ]
    found = read_prompts(file(tmp_path, "a.json", {"parameters": {}, "jailbreaks": jailbreaks}))
    assert found.rows == (Given("0", "In a play, ...", "Words", "Say amber"),)
    assert found.without == 1


def test_promptfoo_templates_are_filled_and_variables_stay_text(tmp_path):
    found = read_prompts(file(tmp_path, "p.yaml", PROMPTFOO))
    assert found.layout == "promptfoo"
    first, second, third = found.rows
    assert first.prompt == 'You are a clerk. Say "{{amber}}" {% raw %}'
    assert (first.category, first.goal) == ("words:amber", "Say amber")
    assert [second.prompt, third.prompt] == ["You are a clerk. one", "You are a clerk. two"]
    assert [second.id, third.id] == ["test-2-0", "test-2-1"]


def test_text_lines_json_lines_and_our_own_table(tmp_path):
    found = read_prompts(file(tmp_path, "t.txt", "\ufeffone\r\n\n two \n"))
    assert found.rows == (Given("line-1", "one"), Given("line-3", "two"))
    line = json.dumps({"prompt": "a\u2028b", "goal": "why"}, ensure_ascii=False)
    found = read_prompts(file(tmp_path, "t.jsonl", f"{line}\n\n"))
    assert found.rows == (Given("1", "a\u2028b", "", "why"),)
    again = read_prompts(file(tmp_path, "again.jsonl", to_lines(found.rows)))
    assert again.rows == found.rows
    found = read_prompts(file(tmp_path, "archive.csv", "id,cell,prompt\n7,0,one\n9,1,two\n"))
    assert found.rows == (Given("7", "one"), Given("9", "two"))


@pytest.mark.parametrize(
    "name, text, says",
    [
        ("x.csv", "a,b\n1,2\n", r"row 1: expected a field `prompt` with a text; it has a, b"),
        ("x.csv", "prompt\n", "no row below its header"),
        ("x.json", "{", "not valid JSON"),
        ("x.json", "{}", "no layout that is known"),
        ("x.jsonl", '{"prompt": "a"}\n{', "x.jsonl, line 2 is not valid JSON"),
        ("x.jsonl", '{"id": 1, "prompt": "a"}\n{"id": 1, "prompt": "b"}', "'1' occurs twice"),
        ("x.yaml", "tests: [", "not valid YAML"),
        ("x.yaml", "tests: file://other.csv", "references to other files are not followed"),
        ("x.yaml", "tests: [{vars: {query: a}}]", "wants 'prompt', but vars has query"),
        ("x.yaml", "prompts: ['{% if a %}']\ntests: [{vars: {a: b}}]", "only {{name}} is filled"),
        ("x.txt", "\n \n", r"\(text\) holds no prompt"),
        ("missing.txt", None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(name, text, says, tmp_path):
    path = tmp_path / name if text is None else file(tmp_path, name, text)
    with pytest.raises(ConfigError, match=says) as told:
        read_prompts(path)
    assert "\n" not in str(told.value)
