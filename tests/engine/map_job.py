"""A map to be killed, and work that other processes can import.

`map_job.py DIR SOURCE SINK SHARD WORKERS PROCESSES [retry]` prints `started`, then the result.
"""

import asyncio
import hashlib
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from cairn.core.budget import Limits
from cairn.core.journal import Journal
from cairn.engine.map_items import Reject
from cairn.engine.mapped import MapConfig, map_stage
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel


def short(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


class NotingModel(ScriptedModel):
    """Notes every call in a file, as a server's log would."""

    async def complete(self, request, sample="0"):
        log = os.environ.get("CALL_LOG")
        if log:
            handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, f"{short(request.messages, sample)}\n".encode())
            os.close(handle)
        await asyncio.sleep(0)
        return await super().complete(request, sample)


def script(request, key):
    return short(request.messages, key.integer())


def roles(limits: Limits | None = None) -> dict[str, Role]:
    model = NotingModel(script, name="m")
    return {"m": Role(Endpoint(model, Flow(backoff_s=0.01)), limits=limits or Limits())}


@asynccontextmanager
async def company():
    yield roles()


async def work(item, clients, key):
    """Two calls, the second upon the first; some items are rejected, some fail, by their draws."""
    said = await clients["m"].complete(Request.of(f"rewrite {item.value}"), purpose="rewrite")
    graded = await clients["m"].complete(Request.of(f"grade {said.text}"), purpose="grade")
    if said.text.startswith("0"):
        raise Reject(f"too plain: {said.text}")
    if graded.text.startswith("00"):
        raise UnreadableAnswerError(f"no grade in {graded.text!r}")
    return {"id": item.id, "said": said.text, "grade": graded.text, "draw": key.integer(16)}


def funnel(outcome):
    return {outcome.kind: 1, "letters": len(json.dumps(outcome.value))}


async def run(
    folder, source, sink, *, limits=None, wall_s=None, crew=None, fold=funnel, doing=work,
    on_progress=None, **settings,
):  # fmt: skip
    config = MapConfig(seed=3, **settings)
    with Journal(Path(folder) / "journal.sqlite", config=config.tied()) as journal:
        desk = Desk(journal, roles(limits), limits=Limits(wall_s=wall_s), seed=3)
        return await map_stage(
            journal, desk, stage="map", source=source, sink=sink, work=doing, fold=fold,
            config=config, company=company, crew=crew, on_progress=on_progress,
        )  # fmt: skip


def summary(result) -> dict:
    return {
        "items": result.items, "done": result.done, "rejected": result.rejected,
        "failed": result.failed, "counts": result.counts, "stopped": result.stopped,
        "maybe_twice": result.progress.maybe_twice, "spent": result.progress.spent.calls,
        "notes": result.progress.notes,
    }  # fmt: skip


if __name__ == "__main__":
    folder, source, sink, shard, workers, processes, *retry = sys.argv[1:]
    print("started", flush=True)
    options = {
        "shard": int(shard),
        "workers": int(workers),
        "processes": int(processes),
        "retry_rejected": bool(retry),
        "retry_failed": bool(retry),
    }
    print(json.dumps(summary(asyncio.run(run(folder, source, sink, **options)))), flush=True)
