"""An OpenAI-compatible server that answers after a fixed while: `slow_server.py LATENCY_S`.

Prints its port. As little work per request as the standard library allows, so that a benchmark
measures the client.
"""

import asyncio
import json
import sys

LATENCY_S = float(sys.argv[1])
_CHOICE = {"message": {"content": "an answer"}, "finish_reason": "stop"}
_BODY = json.dumps(
    {"choices": [_CHOICE], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + (
    f"Content-Length: {len(_BODY)}\r\n\r\n".encode() + _BODY
)


class Slow(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]):
            self.buffer = b""
            asyncio.get_running_loop().call_later(LATENCY_S, self.transport.write, REPLY)


async def main():
    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.add_reader(sys.stdin, lambda: gone.done() or gone.set_result(None))
    await gone


asyncio.run(main())
