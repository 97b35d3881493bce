"""An OpenAI-compatible server that misbehaves on purpose. Standard library only: starts fast.

A prompt that starts with `[[mode]]` is answered in that mode, `[[mode xN]]` only its first N
times. Other prompts fail at the rates that `POST /control` sets. `GET /counts` tells what was
served: a reply that was made counts as *paid*, whether or not it reached the client.
"""

import asyncio
import hashlib
import json
import random
import re
import sys
from collections import Counter

DIRECTIVE = re.compile(r"\[\[([a-z0-9-]+)(?: x(\d+))?\]\]")
STATUS = {
    "429": (429, {}, "slow down"),
    "429-after": (429, {"Retry-After-Ms": "30"}, "slow down"),
    "429-date": (429, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, "slow down"),
    "429-quota": (429, {}, "no credit"),
    "500": (500, {}, "oops"),
    "503": (503, {"Retry-After": "0.02"}, "overloaded"),
    "400": (400, {}, "too long"),
    "401": (401, {}, "bad key"),
    "403-moderation": (403, {}, "your input was flagged"),
    "404": (404, {}, "no such model"),
    "301": (301, {"Location": "/elsewhere"}, "moved"),
    "429-hour": (429, {"Retry-After": "3600"}, "see you in an hour"),
    "escape": (400, {}, "too long: \x1b]0;owned\x07\x1b[31m red\nforged line"),
    "400-key": (400, {}, "Incorrect API key provided"),
}
CODES = {"429-quota": "insufficient_quota", "404": "model_not_found"}


class State:
    def __init__(self):
        self.rates: dict[str, float] = {}
        self.random = random.Random(0)
        self.latency_s = 0.0
        self.slots = 10**9
        self.headers: dict[str, str] = {}
        self.requests = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.over = 0
        self.tries: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        self.modes: Counter[str] = Counter()
        self.bodies: list[dict] = []
        self.refuses: list[str] = []
        self.seen: dict = {}


def answer_to(prompt: str) -> str:
    return "answer " + hashlib.sha256(prompt.encode()).hexdigest()[:12]


def completion(prompt: str, path: str, authorization: str) -> dict:
    text = authorization if "repeat-my-key" in prompt else answer_to(prompt)
    choice: dict = {"index": 0, "finish_reason": "stop"}
    if "/chat/completions" in path:
        choice["message"] = {"role": "assistant", "content": text}
        top = [{"token": text, "logprob": -0.5}]
        choice["logprobs"] = {"content": [{"token": text, "logprob": -0.5, "top_logprobs": top}]}
    else:
        choice["text"] = text
    usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": 2}
    return {"id": "x", "choices": [choice], "usage": usage}


def pieces(reply: dict, mode: str) -> bytes:
    """The reply as server-sent events, in pieces of three characters."""
    choice = reply["choices"][0]
    text = choice["message"]["content"]
    deltas = [{"role": "assistant", "content": ""}, {"reasoning_content": "hm"}]
    deltas += [{"content": text[i : i + 3]} for i in range(0, len(text), 3)]
    events: list[dict] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events.append({"choices": [], "usage": reply["usage"]})
    if mode == "stream-cut":
        del events[-3:]
    if mode == "stream-error":
        events[-3:] = [{"error": {"message": "out of memory \x1b[2J"}}]
    lines = [": a comment", *(f"data: {json.dumps(event)}" for event in events)]
    lines += [] if mode == "stream-cut" else ["data: [DONE]"]
    return "".join(f"{line}\n\n" for line in lines).encode()


def refused_field(state: "State", body: dict) -> bytes | None:
    """A 400 in the words of a server that takes no such parameter."""
    field = next((field for field in state.refuses if field in body), None)
    if field is None:
        return None
    message = f"Unsupported parameter: '{field}' is not supported with this model."
    error = {"message": message, "type": "invalid_request_error", "param": field}
    return json.dumps({"error": error | {"code": "unsupported_parameter"}}).encode()


def broken(mode: str, reply: dict) -> bytes:
    """A body of status 200 that is no completion."""
    if mode == "cut":
        reply["choices"][0] |= {"finish_reason": "length", "message": {"content": None}}
    if mode == "call":
        call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
        message = {"content": None, "tool_calls": [call]}
        reply["choices"][0] |= {"finish_reason": "tool_calls", "message": message}
    if mode == "malformed":
        return json.dumps(reply).encode()[:-7]
    if mode == "wrong-type":
        reply["choices"][0]["message"] = {"content": 42}
    if mode == "no-choices":
        reply["choices"] = []
    if mode == "no-usage":
        del reply["usage"]
    if mode == "odd-usage":
        reply["usage"] = {"prompt_tokens": "three", "completion_tokens": -1}
    if mode == "huge-usage":
        reply["usage"] = {"prompt_tokens": 10**30, "completion_tokens": 1}
    if mode == "half-character":
        reply["choices"][0]["message"]["content"] = "cut \ud83d"
    if mode == "empty-answer":
        reply["choices"][0]["message"]["content"] = ""
    raw = {"empty-body": b"", "html": b"<html>hello</html>", "nested": b"[" * 200_000}
    return raw[mode] if mode in raw else json.dumps(reply).encode()


def frame(
    status: int, headers: dict[str, str], body: bytes, kind: str = "application/json"
) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    def __init__(self, state: State, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.state, self.reader, self.writer = state, reader, writer

    async def serve(self) -> None:
        try:
            while await self.one():
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.writer.close()

    async def one(self) -> bool:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        request_line, *lines = head.split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        path = request_line.split()[1]
        if path == "/counts":
            return self.control_reply(self.counts())
        if path == "/control":
            self.state.__dict__.update(json.loads(body))
            return self.control_reply({})
        self.state.in_flight += 1
        self.state.most_in_flight = max(self.state.most_in_flight, self.state.in_flight)
        self.state.seen = {"path": path, "headers": headers}
        try:
            return await self.answer(path, headers.get("authorization", ""), json.loads(body))
        finally:
            self.state.in_flight -= 1

    def counts(self) -> dict:
        state = self.state
        return {
            "requests": state.requests,
            "paid": sum(state.paid.values()),
            "distinct": len(state.paid),
            "repeats": sum(n - 1 for n in state.paid.values()),
            "most_in_flight": state.most_in_flight,
            "over": state.over,
            "modes": state.modes,
            "last_body": state.bodies[-1] if state.bodies else None,
            **state.seen,
        }

    def control_reply(self, value: dict) -> bool:
        self.writer.write(frame(200, {}, json.dumps(value).encode()))
        return True

    def mode_of(self, prompt: str) -> str:
        state = self.state
        state.tries[prompt] += 1
        match = DIRECTIVE.match(prompt)
        if match:
            limited = match[2] is not None and state.tries[prompt] > int(match[2])
            return "ok" if limited else match[1]
        if state.in_flight > state.slots:
            state.over += 1
            return "429"
        draw = state.random.random()
        for mode, rate in state.rates.items():
            draw -= rate
            if draw < 0:
                return mode
        return "ok"

    async def answer(self, path: str, authorization: str, body: dict) -> bool:
        state = self.state
        state.requests += 1
        state.bodies[:] = [body]
        prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        mode = self.mode_of(prompt)
        state.modes[mode] += 1
        if mode == "reset":
            self.writer.transport.abort()
            return False
        if mode in STATUS or mode == "echo-key":
            status, headers, text = STATUS.get(mode, (401, {}, f"bad key: {authorization}"))
            error = {"error": {"message": text, "code": CODES.get(mode)}}
            self.writer.write(frame(status, headers, json.dumps(error).encode()))
            return True
        refusal = refused_field(state, body)
        if refusal is not None:
            self.writer.write(frame(400, {}, refusal))
            return True
        if state.latency_s:
            await asyncio.sleep(state.latency_s)
        state.paid[prompt] += 1
        reply = completion(prompt, path, authorization)
        if body.get("stream"):
            self.writer.write(frame(200, {}, pieces(reply, mode), "text/event-stream"))
            return True
        return await self.send(mode, frame(200, state.headers, broken(mode, reply)))

    async def send(self, mode: str, raw: bytes) -> bool:
        if mode == "reset-after":
            self.writer.transport.abort()
            return False
        if mode == "timeout":
            await self.reader.read(1)  # until the client hangs up
            return False
        if mode == "truncated":
            self.writer.write(raw[:-9])
            await self.writer.drain()
            return False
        if mode in ("slow", "slow-ok"):
            step, pause_s = (3, 0.2) if mode == "slow" else (60, 0.005)
            for start in range(0, len(raw), step):
                self.writer.write(raw[start : start + step])
                await self.writer.drain()
                await asyncio.sleep(pause_s)
            return True
        self.writer.write(raw)
        return True


async def main() -> None:
    state = State()
    server = await asyncio.start_server(
        lambda reader, writer: Connection(state, reader, writer).serve(),
        "127.0.0.1",
        int(sys.argv[1]) if sys.argv[1:] else 0,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # The parent holds our standard input open for as long as it lives.
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.add_reader(sys.stdin, lambda: gone.done() or gone.set_result(None))
    await gone


if __name__ == "__main__":
    asyncio.run(main())
