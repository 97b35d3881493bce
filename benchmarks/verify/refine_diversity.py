"""Do the measures of diversity put raw, refined and free synthetic texts in the right order?

    uv run python benchmarks/verify/refine_diversity.py [--texts 1000] [--results FILE]

Raw: paragraphs of documentation from Python's standard library and NumPy, in each of which a word
has become a name and another an address. Refined: the same by a simulated refiner that leaves out
1 % of the words and lets 2 % of the values stay; its addresses all end in example.org. Freely
refined: without errors, and with names and addresses as varied as the raw ones. Synthetic, without
grounding: as many texts from 50 of the same paragraphs with other names and addresses, which is
what a model that has collapsed to a few modes would write. All are cut to equal lengths, pair by
pair, as in the report of a run, whose measures these are. The method sheet calls for raw about
refined, and both above synthetic. No language model is asked, and nothing is said of any.
"""

import argparse
import importlib
import inspect
import re
import sys
import time
from pathlib import Path

from provenance import command, keep, source_hash, versions

from cairn.core.draws import DrawKey
from cairn.refine.bench import rewritten
from cairn.refine.diversity import measured
from cairn.refine.labels import Record
from cairn.refine.made.values import Values
from cairn.refine.simulated import Errors, SimulatedRefiner
from cairn.refine.spans import Span
from cairn.refine.tasks.base import Task

RESULTS = Path(__file__).parent / "results" / "refine_diversity.json"
MODULES = (
    "argparse", "ast", "asyncio", "bisect", "calendar", "collections", "concurrent.futures",
    "configparser", "contextlib", "csv", "ctypes", "datetime", "decimal", "difflib", "doctest",
    "email.message", "enum", "fractions", "functools", "gettext", "heapq", "http.client", "imaplib",
    "inspect", "ipaddress", "itertools", "json", "locale", "logging", "mailbox", "mimetypes",
    "multiprocessing.pool", "nntplib", "optparse", "os", "pathlib", "pdb", "pickle", "platform",
    "plistlib", "poplib", "pprint", "queue", "random", "re", "sched", "shelve", "shlex", "shutil",
    "smtplib", "socket", "sqlite3", "ssl", "statistics", "string", "subprocess", "tarfile",
    "tempfile", "textwrap", "threading", "timeit", "tokenize", "traceback", "turtle", "typing",
    "unittest", "unittest.mock", "urllib.parse", "urllib.request", "uuid", "warnings", "wave",
    "weakref", "xml.dom.minidom", "xmlrpc.client", "zipfile", "numpy", "numpy.fft", "numpy.linalg",
    "numpy.ma", "numpy.polynomial", "numpy.random",
)  # fmt: skip
MODES = 50
NEAR = 0.2
"""Refined may differ from raw by this part of what synthetic differs by."""


def paragraphs() -> list[str]:
    """Different paragraphs of at least 40 words, in a fixed order."""
    found: dict[str, None] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        things = [module, *(thing for _, thing in sorted(vars(module).items(), key=lambda p: p[0]))]
        things += [
            part
            for thing in things
            if inspect.isclass(thing)
            for _, part in sorted(vars(thing).items(), key=lambda p: p[0])
        ]
        for thing in things:
            text = getattr(thing, "__doc__", None)
            if not isinstance(text, str):
                continue
            for part in re.split(r"\n\s*\n", text):
                words = part.split()
                if len(words) >= 40 and sum(word.isalpha() for word in words) >= 25:
                    found[" ".join(words)] = None
    return list(found)


def raw(count: int) -> list[Record]:
    texts = paragraphs()
    DrawKey.root(0).child("paragraphs").random().shuffle(texts)
    if len(texts) < count:
        raise SystemExit(f"only {len(texts)} paragraphs: ask for fewer --texts.")
    return [peopled(text, number) for number, text in enumerate(texts[:count])]


def peopled(text: str, number: int, seed: int = 0) -> Record:
    """A paragraph with somebody in it; where, is a matter of the paragraph."""
    words = text.split()
    places = DrawKey.root(0).child(text).random().sample(range(len(words)), 2)
    values = Values("en", DrawKey.root(seed).child(number).random())
    person = values.person()
    others = {places[0]: ("PERSON", person.whole)}
    others[places[1]] = ("EMAIL_ADDRESS", values.of("EMAIL_ADDRESS", person))
    said, spans = "", []
    for at, word in enumerate(words):
        if at in others:
            kind, word = others[at]
            spans.append(Span(len(said), len(said) + len(word), kind))
        said += f"{word} "
    return Record(str(number), said.rstrip(), spans=tuple(spans))


def synthetic(records: list[Record]) -> list[str]:
    modes = paragraphs()
    DrawKey.root(0).child("paragraphs").random().shuffle(modes)
    return [peopled(modes[n % MODES], n, seed=1).text for n in range(len(records))]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    began = time.process_time()
    records = raw(asked.texts)
    refiner = SimulatedRefiner(records, Errors(leak=0.02, over=0.01))
    made = rewritten(records, Task("r", "Rewrite.", tries=1), {"refiner": refiner.model()})
    refined = [rewrite.text or "" for rewrite in made]
    before = [record.text for record in records]
    texts = paragraphs()
    DrawKey.root(0).child("paragraphs").random().shuffle(texts)
    free = [peopled(text, n, seed=2).text for n, text in enumerate(texts[: asked.texts])]
    sides = {"refined": refined, "freely refined": free, "synthetic": synthetic(records)}
    found: dict[str, dict] = {}
    for name, after in sides.items():
        triples = [("all", one, other) for one, other in zip(before, after, strict=True)]
        (group,) = measured(triples)
        found[name] = {
            measure.name: {
                "raw": measure.before, name: measure.after, "more_is_diverse": measure.more,
                "change": None if measure.change is None
                else {"value": measure.change.value, "interval": measure.change[1:3]},
            }
            for measure in group.measures
        }  # fmt: skip
    lost = {name: _lost(name, its) for name, its in found.items()}
    order = {
        measure: {
            **{name: its[measure] for name, its in lost.items()},
            **{
                f"{name} in order": synthesis > 0 and its[measure] <= NEAR * synthesis
                for name, its in lost.items()
                if name != "synthetic"
            },
        }
        for measure, synthesis in lost["synthetic"].items()
    }
    result = {
        "simulated": True, "command": command(), "texts": asked.texts, "modes": MODES,
        "source": source_hash(Path(__file__), ["refine"]), "versions": versions(),
        "cpu_s": round(time.process_time() - began, 1), "order": order, "measures": found,
    }  # fmt: skip
    keep(asked.results, result)
    for measure, its in order.items():
        print(measure, its)
    seen = [its for measure, its in order.items() if measure.startswith("distinct")]
    return 0 if all(its["refined in order"] for its in seen) else 1


def _lost(name: str, measures: dict[str, dict]) -> dict[str, float]:
    """By how much each measure says that a side is less diverse than raw."""
    return {
        measure: (1 if its["more_is_diverse"] else -1) * (its["raw"] - its[name])
        for measure, its in measures.items()
    }


if __name__ == "__main__":
    sys.exit(main())
