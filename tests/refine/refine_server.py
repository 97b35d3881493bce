"""An OpenAI-compatible server as a process of its own; its model is the simulated one of the tests.

`refine_server.py` prints its port. Every seventh request is told to wait, every eleventh fails and
repeats what it was asked, texts with `moderated` are refused, as servers do.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from refine_job import script

from cairn.lm.completion import Completion
from cairn.lm.request import Message, Request

NUMBER = count(1)
KEY = "Bearer sk-refine-0123456789"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said, number = body["messages"][-1]["content"], next(NUMBER)
        if self.headers["Authorization"] != KEY:
            self.reply(401, {"error": {"message": "no key of mine"}})
        elif number % 7 == 3:
            self.reply(
                429, {"error": {"message": f"slow down with {said}"}}, {"Retry-After": "0.01"}
            )
        elif number % 11 == 5:
            self.reply(500, {"error": {"message": f"failed at {said}"}})
        elif "moderated" in said:
            error = {"code": "content_filter", "message": f"not this: {said}"}
            self.reply(400, {"error": error})
        else:
            self.reply(200, answer(body))

    def reply(self, status, record, headers=None):
        data = json.dumps(record).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass


def answer(body: dict) -> dict:
    messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
    said = script(Request(messages), None)
    made = said if isinstance(said, Completion) else Completion(said)
    words = sum(len(m.content.split()) for m in messages)
    usage = {"prompt_tokens": words, "completion_tokens": len(made.text.split())}
    message = {"role": "assistant", "content": made.text}
    choice = {"message": message, "finish_reason": made.finish_reason}
    return {"choices": [choice], "usage": usage}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
