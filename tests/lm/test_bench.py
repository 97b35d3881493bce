"""The models of one trial: whose settings a request carries, and answers asked for again."""

import asyncio

import pytest

from cairn.core.draws import DrawKey
from cairn.core.journal import Journal
from cairn.lm.bench import Bench, in_both_orders, together
from cairn.lm.cast import FREE, Application, Model, cast
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import CutAnswerError, UnreadableAnswerError
from cairn.lm.readings import Reading, probability
from cairn.lm.request import Request, Sampling
from cairn.lm.scripted import ScriptedModel


class Echo:
    """Notes what is asked; answers from a list, in turn."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []
        self.model = ScriptedModel(self._answer)

    def _answer(self, request: Request, key: DrawKey) -> str:
        self.asked.append(request)
        return self.answers.pop(0) if self.answers else "0.5"


def bench(tmp_path, echo, body, *, player=None, readings=3, role=None, **more):
    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, {"judge": role or Role(Endpoint(echo.model))})
            players = {} if player is None else {"judge": player}
            made = Bench(desk.clients(0), players, Reading(), readings, **more)
            return await body(made), made.calls

    return asyncio.run(main())


def number(text):
    return probability(text, by="judge")


def test_a_request_carries_the_settings_of_its_player_before_those_of_the_method(tmp_path):
    player = Model("http://h/v1", "m", system="mine", temperature=0.1, max_tokens=7)
    systems = {"judge": "the method's"}
    for given, system, sampling in (
        (player, "mine", player.sampling()),
        (Application("a:b", max_tokens=9), "the method's", Sampling(max_tokens=9)),
        (None, "the method's", Sampling()),
    ):
        echo = Echo("yes")
        ask = lambda made: made.ask("judge", "well?", "p")  # noqa: E731
        bench(tmp_path / str(given)[:5], echo, ask, player=given, systems=systems, version="3")
        (request,) = echo.asked
        assert [m.content for m in request.messages] == [system, "well?"]
        assert (request.sampling, request.prompt_version) == (sampling, "3")


def test_an_answer_that_cannot_be_read_is_asked_for_again_as_another_sample(tmp_path):
    echo = Echo("hm", "", "0.25")
    value, calls = bench(tmp_path, echo, lambda made: made.read("judge", "well?", "p", number))
    assert (value, calls) == (0.25, 3)


def test_after_all_readings_a_missing_grade_is_an_error_and_no_grade(tmp_path):
    echo = Echo(*["hm"] * 9)
    with pytest.raises(UnreadableAnswerError, match="expected a number"):
        bench(tmp_path, echo, lambda made: made.read("judge", "?", "p", number), readings=2)
    assert len(echo.asked) == 2


def test_each_pair_of_verdicts_is_asked_in_both_orders():
    async def one(order, index):
        return f"{order[:4]}{index}"

    found = asyncio.run(in_both_orders(one, 2))
    assert found == (("ours0", "thei0"), ("ours1", "thei1"))


def test_all_are_awaited_before_the_first_error_is_raised():
    ended = []

    async def one(n):
        await asyncio.sleep(0.01 * n)
        ended.append(n)
        if n == 0:
            raise ValueError("first")
        return n

    with pytest.raises(ValueError, match="first"):
        asyncio.run(together(one(0), one(1), one(2)))
    assert ended == [0, 1, 2]


def test_a_client_asks_with_the_settings_of_its_role_and_takes_whole_answers_alone(tmp_path):
    echo, sampling = Echo("an answer", ""), Sampling(temperature=0.3, max_tokens=5)
    role = Role(Endpoint(echo.model), system="be brief", sampling=sampling)

    async def body(made):
        client = made.clients["judge"]
        assert await client.ask("well?") == "an answer"
        with pytest.raises(CutAnswerError):
            await client.ask("well?", sample_index=1)

    bench(tmp_path, echo, body, role=role)
    first, _ = echo.asked
    assert [m.content for m in first.messages] == ["be brief", "well?"]
    assert first.sampling == sampling


def test_a_cast_gives_each_role_what_its_player_says():
    player = Model("http://h/v1", "m", system="mine", temperature=0.1)
    roles = cast({"judge": player, "local": ScriptedModel(lambda *_: "x")})
    assert (roles["judge"].system, roles["judge"].sampling) == ("mine", player.sampling())
    assert roles["local"].system is None and roles["local"].sampling == Sampling()
    assert roles["local"].price == FREE
