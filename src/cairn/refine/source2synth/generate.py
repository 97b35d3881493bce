"""From a seed to a question, its parts, its answer and where they come from: the writer's part.

Multi-hop: Q1 about one document, whose answer is the name that links it to another; Q2 about that
name, answered by the other; both merged. Tables: a statement, the SQL that shows it, really
executed, and the question it answers. What breaks a rule is rejected with its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cairn.core.draws import DrawKey
from cairn.engine.map_items import Item, Reject
from cairn.lm.client import Client, Clients
from cairn.lm.fences import judged
from cairn.refine.source2synth import prompts
from cairn.refine.source2synth.reading import holds, line, right, statement
from cairn.refine.source2synth.sql import Answer, SqlError
from cairn.refine.source2synth.tables import Tables, opened

LONGEST_ANSWER = 120
"""Characters of an answer that stands in a passage."""


@dataclass(frozen=True)
class Generate:
    """The work of the map over seeds."""

    source: str
    """How the source is called in what is kept."""
    tables: Tables | None = None

    async def __call__(self, item: Item, clients: Clients, key: DrawKey) -> dict[str, Any]:
        """An item of the synthetic set. Raises Reject for one that breaks a rule."""
        writer = clients["writer"]
        made = await (self._hop if item.value["kind"] == "multi-hop" else self._table)(
            writer, item.value, key
        )
        made["provenance"] = {
            "source": self.source, **made["provenance"],
            "model": clients.desk.roles["writer"].endpoint.identity,
        }  # fmt: skip
        return {"id": item.id, "kind": item.value["kind"], **made}

    async def _hop(self, writer: Client, seed: Mapping[str, Any], key: DrawKey) -> dict[str, Any]:
        entity, first, second = seed["entity"], seed["first"], seed["second"]
        told = judged(prompts.Q1, key.child("q1"), passage=first["text"], name=entity)
        q1 = await written(writer, told, "QUESTION", "q1")
        if holds(q1, entity):
            raise Reject("q1: the first question names its answer")
        told = judged(prompts.Q2, key.child("q2"), passage=second["text"], name=entity)
        q2, answer = await _question(writer, told)
        if not holds(q2, entity):
            raise Reject("q2: the second question does not name what links it to the first")
        at = second["text"].find(answer)
        if at < 0 or len(answer) > LONGEST_ANSWER:
            raise Reject("q2: the answer does not stand in the passage")
        if holds(answer, entity) or holds(q2, answer):
            raise Reject("q2: the answer is the name, or stands in the question")
        merged = await merge(writer, q1, q2, entity, answer, key)
        begins = second["start"] + at
        return {
            "question": merged,
            "answer": answer,
            "context": f"{first['text']}\n\n{second['text']}",
            "parts": {"q1": q1, "q2": q2, "entity": entity, "passage": first["text"]},
            "provenance": {
                "spans": [{name: part[name] for name in ("id", "start", "end")}
                          for part in (first, second)],
                "answer_span": {"id": second["id"], "start": begins, "end": begins + len(answer)},
            },
        }  # fmt: skip

    async def _table(self, writer: Client, seed: Mapping[str, Any], key: DrawKey) -> dict[str, Any]:
        shown = seed["shown"]
        row = " | ".join(f"{name}: {value}" for name, value in seed["values"].items())
        told = judged(prompts.FACT, key.child("fact"), table=shown, row=row)
        fact = await written(writer, told, "FACT", "fact")
        told = judged(prompts.SQL, key.child("sql"), table=shown, statement=fact)
        sql = await _statement(writer, told, "sql")
        found = self.executed(sql)
        question = await ask(writer, shown, sql, found.text, key)
        return {
            "question": question,
            "answer": found.text,
            "context": shown,
            "parts": {"fact": fact, "sql": sql},
            "provenance": {
                "table": seed["table"], "row": seed["row"], "sql": sql,
                "tables": list(found.tables),
            },
        }  # fmt: skip

    def executed(self, sql: str) -> Answer:
        """What a statement finds. Raises Reject with the reason for one that gives no answer."""
        assert self.tables is not None
        try:
            return opened(self.tables.where, self.tables.limits).answer(sql)
        except SqlError as error:
            raise Reject(f"sql {error.code}: {error}") from None


async def merge(writer: Client, q1: str, q2: str, entity: str, answer: str, key: DrawKey) -> str:
    """Two questions as one. Raises Reject if it gives away the name or the answer."""
    told = judged(prompts.MERGE, key.child("merge", q1), first=q1, second=q2, name=entity)
    merged = await written(writer, told, "QUESTION", "merge")
    if holds(merged, entity):
        raise Reject("merge: the merged question names what links the two")
    if holds(merged, answer):
        raise Reject("merge: the merged question holds its answer")
    return merged


async def ask(writer: Client, shown: str, sql: str, answer: str, key: DrawKey) -> str:
    """The question that a statement answers. Raises Reject if it holds the answer."""
    told = judged(prompts.ASK, key.child("ask"), table=shown, sql=sql, answer=answer)
    question = await written(writer, told, "QUESTION", "ask")
    if right(question, answer):
        raise Reject("ask: the question holds its answer")
    return question


async def written(writer: Client, told: str, label: str, purpose: str) -> str:
    """The line that a model was asked for, from three samples at most.

    Raises UnreadableAnswerError.
    """
    request = writer.request(told)
    by = writer.role
    return await writer.read(request, lambda a: line(a, label, by=by), purpose=purpose)


async def _question(writer: Client, told: str) -> tuple[str, str]:
    by = writer.role
    return await writer.read(
        writer.request(told),
        lambda a: (line(a, "QUESTION", by=by), line(a, "ANSWER", by=by)),
        purpose="q2",
    )


async def _statement(writer: Client, told: str, purpose: str) -> str:
    by = writer.role
    return await writer.read(writer.request(told), lambda a: statement(a, by=by), purpose=purpose)
