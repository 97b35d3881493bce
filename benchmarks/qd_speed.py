"""Speed of quality-diversity search, cairn and pyribs in turns on the same work."""

import json
import os
import shlex
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from cairn.archive.elites import Candidates, Elites, coverage, empty, insert
from cairn.archive.grid import Grid
from qd_search import HERE, PUBLISHED_SIZE, RESULTS, Algorithm, Search, Size, provenance


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
        with self.process:  # closes the pipes and waits
            pass


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
    insert_batches: int = 200,
    size: Annotated[Size, tyro.conf.arg(name="")] = PUBLISHED_SIZE,
    peer: str = "uv run --isolated --no-project --with ribs==0.12.0 --with numpy==2.4.6",
    out: Path = RESULTS / "speed.json",
) -> dict:
    """Whole iterations and insertion alone, cairn and pyribs in turns on the same work.

    `peer` starts a Python that has pyribs. `loop_iterations` go into each repeat; both sides go
    on from where they were, so that their archives are equally full. The file is written after
    every row, and a row that it holds already is left alone.
    """
    table: dict = json.loads(out.read_text()) if out.exists() else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: partial(loop_row, name, size, loop_iterations, repeats) for name in algorithms}
    for side in sides:
        offers = {"side": side, "batch": insert_batch, "batches": insert_batches, "dims": 100}
        rows[f"insert {insert_batch} into {side**2}"] = partial(insert_row, offers, repeats)
    other = Peer(shlex.split(peer))
    versions = other.ask(task="versions")
    for name, measure in rows.items():
        if name in table:
            print(f"{name}: there already")
            continue
        row = measure(other) | {"peer": versions, "load_average": os.getloadavg()}
        report(name, row, "batches/s" if name.startswith("insert") else "iterations/s")
        table[name] = row | {"size": vars(size)} | provenance()
        out.write_text(json.dumps(table, indent=1) + "\n")
    other.close()
    return table


def loop_row(algorithm: Algorithm, size: Size, iterations: int, repeats: int, other: Peer) -> dict:
    """One algorithm's whole loop, after a first round on both sides that does not count."""
    request = {"side": size.side, "emitters": size.emitters, "batch": size.batch}
    request |= {"task": "loop", "algorithm": algorithm, "seed": 0, "dims": 100}
    request["iterations"] = iterations
    search = Search("sphere", algorithm, 0, size)
    begin = time.perf_counter()
    search.run(iterations)
    compile_s = time.perf_counter() - begin
    other.ask(**request)
    pairs = [(timed(search, iterations), other.ask(**request)) for _ in range(repeats)]
    return compare(pairs, iterations) | {"first_call_with_compilation_s": compile_s}


def insert_row(offers: dict, repeats: int, other: Peer) -> dict:
    """Insertion alone, after a first stream of batches that does not count."""
    time_insert(**offers, seed=0)
    pairs = []
    for seed in range(repeats):
        # float32 on both sides: pyribs' default of float64 would be slower.
        answer = other.ask(task="insert", **offers, seed=seed, dtype="float32")
        pairs.append((time_insert(**offers, seed=seed), answer))
    return compare(pairs, offers["batches"])


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
