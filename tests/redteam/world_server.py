"""The simulated world behind HTTP: an OpenAI-compatible server whose models are named by role."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from redteam_harness import config

from cairn.core.draws import DrawKey
from cairn.lm.request import Message, Request
from cairn.lm.simulated import unfenced
from cairn.redteam.simulation import World

SETTINGS = config(2, 2)
FOUR_CELLS = """
[[axes]]
name = "risk"
labels = ["a", "b"]

[[axes]]
name = "style"
labels = ["c", "d"]
"""
CONFIG = """
goal = "(simulated)"
{top}
[[axes]]
name = "risk"
labels = ["risk 0", "risk 1"]

[[axes]]
name = "style"
labels = ["style 0", "style 1"]

[audit]
responses = 2

[engine]
trials = {trials}
lag = 4
"""
MODEL = """
[models.{role}]
base_url = "{url}/v1"
model = "{role}"
slots = 4
{more}
"""
ROLES = ("mutator", "target", "judge", "scorer", "held_out")


Trouble = Callable[[int, str], tuple[int, dict[str, str], str] | None]

Finish = Callable[[str, str], tuple[str | None, str]]


class WorldServer:
    """Runs in threads of the test process; `trouble` is asked before each answer."""

    def __init__(self):
        assert SETTINGS.simulation is not None
        self.models = World(SETTINGS.space, SETTINGS.simulation).models()
        self.seen = Counter()
        self.requests = 0
        self.keys = set()
        self.trouble: Trouble = lambda number, role: None
        """(number of the request, role) to (status, headers, message), or None."""
        self.unsupported: str | None = None
        """A field that it does not take."""
        self.say = lambda role, text: text
        """What becomes of a role's answer."""
        self.finish: Finish = lambda role, text: (text, "stop")
        """How it ends: its content, which may be null, and the finish_reason."""
        self.draws_by_text = False
        """Whether equal requests have equal answers, or another each time."""
        self._mutex = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                key = self.headers.get("Authorization", "")
                status, headers, reply = server.answer(json.loads(body), key)
                raw = json.dumps(reply).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, body, key):
        role = body["model"]
        name = json.dumps(body, sort_keys=True)
        with self._mutex:
            self.requests += 1
            self.keys.add(key)
            trouble = self.trouble(self.requests, role)
            if self.unsupported in body:
                says = f"Unsupported parameter: {self.unsupported!r} is not supported."
                trouble = 400, {}, says
            self.seen[name] += 1
            times = 0 if self.draws_by_text else self.seen[name]
            draw = DrawKey.root(0).child(unfenced(name) if self.draws_by_text else name, times)
        if trouble is not None:
            status, headers, message = trouble
            return status, headers, {"error": {"message": message}}
        request = Request(
            tuple(Message(m["role"], unfenced(m["content"])) for m in body["messages"])
        )
        text = self.say(role, self.models[role].script(request, draw))
        content, reason = self.finish(role, text)
        words = sum(len(message.content.split()) for message in request.messages)
        return 200, {}, {
            "choices": [
                {"message": {"role": "assistant", "content": content}, "finish_reason": reason}
            ],
            "usage": {"prompt_tokens": words, "completion_tokens": len(text.split())},
        }  # fmt: skip

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def write(folder, text):
    path = folder / "c.toml"
    path.write_text(text)
    return str(path)


def toml(url, *, trials=20, top="", more="", roles=ROLES, end=""):
    models = "".join(MODEL.format(role=role, url=url, more=more) for role in roles)
    return CONFIG.format(top=top, trials=trials) + models + end
