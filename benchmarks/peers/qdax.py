"""Times QDax from outside, in an environment of its own.

Reads one request per line on stdin and answers with one line each, as JSON, so that `qd.py` can
alternate it with cairn in one run. Needs only `qdax`; nothing of cairn is imported.

    uv run --isolated --no-project --with qdax==0.5.0 --with jax==0.10.1 benchmarks/peers/qdax.py

Requests: {"task": "versions"}, and {"task": "loop", "algorithm": ..., "iterations": n, ...} which
goes on with the same search at every call. QDax's pool asks one CMA-ES in turn, so one of our
iterations, of all of them, is as many of its updates as there are emitters. Its figures are taken
in every update, as in its examples; all updates of a call are one compiled program.
"""

import importlib.metadata
import json
import platform
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

TARGET, LIMIT, WORST = 2.048, 5.12, 7.168


def sphere(solutions, key):
    """The linear projection benchmark, as a scoring function of QDax."""
    dims = solutions.shape[1]
    # Sums as products with constants, as cairn has them: the evaluation is not what is measured.
    squares = (solutions - TARGET) ** 2 @ jnp.ones(dims)
    fitness = 100 * (1 - squares / (dims * WORST**2))
    within = jnp.abs(solutions) <= LIMIT
    folded = jnp.where(within, solutions, LIMIT / jnp.where(within, 1.0, solutions))
    halves = jnp.repeat(jnp.eye(2), dims // 2, axis=0)
    return fitness, folded @ halves, {}


def search(algorithm, *, dims, side, emitters, batch, seed):
    """The published setting of an algorithm on the sphere: MAP-Elites, its carry, updates."""
    from qdax.core.containers.mapelites_repertoire import compute_euclidean_centroids
    from qdax.core.emitters.cma_improvement_emitter import CMAImprovementEmitter
    from qdax.core.emitters.cma_pool_emitter import CMAPoolEmitter
    from qdax.core.emitters.mutation_operators import isoline_variation
    from qdax.core.emitters.standard_emitters import MixingEmitter
    from qdax.core.map_elites import MAPElites
    from qdax.utils.metrics import default_qd_metrics

    bound, children = LIMIT * dims / 2, emitters * batch
    centroids = compute_euclidean_centroids((side, side), [-bound] * 2, [bound] * 2)
    updates = 1
    if algorithm == "cma-me":
        one = CMAImprovementEmitter(
            batch_size=batch, genotype_dim=dims, centroids=centroids, sigma_g=0.5
        )
        emitter, updates = CMAPoolEmitter(num_states=emitters, emitter=one), emitters
    else:
        emitter = MixingEmitter(
            mutation_fn=lambda x, key: x + 0.5 * jax.random.normal(key, x.shape),
            variation_fn=partial(isoline_variation, iso_sigma=0.5, line_sigma=0.2),
            variation_percentage=1.0 if algorithm == "line" else 0.0,
            batch_size=children,
        )
    loop = MAPElites(sphere, emitter, partial(default_qd_metrics, qd_offset=0.0))
    key, first = jax.random.split(jax.random.key(seed))
    started = 0.5 * jax.random.normal(first, (children, dims))
    repertoire, state, _ = loop.init(started, centroids, key)
    return loop, (repertoire, state, key), updates


def strong(leaf):
    """The same array, of a dtype that is its own."""
    is_key = jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key)
    return leaf if is_key else jnp.array(np.asarray(leaf))


class Running:
    """A search that goes on, one program a call."""

    def __init__(self, algorithm, work):
        self.loop, carry, self.updates = search(algorithm, **work)
        # Python's numbers in its first state would have the second call compile anew.
        self.carry = jax.tree.map(strong, carry)
        self.programs = {}

    def go_on(self, iterations):
        """So many iterations of cairn's size. Returns QDax's figures after the last."""
        if iterations not in self.programs:
            length = iterations * self.updates

            def run(carry):
                return jax.lax.scan(self.loop.scan_update, carry, (), length=length)

            self.programs[iterations] = jax.jit(run, donate_argnums=0)
        self.carry, metrics = jax.block_until_ready(self.programs[iterations](self.carry))
        return metrics


def loop(running, request):
    """Seconds, wall and processor, for so many iterations; then the archive's figures."""
    work = {k: request[k] for k in ("dims", "side", "emitters", "batch", "seed")}
    key = (request["algorithm"], *work.values())
    if key not in running:
        running[key] = Running(request["algorithm"], work)
    wall, cpu = time.perf_counter(), time.process_time()
    metrics = running[key].go_on(request["iterations"])
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return seconds | {
        "coverage": float(metrics["coverage"][-1]) / 100,
        "qd_score": float(metrics["qd_score"][-1]),
    }


def main():
    """Answer requests until stdin closes."""
    running = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["task"] == "versions":
            packages = ("qdax", "jax", "jaxlib")
            answer = {name: importlib.metadata.version(name) for name in packages}
            answer["python"] = platform.python_version()
        else:
            answer = loop(running, request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    # This file is called as the package that it drives, and lies first on the path.
    sys.path.pop(0)
    main()
