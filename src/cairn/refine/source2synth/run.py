"""A synthetic set from a source: write, train on one half, curate the other. Kills move nothing.

Two maps on one journal. The second is named by all that it depends on: another solver or other
settings of the curation begin one anew, from what the first has written.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.budget import Amount, total
from cairn.core.errors import ConfigError
from cairn.core.journal import canonical, digest_of
from cairn.core.typed import plain
from cairn.engine.map_config import MapConfig, MapResult
from cairn.engine.map_progress import MapConsole
from cairn.engine.map_sinks import JsonLinesSink
from cairn.engine.map_sources import JsonLines, Source
from cairn.engine.mapped import map_stage
from cairn.lm.cast import Player, company, shaping
from cairn.lm.client import Role
from cairn.refine.source2synth import prompts, training
from cairn.refine.source2synth.config import SynthConfig
from cairn.refine.source2synth.curate import Curate, counted, dropped, halves
from cairn.refine.source2synth.database import CSV, SQLITE, digest
from cairn.refine.source2synth.documents import Documents
from cairn.refine.source2synth.generate import Generate
from cairn.refine.source2synth.tables import Tables, opened
from cairn.runs.directory import LanguageRun
from cairn.runs.session import conduct, desk_of, ledger

WRITTEN, TO_CURATE, SUMMARY, GENERATE = "synthetic.jsonl", "half.jsonl", "summary.json", "generate"
VERSION = digest_of(
    canonical({name: text for name, text in vars(prompts).items() if name.isupper()})
).hex()[:12]
"""Of the prompts: a run that was begun with others is refused."""


class SynthRun(LanguageRun):
    """A run of Source2Synth on disk."""

    COMMAND = "cairn refine synth"
    RESUME = "cairn refine synth SOURCE OUTPUT --run {path}"
    README = """\
One run of cairn refine synth. It holds passages and rows of its source.

config.json      every setting of the run
versions.json    format of this directory, when it was begun, and with which versions
journal.sqlite   what was asked and answered, as long as it is needed
synthetic.jsonl  what the writer wrote, before curation; beside it what was dropped, and why
learn.jsonl      the half that the solver learns from, as conversations; texts/ the same as texts
half.jsonl       the half that is curated
model/           what the trainer left
summary.json     the figures
lock             held by the process that works on the run

Go on with it by the command that began it.
"""


@dataclass(frozen=True)
class Synthesized:
    """What a run came to."""

    path: Path
    seeds: int
    written: int
    learned: int
    """Items of the half that is learned from."""
    kept: int | None
    """Curated items in the output; None if nobody could curate them yet."""
    funnel: Mapping[str, Mapping[str, int]]
    """By stage: what became of its items, and how hard they were before and after."""
    stopped: str
    """"finished", "nobody curates", or the limit that ended it."""
    spent: Amount


def synthesize(
    source: Path | str,
    output: Path | str,
    config: SynthConfig,
    *,
    run: Path | str,
    players: Mapping[str, Player] | None = None,
    train: training.Train | None = None,
    show: bool = True,
    simulated: bool = False,
) -> Synthesized:
    """Make a synthetic set from `source`, or go on with that.

    Args:
        source: documents or tables; see `SourceConfig`.
        output: JSON lines; the curated half.
        config: its settings.
        run: the directory of the run; made if it is not there.
        players: in place of the config's models, for models of this process.
        train: in place of the config's trainer.
        show: a live line on stderr.
        simulated: whether the models are made up, which the run's config then says.

    Raises ConfigError and RunError for what cannot work, KeyboardInterrupt after Ctrl-C.
    """
    path, output, source = Path(run), Path(output), Path(source)
    players = {**config.models, **(players or {})}
    if "writer" not in players:
        raise ConfigError("cairn refine synth needs [models.writer], who writes the questions.")
    if output.suffix not in (".jsonl", ".ndjson"):
        raise ConfigError(f"the output must be a .jsonl file, got {output}.")
    if not path.exists() and os.path.lexists(output):
        raise ConfigError(f"{output} already exists, and is not written over. Choose another name.")
    seeds = source_of(source, config)
    next(seeds.rows())  # what cannot be read is said before a run is made
    settings = {"source": str(source), **plain(config)}
    settings |= {"simulation": True} if simulated else {}
    directory = SynthRun.open(path) if path.exists() else SynthRun.create(path, settings)
    with directory.lock():
        job = _Job(path, source, output, config, seeds, players, show)
        return job.go(train)


def source_of(source: Path, config: SynthConfig) -> Documents | Tables:
    """The source of seeds. Raises ConfigError for one that cannot be of the kind asked for."""
    how = config.source
    tables = how.kind == "tables" or (how.kind == "auto" and _is_tables(source))
    if tables:
        return Tables(source, config.items, config.seed, how.around, config.sql)
    if config.curate.solve == "sql":
        raise ConfigError('curate.solve = "sql" is about tables, and the source is documents.')
    return Documents(
        source, config.items, config.seed, how.id, how.text, how.title, how.most, how.passage
    )


def _is_tables(source: Path) -> bool:
    if source.is_dir():
        return any(path.suffix in CSV for path in source.iterdir())
    return source.suffix in (*SQLITE, *CSV)


@dataclass(frozen=True)
class _Job:
    """The stages, in one process that holds the run's lock."""

    path: Path
    source: Path
    output: Path
    config: SynthConfig
    seeds: Documents | Tables
    players: Mapping[str, Player]
    show: bool

    def go(self, train: training.Train | None) -> Synthesized:
        """To the end, to a limit, or to where somebody must come who curates."""
        tables = self.seeds if isinstance(self.seeds, Tables) else None
        self._check_source()
        opened.cache_clear()  # what an earlier run of this process opened may have changed since
        generate = Generate(self.source.name, tables)
        writers = {"writer": self.players["writer"]}
        work = partial(self._map, GENERATE, self.seeds, generate, self.path / WRITTEN, dropped)
        first, spent = conduct(writers, work)
        if first.stopped != "finished":
            return self._said(first, 0, None, spent, first.stopped)
        learned, curated = self._halves()
        unique = sum(1 for _ in self._written())
        counts = {**(first.counts or {}), "duplicates": first.done - unique}
        first = first._replace(counts=counts)
        half = training.write_half(self.path, learned(), self.config.curate)
        count = sum(1 for _ in learned())
        solver = self._solver(half, train, count)
        if solver is None:
            return self._said(first, count, None, spent, "nobody curates")
        files.write_private(
            self.path / TO_CURATE,
            "".join(json.dumps(made, ensure_ascii=False) + "\n" for made in curated()),
        )
        players = {"solver": solver, **{r: p for r, p in self.players.items() if r == "blind"}}
        curate = Curate(self.config.curate, generate)
        depends = [half, plain(self.config.curate), {r: shaping(p) for r, p in players.items()}]
        stage = f"curate-{digest_of(canonical(depends)).hex()[:12]}"
        items = JsonLines(self.path / TO_CURATE, "id")
        work = partial(self._map, stage, items, curate, self.output, counted)
        second, spent = conduct({**writers, **players}, work)
        return self._said(first, count, second, spent, second.stopped)

    async def _map(
        self, stage: str, source: Source, work: Any, sink: Path, fold: Callable,
        roles: Mapping[str, Role],
    ) -> tuple[MapResult, Amount]:  # fmt: skip
        tied = {
            "models": {"writer": shaping(self.players["writer"])}, "version": VERSION,
            "source": plain(self.config.source), "sql": plain(self.config.sql),
            "items": self.config.items, "seed": self.config.seed,
        }  # fmt: skip
        config = MapConfig(self.config.seed, workers=self.config.workers, private=True)
        limits = self.config.limits
        with (
            desk_of(self.path, roles, tied=tied, spend=limits, seed=self.config.seed) as desk,
            MapConsole() if self.show else nullcontext() as console,
        ):
            result = await map_stage(
                desk.journal, desk, stage=stage, source=source, work=work,
                sink=JsonLinesSink(sink), fold=fold, config=config,
                company=partial(company, self.players),
                on_progress=console.show if console else None,
            )  # fmt: skip
            return result, total(line.spent for line in ledger(desk.journal.spending()))

    def _check_source(self) -> None:
        """Tables that changed since the run was begun are refused: seeds show only some of them.

        Documents are looked at by the map itself, as far as seeds show them.
        """
        if not isinstance(self.seeds, Tables):
            return
        kept, now = self.path / "source.digest", digest(self.source)
        if not kept.exists():
            files.write_private(kept, now)
        elif kept.read_text(encoding="utf-8") != now:
            raise ConfigError(
                f"{self.source} changed since this run was begun: restore it, or begin another run."
            )

    def _halves(self) -> tuple[Callable[[], Iterator[dict]], Callable[[], Iterator[dict]]]:
        """The half to learn from and the half to curate, read from the file at each call."""
        learned, curated = halves((made["id"] for made in self._written()), self.config.seed)
        first, second = set(learned), set(curated)
        return (
            lambda: (made for made in self._written() if made["id"] in first),
            lambda: (made for made in self._written() if made["id"] in second),
        )

    def _written(self) -> Iterator[dict[str, Any]]:
        """What was written, each question once: one that stands in both halves would be curated by
        who has learned it."""
        seen = set()
        for row in JsonLines(self.path / WRITTEN, "id").rows():
            made = json.loads(row.raw)
            told = digest_of(made["question"], made["context"])
            if told not in seen:
                seen.add(told)
                yield made

    def _solver(self, half: str, train: training.Train | None, count: int) -> Player | None:
        """Who curates: what `train` gives, or the config's solver after its trainer, or what the
        trainer left; None where there is neither."""
        if count == 0:
            raise ConfigError(
                f"too few items were written to learn from: see {self.path / WRITTEN} and the "
                f"reasons beside it."
            )
        if train is not None:
            return train(self.path / training.JSONL, self.path / training.MODEL)
        trainer = self.config.trainer
        if trainer is not None:
            training.trained(self.path, half, trainer)
            if "solver" not in self.players:
                return training.left_by(self.path, trainer)
        return self.players.get("solver")

    def _said(
        self, first: MapResult, learned: int, second: MapResult | None, spent: Amount, stopped: str
    ) -> Synthesized:
        funnel = {"write": first.counts or {}}
        if second is not None:
            funnel["curate"] = second.counts or {}
        made = Synthesized(
            self.path, first.items, first.done, learned,
            None if second is None else second.done, funnel, stopped, spent,
        )  # fmt: skip
        record = {"seeds": made.seeds, "written": made.written, "learned": made.learned}
        record |= {"kept": made.kept, "funnel": funnel, "stopped": stopped}
        files.write_private(self.path / SUMMARY, files.to_json(record, indent=2) + "\n")
        return made
