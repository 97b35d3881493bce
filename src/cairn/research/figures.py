"""What a search came to, in figures: the choice, operators, how busy workers were."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from cairn.core.budget import Amount
from cairn.core.stats import Rate, rate
from cairn.report.words import Row, rated
from cairn.research import costs
from cairn.research.node import Node, Tree, score_of
from cairn.research.run import Finished
from cairn.research.selection import records


class Operator(NamedTuple):
    """How one operator did."""

    name: str
    nodes: int
    valid: Rate
    """Its nodes with a score."""
    improved: Rate
    """Its nodes with a score that are better than their best parent, of those with such a parent;
    of drafts: better than all that came before."""
    gain: float | None
    """Mean change of utility from the best parent; None without such pairs."""
    seconds: float
    """Of its evaluations, together, in this machine's time."""


class Busy(NamedTuple):
    """How the time of evaluations was spent."""

    share: float
    """Part of workers times time in which an evaluation ran."""
    span_s: float
    ended: int


class Figures(NamedTuple):
    """Everything that is reported in numbers."""

    choice: tuple[Row, ...]
    operators: tuple[Operator, ...]
    outcomes: Mapping[str, int]
    valid: int
    busy: Busy | None
    gap: float | None
    """Test score of the best among those tested, less that of the chosen, in utility; None where
    fewer than two were tested."""


def measure(done: Finished) -> Figures:
    """The figures of a search."""
    tree = done.tree
    seconds = defaultdict[int, float](float)
    for line in done.timings:
        if line.get("stage") == "search" and isinstance(line.get("trial"), int):
            seconds[line["trial"]] += line["seconds"]
    names = dict.fromkeys(node.operator for node in tree)
    operators = tuple(_operator(tree, name, seconds) for name in names)
    gap = _gap(done)
    return Figures(
        choice=_choice(done, gap),
        operators=operators,
        outcomes=dict(Counter(node.outcome for node in tree).most_common()),
        valid=len(tree.good),
        busy=_busy(done),
        gap=gap,
    )


def _operator(tree: Tree, name: str, seconds: Mapping[int, float]) -> Operator:
    nodes = [node for node in tree if node.operator == name]
    before, best = {}, -math.inf
    for node in tree:
        before[node.id] = best
        best = max(best, -math.inf if node.utility is None else node.utility)
    changes, improved = [], []
    for node in nodes:
        if node.utility is None:
            continue
        parents = [tree[parent].utility for parent in node.parents]
        known = [value for value in parents if value is not None]
        if known:
            changes.append(node.utility - max(known))
            improved.append(changes[-1] > 0)
        elif not node.parents and math.isfinite(before[node.id]):
            improved.append(node.utility > before[node.id])
    valid = sum(not node.buggy for node in nodes)
    return Operator(
        name, len(nodes), rate(valid, len(nodes)), rate(sum(improved), len(improved)),
        sum(changes) / len(changes) if changes else None, sum(seconds[node.id] for node in nodes),
    )  # fmt: skip


def _busy(done: Finished) -> Busy | None:
    """Of the search alone. A run in several sessions counts its pauses too, so its share is low."""
    lines = [line for line in done.timings if line.get("stage") == "search"]
    if len(lines) < 2:
        return None
    span = max(line["began"] + line["seconds"] for line in lines) - lines[0]["began"]
    ran = sum(line["seconds"] for line in lines)
    return Busy(ran / (done.config.engine.at_once * span), span, len(lines)) if span > 0 else None


def _gap(done: Finished) -> float | None:
    """By how much the best tested node beats the chosen one on the test split."""
    if done.chosen is None:
        return None
    larger = done.problem.evaluator.larger_is_better
    tested = {want.id for want in done.scores if want.split == "test"}
    scores = {id: score for id in tested if (score := done.score(id, "test")) is not None}
    if done.chosen not in scores or len(scores) < 2:
        return None
    best = max(scores.values()) if larger else min(scores.values())
    return best - scores[done.chosen] if larger else scores[done.chosen] - best


def _choice(done: Finished, gap: float | None) -> tuple[Row, ...]:
    if done.chosen is None:
        return ()
    node, rule = done.tree[done.chosen], done.config.selection
    said = f"chosen by {rule.rule}" + (f" of the {rule.top} best" if rule.rule in (
        "reevaluate", "halving", "hidden") else "")  # fmt: skip
    if done.complaint:
        said += f"; {done.complaint}"
    rows = [Row("chosen node", str(node.id), said), Row("search score", score_of(node), SEARCHED)]
    for split, note in (("selection", "not seen by the search"), ("test", "looked at once")):
        score = done.score(node.id, split)
        if score is not None:
            count = sum((want.id, want.split) == (node.id, split) for want in done.scores)
            error = done.error(node.id, split)
            said = f"{score:.5g}" + (f" ± {error:.2g}" if error is not None else "")
            rows.append(Row(f"{split} score", said, f"{note}; mean of {count}"))
    if gap is not None:
        tested = len({want.id for want in done.scores if want.split == "test"})
        rows.append(Row("oracle gap", f"{gap:.5g}", f"to the best test score of {tested} nodes"))
    return tuple(rows)


SEARCHED = "picked as a maximum, so partly luck"


class Point(NamedTuple):
    """The best so far when a node came."""

    id: int
    search: float
    selection: float | None
    test: float | None


def course(done: Finished) -> list[Point]:
    """The record nodes, with what they score where the search does not look."""
    points = []
    for id in records(done.tree):
        score = done.tree[id].score
        assert score is not None
        points.append(Point(id, score, done.score(id, "selection"), done.score(id, "test")))
    return points


def record(done: Finished, found: Figures) -> dict[str, Any]:
    """What summary.json holds."""
    return {
        "task": done.problem.name,
        "policy": done.config.policy.name,
        "simulated": done.config.simulation is not None,
        "stopped": done.stopped,
        "tree": done.tree_digest,
        "nodes": len(done.tree),
        "valid": found.valid,
        "outcomes": dict(found.outcomes),
        "chosen": done.chosen,
        "complaint": done.complaint,
        "scores": {} if done.chosen is None else {
            "search": done.tree[done.chosen].score,
            "selection": done.score(done.chosen, "selection"),
            "test": done.score(done.chosen, "test"),
        },
        "oracle_gap": found.gap,
        "curve": [point._asdict() for point in course(done)],
        "operators": [
            {"operator": one.name, "count": one.nodes, "valid": one.valid.value,
             "improved": one.improved.value, "mean_gain": one.gain}
            for one in found.operators
        ],
        "costs": [
            {"node": node.id, **costs.plain(done.costs.get(node.id, Amount()))}
            for node in done.tree
        ],
        "busy": None if found.busy is None else found.busy.share,
        "spent": done.spent._asdict(),
        "kept": done.kept._asdict(),
        "possibly_twice": done.maybe_twice,
    }  # fmt: skip


def operator_rows(found: Figures) -> list[tuple[Any, ...]]:
    """The table of operators."""
    return [
        (one.name, one.nodes, rated(one.valid), rated(one.improved), one.gain, one.seconds)
        for one in found.operators
    ]


def told(node: Node) -> str:
    """A node in a few words."""
    parents = " and ".join(map(str, node.parents))
    made = f"{node.operator} of {parents}" if parents else node.operator
    return f"{made}: {score_of(node) if not node.buggy else node.outcome}"
