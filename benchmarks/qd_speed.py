"""Speed of quality-diversity search, cairn and a peer in turns on the same work."""

import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from cairn.archive.elites import Candidates, Elites, coverage, empty, insert
from cairn.archive.grid import Grid
from cairn.bench import figures
from cairn.bench.qd_search import PUBLISHED_SIZE, Algorithm, Search, Size
from cairn.bench.sides import Side
from qd_files import RESULTS, provenance
from qd_peers import PEERS, started, versions


@partial(jax.jit, donate_argnums=0)
def _offer(elites: Elites, grid: Grid, ids, solutions, fitness, descriptors):
    cell = grid.cell(descriptors)
    return insert(elites, Candidates(ids, fitness, descriptors, solutions, cell))


def offered(*, side: int, batch: int, batches: int, dims: int, seed: int) -> tuple:
    """An empty archive, its grid, and so many batches, all made before any clock starts."""
    random = np.random.default_rng(seed)
    grid = Grid((side, side), (-2.0, -2.0), (2.0, 2.0))
    elites = empty(grid.cells, solution=jnp.zeros(dims), descriptor=jnp.zeros(2))
    offers = []
    for i in range(batches):
        drawn = [random.normal(size=s) for s in ((batch, dims), batch, (batch, 2))]
        arrays = [jnp.asarray(array, jnp.float32) for array in drawn]
        offers.append((jnp.arange(i * batch, (i + 1) * batch, dtype=jnp.uint32), *arrays))
    return jax.block_until_ready((elites, grid, offers))


def time_insert(**size: int) -> dict:
    """Seconds for offering batches to an empty archive, one Python call for each."""
    elites, grid, offers = offered(**size)
    wall, cpu = time.perf_counter(), time.process_time()
    for offer in offers:
        elites, _ = _offer(elites, grid, *offer)
    jax.block_until_ready(elites)
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return seconds | {"coverage": coverage(elites).item()}


def time_rows(**size: int) -> float:
    """Seconds for the least that any archive does: write the solutions that enter, in NumPy."""
    elites, grid, offers = offered(**size)
    # Not `zeros`, whose memory the system would only fetch while the clock runs.
    solutions = np.full((elites.cells, size["dims"]), np.float32(0))
    writes = []
    for ids, drawn, fitness, descriptors in offers:
        cell = np.asarray(grid.cell(descriptors))
        elites, outcome = _offer(elites, grid, ids, drawn, fitness, descriptors)
        entered = np.flatnonzero(outcome.entered)
        writes.append((cell[entered], entered, np.asarray(drawn)))
    begin = time.perf_counter()
    for cell, entered, drawn in writes:
        solutions[cell] = drawn[entered]
    return time.perf_counter() - begin


def speed(
    against: Literal["pyribs", "qdax"] = "pyribs",
    repeats: int = 5,
    loop_iterations: int = 200,
    algorithms: tuple[Algorithm, ...] = (),
    sides: tuple[int, ...] = (100, 1000),
    insert_batch: int = 4096,
    insert_batches: int = 200,
    size: Annotated[Size, tyro.conf.arg(name="")] = PUBLISHED_SIZE,
    peer: str = "",
    out: Path | None = None,
) -> dict:
    """Whole iterations and insertion alone, cairn and a peer in turns on the same work.

    `peer` starts a Python that has it (default: with uv). `loop_iterations` go into each repeat;
    both sides go on from where they were, so that their archives are equally full. `algorithms`
    are all that both have, by default. The file is written after every row; a row on file that
    the same sources made at the same settings is left alone.
    """
    chosen = PEERS[against]
    peer, out = peer or chosen.command, out or RESULTS / chosen.file
    names = algorithms or chosen.algorithms
    table: dict = json.loads(out.read_text()) if out.exists() else {}
    rows = {}
    for name in names:
        settings = {"repeats": repeats, "iterations": loop_iterations, "size": vars(size)}
        rows[name] = settings, partial(loop_row, name, size, loop_iterations, repeats)
    for side in sides if chosen.inserts else ():
        offers = {"side": side, "batch": insert_batch, "batches": insert_batches, "dims": 100}
        settings = {"repeats": repeats, **offers}
        rows[f"insert {insert_batch} into {side**2}"] = (
            settings,
            partial(insert_row, offers, repeats),
        )
    made = provenance("benchmarks/qd_speed.py", f"benchmarks/peers/{against}.py")
    command = made.pop("command")
    other = started(against, peer)
    try:
        made["peer"] = versions(other, peer)
        for name, (settings, measure) in rows.items():
            basis = made | {"settings": settings}
            if basis.items() <= table.get(name, {}).items():
                print(f"{name}: there already")
                continue
            table[name] = measure(other) | basis
            table[name] |= {"command": command, "load_average": os.getloadavg()}
            report(name, table[name], against)
            figures.write(out, table)
    finally:
        other.close()
    return table


def loop_row(algorithm: Algorithm, size: Size, iterations: int, repeats: int, other: Side) -> dict:
    """One algorithm's whole loop, after a first round on both sides that does not count."""
    request = {"side": size.side, "emitters": size.emitters, "batch": size.batch}
    request |= {"task": "loop", "algorithm": algorithm, "seed": 0, "dims": 100}
    request["iterations"] = iterations
    search = Search("sphere", algorithm, 0, size)
    begin = time.perf_counter()
    search.run(iterations)
    compile_s = time.perf_counter() - begin
    other.ask(request)
    pairs = [(timed(search, iterations), other.ask(request)) for _ in range(repeats)]
    return compare(other.name, pairs, iterations) | {"first_call_with_compilation_s": compile_s}


def insert_row(offers: dict, repeats: int, other: Side) -> dict:
    """Insertion alone, after a first stream of batches on both sides that does not count.

    Beside it a floor: NumPy writing the solutions that enter, cells and winners known beforehand.
    """
    # float32 on both sides: pyribs' default of float64 would be slower.
    request = {"task": "insert", **offers, "dtype": "float32"}
    time_insert(**offers, seed=repeats)
    other.ask(request | {"seed": repeats})
    pairs, floor = [], []
    for seed in range(repeats):
        answer = other.ask(request | {"seed": seed})
        pairs.append((time_insert(**offers, seed=seed), answer))
        floor.append(offers["batches"] / time_rows(**offers, seed=seed))
    return compare(other.name, pairs, offers["batches"]) | {
        "rows_alone_per_s": figures.spread(floor)
    }


def timed(search: Search, steps: int) -> dict:
    """Seconds, wall and processor, for so many steps; then the archive's figures."""
    wall, cpu = time.perf_counter(), time.process_time()
    metrics = search.run(steps)
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return seconds | {name: metrics[name] for name in ("coverage", "qd_score")}


def compare(peer: str, pairs: list[tuple[dict, dict]], count: int) -> dict:
    """Rates of both sides, and the median of the ratios pair by pair."""
    row: dict = {"pairs": [{"cairn": ours, peer: theirs} for ours, theirs in pairs]}
    for clock in ("wall_s", "cpu_s"):
        ratios = [theirs[clock] / ours[clock] for ours, theirs in pairs]
        row[clock] = {
            "cairn_per_s": float(np.median([count / ours[clock] for ours, _ in pairs])),
            f"{peer}_per_s": float(np.median([count / theirs[clock] for _, theirs in pairs])),
            "ratio": float(np.median(ratios)),
            "ratios": [min(ratios), max(ratios)],
        }
    return row


def report(name: str, row: dict, peer: str) -> None:
    """One line on the console."""
    unit = "batches/s" if name.startswith("insert") else "iterations/s"
    wall, cpu = row["wall_s"], row["cpu_s"]
    print(
        f"{name}: cairn {wall['cairn_per_s']:.1f}, {peer} {wall[f'{peer}_per_s']:.1f} {unit},"
        f" ratio {wall['ratio']:.2f} ({wall['ratios'][0]:.2f} to {wall['ratios'][1]:.2f});"
        f" by processor time {cpu['ratio']:.2f}",
        flush=True,
    )
