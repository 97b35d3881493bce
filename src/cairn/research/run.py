"""A search from config to the chosen node. Killed anywhere, it goes on from there.

One journal has all stages: the search, then rounds of the final choice, then what is measured for
the report alone. Stages after the search are named by all that they depend on.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount, total
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.core.journal import Journal, Spending, canonical, digest_of
from cairn.core.typed import plain
from cairn.engine.journal_failures import FailedTrial, failed_trials
from cairn.engine.journal_fold import restore
from cairn.engine.journal_progress import Progress
from cairn.engine.journaled import run
from cairn.engine.map_items import Item, Outcome
from cairn.engine.map_list import map_list, read_list
from cairn.lm.client import Clients, Desk, Role
from cairn.research import costs, directory, grading
from cairn.research.config import ResearchConfig, players, tied
from cairn.research.evaluation import Problem
from cairn.research.node import Tree, utility_of
from cairn.research.problems import problem_of
from cairn.research.searching import TreeSearch
from cairn.research.selection import LOST, Lost, Want, candidates, complaint, records
from cairn.runs.directory import JOURNAL
from cairn.runs.session import conduct, desk_of, ledger

SEARCH = "search"
Show = Callable[[Progress], None]
Scores = dict[Want, tuple[float | None, float | None]]
"""Fresh evaluations: score and its standard error, in the task's own direction."""


@dataclass(frozen=True)
class Finished:
    """What a search came to."""

    path: Path
    config: ResearchConfig
    problem: Problem
    tree: Tree
    chosen: int | None
    """The final node; None before it was chosen, or if no node has a score."""
    scores: Scores
    """Fresh evaluations of the final choice and of the report; those lost by faults of ours are
    left out."""
    complaint: str
    """What went wrong with the evaluations that the choice rests on; "" if nothing did."""
    stopped: str
    """"finished", or the limit that ended it."""
    spent: Amount
    kept: Amount
    maybe_twice: int
    notes: tuple[str, ...]
    seconds: float
    """Running time of this session."""
    tree_digest: str
    """Names the tree and all that led to it."""
    ledger: tuple[Spending, ...] = ()
    costs: Mapping[int, Amount] = field(default_factory=dict)
    """By node."""
    failed: tuple[FailedTrial, ...] = ()
    timings: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def error(self, id: int, split: str) -> float | None:
        """Standard error of `score`: the mean one of its evaluations. Not divided by their number:
        evaluations of a program on the same rows share most of their error."""
        found = [error for want, (_, error) in self.scores.items()
                 if (want.id, want.split) == (id, split)]  # fmt: skip
        if not found or None in found:
            return None
        return sum(error for error in found if error is not None) / len(found)

    def score(self, id: int, split: str) -> float | None:
        """The mean of a node's fresh scores on a split; None if there is none, or one failed."""
        found = [score for want, (score, _) in self.scores.items()
                 if (want.id, want.split) == (id, split)]  # fmt: skip
        if not found or None in found:
            return None
        return sum(score for score in found if score is not None) / len(found)


def check_programs(config: ResearchConfig, problem: Problem) -> None:
    """Raises ConfigError where not one program may run: not found out when calls are paid."""
    for name, limit, needed, unit in (
        ("cpu_s", config.programs.cpu_s, problem.limits.get("cpu_seconds", 0), "s of a processor"),
        ("wall_s", config.programs.wall_s, problem.limits.get("seconds", 0), "s"),
        ("memory_mb", config.programs.memory_mb, problem.limits.get("memory_mb", 0), "MiB"),
    ):
        if limit is not None and limit < needed:
            raise ConfigError(
                f"programs.{name} = {limit:g} lets no program run: one of {problem.name} may take "
                f"{needed:g} {unit}. Give {needed:g} or more for each evaluation."
            )


def execute(path: Path, config: ResearchConfig, show: Show | None = None) -> Finished:
    """Run, or go on with, the search in `path`, to its end or a limit.

    Raises KeyboardInterrupt on Ctrl-C and SIGTERM, after what is in flight had a moment to end.
    """
    problem = problem_of(config.task, path)
    config.selection.split(problem.splits)  # before anything is changed
    check_programs(config, problem)

    def work(roles: Mapping[str, Role]) -> Awaitable[Finished]:
        return _Session(path, config, problem, show).go(roles)

    return conduct(players(config), work)


def read_back(path: Path, config: ResearchConfig) -> Finished:
    """What the journal of a run holds. Makes no call, runs no program, writes nothing."""
    began, problem = time.monotonic(), problem_of(config.task, path)
    with Journal.read(path / JOURNAL, config=tied(config, problem)) as journal:
        policy = _policy(config, problem)
        fold = restore(policy, journal.stage(SEARCH))
        after = _After(config, problem, fold.state.tree, digest_of(fold.dump_state()).hex())
        complete = fold.told >= config.engine.trials
        stopped = "the search is not complete"
        if complete:
            while (items := after.next()) and after.read(journal, items):
                pass
            stopped = "unfinished" if items else "finished"
        return _finished(path, journal, after, stopped, (), began)


def _policy(
    config: ResearchConfig, problem: Problem, watch: grading.Watch | None = None
) -> TreeSearch:
    return TreeSearch(
        problem, config.policy.made(), asking=config.asking, seed=config.engine.seed, watch=watch
    )


class _After:
    """What follows a search: rounds of the final choice, then scores for the report."""

    def __init__(self, config: ResearchConfig, problem: Problem, tree: Tree, digest: str):
        self.config, self.problem, self.tree, self.digest = config, problem, tree, digest
        self.pool = candidates(tree)
        self.scores: Scores = {}
        self.lost: set[Want] = set()
        """Those that faults of ours kept from their end: they are in no score."""
        self.choosing: dict[Want, float | Lost | None] = {}
        """Utilities of those that the choice depends on."""
        self.chosen: int | None = None
        self.rounds = 0

    def next(self) -> list[Item]:
        """The evaluations that come next; none at the end."""
        rule = self.config.selection
        if self.chosen is None and self.pool:
            split = rule.split(self.problem.splits)
            if wanted := rule.wanted(self.pool, self.choosing, split):
                return self._items(wanted)
            self.chosen = rule.choose(self.pool, self.choosing)
        wanted = [
            want for want in self._reported() if want not in self.scores and want not in self.lost
        ]
        return self._items(wanted)

    def _reported(self) -> list[Want]:
        if self.chosen is None:
            return []
        rule, splits = self.config.selection, self.problem.splits
        nodes = records(self.tree) if rule.curve else []
        best = sorted(self.pool, key=lambda one: (-one.mean, one.id))[: rule.oracle]
        wanted = [Want(id, "selection", 0) for id in dict.fromkeys([*nodes, self.chosen])]
        tested = dict.fromkeys([self.chosen, *nodes, *(one.id for one in best)])
        wanted += [Want(id, "test", 0) for id in tested]
        return [want for want in wanted if want.split in splits]

    def _items(self, wanted: Sequence[Want]) -> list[Item]:
        return [
            Item(f"{want.id}-{want.split}-{want.number}",
                 {**want._asdict(), "text": self.tree[want.id].text})
            for want in wanted
        ]  # fmt: skip

    def stage(self, items: Sequence[Item]) -> str:
        """Named by the tree and by what is evaluated, so that other settings find what is there."""
        depends = canonical([self.digest, [item.id for item in items]])
        return f"select-{digest_of(depends).hex()[:12]}"

    def read(self, journal: Journal, items: Sequence[Item]) -> bool:
        """Take in what a journal holds of a round; whether that is all."""
        return self.take(items, read_list(journal.stage(self.stage(items)), items).outcomes)

    def take(self, items: Sequence[Item], outcomes: Sequence[Outcome | None]) -> bool:
        """Take in the outcomes of a round; whether all are there."""
        if None in outcomes:
            return False
        larger = self.problem.evaluator.larger_is_better
        for item, outcome in zip(items, outcomes, strict=True):
            want = Want(item.value["id"], item.value["split"], item.value["number"])
            if outcome is None or outcome.kind != "done":
                self.lost.add(want)
                if self.chosen is None:
                    self.choosing[want] = LOST
                continue
            score, spread = outcome.value
            self.scores[want] = score, spread
            if self.chosen is None:
                self.choosing[want] = utility_of(score, larger_is_better=larger)
        return True


class _Session:
    """One process's work on a run."""

    def __init__(self, path: Path, config: ResearchConfig, problem: Problem, show: Show | None):
        self.path, self.config, self.problem, self.show = path, config, problem, show
        self.watch = grading.Watch(self._timed, path / directory.KEPT)

    def _timed(self, line: Mapping[str, Any]) -> None:
        with (self.path / directory.TIMING).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    async def go(self, roles: Mapping[str, Role]) -> Finished:
        """Search, then choose if the search is complete."""
        began, engine = time.monotonic(), self.config.engine
        (self.path / directory.KEPT).mkdir(mode=0o700, exist_ok=True)
        tie = tied(self.config, self.problem)
        with desk_of(
            self.path, roles, tied=tie, spend=self.config.limits, seed=engine.seed
        ) as desk:
            self._keep_config()
            desk.role(grading.ROLE, self.config.programs.limits())
            policy = _policy(self.config, self.problem, self.watch)
            stage = desk.journal.stage(SEARCH)
            found = await run(policy, stage, config=engine, desk=desk, on_progress=self.show)
            after = _After(self.config, self.problem, found.state.tree, found.state_digest)
            stopped = found.stopped
            if found.told >= engine.trials:
                stopped = await self._choose(desk, after)
            return _finished(self.path, desk.journal, after, stopped, desk.journal.notes, began)

    def _keep_config(self) -> None:
        """Only now that the journal took it: a refused one must not stand in the way of the old."""
        kept, now = directory.ResearchRun(self.path), plain(self.config)
        if kept.config != json.loads(json.dumps(now)):
            kept.change_config(now)

    async def _choose(self, desk: Desk, after: _After) -> str:
        engine = replace(self.config.engine, trial_timeout_s=None)
        while items := after.next():
            stage = desk.journal.stage(after.stage(items))
            what = "scores for the report" if after.chosen is not None else "the final choice"
            listed = await map_list(
                stage, desk, items, self._evaluate, config=engine, answers="select",
                describe=lambda _, what=what: f"fresh evaluations: {what}", on_progress=self.show,
            )  # fmt: skip
            if not after.take(items, listed.outcomes):
                return listed.stopped
        return "finished"

    async def _evaluate(self, item: Item, clients: Clients, key: DrawKey) -> Any:
        value = item.value
        graded = await grading.grade(
            self.problem, value["text"], value["split"], clients, self.watch
        )
        return [graded.score, graded.spread]


def _finished(
    path: Path, journal: Journal, after: _After, stopped: str, notes: Sequence[str], began: float
) -> Finished:  # fmt: skip
    lines = ledger(journal.spending())
    ours = any(node.outcome in ("no_answer", "jail_error", "grader_error") for node in after.tree)
    return Finished(
        path=path,
        config=after.config,
        problem=after.problem,
        tree=after.tree,
        chosen=after.chosen,
        scores=after.scores,
        complaint="" if after.chosen is None else complaint(after.choosing),
        stopped=stopped,
        spent=total(line.spent for line in lines),
        kept=total(line.kept for line in lines),
        maybe_twice=sum(line.maybe_twice for line in lines),
        notes=tuple(notes),
        seconds=time.monotonic() - began,
        tree_digest=after.digest,
        ledger=lines,
        costs=costs.by_node(journal.answers()),
        failed=tuple(failed_trials(journal.stage(SEARCH).events())) if ours else (),
        timings=tuple(directory.timings(path)),
    )
