"""Quality-diversity benchmarks: results against published ones, and speed against pyribs.

    uv run benchmarks/qd.py results --problem sphere --algorithm cma-mae --seeds 5
    uv run benchmarks/qd.py speed
    uv run benchmarks/qd.py summary

`results` writes one JSON file per problem, algorithm and seed, and passes over those that exist.
"""

import os

# Before JAX loads the BLAS library: its threads fight over two cores for every 100 × 100
# eigendecomposition, and a busy machine makes that a hundred times slower (measured).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import time
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro

from qd_search import PUBLISHED_SIZE, RESULTS, Algorithm, Problem, Search, Size, provenance
from qd_speed import speed

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


def run(
    problem: Problem = "sphere",
    algorithm: Algorithm = "map-elites",
    seed: int = 0,
    size: Size = PUBLISHED_SIZE,
) -> dict:
    """One run: its figures, its curve, and all that is needed to repeat it."""
    search = Search(problem, algorithm, seed, size)
    chunk = min(size.chunk, size.iterations)
    curve, seconds = [], []
    for done in range(0, size.iterations, chunk):
        begin = time.perf_counter()
        metrics = search.run(min(chunk, size.iterations - done))
        seconds.append(time.perf_counter() - begin)
        curve.append({name: value.item() for name, value in metrics._asdict().items()})
    record = {
        "problem": problem,
        "algorithm": algorithm,
        "seed": seed,
        "size": vars(size),
        **{name: curve[-1][name] for name in ("evaluations", "qd_score", "coverage", "best")},
        "first_chunk_with_compilation_s": seconds[0],
        "other_chunks_s": seconds[1:],
        "curve": curve,
    }
    if hasattr(search.state, "restarts"):
        record["restarts"] = search.state.restarts.item()
    if problem == "sphere" and size == PUBLISHED_SIZE:
        record["published"] = PUBLISHED[algorithm]
    return record | provenance()


def results(
    problem: Problem = "sphere",
    algorithm: Algorithm = "map-elites",
    seeds: int = 5,
    size: Annotated[Size, tyro.conf.arg(name="")] = PUBLISHED_SIZE,
    out: Path = RESULTS,
) -> None:
    """Run seeds 0 … and keep one file each; a file that is there is left alone."""
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        file = out / f"{problem}-{algorithm}-{seed}.json"
        if file.exists():
            print(f"{file.name}: there already")
            continue
        record = run(problem, algorithm, seed, size)
        # Whole or not at all: a run that is cut short leaves nothing that looks finished.
        part = file.with_suffix(".part")
        part.write_text(json.dumps(record, indent=1) + "\n")
        part.replace(file)
        print(f"{file.name}: QD {record['qd_score']:,.0f}, coverage {record['coverage']:.2%}")


def summary(out: Path = RESULTS) -> dict:
    """Means with 95 % intervals over the seeds on file, beside the published values."""
    groups: dict[str, list[dict]] = {}
    for file in sorted(out.glob("*-*-*.json")):
        record = json.loads(file.read_text())
        groups.setdefault(f"{record['problem']} {record['algorithm']}", []).append(record)
    table = {}
    for name, records in groups.items():
        row: dict = {"seeds": len(records)}
        for figure in ("qd_score", "coverage", "best"):
            mean, half = interval([record[figure] for record in records])
            row[figure] = {"mean": mean, "half_width": half}
            published = records[0].get("published", {}).get(figure)
            if published:
                row[figure] |= {"published": published, "difference": mean / published - 1}
        table[name] = row
        print(name, json.dumps(row))
    return table


def interval(values: list[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % bootstrap interval (0 for one value)."""
    sample = np.asarray(values)
    random = np.random.default_rng(0)
    means = random.choice(sample, (10_000, len(sample))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(sample.mean()), float(high - low) / 2


def main() -> None:
    """The command line."""
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    commands = {"results": results, "speed": speed, "summary": summary}
    tyro.extras.subcommand_cli_from_dict(commands)


if __name__ == "__main__":
    main()
