"""A run to be killed: `kill_worker.py DIR TRIALS ORDER [URL]`. Prints `started`, then the result.

Its policy is made to be sensitive: the state is a chain of digests, so that one tell too many,
too few, too early or out of order changes everything after it.
"""

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path

from cairn.core.draws import DrawKey
from cairn.core.journal import Journal
from cairn.engine.journal_policy import Failed
from cairn.engine.journaled import Config, run
from cairn.lm.client import Clients, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel


def short(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:10]


class ChainPolicy:
    """Improves the words in ten cells, each from a parent drawn out of the state."""

    def init(self):
        return {"chain": "", "cells": {}, "failures": 0}

    def ask(self, state, trial_id: int, key: DrawKey, pending):
        draw = key.random()
        parents = sorted(state["cells"].values())
        parent = draw.choice(parents) if parents else "seed"
        return {"cell": str(draw.randrange(10)), "parent": parent, "chain": state["chain"]}

    async def evaluate(self, trial, clients: Clients):
        request = Request.of(f"mutate {trial['parent']} towards {trial['cell']} {trial['chain']}")
        child = (await clients["m"].complete(request, purpose="mutate")).text
        ballot = Request.of(f"judge {child} {trial['chain']}")
        votes = await asyncio.gather(
            *(clients["m"].complete(ballot, purpose="vote", sample_index=i) for i in range(2))
        )
        if clients.key.child("fumble").random().random() < 0.1:
            raise UnreadableAnswerError(f"no verdict in {votes[0].text!r}")
        return {"child": child, "votes": [vote.text for vote in votes]}

    def tell(self, state, trial, outcome):
        if isinstance(outcome, Failed):
            chain = short(state["chain"], outcome.message)
            return {**state, "chain": chain, "failures": state["failures"] + 1}
        cells = {**state["cells"], trial["cell"]: outcome["child"]}
        return {**state, "chain": short(state["chain"], trial, outcome), "cells": cells}

    def done(self, state) -> bool:
        return False

    def dump(self, state) -> bytes:
        return json.dumps(state, sort_keys=True).encode()

    def load(self, body: bytes):
        return json.loads(body)


class NotingModel(ScriptedModel):
    """Notes every call in a file, as a server's log would, and answers after an uneven while."""

    async def complete(self, request, sample="0"):
        name = short(request.messages, sample)
        log = os.open(os.environ["CALL_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{name}\n".encode())
        os.close(log)
        await asyncio.sleep(int(name[:2], 16) / 255 * 0.006)
        return await super().complete(request, sample)


async def main(folder: Path, trials: int, order, url: str | None) -> None:
    if url is None:
        model = NotingModel(lambda request, key: short(request.messages, key.integer()))
    else:
        from cairn.lm.http import OpenAIServer, Server

        model = OpenAIServer(Server(url, "m"))
    config = Config(trials=trials, lag=8, order=order, seed=3, snapshot_every=50)
    endpoint = Endpoint(model, Flow(backoff_s=0.01))
    with Journal(folder / "journal.sqlite", config=config.tied()) as journal:
        print("started", flush=True)
        stage = journal.stage("search")
        result = await run(ChainPolicy(), stage, config=config, roles={"m": Role(endpoint)})
    await endpoint.close()
    summary = {
        "state": result.state_digest,
        "events": result.journal_digest,
        "told": result.told,
        "failures": result.state["failures"],
        "maybe_twice": result.progress.maybe_twice,
        "notes": journal.notes,
    }
    print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    folder, trials, order, *url = sys.argv[1:]
    asyncio.run(main(Path(folder), int(trials), order, url[0] if url else None))
