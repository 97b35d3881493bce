"""Work on every item of a source with models: rewrite texts, reject the bad ones, count.

    python examples/map_texts.py [FOLDER]

The models are scripted, so it needs no server. Run it again: nothing is asked twice. With
`processes=2` the same bytes are written by two processes.
"""

import json
import sys
import tempfile
from pathlib import Path

import cairn
from cairn.lm.scripted import ScriptedModel


def rewrite(request, key):
    """A writer that now and then refuses."""
    text = request.messages[-1].content
    return "I can't help with that." if key.integer(1) == 0 else text.upper()


def judge(request, key):
    """A judge who likes most texts."""
    return str(key.integer(4))


MODELS = {
    "writer": ScriptedModel(rewrite, name="writer"),
    "judge": ScriptedModel(judge, name="judge"),
}


async def refine(item, clients, key):
    """Up to three attempts; then the item is rejected, and can be tried again another day."""
    for attempt in range(3):
        text = await clients["writer"].ask(item.value["text"], sample_index=attempt)
        if text.startswith("I can't"):
            continue
        grade = int(await clients["judge"].ask(f"Grade: {text}"))
        return {"id": item.id, "text": text, "grade": grade, "attempts": attempt + 1}
    raise cairn.Reject("three refusals")


def funnel(outcome):
    """What each outcome adds to which count."""
    if outcome.kind != "done":
        return {outcome.kind: 1}
    return {"kept": 1, "attempts": outcome.value["attempts"]}


def main(folder: Path, texts: int = 200) -> None:
    """Write a source, map it, and say what came of it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"text-{i}", "text": f"the {i}th text"} for i in range(texts)]
    source = folder / "texts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapped = cairn.map(
        refine, source=source, id="id", sink=folder / "refined.jsonl", run=folder / "run",
        models=MODELS, fold=funnel, seed=1, limits={"calls": 10_000},
    )  # fmt: skip
    print(mapped.counts)
    if mapped.rejects:
        print(Path(mapped.rejects).read_text().splitlines()[0])


if __name__ == "__main__":
    if sys.argv[1:]:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
