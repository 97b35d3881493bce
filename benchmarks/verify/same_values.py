"""Do two checkouts compute the same? Learner, archive, ledger and metrics by value.

    python benchmarks/verify/same_values.py OLD [NEW] [--size tiny|reference] [--methods dr plr ...]

OLD and NEW are checkouts (NEW: this one). Each method runs in both, in a process of its own with
this interpreter, for as many chunks as it takes to come to everything the method does. One line
a method says what differs; exit status 1 if anything does.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

METHODS = ("random", "dr", "plr", "robust-plr", "parallel-plr", "accel", "parallel-accel", "sfl")
TINY: dict[str, Any] = {
    "width": 7, "height": 7, "walls": 5, "generator": "walls", "limit": 16, "batch": 4,
    "steps_per_cycle": 16, "hidden": 8, "head": 8, "filters": 4, "epochs": 2, "minibatches": 2,
    "log_every": 6, "steps": 100_000, "seeds": 2, "devices": 1,
}  # fmt: skip
REPLAY = {"capacity": 16, "minimum_fill": 0.25}
SFL = {"refresh": 3, "candidates": 8, "keep": 4, "selected": 2, "scoring_steps": 32}
# The published network and batch; a small archive, so that replay starts within the run.
REFERENCE: dict[str, Any] = {"log_every": 6, "steps": 8_192_000, "devices": 1}
REFERENCE_REPLAY = {"capacity": 64, "minimum_fill": 0.5}
REFERENCE_SFL = {"refresh": 4, "candidates": 64, "keep": 16, "selected": 8, "scoring_steps": 512}


def settings(method: str, size: str) -> dict[str, Any]:
    """Flags of `cairn.experiment` for one method."""
    tiny = size == "tiny"
    chosen = dict(TINY if tiny else REFERENCE) | {"preset": "reference"}
    if method == "sfl":
        return chosen | (SFL if tiny else REFERENCE_SFL)
    if method in ("random", "dr"):
        return chosen
    return chosen | (REPLAY if tiny else REFERENCE_REPLAY)


def run(method: str, size: str, chunks: int) -> dict[str, Any]:
    """What a method has computed after so many chunks, as hashes and figures."""
    import jax
    import numpy as np

    import cairn

    experiment = cairn.experiment("maze", method=method, **settings(method, size))
    compiled = experiment.compiled()
    state, metrics = compiled.init(), {}
    for _ in range(chunks):
        state, report = compiled.advance(state)
        for name, values in report.metrics.items():
            metrics.setdefault(name, []).append(np.asarray(values, np.float64))
    program = experiment.program
    learner = program.actors(state)["student"].state if hasattr(program, "actors") else None
    learner = getattr(state, "learner", None) if learner is None else learner
    found = {"learner": _hash(jax.tree.leaves(learner))}
    archive = getattr(state, "archive", None)
    if archive is not None:
        names = "levels ids parents has_parent generation scores ranks stamps clock count next_id"
        found |= {
            f"archive.{name}": _hash(jax.tree.leaves(getattr(archive, name)))
            for name in names.split()
        }
    ledger = state.ledger.totals()
    kinds = ("training", "scoring", "mutation", "evaluation")
    found["ledger"] = {kind: ledger.get(kind, [0]) for kind in kinds if any(ledger.get(kind, [0]))}
    found["metrics"] = {
        name: np.concatenate(values, axis=1).tolist() for name, values in sorted(metrics.items())
    }
    return found


def _hash(leaves: list[Any]) -> str:
    import numpy as np

    total = hashlib.sha256()
    for leaf in leaves:
        array = np.asarray(leaf)
        total.update(f"{array.shape}{array.dtype}".encode() + array.tobytes())
    return total.hexdigest()[:16]


def ask(tree: Path, method: str, size: str, chunks: int) -> dict[str, Any]:
    """`run` in another process on the package of the checkout `tree`."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "JAX_NUM_CPU_DEVICES": "1"}
    command = [sys.executable, __file__, "--ask", method, "--size", size, "--chunks", str(chunks)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{tree.name}, {method}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs, in words."""
    found = [
        f"{name}: {old[name]} then {new.get(name)}"
        for name in old
        if name != "metrics" and old[name] != new.get(name)
    ]
    for name, values in old["metrics"].items():
        if name not in new["metrics"]:
            found.append(f"metrics.{name} is gone")
        elif values != new["metrics"][name]:
            found.append(f"metrics.{name} differs")
    return found


def main() -> int:
    """Compare, a line a method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", nargs="?", type=Path)
    parser.add_argument("new", nargs="?", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--size", choices=("tiny", "reference"), default="tiny")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--chunks", type=int, default=4)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask:
        print(json.dumps(run(asked.ask, asked.size, asked.chunks)))
        return 0
    if asked.old is None:
        parser.error("expected the old checkout")
    status = 0
    for method in asked.methods:
        old, new = (ask(tree, method, asked.size, asked.chunks) for tree in (asked.old, asked.new))
        apart = differences(old, new)
        status |= bool(apart)
        cycles = len(next(iter(old["metrics"].values()))[0])
        print(f"{method}: {'; '.join(apart) or f'the same after {cycles} cycles'}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
