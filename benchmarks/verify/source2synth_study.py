"""Is a small transformer better for having learned from curated questions?

    uv run python benchmarks/verify/source2synth_study.py [--seeds 5] [--tiny]

Source2Synth itself, on a folder of CSV tables of six rows: seeds, SQL that is executed, halves,
k = 3 filter. The writer is SIMULATED and asks for the wrong row, or the wrong extreme, or a row
that there is not, with known probability; the models that learn are real: the local transformer,
a base that has learned to look values up in the first column, fine-tuned on one half (the solver,
which filters) and then on equal numbers of items: curated, not curated, and, for scale, right ones
alone. All are tested on clean questions about tables that none has seen.

Diversity: the same transformer, learning from the curated set, writes items with a table of the
source before it and without any. A seed is measured once and kept under results/.
"""

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from provenance import command, keep, source_hash, versions

from cairn.core.keys import stream
from cairn.core.stats import bootstrap
from cairn.core.vocabulary import EOS, PAD
from cairn.evaluation.diversity import distinct
from cairn.lm.completion import Completion, Usage
from cairn.lm.request import Request, cache_key
from cairn.nn.language import adamw, decode
from cairn.nn.language.attention import packed
from cairn.nn.language.size import Size
from cairn.nn.language.tokens import Characters
from cairn.nn.language.transformer import Transformer
from cairn.refine.diversity import rouge_2
from cairn.refine.source2synth import simulated
from cairn.refine.source2synth.config import Curation, SourceConfig, SynthConfig
from cairn.refine.source2synth.run import synthesize
from cairn.refine.source2synth.simulated import Writer, answered

RESULTS = Path(__file__).parent / "results" / "source2synth"
LETTERS, DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
WORDS = Characters.of(LETTERS + DIGITS + "XY^_|=")
ROWS, LENGTH, BATCH, CHUNK = 6, 26, 32, 50
SIZE = Size(width=48, layers=2, heads=3, kv_heads=3, head_width=16, inner=144)
ERROR, LOST = 0.3, 0.1
"""Of the simulated writer."""


class Amounts(NamedTuple):
    """How much of everything."""

    tables: int = 260
    items: int = 2600
    base: int = 800
    """Updates; of the others below."""
    tuned: int = 400
    tests: int = 1000
    written: int = 400


TINY = Amounts(tables=8, items=60, base=50, tuned=50, tests=20, written=10)


def table(draw: random.Random) -> list[list[str]]:
    """A key and two digits a row; every table has the same keys, as one of quarters would."""
    return [[key, draw.choice(DIGITS), draw.choice(DIGITS)] for key in LETTERS[:ROWS]]


def shown(rows: list[list[str]]) -> str:
    """As prompts show it."""
    lines = "\n".join(" | ".join(row) for row in rows)
    return f'table "t" ("k" TEXT, "x" INTEGER, "y" INTEGER), {ROWS} rows; rows 0 to 5:\n{lines}'


def short(context: str, question: str) -> str:
    """An item's prompt as the small model reads it: the table's cells, and what is asked."""
    cells = "".join(context.partition(":\n")[2].split("\n")).replace(" | ", "")
    words = question.split('"')
    asked = f"{words[5]}{words[1].upper()}" if "where" in question else ""
    if not asked:
        asked = ("^" if "highest" in question else "_") + words[1].upper()
    # A row that there is not has a long name; one letter that no key of the table is.
    if len(asked) > 2:
        free = [letter for letter in LETTERS if letter not in cells]
        asked = free[int(words[5].split()[-1], 16) % len(free)] + asked[-1]
    return f"{cells}|{asked}="


def question(draw: random.Random, rows: list[list[str]], kinds: str) -> str:
    """A clean one: of a row in the first column (base), or of all kinds."""
    column = draw.choice("xy") if kinds == "all" else "x"
    if kinds == "all" and draw.random() < 1 / 3:
        return f'What is the {draw.choice(["highest", "lowest"])} "{column}"?'
    return f'What is the "{column}" where "k" is "{draw.choice(rows)[0]}"?'


def clean(draw: random.Random, count: int, kinds: str) -> list[tuple[str, str]]:
    """Prompts with their true answers."""
    found = []
    for _ in range(count):
        rows = table(draw)
        asked, context = question(draw, rows, kinds), shown(rows)
        truth, _ = answered(context, asked)
        found.append((short(context, asked), truth or ""))
    return found


def arrays(pairs: list[tuple[str, str]], *, whole: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (n, LENGTH) and which of them are learned: those of the answer, or all."""
    tokens = np.full((len(pairs), LENGTH), PAD, np.int32)
    counts = np.zeros((len(pairs), LENGTH), np.float32)
    for row, (told, said) in enumerate(pairs):
        ids = [WORDS.bos, *WORDS.encode(told), *WORDS.encode(said), EOS]
        tokens[row, : len(ids)] = ids
        counts[row, 1 if whole else len(ids) - len(said) - 1 : len(ids)] = 1
    return tokens, counts


@eqx.filter_jit
def chunk(model, moments, tokens, counts, size, key, done, updates, rate):
    """CHUNK updates on batches drawn from the first `size` rows."""

    def loss(model, token, count):
        places = packed(jnp.zeros_like(token[:, :-1]))
        scores = jax.nn.log_softmax(model.logits(model.hidden(token[:, :-1], *places)))
        each = -jnp.take_along_axis(scores, token[:, 1:, None], axis=-1)[..., 0]
        return (each * count[:, 1:]).sum() / count[:, 1:].sum()

    def step(carry, number):
        model, moments = carry
        at = jax.random.randint(stream(key, "batch", done + number), (BATCH,), 0, size)
        value, gradient = eqx.filter_value_and_grad(loss)(model, tokens[at], counts[at])
        pace = rate * jnp.where(
            done + number < 100, (done + number + 1) / 100, 1.0 - 0.9 * (done + number) / updates
        )
        model, moments, _ = adamw.descend(model, gradient, moments, pace, 0.01, 1.0)
        return (model, moments), value

    (model, moments), values = jax.lax.scan(
        step, (model, moments), jnp.arange(CHUNK, dtype=jnp.int32)
    )
    return model, moments, values.mean()


ROOM = 20_000
"""Rows of every data set, so that one program serves all of them."""


def learned(model, pairs, updates: int, key, *, rate: float, whole: bool = False):
    """The model after so many updates on these pairs."""
    tokens, counts = arrays(pairs, whole=whole)
    more = ((0, ROOM - len(pairs)), (0, 0))
    tokens, counts = jnp.asarray(np.pad(tokens, more)), jnp.asarray(np.pad(counts, more))
    moments = adamw.begin(model)
    for done in range(0, updates, CHUNK):
        model, moments, _ = chunk(
            model, moments, tokens, counts, jnp.int32(len(pairs)), key, jnp.int32(done),
            jnp.float32(updates), jnp.float32(rate),
        )  # fmt: skip
    return model


@eqx.filter_jit
def _sampled(model, prompts, lengths, key, temperature, group, limit):
    uids = jnp.arange(len(prompts), dtype=jnp.uint32)
    return decode.sample(
        model, prompts, lengths, uids, key, group=group, limit=limit, temperature=temperature,
        stop=(EOS,),
    ).tok  # fmt: skip


def said(model, prompts: list[str], key, *, group=1, limit=3, temperature=0.0) -> list[list[str]]:
    """What a model says to each prompt."""
    found = []
    for first in range(0, len(prompts), 200):
        part = prompts[first : first + 200]
        ids = [[WORDS.bos, *WORDS.encode(told)] for told in part]
        ids += [ids[0]] * (200 - len(ids))
        width = max(map(len, ids))
        padded = np.array([[PAD] * (width - len(row)) + row for row in ids], np.int32)
        lengths = jnp.asarray([len(row) for row in ids], jnp.int32)
        tokens = np.asarray(
            _sampled(
                model,
                jnp.asarray(padded),
                lengths,
                stream(key, "said", jnp.int32(first)),
                jnp.float32(temperature),
                group,
                limit,
            )
        )
        texts = [[_text(answer) for answer in row] for row in tokens.tolist()]
        found += texts[: len(part)]
    return found


def _text(ids: list[int]) -> str:
    end = ids.index(EOS) if EOS in ids else len(ids)
    return WORDS.decode(ids[:end])


class Player:
    """The solver as `cairn.map` asks it: its sampled answers to every prompt, made in one go."""

    def __init__(self, name: str, prompts: list[str], answers: list[list[str]]):
        self.identity = f"local transformer {name}"
        self.known = dict(zip(prompts, answers, strict=True))

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """One of the answers, by the sample's name."""
        told = request.messages[-1].content
        context, _, asked = told.removesuffix("\nAnswer:").partition("\n\nQuestion: ")
        answers = self.known[short(context, asked)]
        number = int.from_bytes(cache_key("", request, sample)[:4], "big")
        text = answers[number % len(answers)]
        return Completion(text or " ", usage=Usage(len(told), len(text)))


def accuracy(model, tests: list[tuple[str, str]], key) -> dict[str, float]:
    """Of greedy answers, by what is asked."""
    answers = said(model, [told for told, _ in tests], key)
    right = [answer[0] == truth for answer, (_, truth) in zip(answers, tests, strict=True)]
    kinds = ["extreme" if told.split("|")[1][0] in "^_" else told[-2] for told, _ in tests]
    names = {"X": "first column", "Y": "second column", "extreme": "extreme"}
    by = {
        name: float(np.mean([r for r, k in zip(right, kinds, strict=True) if k == kind]))
        for kind, name in names.items()
    }
    return {"all": float(np.mean(right)), **by}


def is_right(made: dict[str, Any]) -> bool:
    return answered(made["context"], made["question"])[0] == made["answer"]


def pairs_of(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(short(made["context"], made["question"]), made["answer"]) for made in items]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def measured(seed: int, much: Amounts, folder: Path) -> dict[str, Any]:
    """One seed: base, solver, curation, the arms, diversity."""
    draw, key = random.Random(seed), jax.random.key(seed)
    source = folder / "tables"
    source.mkdir()
    for number in range(much.tables):
        body = "".join(",".join(row) + "\n" for row in table(draw))
        (source / f"t{number:04}.csv").write_text("k,x,y\n" + body)
    tests = clean(random.Random(1_000_000 + seed), much.tests, "all")
    fresh = Transformer.init(stream(key, "model"), SIZE.shape(WORDS.size))
    easy = clean(random.Random(2_000_000 + seed), min(ROOM, 400 * much.tables), "first")
    base = learned(fresh, easy, much.base, stream(key, "base"), rate=3e-3)

    def tuned(name: str, pairs: list[tuple[str, str]], *, whole: bool = False):
        return learned(base, pairs, much.tuned, stream(key, name), rate=1e-3, whole=whole)

    kept: dict[str, Any] = {}

    def train(learn: Path, _: Path) -> Player:
        told = [row["messages"] for row in lines(learn)]
        half = []
        for turns in told:
            context, _, asked = turns[0]["content"].partition("\n\nQuestion: ")
            half.append((short(context, asked.removesuffix("\nAnswer:")), turns[1]["content"]))
        solver = kept["solver"] = tuned("solver", half)
        made = lines(folder / "run" / "synthetic.jsonl")
        prompts = sorted({prompt for prompt, _ in pairs_of(made)})
        answers = said(solver, prompts, stream(key, "tries"), group=12, temperature=1.0)
        return Player(f"{seed}", prompts, answers)

    config = SynthConfig(
        models={}, items=much.items, seed=seed, source=SourceConfig(around=ROWS),
        curate=Curation(tries=3, withheld=False, impute=False),
    )  # fmt: skip
    writer = simulated.writer(Writer(error=ERROR, unanswerable=LOST), seed)
    found = synthesize(
        source, folder / "out.jsonl", config, run=folder / "run", players={"writer": writer},
        train=train, show=False,
    )  # fmt: skip
    curated, half = lines(folder / "out.jsonl"), lines(folder / "run" / "half.jsonl")
    right = [made for made in half if is_right(made)]
    shuffled = random.Random(seed).sample(half, len(half))
    count = min(len(curated), len(right))
    arms = {
        "curated": random.Random(seed).sample(curated, count),
        "not curated": shuffled[:count],
        "right ones alone": random.Random(seed).sample(right, count),
    }
    models = {name: tuned(name, pairs_of(items)) for name, items in arms.items()}
    test = stream(key, "tests")
    scores = {"base": accuracy(base, tests, test), "solver": accuracy(kept["solver"], tests, test)}
    scores |= {name: accuracy(model, tests, test) for name, model in models.items()}
    return {
        "seed": seed, "items": {"half": len(half), "kept": len(curated), "each arm": count},
        "right": {name: float(np.mean([is_right(m) for m in items]))
                  for name, items in {"half": half, **arms}.items()},
        "funnel": found.funnel["curate"], "accuracy": scores,
        "diversity": diversity(tuned("writer", pairs_of(curated), whole=True), half, key, much),
    }  # fmt: skip


def diversity(model, half: list[dict[str, Any]], key, much: Amounts) -> dict[str, Any]:
    """Items that the model writes with a table of the source before it, and without."""
    draw = random.Random(0)
    cells = [short(m["context"], m["question"]).partition("|")[0] for m in half]
    prompts = [f"{draw.choice(cells)}|" for _ in range(much.written)]
    found: dict[str, Any] = {"source": described([p for p, _ in pairs_of(half)[: much.written]])}
    for heat in (1.0, 0.7):
        spoken = said(model, prompts, stream(key, "grounded"), limit=6, temperature=heat)
        grounded = [told + answer[0] for told, answer in zip(prompts, spoken, strict=True)]
        free = said(model, [""] * much.written, stream(key, "free"), limit=LENGTH, temperature=heat)
        found[f"grounded, temperature {heat}"] = described(grounded)
        found[f"not grounded, temperature {heat}"] = described([answer[0] for answer in free])
    return found


def described(texts: list[str]) -> dict[str, float]:
    """Of items as texts, character by character: how different they are, and how many are valid
    and right."""
    draw = random.Random(1)
    pairs = [draw.sample(texts, 2) for _ in range(2000)]
    characters = [[ord(one) for one in text] for text in texts]
    valid = [_truth(text) for text in texts]
    return {
        "unique": len(set(texts)) / len(texts),
        "distinct 4-grams": distinct(characters, 4) or 0.0,
        "ROUGE-2 of pairs": float(np.mean([rouge_2(list(a), list(b)) for a, b in pairs])),
        "valid": float(np.mean([truth is not None for truth in valid])),
        "right": float(np.mean([
            truth is not None and text.partition("=")[2] == truth
            for text, truth in zip(texts, valid, strict=True)
        ])),
    }  # fmt: skip


def _truth(text: str) -> str | None:
    """The answer to an item's question by its own table; None for what is no item."""
    cells, _, rest = text.partition("|")
    asked = rest.partition("=")[0]
    rows = [cells[at : at + 3] for at in range(0, len(cells), 3)]
    if len(cells) != 3 * ROWS or len(asked) != 2 or asked[1] not in "XY":
        return None
    if not all(row[0] in LETTERS and row[1:].isdigit() for row in rows):
        return None
    values = {row[0]: row[1 + "XY".index(asked[1])] for row in rows}
    if asked[0] in "^_":
        return (max if asked[0] == "^" else min)(values.values())
    return values.get(asked[0])


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means with intervals over seeds."""

    def over(values: list[float]) -> list[float]:
        found = bootstrap(np.array(values)[:, None], lambda scores: float(scores.mean()))
        return [round(part, 4) for part in (found.value, found.low, found.high)]

    arms = list(rows[0]["accuracy"])
    kinds = list(rows[0]["accuracy"]["base"])
    better = [r["accuracy"]["curated"]["all"] - r["accuracy"]["not curated"]["all"] for r in rows]
    written = list(rows[0]["diversity"])
    return {
        "accuracy": {a: {k: over([r["accuracy"][a][k] for r in rows]) for k in kinds}
                     for a in arms},
        "curated less not curated": over(better),
        "share of right items": {name: over([r["right"][name] for r in rows])
                                 for name in rows[0]["right"]},
        "diversity": {w: {m: over([r["diversity"][w][m] for r in rows])
                          for m in rows[0]["diversity"][w]} for w in written},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", type=int, help="measure this seed alone, and sum nothing up")
    parser.add_argument("--tiny", action="store_true", help="see that it runs; keeps nothing")
    arguments = parser.parse_args()
    much = TINY if arguments.tiny else Amounts()
    results = Path(tempfile.mkdtemp()) if arguments.tiny else RESULTS
    results.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(arguments.seeds) if arguments.only is None else [arguments.only]:
        path = results / f"study-{seed}.json"
        if not path.exists():
            with tempfile.TemporaryDirectory() as folder:
                keep(path, measured(seed, much, Path(folder)))
        rows.append(json.loads(path.read_text()))
        print(json.dumps({"seed": seed, **rows[-1]["accuracy"]}), flush=True)
    if arguments.only is not None:
        return
    made = {
        "writer": "simulated", "models that learn": "the local transformer, trained here",
        "amounts": much._asdict(), "writer's error": ERROR, "asks for no row": LOST,
        "seeds": arguments.seeds, **summary(rows), "command": command(), "versions": versions(),
        "sources": source_hash(Path(__file__), ("refine/source2synth", "nn/language")),
    }  # fmt: skip
    keep(results / "study.json", made)
    print(json.dumps(summary(rows), indent=1))


if __name__ == "__main__":
    main()
