"""The report of a search: its tree, nodes with what changed, curves, operators, time, cost."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cairn.core.budget import Amount
from cairn.core.typed import plain
from cairn.report.data import Chart, Curves, Line
from cairn.report.pages import Card, provenance
from cairn.report.parts import (
    Bullets,
    Cards,
    Figures,
    Item,
    Items,
    Link,
    Page,
    Part,
    Section,
    Table,
    Text,
    Words,
)  # fmt: skip
from cairn.report.parts import Node as Leaf
from cairn.report.pieces import costs, descent, failed
from cairn.report.series import Band, Curve
from cairn.research import costs as spending
from cairn.research import figures
from cairn.research.node import Node, Tree, score_of
from cairn.research.run import Finished

SHOWN = 200
"""Nodes whose program is shown; beyond, the best and the chosen one's lineage."""
LEGEND = (
    "Each node is an attempt: operator, score. Green: the lineage of the chosen node; red: buggy, "
    "without a score."
)


def page(done: Finished, found: figures.Figures, versions: Mapping[str, Any]) -> Page:
    """All there is to see."""
    config, tree = done.config, done.tree
    line = (
        f"{config.policy.name} on {done.problem.name}, {len(tree)} nodes, seed {config.engine.seed}"
    )
    sections = [
        Section("result", "Result", _result(done, found)),
        Section("curves", "Best score over evaluations", _curves(done)),
        Section("tree", "The tree", _tree(done)),
        Section("operators", "Operators", _operators(found)),
        Section("nodes", "Nodes", _nodes(done)),
        Section("time", "Time", _time(done, found)),
        Section("cost", "Cost", costs(done.ledger)),
        *failed([(one.trial, one.error, one.message, "") for one in done.failed]),
        Section("provenance", "Where this comes from", [_provenance(done, versions)]),
    ]
    notes = [
        *done.notes,
        *([done.complaint] if done.complaint else []),
        *([] if done.stopped == "finished" else [f"Stopped: {done.stopped}"]),
    ]
    return Page(f"Search: {done.problem.name}", line, sections, notes,
                simulated=config.simulation is not None)  # fmt: skip


def _result(done: Finished, found: figures.Figures) -> list[Part]:
    best = done.tree.best()
    cards = [Card("nodes", str(len(done.tree)), f"{found.valid} with a score")]
    if best is not None:
        cards.insert(0, Card("best search score", score_of(best), f"node {best.id}"))
    if done.chosen is not None and (test := done.score(done.chosen, "test")) is not None:
        cards.insert(1, Card("test score of the choice", f"{test:.5g}", f"node {done.chosen}"))
    parts: list[Part] = [Cards(cards)]
    if found.choice:
        parts.append(Figures(found.choice))
    parts.append(Table(("outcome", "nodes"), list(found.outcomes.items()), name="outcomes"))
    return parts


def _curves(done: Finished) -> list[Part]:
    points = figures.course(done)
    if not points:
        return [Words("No node has a score yet.", "muted")]
    x = np.array([point.id + 1 for point in points] + [len(done.tree)], np.float64)
    lines = []
    for label in ("search", "selection", "test"):
        values = [getattr(point, label) for point in points]
        if all(value is None for value in values):
            continue
        y = np.array([np.nan if value is None else value for value in [*values, values[-1]]], float)
        lines.append(Line(label, Curve(x[:, None], y[:, None]), Band(x, y, y, y)))
    chart = Chart("score of the best so far", tuple(lines), axis="evaluations")
    caption = (
        "The node that was the best on the search split at the time, and what it scores on splits "
        "that the search does not see: the distance between the lines is what luck and "
        "over-fitting added."
    )
    return [Curves("Best so far", caption, (chart,), {}, "evaluations")]


def _tree(done: Finished) -> list[Part]:
    tree = done.tree
    if not len(tree):
        return [Words("No node yet.", "muted")]
    line = set() if done.chosen is None else set(tree.lineage(done.chosen))
    leaves = {str(node.id): _leaf(node, line) for node in tree}
    ends = sorted(tree.leaves, key=lambda n: (n.id not in line, -(tree.scaled(n)), n.id))
    # The choice may have children: its line is drawn whatever else has to be left out.
    tips = [str(done.chosen)] if done.chosen is not None else []
    tips += [str(node.id) for node in ends if str(node.id) not in tips]
    return [Words(LEGEND, "muted"), *descent(leaves, tips)]


def _leaf(node: Node, line: set[int]) -> Leaf:
    tone = "bad" if node.buggy else "good" if node.id in line else "plain"
    parent = str(node.parents[0]) if node.parents else None
    said = node.outcome if node.buggy else f"{node.score:.4g}"
    return Leaf(str(node.id), parent, f"{node.id} {node.operator}", said, f"#node-{node.id}", tone)


def _operators(found: figures.Figures) -> list[Part]:
    head = ("operator", "nodes", "with a score", "better than parent", "mean change of utility",
            "workers' seconds")  # fmt: skip
    said = (
        "Workers' seconds: how long its programs ran, summed over workers at a time. "
        "Better than parent: of nodes that have a score and a parent with one; of drafts: better "
        "than all before. Utility is the score, larger is better."
    )
    rows = figures.operator_rows(found)
    return [Table(head, rows, name="operators"), Words(said, "muted")]


def _nodes(done: Finished) -> list[Part]:
    tree = done.tree
    line = set() if done.chosen is None else set(tree.lineage(done.chosen))
    order = sorted(tree, key=lambda node: (node.id not in line, -tree.scaled(node), node.id))
    shown = sorted(order[:SHOWN], key=lambda node: node.id)
    items = Items(
        [_item(tree, node, done) for node in shown], "plans and programs", ("number", "utility")
    )
    if len(tree) <= SHOWN:
        return [items]
    left = f"{len(tree) - SHOWN} nodes are not shown: the least good that are no ancestors."
    return [Words(left, "muted"), items]


def _item(tree: Tree, node: Node, done: Finished) -> Item:
    parts: list[Part] = [Words(node.plan or "(no plan)")]
    parts.append(Words(spending.told(done.costs.get(node.id, Amount())), "muted"))
    if node.parents:
        parts.append(Bullets([[Link(f"node {id}: {figures.told(tree[id])}", f"#node-{id}")]
                              for id in node.parents], ordered=False, title="made of"))  # fmt: skip
    for parent in node.parents[:1]:
        change = diff(tree[parent].text, node.text)
        parts.append(Text(change or "(no difference)", f"change from node {parent}"))
    if node.text:
        parts.append(Text(node.text, "whole", fold=f"program-{node.id}"))
    if node.analysis:
        parts.append(Text(node.analysis, "analysis"))
    if node.feedback:
        parts.append(Text(node.feedback, "output"))
    chosen = " · chosen" if node.id == done.chosen else ""
    share = None if node.buggy else tree.scaled(node)
    utility = float("-inf") if node.utility is None else node.utility
    return Item(f"node-{node.id}", f"Node {node.id}{chosen}", figures.told(node), share, parts,
                (node.id, utility if share is not None else -1e300))  # fmt: skip


def diff(before: str, after: str) -> str:
    """What changed, as `diff -u` says it, without its head."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return "\n".join(list(lines)[2:])


def _time(done: Finished, found: figures.Figures) -> list[Part]:
    lines = [line for line in done.timings if line.get("stage") == "search"]
    if found.busy is None or not lines:
        return [Words("No evaluation was timed.", "muted")]
    busy = found.busy
    said = (
        f"{busy.ended} evaluations in {busy.span_s:.1f} s by {done.config.engine.at_once} workers, "
        f"which were busy for {busy.share:.0%} of that (pauses between sessions count as idle)."
    )
    ends = sorted(line["began"] + line["seconds"] for line in lines)
    first = min(line["began"] for line in lines)
    x = np.array([end - first for end in ends])
    y = np.arange(1.0, len(ends) + 1)
    grown = Line("", Curve(x[:, None], y[:, None]), Band(x, y, y, y))
    chart = Chart("evaluations that ended", (grown,), axis="seconds")
    return [Words(said), Curves("Throughput", "Evaluations over time.", (chart,), {}, "seconds")]


def _provenance(done: Finished, versions: Mapping[str, Any]) -> Part:
    facts = {
        "task": done.problem.name,
        "grader": done.problem.fingerprint or "not named",
        "stopped": done.stopped,
        "tree": done.tree_digest[:16],
    }
    return provenance(facts, versions, _without_none(plain(done.config)))


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _without_none(value) if isinstance(value, Mapping) else value
            for name, value in table.items() if value is not None}  # fmt: skip


__all__: Sequence[str] = ("diff", "page")
