"""Our detectors and Presidio's pattern recognisers on forms that neither was made for.

    uv run python benchmarks/verify/refine_detectors.py --presidio PYTHON [--records 1540]

PYTHON is the interpreter of an environment with presidio-analyzer. The held-out forms were written
without sight of our detectors; these were frozen at the commit that the result names, before anyone
looked at what they find here. Both are given the same texts; kinds that only one of them knows are
scored all the same, and so are kinds that neither can know (`MONEY`: a revenue that is private by
the sentence around it). Documents with planted insults are left out: no detector looks for these.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from provenance import command, keep, source_hash, versions

from cairn.refine.baselines import REMOVALS
from cairn.refine.bench import Benchmark, plain
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.labels import write
from cairn.refine.made.records import make
from cairn.refine.scoring import SAME
from cairn.refine.spans import Span

RESULTS = Path(__file__).parent / "results" / "refine_detectors.json"
ABOUT = ("plain", "negatives", "adversarial", "profile")
SURE = 0.4
"""Our own threshold, for the second row of Presidio, whose own is 0."""
GROUPS = (
    ("forms", "about", ABOUT),
    ("languages", "language", ("en", "de", "fr", "es")),
)
OURS = "cairn"
SHARED = (
    "CREDIT_CARD", "DATE_OF_BIRTH", "EMAIL_ADDRESS", "ES_NIF", "IBAN_CODE", "IP_ADDRESS",
    "MAC_ADDRESS", "PHONE_NUMBER", "US_SSN",
)  # fmt: skip
"""Kinds that both look for."""


def presidio(records, python: str) -> tuple[dict[str, list[list[Span]]], str]:
    with tempfile.TemporaryDirectory() as folder:
        there, found = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        write(there, records)
        script = Path(__file__).with_name("refine_presidio.py")
        subprocess.run([python, str(script), str(there), str(found)], check=True)
        head, *rows = [json.loads(line) for line in found.read_text().splitlines()]
    spans = {
        name: [[Span(*one) for one in row[which] if one[3] >= least] for row in rows]
        for name, which, least in (
            ("presidio", "own", 0.0),
            ("presidio, all languages, 0.4", "all", SURE),
        )
    }
    return spans, head["presidio_analyzer"]


def part(bench: Benchmark, name: str, found, keep_it) -> dict:
    chosen = [at for at, record in enumerate(bench.records) if keep_it(record)]
    small = Benchmark([bench.records[at] for at in chosen])
    small.found(name, [found[at] for at in chosen], ())
    whole = plain(small)["detectors"][name]
    return {"documents": len(chosen), "any kind": whole["kinds"][0], "whole": whole["whole"]}


def shared(records, name: str, found) -> dict:
    """Scores on the kinds that both look for, as if there were no others."""
    named = {**{kind: kind for kind in SHARED}, **SAME}
    few = [replace(r, spans=tuple(s for s in r.spans if s.kind in SHARED)) for r in records]
    theirs = [[span for span in spans if named.get(span.kind) in SHARED] for spans in found]
    return part(Benchmark(few), name, theirs, lambda record: True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--presidio", required=True, metavar="PYTHON")
    parser.add_argument("--records", type=int, default=1540)
    parser.add_argument("--commit", required=True, help="at which our detectors were frozen")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    records = list(make(asked.records, seed=15, split="held", about=ABOUT))
    began = time.process_time()
    ours = detectors()
    found = {OURS: [ours.find(record.text) for record in records]}
    ours_s = time.process_time() - began
    theirs, theirs_version = presidio(records, asked.presidio)
    found |= theirs
    bench = Benchmark(records)
    for name, spans in found.items():
        bench.found(name, spans, tuple(REMOVALS))
    bench.remove_labelled()
    result = {
        "command": command(),
        "source": source_hash(Path(__file__), ["refine"], Path(__file__).with_name(
            "refine_presidio.py")),
        "frozen_at": asked.commit,
        "versions": versions(
            faker=metadata.version("faker"), presidio_analyzer=theirs_version
        ),
        "ours_cpu_ms_a_document": round(1000 * ours_s / len(records), 2),
        **plain(bench),
        "shared_kinds": {name: shared(records, name, spans) for name, spans in found.items()},
        "by": {
            title: {
                value: {
                    name: part(bench, name, spans, lambda r, f=field, v=value: v == _field(r, f))
                    for name, spans in found.items()
                }
                for value in values
            }
            for title, field, values in GROUPS
        },
    }  # fmt: skip
    keep(asked.results, result)
    return 0


def _field(record, field: str) -> str:
    return record.form.split("/")[0] if field == "about" else getattr(record, field)


if __name__ == "__main__":
    sys.exit(main())
