"""Fills the tables of speed in docs/methods from benchmarks/results/qd/speed*.json."""

import json
import re

from qd_files import RESULTS, ROOT
from qd_peers import PEERS

PAGES = ROOT / "docs" / "methods"
SEARCHES = {
    "map-elites": {"map-elites": "Gaussian", "line": "iso + line"},
    "cma-mae": {"cma-mae": "CMA-MAE", "cma-me": "CMA-ME"},
}
"""Page to what it shows: names in the file, and what they are called there."""
CENTROIDS = "Gaussian, cells around centroids on both sides"
AGAINST_QDAX = {
    "map-elites": {"map-elites": "Gaussian", "line": "iso + line", "cvt": CENTROIDS},
    "cma-mae": {"cma-me": "CMA-ME"},
}
"""The same of the file of QDax."""
SHOWN = {"pyribs": "pyribs", "qdax": "QDax"}
MARK = re.compile(r"<!-- speed:(?P<name>[\w-]+) -->\n.*?<!-- end -->", re.DOTALL)


def pages() -> None:
    """Rewrite the tables of speed in docs/methods."""
    for page in PAGES.glob("*.md"):
        text = page.read_text()
        page.write_text(filled(text))


def filled(text: str) -> str:
    """A page with its tables as the file has them."""
    return MARK.sub(lambda found: block(found["name"]), text)


def block(name: str) -> str:
    """The tables of one page, and how they were made."""
    table = on_file("pyribs")
    shown = [loops(table, SEARCHES[name], "pyribs")]
    used = [*SEARCHES[name]]
    if name == "map-elites":
        insertions = [row for row in table if row.startswith("insert")]
        shown.append(inserts(table, insertions))
        used += insertions
    other, names = on_file("qdax"), AGAINST_QDAX[name]
    parts = [*shown, made(table, used, "pyribs")]
    parts += [loops(other, names, "qdax"), made(other, [*names], "qdax")]
    return "\n\n".join([f"<!-- speed:{name} -->\n{parts[0]}", *parts[1:]]) + "\n<!-- end -->"


def on_file(peer: str) -> dict:
    """The rows measured against a peer."""
    return json.loads((RESULTS / PEERS[peer].file).read_text())


def loops(table: dict, names: dict[str, str], peer: str) -> str:
    """Iterations per second, and what a whole run takes."""
    rows = []
    for name, label in names.items():
        row = table[name]
        whole = row["settings"]["size"]["iterations"] / row["cpu_s"]["cairn_per_s"]
        rows.append([label, *rates(row, peer), f"{whole:.1f} s"])
    head = ["iterations per second", "cairn", SHOWN[peer], "ratio", "by processor time"]
    iterations = table[next(iter(names))]["settings"]["size"]["iterations"]
    return markdown([*head, f"cairn's processor time for {iterations:,}"], rows)


def inserts(table: dict, names: list[str]) -> str:
    """Batches per second."""
    rows = []
    for name in names:
        row, side = table[name], table[name]["settings"]["side"]
        floor = row.get("rows_alone_per_s")
        least = f"{floor['median']:,.0f}" if floor else ""
        rows.append([f"{side**2:,}", *rates(row, "pyribs"), least])
    head = ["insertion, batches per second into cells", "cairn", "pyribs", "ratio"]
    return markdown([*head, "by processor time", "NumPy, rows alone"], rows)


def rates(row: dict, peer: str) -> list[str]:
    """Both sides by the clock, then the ratios by both clocks."""
    wall = row["wall_s"]
    ratios = [
        f"{clock['ratio']:.1f} ({clock['ratios'][0]:.1f} to {clock['ratios'][1]:.1f})"
        for clock in (wall, row["cpu_s"])
    ]
    return [f"{wall['cairn_per_s']:,.0f}", f"{wall[f'{peer}_per_s']:,.0f}", *ratios]


def made(table: dict, names: list[str], peer: str) -> str:
    """Repeats, load and versions of the rows shown."""
    rows = [table[name] for name in names]
    repeats = {row["settings"]["repeats"] for row in rows}
    counts = {name: row["settings"] for name, row in zip(names, rows, strict=True)}
    steps = {f"{s['iterations']} iterations" for s in counts.values() if "iterations" in s}
    steps |= {f"{s['batches']} batches" for s in counts.values() if "batches" in s}
    loads = [row["load_average"][0] for row in rows]
    first = rows[0]
    package = PEERS[peer].package
    packages = first["versions"] | {package: first["peer"][package]}
    return (
        f"Median (least to greatest) of {', '.join(map(str, sorted(repeats)))} repeats of "
        f"{' or '.join(sorted(steps))}; {first['machine']['cores']} cores, load "
        f"{min(loads):.1f} to {max(loads):.1f}; "
        f"{', '.join(f'{name} {version}' for name, version in packages.items())}."
    )


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)
