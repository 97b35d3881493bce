"""The local model behind HTTP, asked by the `openai` SDK and by our own client."""

import asyncio
import concurrent.futures
import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request

import jax
import jax.numpy as jnp
import numpy as np
import openai
import pytest

from cairn.core.redact import Secret
from cairn.lm import local_http
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.local_answers import Answerer
from cairn.lm.local_engine import Engine, Settings
from cairn.lm.request import Request, Sampling
from cairn.nn.language.attention import causal
from cairn.nn.language.spoken import Spoken
from cairn.nn.language.tokens import Characters
from cairn.nn.language.transformer import Shape, Transformer

pytestmark = pytest.mark.slow  # the first test compiles for all
ALPHABET = Characters.of("abcdefgh :\n")
CONTEXT, SLOTS = 128, 4


class Served:
    """A server in a thread of its own, with what stands behind it."""

    def __init__(self, key=None):
        shape = Shape(ALPHABET.size, width=8, layers=1, heads=2, kv_heads=1, head_width=4, inner=8)
        fresh = jax.eval_shape(lambda: Transformer.init(jax.random.key(0), shape))
        draw = np.random.default_rng(0).normal
        self.model = jax.tree.map(
            lambda leaf: jnp.asarray(draw(0.0, 0.5, leaf.shape), jnp.float32), fresh
        )
        self.engine = Engine(Spoken(self.model, ALPHABET), Settings(SLOTS, CONTEXT, 2, 16))
        self.answerer = Answerer(Spoken(self.model, ALPHABET), self.engine, "tiny")
        self.bound = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.bound.getsockname()[1]}/v1"
        self.loop, begun = asyncio.new_event_loop(), threading.Event()

        async def main():
            self.end = asyncio.Event()
            app = local_http.app(self.answerer, key=key, hosts=local_http.LOOPBACK)
            async with local_http.serving(app, self.bound):
                begun.set()
                await self.end.wait()

        self.thread = threading.Thread(target=lambda: self.loop.run_until_complete(main()))
        self.thread.start()
        begun.wait()

    def close(self):
        self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join()
        self.loop.close()
        self.engine.close()
        self.bound.close()


@pytest.fixture(scope="module")
def served():
    made = Served()
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(served):
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as made:
        yield made


def complete(client, **fields):
    fields = {"model": "tiny", "prompt": "abc", "max_tokens": 12, "seed": 5, **fields}
    return client.completions.create(**fields)


def chat(client, text="abc", **fields):
    fields = {"max_tokens": 12, "seed": 5, **fields}
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="tiny", messages=messages, **fields)


FOREVER = {"extra_body": {"ignore_eos": True}}


def test_log_probabilities_are_of_what_was_sampled(served, client):
    exact = {"return_token_ids": True, "ignore_eos": True}
    reply = complete(client, logprobs=3, temperature=0.5, extra_body=exact)
    processed = complete(
        client,
        logprobs=0,
        temperature=0.5,
        extra_body=exact | {"logprobs_mode": "processed_logprobs"},
    )
    ids = reply.choices[0].model_extra["token_ids"]
    text = [1, *ALPHABET.encode("abc"), *ids]
    hidden = served.model.hidden(jnp.array(text), *causal(len(text)))
    logits = served.model.logits(hidden)[3:-1]
    told = reply.choices[0].logprobs
    for row, token, ours, sampled, top in zip(
        logits, ids, told.token_logprobs, processed.choices[0].logprobs.token_logprobs,
        told.top_logprobs, strict=True,
    ):  # fmt: skip
        scores = jax.nn.log_softmax(row)
        assert ours == pytest.approx(float(scores[token]), abs=1e-4)
        assert sampled == pytest.approx(float(jax.nn.log_softmax(row / 0.5)[token]), abs=1e-4)
        assert sorted(top.values(), reverse=True) == pytest.approx(
            sorted(scores.tolist(), reverse=True)[:3], abs=1e-4
        )
    assert reply.usage.prompt_tokens == 4 and reply.usage.completion_tokens == len(ids) == 12
    assert reply.choices[0].finish_reason == "length"


def test_a_stream_says_what_the_whole_reply_says(client):
    whole = chat(client, logprobs=True, top_logprobs=2, n=2)
    texts, finishes, logprobs, usage = ["", ""], [None, None], [[], []], None
    for chunk in chat(
        client,
        logprobs=True,
        top_logprobs=2,
        n=2,
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            finishes[choice.index] = choice.finish_reason or finishes[choice.index]
            logprobs[choice.index] += choice.logprobs.content if choice.logprobs else []
    assert texts == [choice.message.content for choice in whole.choices]
    assert finishes == [choice.finish_reason for choice in whole.choices]
    assert logprobs == [choice.logprobs.content for choice in whole.choices]
    assert usage == whole.usage


def test_several_answers_differ_and_each_is_the_one_it_is_alone(client):
    alone = complete(client, **FOREVER).choices[0].text
    several = [
        choice.text for choice in complete(client, n=6, **FOREVER).choices
    ]  # more than slots
    assert several[0] == alone and len(set(several)) > 3
    two = complete(client, prompt=["abc", "hgf"], n=2, **FOREVER).choices
    assert [choice.index for choice in two] == [0, 1, 2, 3]
    assert [choice.text for choice in two][:2] == several[:2]


def test_a_string_ends_an_answer_and_is_not_in_it(client):
    told = {"extra_body": {"ignore_eos": True, "return_token_ids": True}}
    whole = complete(client, max_tokens=30, **told).choices[0]
    stop = whole.text[6:8]
    ids = whole.model_extra["token_ids"]
    length = next(n for n in range(31) if stop in ALPHABET.decode(ids[:n]))
    ended = complete(client, max_tokens=30, stop=[stop, "never"], **told)
    assert ended.choices[0].text == whole.text[: whole.text.index(stop)]
    assert ended.choices[0].finish_reason == "stop"
    assert ended.usage.completion_tokens == length < 30
    streamed = complete(client, max_tokens=30, stop=stop, stream=True, **told)
    assert "".join(chunk.choices[0].text for chunk in streamed) == ended.choices[0].text


def test_who_comes_later_with_less_is_done_first_and_every_answer_stays_its_own(served, client):
    before, began = served.engine.rounds, time.monotonic()
    asks = [(100, 1), (40, 2), (8, 3)]

    def ask(most, seed):
        text = complete(client, max_tokens=most, seed=seed, **FOREVER).choices[0].text
        return text, time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        together = [future.result() for future in [pool.submit(ask, *each) for each in asks]]
    rounds = served.engine.rounds - before
    assert together[2][1] < together[0][1]
    assert rounds < (100 + 40 + 8) / 2  # side by side, and not one after another
    assert [text for text, _ in together] == [ask(*each)[0] for each in asks]


def test_who_hangs_up_leaves_the_slot(served, client, monkeypatch):
    engine, at_once = served.engine, served.engine._round
    monkeypatch.setattr(engine, "_round", lambda: (time.sleep(0.05), at_once()))
    before = engine.rounds
    stream = complete(client, max_tokens=120, stream=True, **FOREVER)
    next(iter(stream))
    stream.close()
    deadline = time.monotonic() + 20
    while any(engine._held) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(engine._held)
    assert engine.rounds - before < 60  # which the whole answer takes


def test_our_own_client_speaks_with_it(served):
    async def ask(api):
        server = OpenAIServer(Server(served.url, "tiny", api=api))
        sampling = Sampling(max_tokens=6, logprobs=2, token_ids=True, seed=3)
        try:
            return await server.complete(Request.of("abc", sampling=sampling))
        finally:
            await server.close()

    for api in ("chat", "completions"):
        found = asyncio.run(ask(api))
        assert found.usage is not None and found.logprobs is not None
        assert len(found.token_ids) == len(found.logprobs) == found.usage.completion
        assert len(found.logprobs[0].top) == 2


def test_the_model_is_listed(client):
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").model_extra["max_model_len"] == CONTEXT


LONG = "a" * 200
REFUSED = [
    ({"model": "big"}, 404, "model_not_found", "'big' does not exist here: there is tiny"),
    ({"prompt": LONG}, 400, "context_length_exceeded", "128 tokens, but 201 came"),
    ({"max_tokens": 126}, 400, "context_length_exceeded", "4 came in the prompt and 126"),
    ({"max_tokens": 0}, 400, None, "max_tokens must lie between 1 and"),
    ({"max_tokens": 3.5}, 400, None, "max_tokens must be an integer, got 3.5"),
    ({"max_tokens": True}, 400, None, "max_tokens must be an integer, got true"),
    ({"temperature": -1}, 400, None, "temperature must lie between 0 and 100, got -1"),
    ({"top_p": 1.5}, 400, None, "top_p must lie between 0 and 1"),
    ({"temperature": 10**400}, 400, None, "temperature must lie between"),
    ({"n": 0}, 400, None, "n must lie between 1 and 128"),
    ({"n": 17}, 429, "rate_limit_exceeded", "Too many requests are waiting"),
    ({"prompt": "xyz"}, 400, None, "'x'"),
    ({"prompt": [99]}, 400, None, r"Token ids must lie in \[0, 15\)"),
    ({"prompt": []}, 400, None, "at least one prompt"),
    ({"prompt": {"a": 1}}, 400, None, "prompt must be a string"),
    ({"prompt": "\ud83d"}, 400, None, "."),
    ({"stop": [""]}, 400, None, "stop must be a string or up to 16"),
    ({"logprobs": 21}, 400, None, "logprobs must lie between 0 and 20"),
    ({"stream_options": {}}, 400, None, "stream_options must be an object"),
    ({"echo": True}, 400, "unsupported_parameter", "'echo' is not supported"),
    ({"surprise": 1}, 400, "unknown_parameter", "Unrecognized request argument: surprise"),
]


def post(url, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data, headers), timeout=30
        ) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(("wrong", "status", "code", "words"), REFUSED, ids=str)
def test_what_cannot_be_answered_is_refused_in_the_protocols_words(
    served, wrong, status, code, words
):
    found, body = post(served.url + "/completions", {"model": "tiny", "prompt": "abc"} | wrong)
    error = body["error"]
    assert (found, error["code"], error["type"]) == (status, code, "invalid_request_error")

    assert re.search(words, error["message"]), error["message"]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "at least one message"),
        ([{"role": "robot", "content": "a"}], "messages.0 must be an object whose role"),
        ([{"role": "user", "content": 3}], "messages.0.content must be a text"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "parts of type text"),
    ],
)
def test_a_conversation_must_be_one(served, messages, words):
    status, body = post(served.url + "/chat/completions", {"messages": messages})
    assert status == 400 and words in body["error"]["message"]


def test_what_is_no_request_is_refused_as_well(served, client):
    url = served.url + "/completions"
    assert post(url, b"{")[0] == 400
    assert post(url, b"[1]")[0] == 400
    assert post(url, b"{}", **{"Content-Type": "text/plain"})[0] == 415
    assert post(served.url + "/embeddings", {})[0] == 404
    assert post(url, {"prompt": "abc"}, Host="elsewhere.example")[0] == 403
    with pytest.raises(openai.NotFoundError, match="does not exist here"):
        client.models.retrieve("big")
    with pytest.raises(openai.BadRequestError, match="maximum context length is 128"):
        chat(client, LONG)


def test_with_a_key_nobody_is_answered_without_it(served):
    async def ask():
        from aiohttp.test_utils import TestClient, TestServer

        app = local_http.app(served.answerer, key=Secret("correct-horse"))
        async with TestClient(TestServer(app)) as asking:
            found = []
            for key in ("wrong", "correct-horse"):
                reply = await asking.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
                found.append((reply.status, (await reply.json()).get("error", {}).get("code")))
            return found

    assert asyncio.run(ask()) == [(401, "invalid_api_key"), (200, None)]
