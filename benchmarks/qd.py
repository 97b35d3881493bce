"""Quality-diversity benchmarks whose figures are kept: results by seed, speed against peers.

    uv run benchmarks/qd.py results --problem sphere --algorithm cma-mae --seeds 5
    uv run benchmarks/qd.py speed                       # or speed --against qdax
    uv run benchmarks/qd.py summary
    uv run benchmarks/qd.py pages

`results` writes one JSON file per problem, algorithm and seed, and passes over those that exist;
`speed` measures again what other sources or settings made; `pages` fills the tables of speed in
docs/methods. `cairn bench qd` runs the searches without keeping files.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import numpy as np
import tyro

from cairn.bench import figures
from cairn.bench import qd as searches
from cairn.bench.qd_search import PUBLISHED_SIZE, Algorithm, Size, TaskName
from cairn.core.errors import CairnError
from qd_files import RESULTS, provenance
from qd_page import pages
from qd_speed import speed


def results(
    problem: TaskName = "sphere",
    algorithm: Algorithm = "map-elites",
    seeds: int = 5,
    size: Annotated[Size, tyro.conf.arg(name="")] = PUBLISHED_SIZE,
    out: Path = RESULTS,
) -> None:
    """Run seeds 0 … and keep one file each; a file that is there is left alone."""
    for seed in range(seeds):
        file = out / f"{problem}-{algorithm}-{seed}.json"
        made = provenance()
        if file.exists():
            there = json.loads(file.read_text())
            same = there["sources_sha256"] == made["sources_sha256"]
            also = "" if same and there["size"] == vars(size) else ", of other sources or size"
            print(f"{file.name}: there already{also}")
            continue
        record = searches.search(problem, algorithm, seed, size) | made
        figures.write(file, record)
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
    searches.one_blas_thread()
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    commands = {"results": results, "speed": speed, "summary": summary, "pages": pages}
    try:
        tyro.extras.subcommand_cli_from_dict(commands)
    except CairnError as error:
        sys.exit(f"qd.py: {error}")


if __name__ == "__main__":
    main()
