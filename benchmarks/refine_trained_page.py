"""Puts the results of training on refined data into docs/refine-trained-on.md.

uv run python benchmarks/refine_trained_page.py
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cairn.core.stats import bootstrap, mean

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "refine-trained-on.md"
RESULTS = ROOT / "benchmarks" / "verify" / "results" / "refine_trained_on"
PROFILES = (
    "raw", "dropped", "masked", "refined", "refined-with-errors", "refined-as-the-task-comes",
    "refined-distilled",
)  # fmt: skip
DIALOGUES = ("raw", "dropped", "masked", "refined", "refined-with-errors")
FACTS = {
    "founder": "Who founded", "town": "In which", "ware": "What does",
    "contact": "Who is", "revenue": "What was", "address": "What is",
}  # fmt: skip


def profiles() -> str:
    """What is in the sets, and what models answer that learned from them."""
    rows = [["learned from", "texts out, %", "private values in it, %", "public facts kept, %",
             "public: right, %",
             "private: right, %"]]  # fmt: skip
    for found in _arms("profiles", PROFILES):
        its = found["set"]
        right = [_over([seed[of] for seed in found["quiz"]]) if "quiz" in found else "-"
                 for of in ("public", "private")]  # fmt: skip
        left = [seed["leaked"] or 0.0 for seed in its]
        kept = [seed["public kept"] for seed in its]
        rows.append(
            [found["arm"], _over([seed["out"] for seed in its]), _over(left), _over(kept), *right]
        )
    return _table(rows)


def facts() -> str:
    """The same answers, fact by fact."""
    rows = [["learned from", *FACTS]]
    for found in _arms("profiles", PROFILES):
        if "quiz" not in found:
            continue
        cells = [found["arm"]]
        for begins in FACTS.values():
            right = [seed[begins] for seed in found["quiz"]]
            cells.append(f"{100 * np.mean(right):.1f}")
        rows.append(cells)
    return _table(rows)


def dialogues() -> str:
    """How toxic the sets are, what models answer, and how these speak."""
    rows = [["learned from", "texts out, %", "toxicity: mean", "95th percentile", "quiz: right, %",
             "what the model says: mean", "95th percentile"]]  # fmt: skip
    for found in _arms("dialogues", DIALOGUES):
        its = found["toxicity"]
        model = ["-"] * 3
        if "quiz" in found:
            says = found["speech"]
            model = [
                _over([seed["public"] for seed in found["quiz"]]),
                *(_plain([seed[part] for seed in says]) for part in ("mean", "p95")),
            ]
        rows.append([
            found["arm"], _over([seed["out"] for seed in found["set"]]),
            _plain([seed["mean"] for seed in its]), _plain([seed["p95"] for seed in its]),
            *model,
        ])  # fmt: skip
    return _table(rows)


def code() -> str:
    """Agreement of changed lines with the labels."""
    found = _read("code")
    rows = [["forms", "", "files out, %", "lines left, %", "precision", "recall", "F1",
             "precision in files out", "recall in files out"]]  # fmt: skip
    for split, arms in found["arms"].items():
        for name, its in arms.items():
            rows.append([
                split, name, f"{100 * its['files out']:.1f}",
                f"{100 * its['lines left']['value']:.1f}",
                *(_share(its[part]) for part in ("precision", "recall", "f1")),
                *(_share(its[f"{part} in files out"], False) for part in ("precision", "recall")),
            ])  # fmt: skip
    return _table(rows)


def grounded() -> str:
    """Diversity of sets that one model wrote, beside that of the raw texts."""
    found = _read("grounded")["sets"]
    measures = list(next(iter(found.values()))[0]["measures"])
    rows = [["written", "unique", *measures]]
    every = next(iter(found.values()))
    raw = {name: [seed["measures"][name][0] for seed in every] for name in measures}
    rows.append(["raw texts", "", *(_plain(raw[name]) for name in measures)])
    for name, seeds in found.items():
        rows.append([
            name, _plain([seed["unique"] for seed in seeds]),
            *(_plain([seed["measures"][measure][1] for seed in seeds]) for measure in measures),
        ])  # fmt: skip
    return _table(rows)


def rewrites() -> str:
    """How good the rewrites of the small model are."""
    rows = [["written", "accepted, %", "names left, % of accepted", "other words changed, %"]]
    for name, seeds in _read("grounded")["sets"].items():
        if "accepted" in seeds[0]:
            rows.append([name, *(_over([seed[part] for seed in seeds]) for part in
                                 ("accepted", "leaked", "words changed outside"))])  # fmt: skip
    return _table(rows)


TABLES = {
    "profiles": profiles, "facts": facts, "dialogues": dialogues, "code": code,
    "grounded": grounded, "rewrites": rewrites,
}  # fmt: skip
MARK = re.compile(r"<!-- (?P<name>[a-z]+) -->\n.*?<!-- end -->", re.S)


def shown(page: str) -> str:
    """The page with its tables as the results on file have them."""
    return MARK.sub(lambda m: f"<!-- {m['name']} -->\n{TABLES[m['name']]()}<!-- end -->", page)


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def _arms(part: str, names: Sequence[str]) -> list[dict[str, Any]]:
    return [_read(f"{part}-{name}") for name in names if (RESULTS / f"{part}-{name}.json").exists()]


def _over(values: Sequence[Any]) -> str:
    """In percent, with the interval over seeds."""
    found = bootstrap(100 * np.array(values, float)[:, None], mean)
    return f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]"


def _plain(values: Sequence[float | None]) -> str:
    """A mean over seeds, with the least and the most."""
    if None in values:
        return "-"
    there = np.array(values, float)
    return f"{there.mean():.3f} [{there.min():.3f}, {there.max():.3f}]"


def _share(share: dict[str, Any], interval: bool = True) -> str:
    if share["value"] is None:
        return "-"
    if not interval:
        return f"{share['value']:.3f}"
    low, high = share["interval"]
    return f"{share['value']:.3f} [{low:.3f}, {high:.3f}]"


def _table(rows: list[list[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rest]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(shown(PAGE.read_text()))
