"""Models and applications out of a config."""

import asyncio
import dataclasses
import tomllib

import pytest

from cairn.core.errors import ConfigError
from cairn.core.journal import Journal
from cairn.core.typed import build, plain
from cairn.lm.bench import Bench
from cairn.lm.cast import SHAPES_NO_ANSWER, Application, Model, cast
from cairn.lm.client import Desk, Role
from cairn.lm.completion import Completion
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import CutAnswerError
from cairn.lm.http import OpenAIServer
from cairn.lm.readings import Reading
from cairn.lm.request import Request
from cairn.lm.scripted import FunctionModel

TABLE = """
base_url = "https://mine.example/openai/deployments/judge"
model = "judge"
key_header = "api-key"
api_key_env = "SOME_KEY"
query = { api-version = "2024-10-21" }
headers = { X-Gate = "${GATE_KEY}" }
omit = ["temperature"]
tokens_field = "max_completion_tokens"
extra = { top_k = 40 }
reasoning_effort = "low"
revision = "2026-05"
stop = ["END"]
"""


def test_every_setting_of_a_server_can_stand_in_a_config(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "key-0123456789")
    monkeypatch.setenv("GATE_KEY", "gate-0123456789")
    model = build(Model, tomllib.loads(TABLE), "models.judge")
    assert build(Model, plain(model)) == model
    endpoint = cast({"judge": model})["judge"].endpoint
    assert isinstance(endpoint.model, OpenAIServer)
    body = endpoint.model.body(dataclasses.replace(Request.of("x"), sampling=model.sampling()), "0")
    assert body == {
        "model": "judge",
        "messages": [{"role": "user", "content": "x"}],
        "max_completion_tokens": 256,
        "top_p": 0.95,
        "stop": ["END"],
        "reasoning_effort": "low",
        "top_k": 40,
    }
    assert "2026-05" in endpoint.identity and "2026-05" in model.who
    assert "0123456789" not in endpoint.identity + repr(model)


def test_roles_share_an_endpoint_where_all_that_reaches_the_server_is_equal():
    def endpoints(**fields):
        first = Model("http://h/v1", "m")
        second = dataclasses.replace(first, **fields)
        roles = cast({"a": first, "b": second})
        return len({id(role.endpoint) for role in roles.values()})

    assert endpoints(temperature=0.1, seed=3) == 1
    for fields in ({"revision": "2"}, {"omit": ("seed",)}, {"query": {"v": "1"}}, {"slots": 2}):
        assert endpoints(**fields) == 2


def test_what_shapes_no_answer_is_not_in_the_identity():
    plain_model = Model("http://h/v1", "m")
    names = {field.name for field in dataclasses.fields(Model)}
    names |= {field.name for field in dataclasses.fields(Application)}
    assert set(SHAPES_NO_ANSWER) <= names
    other = dataclasses.replace(
        plain_model, tokens_field="max_completion_tokens", stream=True, key_header="api-key"
    )
    assert (
        cast({"a": other})["a"].endpoint.identity == cast({"a": plain_model})["a"].endpoint.identity
    )


def test_an_edited_application_is_another_one_unless_its_revision_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    identities = []
    for body in ("'one'", "'two'"):
        (tmp_path / "edited_app.py").write_text(f"async def f(request):\n    return {body}\n")
        for revision in ("", "7"):
            player = Application("edited_app:f", revision=revision)
            identities.append(cast({"target": player})["target"].endpoint.identity)
    assert identities[0] != identities[2] and identities[1] == identities[3]


@pytest.mark.parametrize("answer", [Completion("UNSAFE", "length"), Completion("")])
def test_a_bench_asks_again_for_an_answer_that_is_not_whole_and_then_it_is_missing(
    answer, tmp_path
):
    asked = []

    async def judge(request):
        asked.append(request)
        return answer if len(asked) < 3 else Completion("UNSAFE")

    async def read(readings):
        asked.clear()
        with Journal(tmp_path / f"{readings}.sqlite", config={}) as journal:
            desk = Desk(journal, {"judge": Role(Endpoint(FunctionModel(judge, "judge")))})
            bench = Bench(desk.clients(0), {}, Reading(), readings)
            return await bench.read("judge", "?", "vote", str)

    assert asyncio.run(read(3)) == "UNSAFE" and len(asked) == 3
    with pytest.raises(CutAnswerError, match="judge: "):
        asyncio.run(read(2))
    assert len(asked) == 2


def test_a_mistake_in_a_setting_is_named():
    with pytest.raises(ConfigError, match=r"\[models.judge\]: Server.headers.api-key looks like"):
        build(Model, tomllib.loads(TABLE.replace("X-Gate", "api-key").replace("${GATE_KEY}", "k")),
              "models.judge")  # fmt: skip
