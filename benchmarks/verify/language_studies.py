"""What the studies of language models that learn share: starts, runs, answers, intervals.

A run is kept under runs/language_studies and made once: a study that is stopped goes on with it,
and two studies that begin with the same model share it.
"""

import argparse
import functools
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from provenance import ROOT, alike, command, into_page, keep, source_hash, versions

import cairn
from cairn.core import checkpoint
from cairn.core.keys import stream
from cairn.core.rundir import RunDir, config_hash
from cairn.core.stats import bootstrap
from cairn.engine import loop
from cairn.engine.compiled import over_seeds
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve import conditioned, reranking
from cairn.improve.config import Config
from cairn.improve.method import bind
from cairn.improve.parts import Problem
from cairn.runs.experiment import Experiment

SOURCES = ("core", "engine", "envs/tokens", "evaluation", "improve", "nn", "runs")
TINY: dict[str, Any] = {
    "width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 4, "inner": 8,
    "prompts": 4, "group": 2, "steps": 200, "tests": 4, "log_every": 2, "sft_batch": 8,
}  # fmt: skip
TINY_WHERE_SET: dict[str, Any] = {
    "rows": 16, "fit_steps": 2, "fit_batch": 4, "tries": 2, "capacity": 16, "revisions": 2,
    "reward_model_steps": 2, "reward_model_epochs": 2, "room": 2, "nodes": 4, "edges": 4,
    "digits": 1,
}  # fmt: skip
"""Of a tiny study, where an arm has such a setting."""


def model(width: int) -> dict[str, Any]:
    """Two layers of four heads."""
    return {
        "width": width, "layers": 2, "heads": 4, "kv_heads": 4, "head_width": width // 4,
        "inner": 3 * width,
    }  # fmt: skip


class Study(NamedTuple):
    """Where a study keeps what it makes, and how large it is."""

    name: str
    script: Path
    results: Path
    runs: Path
    seeds: int
    tiny: bool
    arms: tuple[str, ...] = ()
    """What to measure of what is missing; of the others what is on file. None named: all."""

    def train(
        self, run: str, task: str, method: str, settings: dict[str, Any], start: str | None = None
    ) -> Path:
        """A run, from another one's models if so told; made once, gone on with if stopped."""
        path, done = self.runs / run, self.runs / f"{run}.done"
        chosen = {"evaluate_every": 0, "behaviour_answers": 0} | settings | {"seeds": self.seeds}
        if self.tiny:
            chosen |= TINY | {k: v for k, v in TINY_WHERE_SET.items() if k in chosen}
        begun = time.monotonic()
        made = cairn.experiment(task, method=method, **chosen)
        if path.exists():
            alike(path, made.to_dict())
        if done.exists():
            return path
        if path.exists():
            outcome = cairn.resume(path)
        else:
            outcome = cairn.train(
                made, path, init_from=None if start is None else self.runs / start
            )
        if not outcome.done:
            raise SystemExit(f"{path} was stopped. The same command goes on with it.")
        done.write_text(f"{time.monotonic() - begun:.1f}\n")
        print(f"{run}: {time.monotonic() - begun:.0f} s", flush=True)
        return path

    def result(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What is on file under this name, or else what `make` gives, with where it came from;
        nothing if it is not to be measured now."""
        path = self.results / f"{name}.json"
        if not path.exists():
            if self.arms and name not in self.arms:
                return {}
            clock = time.monotonic()
            found = make()
            keep(path, found | self.provenance(time.monotonic() - clock))
        return json.loads(path.read_text())

    def tell(self, text: str) -> None:
        """Say what was found, and put it into the page of studies, between its marks there."""
        print(text)
        if not self.tiny:
            into_page("../self-improvement-studies.md", self.name, text + "\n")

    def provenance(self, seconds: float) -> dict[str, Any]:
        """Where a result came from."""
        return {
            "seconds": round(seconds, 1),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": versions(),
            "sources": source_hash(self.script, SOURCES, Path(__file__)),
            "command": command(),
        }


def study(page: str | None, script: str, name: str) -> Study:
    """From the command line."""
    parser = argparse.ArgumentParser(description=(page or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results" / name)
    parser.add_argument("--arms", default="", help="of what is missing only these (none: nothing)")
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    runs = given.results / "runs" if given.tiny else ROOT / "runs" / "language_studies"
    arms = tuple(given.arms.split(",")) if given.arms else ()
    return Study(name, Path(script), given.results, runs, given.seeds, given.tiny, arms)


class Loaded(NamedTuple):
    """A run and a state of it, all seeds."""

    experiment: Experiment
    state: Any

    @property
    def problem(self) -> Problem:
        """The fixed part."""
        return bind(self.experiment.setup(None))[0]

    @property
    def config(self) -> Config:
        """The method's settings."""
        return bind(self.experiment.setup(None))[1]


def load(run: Path, chunk: int | None = None) -> Loaded:
    """A run's newest state, or that after some chunk."""
    directory = RunDir.open(run)
    experiment = Experiment.from_dict(directory.config)
    like = experiment.state_shape()
    if chunk is None:
        return Loaded(experiment, loop.newest(directory, like))
    path = checkpoints(run)[chunk]
    return Loaded(
        experiment, checkpoint.load(path, like, config_hash=config_hash(directory.config))[0]
    )


def checkpoints(run: Path) -> dict[int, Path]:
    """By chunk."""
    files = (RunDir.open(run).path / "checkpoints").iterdir()
    found = {int("".join(c for c in path.stem if c.isdigit())): path for path in files}
    return dict(sorted(found.items()))


def last(run: Path) -> dict[str, Any]:
    """The last line of a run's metrics."""
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])


@functools.cache
def problems(task: TokenTask, number: int, split: str = "test") -> Any:
    """The same in every study."""
    keys = jax.random.split(stream(jax.random.key(1), f"study {split}"), number)
    return jax.jit(jax.vmap(lambda key: task.problem(key, split)))(keys)


def _asking(problem: Problem, config: Config, number: int, scored: bool) -> Callable[..., Any]:
    """One compiled program for all runs that ask alike: these have the symbols of their task as
    tokens, so that task, shape and conditions say what their vocabulary is."""
    key = (problem.task, problem.shape, problem.vocabulary.conditions, config, number, scored)
    if key not in _ASKING:
        _ASKING[key] = _compiled(problem, config, number, scored)
    return _ASKING[key]


_ASKING: dict[Any, Callable[..., Any]] = {}


def _compiled(problem: Problem, config: Config, number: int, scored: bool) -> Callable[..., Any]:
    def one(arrays: Any, asked: Any) -> reranking.Candidates:
        model, start, scorer = arrays
        key = jax.random.key(7)
        return reranking.answer(
            problem, config, model, start, asked, key, number, scorer if scored else None
        )

    def every(arrays: Any, asked: Any) -> Any:
        count = jax.tree.leaves(arrays)[0].shape[0]
        return over_seeds(one, count)(arrays, asked)

    return jax.jit(every)


def figures(
    problem: Problem, config: Config, models: Any, starts: Any, asked: Any, *,
    number: int, scorer: Any = None,
) -> dict[str, list[float | None]]:  # fmt: skip
    """What models answer to problems, in figures: lists over seeds.

    One program serves every model of a shape: `config` says how problems are shown, and by what
    `scorer` scores.
    """
    kind = conditioned.Config if config.conditioned else Config
    plain = kind(reward=config.reward, reward_model_loss=config.reward_model_loss)
    ask = _asking(problem._replace(steps=0), plain, number, scorer is not None)
    told = ask((models, starts, scorer), asked)
    rows = [reranking.described(each, problem.shape.vocabulary) for each in reranking.by_seed(told)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def mean(values: list[float]) -> tuple[float, float, float]:
    """Over seeds, with its 95 % interval."""
    found = bootstrap(np.asarray(values)[:, None], lambda scores: float(scores.mean()))
    return found.value, found.low, found.high


def gain(one: list[float], other: list[float]) -> tuple[float, float, float]:
    """Mean over paired seeds of the difference, and its 95 % interval."""
    return mean((np.asarray(one) - np.asarray(other)).tolist())


def said(interval: tuple[float, float, float], sign: str = "") -> str:
    """An interval in words."""
    return "{0:{s}.3f} ({1:{s}.3f} to {2:{s}.3f})".format(*interval, s=sign)
