"""Times pyribs from outside, in an environment of its own.

Reads one request per line on stdin and answers with one line each, as JSON, so that `qd.py` can
alternate it with cairn in one run. Needs only `ribs`; nothing of cairn is imported.

    uv run --isolated --no-project --with ribs==0.12.0 benchmarks/peers/pyribs.py

Requests: {"task": "versions"}, {"task": "loop", "algorithm": ..., "iterations": n, ...} which
goes on with the same scheduler at every call, and {"task": "insert", ...} on a new archive.
"""

import json
import platform
import sys
import time

import numpy as np
import ribs
from ribs.archives import GridArchive
from ribs.emitters import EvolutionStrategyEmitter, GaussianEmitter, IsoLineEmitter
from ribs.schedulers import Scheduler

TARGET, LIMIT, WORST = 2.048, 5.12, 7.168


def sphere(solutions):
    """The linear projection benchmark: fitness and two measures."""
    dims = solutions.shape[1]
    squares = np.sum(np.square(solutions - TARGET), axis=1)
    fitness = 100 * (1 - squares / (dims * WORST**2))
    outside = np.abs(solutions) > LIMIT
    folded = solutions.copy()
    folded[outside] = LIMIT / solutions[outside]
    half = dims // 2
    return fitness, np.stack([folded[:, :half].sum(1), folded[:, half:].sum(1)], axis=1)


def scheduler(algorithm, *, dims, side, emitters, batch, seed):
    """The published setting of an algorithm on the sphere."""
    bound = LIMIT * dims / 2
    grid = {"solution_dim": dims, "dims": [side, side], "ranges": [(-bound, bound)] * 2}
    start = np.zeros(dims)
    seeds = range(seed * 1000, seed * 1000 + emitters)
    if algorithm == "cma-mae":
        archive = GridArchive(**grid, learning_rate=0.01, threshold_min=0)
        rules = {"ranker": "imp", "selection_rule": "mu", "restart_rule": "basic"}
    else:
        archive = GridArchive(**grid)
        rules = {"ranker": "2imp", "selection_rule": "filter", "restart_rule": "no_improvement"}
    if algorithm in ("cma-me", "cma-mae"):
        make = lambda s: EvolutionStrategyEmitter(
            archive, x0=start, sigma0=0.5, batch_size=batch, seed=s, **rules
        )
    elif algorithm == "line":
        make = lambda s: IsoLineEmitter(
            archive, x0=start, iso_sigma=0.5, line_sigma=0.2, batch_size=batch, seed=s
        )
    else:
        make = lambda s: GaussianEmitter(archive, x0=start, sigma=0.5, batch_size=batch, seed=s)
    results = GridArchive(**grid) if algorithm == "cma-mae" else None
    return Scheduler(archive, [make(s) for s in seeds], result_archive=results)


def loop(running, request):
    """Seconds, wall and processor, for so many iterations; then the archive's figures."""
    work = {k: request[k] for k in ("dims", "side", "emitters", "batch", "seed")}
    key = (request["algorithm"], *work.values())
    if key not in running:
        running[key] = scheduler(request["algorithm"], **work)
    search = running[key]
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(request["iterations"]):
        search.tell(*sphere(search.ask()))
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    stats = search.result_archive.stats
    return seconds | {"coverage": float(stats.coverage), "qd_score": float(stats.qd_score)}


def insert(request):
    """Seconds for offering so many batches, made beforehand, to an empty archive."""
    side, batch, dims = request["side"], request["batch"], request["dims"]
    kind = np.dtype(request["dtype"])
    random = np.random.default_rng(request["seed"])
    archive = GridArchive(solution_dim=dims, dims=[side] * 2, ranges=[(-2, 2)] * 2, dtype=kind)
    offers = []
    for _ in range(request["batches"]):
        # float32 first, as on the other side, so that both see the same numbers.
        drawn = [random.normal(size=s) for s in ((batch, dims), batch, (batch, 2))]
        offers.append([array.astype(np.float32).astype(kind) for array in drawn])
    wall, cpu = time.perf_counter(), time.process_time()
    for solutions, fitness, measures in offers:
        archive.add(solutions, fitness, measures)
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return seconds | {"coverage": float(archive.stats.coverage)}


def main():
    """Answer requests until stdin closes."""
    running = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["task"] == "versions":
            answer = {"ribs": ribs.__version__, "numpy": np.__version__}
            answer["python"] = platform.python_version()
        elif request["task"] == "loop":
            answer = loop(running, request)
        else:
            answer = insert(request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
