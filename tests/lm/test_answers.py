"""Readers of whole answers."""

import asyncio
from dataclasses import replace

import pytest

from cairn.core.errors import ConfigError
from cairn.core.journal import Journal
from cairn.lm.answers import read_again, structured, tool_calls, whole_text
from cairn.lm.client import Desk, Role
from cairn.lm.completion import Completion, Usage
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import CutAnswerError, UnreadableAnswerError
from cairn.lm.request import Request
from cairn.lm.scripted import FunctionModel
from cairn.lm.tools import Schema, Tool, ToolCall

GRADE = Schema(
    {
        "type": "object",
        "properties": {"grade": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["grade"],
    }
)
ADD = Tool("add", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Completion("half an", "length"), r"target: the answer was cut by max_tokens\. Raise"),
        (Completion("", "length", Usage(9, 8)), "cut by max_tokens after 8 tokens"),
        (Completion("", "length", Usage(9, 8, 0, 8)), "the reasoning used it up"),
        (Completion("", "length", reasoning="let me see"), "the reasoning used it up"),
        (Completion("so far", "content_filter"), "stopped before its end .*content_filter"),
        (Completion("so far", "abort"), "stopped before its end"),
        (Completion(" \n"), "an empty answer"),
        (Completion("", reasoning="hm"), "reasoning, but no answer"),
    ],
)
def test_what_is_no_whole_answer_is_missing_and_says_why(answer, why):
    assert not answer.whole
    with pytest.raises(CutAnswerError, match=why):
        whole_text(answer, by="target")


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "eos", "unknown", "end_turn"])
def test_an_answer_that_ended_by_itself_is_whole_whatever_the_server_calls_that(finish):
    assert whole_text(Completion("yes", finish), by="target") == "yes"
    assert Completion("", finish, tool_calls=(ToolCall("c", "add", "{}"),)).whole


def test_structured_output_is_read_and_held_to_its_schema():
    assert structured(Completion('{"grade": 3}'), GRADE, by="judge") == {"grade": 3}
    assert (
        structured(Completion('```json\n{"grade": 3}\n```'), GRADE.body, by="judge")["grade"] == 3
    )
    for text, why in (
        ("grade: 3", r"judge: expected JSON, got 'grade: 3'"),
        ('{"grade": NaN}', "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ('{"grade": 12}', r"breaks its schema: 12 is greater than the maximum of 9 at \$\.grade"),
        ("{}", "'grade' is a required property"),
    ):
        with pytest.raises(UnreadableAnswerError, match=why):
            structured(Completion(text), GRADE, by="judge")
    with pytest.raises(CutAnswerError):
        structured(Completion('{"grade": 3', "length"), GRADE, by="judge")
    with pytest.raises(ConfigError, match="not a JSON schema"):
        structured(Completion("{}"), {"type": "objekt"}, by="judge")


def test_a_schema_is_never_fetched():
    remote = {"$ref": "http://127.0.0.1:9/schema.json"}
    with pytest.raises(ConfigError, match=r"not a JSON schema: .*127\.0\.0\.1:9"):
        structured(Completion("{}"), remote, by="judge")


def test_calls_of_tools_are_read_with_their_arguments():
    call = ToolCall("c1", "add", '{"a": 1}')
    answer = Completion("", "tool_calls", tool_calls=(call, call._replace(arguments="")))
    assert tool_calls(answer, [ADD], by="agent")[0] == (call, {"a": 1})
    assert tool_calls(answer, [ADD], by="agent")[1][1] == {}
    assert tool_calls(Completion("no call"), [ADD], by="agent") == []


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (ToolCall("c", "rm\x1b", "{}"), r"does not exist: 'rm␛'; its tools are: add"),
        (ToolCall("c", "add", '{"a": '), "expected arguments of add in JSON"),
        (ToolCall("c", "add", "[1]"), "expected arguments of add as an object, got list"),
        (ToolCall("c", "add", '{"a": "one"}'), "arguments of add break its schema: 'one' is not"),
    ],
)
def test_a_call_that_cannot_be_made_is_an_unreadable_answer(call, why):
    with pytest.raises(UnreadableAnswerError, match=why):
        tool_calls(Completion("", tool_calls=(call,)), [ADD], by="agent")


def test_what_cannot_be_read_is_asked_again_so_many_times_and_then_missing():
    texts = ["?", '{"grade": 99}', '{"grade": 4}']
    asked = []

    async def ask(sample):
        asked.append(sample)
        return Completion(texts[sample])

    def read(answer):
        return structured(answer, GRADE, by="judge")

    assert asyncio.run(read_again(ask, read, readings=3)) == {"grade": 4} and asked == [0, 1, 2]
    with pytest.raises(UnreadableAnswerError, match="99 is greater"):
        asyncio.run(read_again(ask, read, readings=2))
    with pytest.raises(ConfigError, match="readings must be at least 1"):
        asyncio.run(read_again(ask, read, readings=0))


def test_readings_of_a_run_are_samples_of_their_own_and_come_back_from_the_journal(tmp_path):
    asked = []

    async def judge(request):
        asked.append(request)
        return '{"grade": 4}' if len(asked) % 3 == 0 else '{"grade": "four"}'

    async def main():
        request = replace(Request.of("grade it"), schema=GRADE)
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, {"judge": Role(Endpoint(FunctionModel(judge, "judge")))})
            client = desk.clients(0)["judge"]
            assert client.request("grade it", schema=GRADE) == request
            found = [
                await client.read(
                    request,
                    lambda answer: structured(answer, GRADE, by="judge"),
                    purpose="grade",
                    sample_index=vote,
                )
                for vote in range(2)
            ]
            with pytest.raises(UnreadableAnswerError, match="'four' is not of type 'integer'"):
                reader = lambda answer: structured(answer, GRADE, by="judge")  # noqa: E731
                await client.read(request, reader, purpose="again", readings=2)
            return found

    for _ in range(2):  # the second time nothing is asked
        assert asyncio.run(main()) == [{"grade": 4}] * 2
        assert len(asked) == 8


def test_cleaning_reaches_all_texts_and_drops_what_would_spell_them():
    call = ToolCall("c", "add", '{"key": "sesame"}')
    answer = Completion("hi", logprobs=(), token_ids=(1,), tool_calls=(call,), reasoning="open")
    assert answer.cleaned(str) is answer
    cleaned = answer.cleaned(lambda text: text.replace("sesame", "?"))
    assert cleaned.tool_calls[0].arguments == '{"key": "?"}'
    assert cleaned.token_ids is None and cleaned.logprobs is None
    assert replace(cleaned, tool_calls=()).cleaned(lambda text: text[:2]).reasoning == "op"
