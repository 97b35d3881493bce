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

import hashlib
import importlib.metadata
import json
import platform
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from cairn.archive import cvt
from cairn.archive.elites import Candidates, Elites, coverage, empty, insert
from cairn.archive.grid import Grid
from cairn.core.keys import stream
from cairn.sampler.emitters import cma_emitter, cma_mae, cma_me, map_elites
from cairn.sampler.emitters.problems import Arm, Sphere

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "qd"
ROOT = HERE.parent
SOURCES = [
    *(f"src/cairn/archive/{name}.py" for name in ("grid", "cvt", "elites", "soft", "once")),
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "src/cairn/sampler/emitters").glob("*.py")),
    "src/cairn/core/keys.py",
]
Algorithm = Literal["map-elites", "line", "cvt", "cma-me", "cma-mae", "cma-mae-no-path"]
Problem = Literal["sphere", "arm"]
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


@dataclass(frozen=True)
class Size:
    """How much work; the defaults are the published benchmark's."""

    iterations: int = 10_000
    """Steps of the loop."""
    emitters: int = 15
    """Emitters; MAP-Elites draws all their children at once."""
    batch: int = 36
    """Children per emitter and step."""
    side: int = 100
    """Cells along each of the two axes; side² centroids for CVT."""
    chunk: int = 1_000
    """Steps per compiled call, after each of which the curve gets a point."""


class Search:
    """One algorithm on one problem, run in chunks; `state` holds all that changes."""

    def __init__(self, problem: Problem, algorithm: Algorithm, seed: int, size: Size):
        task = {"sphere": Sphere, "arm": Arm}[problem]()
        self.key = jax.random.key(seed)
        self.tessellation = task.grid(size.side)
        # Steps fit the sphere's unbounded box of ±5.12; the arm's joints live in [0, 1].
        scale = {"sphere": 1.0, "arm": 0.1}[problem]
        if algorithm == "cvt":
            # The centroids belong to the problem, not to the seed: scores stay comparable.
            self.tessellation = centroids(self.tessellation, size.side**2)
        batch = size.emitters * size.batch
        searches = {"emitters": size.emitters, "batch": size.batch, "sigma": 0.5 * scale}
        if algorithm == "cma-me":
            module, config = cma_me, cma_emitter.Config(**searches)
        elif algorithm in ("cma-mae", "cma-mae-no-path"):
            rules = {"rank_by": "improvement", "parents": "half", "restart": "converged"}
            rank_one = algorithm == "cma-mae"
            emitter = cma_emitter.Config(**searches, **rules, rank_one=rank_one)
            module, config = cma_mae, cma_mae.Config(emitter=emitter)
        else:
            module = map_elites
            line = 0.2 if algorithm == "line" else 0.0
            config = map_elites.Config(batch=batch, iso=0.5 * scale, line=line)
        example = {"descriptor": jnp.zeros(2)}
        if module is not map_elites:
            example["config"] = config
        self.state = module.init(self.tessellation, task.start(), **example)
        self.advance = partial(
            module.run, config=config, evaluate=task.evaluate, tessellation=self.tessellation
        )

    def run(self, steps: int):
        """Go on for so many steps, and wait for them."""
        self.state, metrics = self.advance(self.state, self.key, steps=steps)
        return jax.block_until_ready(metrics)


def centroids(grid: Grid, cells: int) -> cvt.Cvt:
    """`cells` centroids of the grid's box, from ten uniform samples per cell."""
    low, high = jnp.array(grid.lower, jnp.float32), jnp.array(grid.upper, jnp.float32)
    key = stream(jax.random.key(0), "qd.cvt")
    uniform = jax.random.uniform(key, (10 * cells, 2), jnp.float32)
    samples = low[None] + (high - low)[None] * uniform
    return cvt.fit(jax.random.key(1), samples, cells=cells, iterations=20)


def run(
    problem: Problem = "sphere",
    algorithm: Algorithm = "map-elites",
    seed: int = 0,
    size: Size = Size(),  # noqa: B008  (frozen)
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
    if problem == "sphere" and size == Size():
        record["published"] = PUBLISHED[algorithm]
    return record | provenance()


def provenance() -> dict:
    """Command, versions, machine and a hash of the sources."""
    digest = hashlib.sha256()
    for name in (*SOURCES, "benchmarks/qd.py"):
        digest.update((ROOT / name).read_bytes())
    packages = ("jax", "jaxlib", "equinox", "numpy")
    return {
        "command": shlex.join(["benchmarks/qd.py", *sys.argv[1:]]),
        "versions": {name: importlib.metadata.version(name) for name in packages}
        | {"python": platform.python_version()},
        "machine": {"cores": os.cpu_count(), "arch": platform.machine(), "device": device()},
        "sources_sha256": digest.hexdigest(),
    }


def device() -> str:
    """What JAX computes on."""
    return jax.devices()[0].device_kind


def results(
    problem: Problem = "sphere",
    algorithm: Algorithm = "map-elites",
    seeds: int = 5,
    size: Annotated[Size, tyro.conf.arg(name="")] = Size(),  # noqa: B008
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


class Peer:
    """pyribs in a process of its own, asked and answered in JSON lines."""

    def __init__(self, command: list[str]):
        self.process = subprocess.Popen(
            [*command, str(HERE / "peers" / "pyribs.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request) -> dict:
        """One request and its answer."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def close(self) -> None:
        """End the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


@partial(jax.jit, donate_argnums=0)
def _offer(elites: Elites, grid: Grid, ids, solutions, fitness, descriptors):
    cell = grid.cell(descriptors)
    return insert(elites, Candidates(ids, fitness, descriptors, solutions, cell))


def time_insert(*, side: int, batch: int, batches: int, dims: int, seed: int) -> dict:
    """Seconds for offering so many batches to an empty archive, one Python call for each."""
    random = np.random.default_rng(seed)
    grid = Grid((side, side), (-2.0, -2.0), (2.0, 2.0))
    elites = empty(grid.cells, solution=jnp.zeros(dims), descriptor=jnp.zeros(2))
    offers = []
    for i in range(batches):
        drawn = [random.normal(size=s) for s in ((batch, dims), batch, (batch, 2))]
        arrays = [jnp.asarray(array, jnp.float32) for array in drawn]
        offers.append((jnp.arange(i * batch, (i + 1) * batch, dtype=jnp.uint32), *arrays))
    jax.block_until_ready((elites, offers))
    wall, cpu = time.perf_counter(), time.process_time()
    for offer in offers:
        elites, _ = _offer(elites, grid, *offer)
    jax.block_until_ready(elites)
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return seconds | {"coverage": coverage(elites).item()}


def speed(
    repeats: int = 5,
    loop_iterations: int = 200,
    algorithms: tuple[Algorithm, ...] = ("map-elites", "line", "cma-me", "cma-mae"),
    sides: tuple[int, ...] = (100, 1000),
    insert_batch: int = 4096,
    insert_batches: int = 20,
    size: Annotated[Size, tyro.conf.arg(name="")] = Size(),  # noqa: B008
    peer: str = "uv run --isolated --no-project --with ribs==0.12.0 --with numpy==2.4.6",
    out: Path = RESULTS / "speed.json",
) -> dict:
    """Whole iterations and insertion alone, cairn and pyribs in turns on the same work.

    `peer` starts a Python that has pyribs. `loop_iterations` go into each repeat; both sides go
    on from where they were, so that their archives are equally full.
    """
    other = Peer(shlex.split(peer))
    work = {"dims": 100, "side": size.side, "emitters": size.emitters, "batch": size.batch}
    table: dict = {"peer": other.ask(task="versions"), "repeats": repeats}
    for algorithm in algorithms:
        search = Search("sphere", algorithm, 0, size)
        request = {"task": "loop", "algorithm": algorithm, "seed": 0} | work
        request["iterations"] = loop_iterations
        begin = time.perf_counter()
        search.run(loop_iterations)
        compile_s = time.perf_counter() - begin
        other.ask(**request)
        pairs = [
            (timed(search, loop_iterations), other.ask(**request)) for _ in range(repeats)
        ]
        row = compare(pairs, loop_iterations)
        table[algorithm] = row | {"first_call_with_compilation_s": compile_s}
        report(algorithm, row, "iterations/s")
    for side in sides:
        work = {"side": side, "batch": insert_batch, "batches": insert_batches, "dims": 100}
        time_insert(**work, seed=0)
        pairs = []
        for seed in range(repeats):
            # float32 on both sides: pyribs' default of float64 would be slower.
            answer = other.ask(task="insert", **work, seed=seed, dtype="float32")
            pairs.append((time_insert(**work, seed=seed), answer))
        row = compare(pairs, insert_batches)
        table[f"insert {insert_batch} into {side**2}"] = row
        report(f"insert {insert_batch} into {side**2}", row, "batches/s")
    other.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(table | {"size": vars(size)} | provenance(), indent=1) + "\n")
    return table


def timed(search: Search, steps: int) -> dict:
    """Seconds, wall and processor, for so many steps; then the archive's figures."""
    wall, cpu = time.perf_counter(), time.process_time()
    metrics = search.run(steps)
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    figures = {"coverage": metrics.coverage.item(), "qd_score": metrics.qd_score.item()}
    return seconds | figures


def compare(pairs: list[tuple[dict, dict]], count: int) -> dict:
    """Rates of both sides, and the median of the ratios pair by pair."""
    row: dict = {"pairs": [{"cairn": ours, "pyribs": theirs} for ours, theirs in pairs]}
    for clock in ("wall_s", "cpu_s"):
        ratios = [theirs[clock] / ours[clock] for ours, theirs in pairs]
        row[clock] = {
            "cairn_per_s": float(np.median([count / ours[clock] for ours, _ in pairs])),
            "pyribs_per_s": float(np.median([count / theirs[clock] for _, theirs in pairs])),
            "ratio": float(np.median(ratios)),
            "ratios": [min(ratios), max(ratios)],
        }
    return row


def report(name: str, row: dict, unit: str) -> None:
    """One line on the console."""
    wall, cpu = row["wall_s"], row["cpu_s"]
    print(
        f"{name}: cairn {wall['cairn_per_s']:.1f}, pyribs {wall['pyribs_per_s']:.1f} {unit},"
        f" ratio {wall['ratio']:.2f} ({wall['ratios'][0]:.2f} to {wall['ratios'][1]:.2f});"
        f" by processor time {cpu['ratio']:.2f}",
        flush=True,
    )


def main() -> None:
    """The command line."""
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    commands = {"results": results, "speed": speed, "summary": summary}
    tyro.extras.subcommand_cli_from_dict(commands)


if __name__ == "__main__":
    main()
