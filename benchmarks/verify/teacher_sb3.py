"""Runs examples/teacher_sb3.py where Stable-Baselines3 is installed, and records the outcome.

    PYTHONPATH=src PYTHON benchmarks/verify/teacher_sb3.py

PYTHON is an interpreter of an environment of its own (pip install stable-baselines3 and what cairn
needs): torch is no dependency of cairn, and its tests play the example with a stand-in.
"""

import argparse
import json
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))
RESULT = ROOT / "benchmarks" / "results" / "teacher" / "sb3.json"


def main(steps: int) -> None:
    """Train, then write what came out."""
    import teacher_sb3  # needs Stable-Baselines3

    begin = time.perf_counter()
    settings = {"score": "learnability", "capacity": 64, "minimum_fill": 0.25}
    teacher, model = teacher_sb3.main(steps, **settings)
    lineage = teacher.lineage.levels
    packages = ("stable-baselines3", "torch", "gymnasium", "jax", "numpy")
    result = {
        "command": "PYTHONPATH=src python benchmarks/verify/teacher_sb3.py",
        "steps": steps,
        "method": "plr",
        "settings": settings,
        "seed": 0,
        "wall_s": round(time.perf_counter() - begin, 1),
        "ledger": teacher.ledger,
        "levels_that_entered": len(np.unique(lineage.id)),
        "trained_steps_of_ppo": int(model.num_timesteps),
        "versions": {name: metadata.version(name) for name in packages},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=8192)
    main(parser.parse_args().steps)
