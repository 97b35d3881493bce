"""`cairn bench qd`: quality-diversity search on the sphere and the arm, beside published results.

`uv run benchmarks/qd.py speed` of a checkout compares the speed with pyribs.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax

from cairn.bench import figures
from cairn.bench.qd_search import PUBLISHED_SIZE, Algorithm, Search, Size, TaskName

PUBLISHED = {
    "map-elites": {"qd_score": 416_112, "coverage": 0.5072},
    "line": {"qd_score": 491_014, "coverage": 0.6044},
    "cvt": {"qd_score": 416_350, "coverage": 0.5067},
    "cma-me": {"qd_score": 456_678, "coverage": 0.5584},
    "cma-mae": {"qd_score": 633_369, "coverage": 0.8102},
    "cma-mae-no-path": {"qd_score": 633_369, "coverage": 0.8102},
}
"""pyribs' benchmark of the sphere: n = 100, 100 × 100 cells, 10,000 iterations of 540. Its CMA-ES
all but lacks the rank-one update, which is what `no-path` leaves out."""

FIGURES = ("evaluations", "qd_score", "coverage", "best")


@dataclass(frozen=True)
class Config:
    """Archives of elites on two problems with known answers; sizes as published by pyribs."""

    problems: tuple[TaskName, ...] = ("sphere", "arm")
    """A sphere of 100 dimensions, and an arm of 12 joints."""
    algorithms: tuple[Algorithm, ...] = ("map-elites", "line", "cma-me", "cma-mae")
    """Emitters and archive. cma-mae-no-path lacks the rank-one update, as pyribs' does."""
    seeds: tuple[int, ...] = (0,)
    """One run for each."""
    iterations: int = PUBLISHED_SIZE.iterations
    """Steps of the loop."""
    emitters: int = PUBLISHED_SIZE.emitters
    """Emitters; MAP-Elites draws all their children at once."""
    batch: int = PUBLISHED_SIZE.batch
    """Children per emitter and step."""
    side: int = PUBLISHED_SIZE.side
    """Cells along each of the two axes."""
    chunk: int = PUBLISHED_SIZE.chunk
    """Steps per compiled call."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write after every row, so that a long measurement can be cut short."""
    one_blas_thread()
    if config.tiny:
        config = replace(config, seeds=(0,), iterations=4, emitters=2, batch=4, side=4, chunk=2)
    size = Size(*(getattr(config, field.name) for field in dataclasses.fields(Size)))
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for problem in config.problems:
        for algorithm in config.algorithms:
            runs = [search(problem, algorithm, seed, size) for seed in config.seeds]
            rows.append(_row(problem, algorithm, runs, size))
            facts = {
                "size": vars(size),
                "rows": rows,
                "versions": {"jax": jax.__version__, "device": jax.devices()[0].device_kind},
            }
            result = figures.record("qd", len(config.seeds), facts)
            figures.write(config.json, result)
    _show(rows)
    return result


def one_blas_thread() -> None:
    """Call before the first eigendecomposition, which loads the linear algebra library.

    Its threads would wait for each other in every decomposition of 100 × 100 numbers.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def search(problem: TaskName, algorithm: Algorithm, seed: int, size: Size) -> dict[str, Any]:
    """One run: its figures, its curve, and the seconds it took, chunk by chunk."""
    running = Search(problem, algorithm, seed, size)
    chunk = min(size.chunk, size.iterations)
    curve, seconds = [], []
    for done in range(0, size.iterations, chunk):
        begin = time.perf_counter()
        curve.append(running.run(min(chunk, size.iterations - done)))
        seconds.append(time.perf_counter() - begin)
    record = {
        "problem": problem,
        "algorithm": algorithm,
        "seed": seed,
        "size": vars(size),
        **{name: curve[-1][name] for name in FIGURES},
        "first_chunk_with_compilation_s": seconds[0],
        "other_chunks_s": seconds[1:],
        "curve": curve,
    }
    if hasattr(running.state, "restarts"):
        record["restarts"] = running.state.restarts.item()
    if problem == "sphere" and size == PUBLISHED_SIZE:
        record["published"] = PUBLISHED[algorithm]
    return record


def _row(
    problem: TaskName, algorithm: Algorithm, runs: Sequence[dict[str, Any]], size: Size
) -> dict[str, Any]:
    chunk = min(size.chunk, size.iterations)
    rest = [run["other_chunks_s"] for run in runs]
    rates = [(size.iterations - chunk) / sum(seconds) for seconds in rest if seconds]
    return {
        "problem": problem,
        "algorithm": algorithm,
        **{name: figures.spread([run[name] for run in runs]) for name in FIGURES},
        # Without the first chunk, which compiles; none if there is no other.
        "iterations_per_second": figures.spread(rates) if rates else None,
        "published": runs[0].get("published"),
    }


def _show(rows: Sequence[dict[str, Any]]) -> None:
    lines, whole = [], "{:,.0f}".format

    def shown(values: dict[str, Any], form: Callable[[float], str]) -> str:
        several = len(values["values"]) > 1
        return figures.between(values, form) if several else form(values["median"])

    for row in rows:
        published, rate = row["published"], row["iterations_per_second"]
        lines.append(
            [
                f"{row['problem']}, {row['algorithm']}",
                shown(row["qd_score"], whole),
                whole(published["qd_score"]) if published else "",
                shown(row["coverage"], "{:.2%}".format),
                f"{published['coverage']:.2%}" if published else "",
                shown(rate, whole) if rate else "",
            ]
        )
    columns = ["search", "QD score", "published", "coverage", "published", "iterations/s"]
    figures.show("Archives of elites, median (least to greatest) over the seeds", columns, lines)
