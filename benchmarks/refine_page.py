"""Puts the results of refine into docs/refine-bench.md and docs/refine-distill.md.

uv run python benchmarks/refine_page.py
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "refine-bench.md"
DISTILLED = ROOT / "docs" / "refine-distill.md"
RESULTS = ROOT / "benchmarks" / "verify" / "results"
OURS, THEIRS, TUNED = "cairn", "presidio", "presidio, all languages, 0.4"
WHO = {OURS: "ours", THEIRS: "Presidio", TUNED: "Presidio, all languages, 0.4"}
ERRORS = {
    "leak": "a value stays",
    "over": "a token outside is left out",
    "refuse": "a text is refused",
    "invent": "a sentence is added",
    "cut": "an answer ends too early",
}


def detectors() -> str:
    """Kind by kind: recall and precision of ours and of Presidio's, with intervals."""
    found = _read("refine_detectors.json")["detectors"]
    rows = [["kind", "spans", *(f"{WHO[n]}: {what}" for n in WHO for what in ("recall", "prec."))]]
    by_kind = {n: {row["kind"]: row for row in found[n]["kinds"]} for n in WHO}
    for kind, row in by_kind[OURS].items():
        cells = [kind if kind == "any kind" else f"`{kind}`", f"{row['labelled']:,}"]
        for name in WHO:
            its = by_kind[name][kind]
            cells += [_interval(its["recall"]), _interval(its["precision"])]
        rows.append(cells)
    return _table(rows)


def parts() -> str:
    """All kinds together, and the kinds that both look for, on parts of the documents."""
    result = _read("refine_detectors.json")
    rows = [["documents", *(f"{WHO[n]}: {what}" for n in WHO for what in ("recall", "prec."))]]
    lines = {"kinds that both look for": result["shared_kinds"]}
    for values in result["by"].values():
        lines |= values
    for title, by_name in lines.items():
        cells = [title]
        for name in WHO:
            any_kind = by_name[name]["any kind"]
            cells += [_interval(any_kind["recall"]), _interval(any_kind["precision"])]
        rows.append(cells)
    return _table(rows)


def removals() -> str:
    """What ways of removal come to."""
    found = _read("refine_detectors.json")["rewriters"]
    rows = [["", "documents out", "values leaked", "documents leaking", "precision of edits",
             "outside edited", "public kept"]]  # fmt: skip
    for name, score in found.items():
        if name.endswith(TUNED):
            continue
        shares = (
            score["outcomes"]["out"], score["leaks"]["any kind"], score["leaking"],
            score["precision"], score["over_edited"], score["public_kept"],
        )  # fmt: skip
        rows.append([name, *map(_interval, shares)])
    return _table(rows)


def recovered() -> str:
    """Injected rates and what was found of them."""
    found = _read("refine_recovers.json")["one_pass"]
    rows = [["simulated error", *(f"{number}" for number in range(1, len(found)))]]
    for name, words in ERRORS.items():
        cells = []
        for setting in found[1:]:
            its = setting[name]
            missed = "" if its["holds"] else " (missed)"
            cells.append(f"{its['injected']:g}: {_interval(its, 'found')}{missed}")
        rows.append([words, *cells])
    return _table(rows)


def residual() -> str:
    """What leaks after a verifier, and the formula."""
    found = _read("refine_recovers.json")["verified"]
    rows = [["leak of a value", "misses", "documents that leak", "formula", "tries", "expected"]]
    for its in found:
        share = {"value": its["leaking"], "interval": its["interval"]}
        rows.append([
            f"{its['leak']:g}", f"{its['miss']:g}",
            _interval(share) + ("" if its["holds"] else " (missed)"), f"{its['formula']:.3f}",
            f"{its['tries_mean']:.2f}", f"{its['tries_expected']:.2f}",
        ])  # fmt: skip
    return _table(rows)


def checks() -> str:
    """What comes through the checks of the task, and what is turned down."""
    result = _read("refine_checks.json")
    parts = list(next(iter(result["turned_down"].values()))["rejected_of"])
    rows = [["simulated refiner", "accepted", "values leaked", "public kept", "tries",
             *(f"{part}: rejected" for part in parts)]]  # fmt: skip
    for name, score in result["rewriters"].items():
        lost = result["turned_down"][name]["rejected_of"]
        shares = (score["outcomes"]["out"], score["leaks"]["any kind"], score["public_kept"])
        cells = [f"{lost[part][0]} of {lost[part][1]}" for part in parts]
        rows.append([name, *map(_interval, shares), f"{score['tries']:.2f}", *cells])
    return _table(rows)


def diversity() -> str:
    """By how much each measure says that texts are less diverse than raw ones."""
    found = _read("refine_diversity.json")
    names = ("freely refined", "refined", "synthetic")
    rows = [["less diverse than raw by", "raw", *names]]
    for measure, its in found["order"].items():
        value = found["measures"]["synthetic"][measure]["raw"]
        rows.append([measure, f"{value:.3f}", *(f"{its[name]:.3f}" for name in names)])
    return _table(rows)


def distilled() -> str:
    """The small refiner beside the patterns that made its labels, on the three tests."""
    found = _read("refine_distill.json")
    rows = [["", "recall", "more than patterns", "precision", "values leaked", "documents leaking",
             "outside edited", "public kept"]]  # fmt: skip
    for test, arms in found["tests"].items():
        its = found["patterns"][test]
        shares = (its["leaks"]["any kind"], its["leaking"], its["over_edited"], its["public_kept"])
        first = its["kinds"][0]
        cells = [_interval(first["recall"]), "", _interval(first["precision"])]
        rows.append([f"{test}: patterns", *cells, *map(_interval, shares)])
        for arm, made in arms.items():
            every = [[one["kinds"][0]["recall"], one["kinds"][0]["precision"],
                      one["leaks"]["any kind"], one["leaking"], one["over_edited"],
                      one["public_kept"]] for one in made["seeds"]]  # fmt: skip
            recall, *others = map(_seeds, zip(*every, strict=True))
            low, high = made["gained"]["interval"]
            more = f"{made['gained']['value']:+.3f} [{low:+.3f}, {high:+.3f}]"
            rows.append([f"{test}: {ARMS[arm]}", recall, more, *others])
    return _table(rows)


def kinds() -> str:
    """Kind by kind in held-out formats: recall and precision of patterns and of the small one."""
    found = _read("refine_distill.json")
    arms = found["tests"][NEW]
    columns = [arm for arm in ARMS if arm in arms]
    rows = [["kind", "spans", "patterns: recall", "prec.",
             *(part for arm in columns for part in (f"{ARMS[arm]}: recall", "prec."))]]  # fmt: skip
    for at, row in enumerate(found["patterns"][NEW]["kinds"]):
        name = row["kind"]
        cells = [name if name == "any kind" else f"`{name}`", f"{row['labelled']:,}"]
        cells += [_interval(row["recall"]), _interval(row["precision"])]
        for arm in columns:
            its = [one["kinds"][at] for one in arms[arm]["seeds"]]
            cells += [_seeds([one[part] for one in its]) for part in ("recall", "precision")]
        rows.append(cells)
    return _table(rows)


def curves() -> str:
    """Recall and precision by the threshold, in held-out formats, means of the seeds."""
    arms = _read("refine_distill.json")["tests"][NEW]
    columns = [arm for arm in ARMS if "curves" in arms.get(arm, {})]
    rows = [["a word goes from", *(f"{ARMS[arm]}: {part}" for arm in columns
                                   for part in ("recall", "precision"))]]  # fmt: skip
    for at, point in enumerate(arms[columns[0]]["curves"][0]):
        cells = [f"{point['threshold']:g}"]
        for arm in columns:
            points = [each[at] for each in arms[arm]["curves"]]
            for part in ("recall", "precision"):
                values = [one[part] for one in points if one[part] is not None]
                cells.append(f"{sum(values) / len(values):.3f}" if values else "-")
        rows.append(cells)
    return _table(rows)


NEW = "held-out formats"
ARMS = {
    "patterns": "distilled from patterns",
    "patterns and the small one": "patterns and that one",
    "labels": "distilled from labels",
}


TABLES = {
    "detectors": detectors,
    "parts": parts,
    "removals": removals,
    "recovered": recovered,
    "residual": residual,
    "checks": checks,
    "diversity": diversity,
}
SMALL = {"distilled": distilled, "kinds": kinds, "curves": curves}
"""The same of the page on the small refiner."""
MARK = re.compile(r"<!-- (?P<name>[a-z]+) -->\n.*?<!-- end -->", re.S)


def shown(page: str) -> str:
    """The page with its tables as the results on file have them."""
    tables = {**TABLES, **SMALL}
    return MARK.sub(lambda m: f"<!-- {m['name']} -->\n{tables[m['name']]()}<!-- end -->", page)


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / name).read_text())


def _interval(share: dict[str, Any], value: str = "value") -> str:
    if share[value] is None:
        return "-"
    low, high = share["interval"]
    return f"{share[value]:.3f} [{low:.3f}, {high:.3f}]"


def _seeds(shares: Sequence[dict[str, Any]]) -> str:
    """The mean of all seeds, with the least and the most."""
    values = [share["value"] for share in shares if share["value"] is not None]
    if not values:
        return "-"
    return f"{sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _table(rows: list[list[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rest]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    for path in (PAGE, DISTILLED):
        path.write_text(shown(path.read_text()))
