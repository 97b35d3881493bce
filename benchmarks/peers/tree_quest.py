"""Grows trees by treequest's AB-MCTS-M, in an environment of its own.

    python -m pip install "treequest[abmcts-m]==0.3.3"

Reads one request per line on stdin and answers with one line each, as JSON, so that
`search_speed.py` can alternate it with cairn in one run; nothing of cairn is imported. Requests:
{"task": "versions"}, and {"task": "grow", "nodes": n, "seed": s}.
"""

# pyright: reportMissingImports=false

import json
import os
import random
import resource
import sys
import time
from importlib import metadata

import treequest


def clocks() -> list[float]:
    """Seconds on the wall, and of processors, those of processes that ended among them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return [time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)]


def grow(nodes: int, seed: int) -> dict:
    """Seconds, wall and processor, for a tree of so many nodes.

    A child's score is its parent's and a normal step.
    """
    draws = random.Random(seed)

    def made(parent):
        score = min(max((0.3 if parent is None else parent) + draws.gauss(0.0, 0.15), 0.0), 1.0)
        return score, score

    algorithm = treequest.ABMCTSM()
    began, tree = clocks(), algorithm.init_tree()
    for _ in range(nodes):
        tree = algorithm.step(tree, {"made": made})
    took = [now - then for now, then in zip(clocks(), began, strict=True)]
    return {"took": took, "nodes": len(tree.tree.get_nodes()) - 1}


def main() -> None:
    """Answer requests until stdin closes."""
    out, sys.stdout = sys.stdout, sys.stderr  # what the peer prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        if request["task"] == "versions":
            names = ("treequest", "pymc", "numpyro", "jax")
            answer = {name: metadata.version(name) for name in names} | {"cores": os.cpu_count()}
        else:
            answer = grow(request["nodes"], request["seed"])
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
