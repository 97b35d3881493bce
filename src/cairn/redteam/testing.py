"""Prompts that are there against a target: n responses each, graded by a judge. No search.

The work on each prompt is that of the audit, and so are the figures: rates are means over prompts
with bootstrap intervals over them, and a response that never came counts nowhere.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cairn.archive.text_axes import Axis, Space
from cairn.core.budget import total
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, RunError, suggest
from cairn.core.journal import Journal, Stage, canonical, digest_of
from cairn.core.typed import build, plain, read_toml
from cairn.engine.journal_progress import Progress
from cairn.engine.journaled import Config as Engine
from cairn.engine.map_items import Item, Outcome
from cairn.engine.map_list import Listed, Work, map_list, read_list
from cairn.evaluation.audit import Tested, as_tested, describe, success
from cairn.lm.cast import Application, Model, Player, shaping
from cairn.lm.client import Clients, Role
from cairn.lm.readings import Reading
from cairn.lm.shared import DEFAULT, share
from cairn.lm.spend import Spend
from cairn.redteam.audit import fresh
from cairn.redteam.calls import CORRECTABLE, Bench
from cairn.redteam.config import GOAL, Audit, RedteamConfig, Search, Simulation
from cairn.redteam.prompts import Given, Prompts, read_prompts, to_lines
from cairn.redteam.simulation import World
from cairn.redteam.testing_result import Result
from cairn.runs.directory import LanguageRun
from cairn.runs.session import JOURNAL, conduct, desk_of, ledger

ROLES = ("target", "held_out")
FREE = ("models.held_out",)
"""Fields that may be changed while a test goes on."""
PROMPTS = "prompts.jsonl"


@dataclass(frozen=True)
class PromptTest:
    """What of a red-teaming config a test needs; the rest of such a config is left alone."""

    models: dict[str, Model | Application] = field(default_factory=dict)
    """target and held_out, the judge."""
    goal: str = GOAL
    """What a failure is, where the file of prompts does not say what a prompt is after."""
    audit: Audit = field(default_factory=Audit)
    """`responses` to each prompt."""
    search: Search = field(default_factory=Search)
    """`readings` of a verdict, and `cut_responses`."""
    engine: Engine = field(default_factory=lambda: Engine(trials=0))
    """Seed and workers."""
    limits: Spend = field(default_factory=Spend)
    axes: tuple[Axis, ...] = ()
    """Of the simulated world."""
    simulation: Simulation | None = None
    """Given: both roles are simulated."""

    def __post_init__(self):
        if self.simulation is None:
            missing = [role for role in ROLES if role not in self.models]
            if missing:
                raise ConfigError(f"models has no [models.{missing[0]}], which a test needs.")
        if self.search.acceptance == "oracle":
            raise ConfigError(
                'a test is graded by a judge alone: search.acceptance "oracle" compares answers.'
            )

    def goal_in(self, cell: int) -> str:
        """What a failure is."""
        return self.goal

    @property
    def players(self) -> Mapping[str, Player]:
        """Who takes part."""
        if self.simulation is None:
            return self.models
        models = World(Space(self.axes), self.simulation).models()
        return {role: models[role] for role in ROLES}


class TestRun(LanguageRun):
    """A test on disk."""

    COMMAND = "cairn redteam test"
    RESUME = "cairn redteam test --run {path}"
    README = """\
Prompts tested against a language model by cairn. It holds the prompts and what was answered: treat
the whole directory as sensitive. It may be moved; no key is stored in it.

config.json      every setting
prompts.jsonl    the prompts, as read
versions.json    format of this directory, when it was begun, and with which versions
journal.sqlite   all events and answers
summary.json     the figures
results.csv      a row a prompt
responses.jsonl  a line a response, with its verdict
report.html      all of it, to be read in a browser
notes.json       stars, tags and a note that somebody gave it in `cairn view`
lock             held by the process that works on it

Go on with it:   cairn redteam test --run DIR
"""


def read_config(path: Path, responses: int | None) -> PromptTest:
    """The part of a red-teaming config that a test needs. Raises ConfigError."""
    table = read_toml(path)
    known = [f.name for f in dataclasses.fields(RedteamConfig)]
    unknown = next((name for name in table if name not in known), None)
    if unknown is not None:
        raise ConfigError(f"the config has no field {unknown!r}.{suggest(unknown, known)}")
    needed = {f.name for f in dataclasses.fields(PromptTest)}
    table = {name: value for name, value in table.items() if name in needed}
    models = table.get("models")
    if isinstance(models, Mapping):
        models = share(models, ROLES) if DEFAULT in models else models
        table["models"] = {role: models[role] for role in ROLES if role in models}
    if responses is not None:
        audit = {"agreement": 0, **table.get("audit", {}), "responses": responses}
        table["audit"] = {**audit, "agreement": min(audit["agreement"], responses)}
    return build(PromptTest, table)


def create(path: Path, config: PromptTest, source: Path) -> Prompts:
    """Make the directory of a new test."""
    prompts = read_prompts(source)
    TestRun.create(path, plain(config), {PROMPTS: to_lines(prompts.rows)})
    return prompts


def open_test(path: Path) -> tuple[PromptTest, tuple[Given, ...]]:
    """Config and prompts of a test that exists."""
    run = TestRun.open(path)
    try:
        return build(PromptTest, run.config), read_prompts(path / PROMPTS).rows
    except ConfigError as error:
        raise RunError(f"{path} is not a test of prompts: {error}") from None


def execute(
    path: Path,
    config: PromptTest,
    given: Sequence[Given],
    show: Callable[[Progress], None] | None = None,
) -> Result:
    """Test the prompts, or go on, to the end or a limit.

    Raises KeyboardInterrupt on Ctrl-C and SIGTERM, after answers in flight had a moment to arrive.
    """

    async def work(roles: Mapping[str, Role]) -> Result:
        tied = _tied(config, given)
        with desk_of(
            path, roles, tied=tied, spend=config.limits, seed=config.engine.seed, free=FREE
        ) as desk:
            journal = desk.journal
            listed = await map_list(
                _stage(journal, config, tied),
                desk,
                _items(given),
                work_on(config, Reading(CORRECTABLE)),
                config=config.engine,
                answers="test",
                describe=lambda outcomes: describe(
                    filter(None, _tests(outcomes)), len(outcomes), len(given), "prompts"
                ),
                on_progress=show,
            )
            return _result(given, listed, journal)

    return conduct(config.players, work)


def read_back(path: Path, config: PromptTest, given: Sequence[Given]) -> Result:
    """What the journal of a test holds. Needs no key, makes no call, repairs and writes nothing.

    Raises RunError for a journal that is missing, damaged or of another config.
    """
    tied = _tied(config, given)
    with Journal.read(path / JOURNAL, config=tied, free=FREE) as journal:
        listed = read_list(_stage(journal, config, tied), _items(given))
        return _result(given, listed, journal)


def _tied(config: PromptTest, given: Sequence[Given]) -> dict[str, Any]:
    """What must stay as it is while a test goes on."""
    tied = plain(config)
    for name in ("limits", "engine", "audit"):
        tied.pop(name, None)
    tied["models"] = {role: shaping(model) for role, model in config.models.items()}
    return tied | {"seed": config.engine.seed, "prompts": digest_of(to_lines(given)).hex()}


def _stage(journal: Journal, config: PromptTest, tied: Mapping[str, Any]) -> Stage:
    # Another judge, or more responses: another stage, which finds the answers that are there.
    judged = canonical([tied["models"].get("held_out"), config.audit.responses])
    return journal.stage(f"test-{digest_of(judged).hex()[:12]}")


def _items(given: Sequence[Given]) -> list[Item]:
    return [Item(row.id, {"prompt": row.prompt, "goal": row.goal}) for row in given]


def work_on(config: PromptTest, reading: Reading) -> Work:
    """What is done with each prompt: n responses, one verdict each."""

    async def test(item: Item, clients: Clients, key: DrawKey) -> object:
        bench, prompt = Bench(clients, config, reading), item.value["prompt"]
        if item.value["goal"] is not None:
            bench.goal = f"by doing what was asked for: {item.value['goal']}"
        return await fresh(bench, prompt, "test", config.audit.responses)

    return test


def _tests(outcomes: Sequence[Outcome | None]) -> tuple[Tested | None, ...]:
    return tuple(
        as_tested({"id": place, "cell": place, "samples": outcome.value})
        if outcome is not None and outcome.kind == "done"
        else None
        for place, outcome in enumerate(outcomes)
    )


def _result(given: Sequence[Given], listed: Listed, journal: Journal) -> Result:
    spending = ledger(journal.spending())
    tests = _tests(listed.outcomes)
    pairs = [(row, test) for row, test in zip(given, tests, strict=True) if test is not None]
    categories = sorted({row.category for row in given if row.category})
    failed = [o.value["message"] for o in listed.outcomes if o is not None and o.kind != "done"]
    return Result(
        given=tuple(given),
        tests=tests,
        stopped=listed.stopped,
        success=success([test for _, test in pairs]),
        by_category={
            name: success([test for row, test in pairs if row.category == name])
            for name in categories
        },
        spent=total(line.spent for line in spending),
        notes=tuple(journal.notes),
        failures=tuple(failed),
        ledger=spending,
    )
