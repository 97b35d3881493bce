"""What PAIRED's teacher learns to design, beside a teacher that never learned.

    uv run python benchmarks/verify/paired_teacher.py

Small on purpose: 7×7 mazes of 12 walls, a limit of 32 steps, 600,000 steps of the ledger. It
prints, for each seed, what the teacher's levels are like with much entropy (minimax: 0.05) and with
none (DCD), and what the students reach on fresh random mazes, beside domain randomisation at the
same steps.
"""

import argparse
import tempfile
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

import cairn
from cairn.core.stats import bootstrap, mean
from cairn.envs.maze.solve import shortest_path, solvable
from cairn.runs.evaluate import choose_suites, play
from cairn.runs.open import one_seed, open_run
from cairn.score.paired import Regret
from cairn.ued import roles
from cairn.ued.method import problem_of
from cairn.ued.paired import STUDENTS

STUDENT = {
    "memory": "none", "hidden": 64, "head": 32, "filters": 8, "learning_rate": 3e-3, "epochs": 4,
    "minibatches": 2, "entropy_weight": 0.01,
}  # fmt: skip
TEACHER = STUDENT | {"embedding": 10, "learning_rate": 1e-3, "convolution": "strides"}
MAZE = {"width": 7, "height": 7, "walls": 12, "limit": 32, "generator": "walls"}
RUN = {"batch": 32, "steps_per_cycle": 64, "log_every": 10, "evaluate_every": 0}
DESIGNS = 512


ARMS = {
    "paired, entropy 0.05": ("paired", {"teacher": TEACHER | {"entropy_weight": 0.05}}),
    "paired, entropy 0": ("paired", {"teacher": TEACHER | {"entropy_weight": 0.0}}),
    "dr": ("dr", {"turns": 1}),
}


def train(arm: str, path: Path, steps: int, seeds: int) -> None:
    """The run of one arm."""
    method, own = ARMS[arm]
    settings = MAZE | RUN | {"steps": steps, "seeds": seeds, "student": STUDENT} | own
    cairn.train(cairn.experiment("maze", method=method, **settings), path)


def designs(path: Path) -> dict[str, np.ndarray]:
    """By seed: what levels are like, by the teacher and by one that never learned.

    The same trained students play both.
    """
    run = open_run(path)
    setup = run.experiment.setup(None)
    problems = {role: problem_of(setup, role=role) for role in (*STUDENTS, "teacher")}

    @jax.jit
    def look(state):
        levels, _ = roles.design(problems, state, DESIGNS)
        traces = roles.play(problems, state, STUDENTS, levels, RUN["steps_per_cycle"])
        can = jax.vmap(solvable)(levels)
        path = jax.vmap(shortest_path)(levels)
        return {
            "solvable": can.mean(),
            "walls": levels.walls.sum(axis=(1, 2)).mean(),
            "shortest path, where solvable": (path * can).sum() / can.sum(),
            "regret": Regret()(traces, (), 1.0, 1.0).score.mean(),
        }

    found: dict[str, list] = {}
    for place, seed in enumerate(run.seeds):
        trained = one_seed(run.state, place)
        fresh = run.program.init(jax.random.fold_in(jax.random.key(99), seed)).learner["teacher"]
        untaught = eqx.tree_at(lambda state: state.learner["teacher"], trained, fresh)
        for who, state in (("untaught teacher", untaught), ("teacher", trained)):
            for name, value in look(state).items():
                found.setdefault(f"{who}: {name}", []).append(float(value))
    return {name: np.array(values) for name, values in found.items()}


def quietly(suite: str, behind: int, total: int) -> None:
    """Say nothing."""


def main(steps: int, seeds: int) -> None:
    """Train all arms, print a table."""
    print("| arm | figure | mean | 95 % interval | by seed |\n|---|---|---|---|---|")
    for arm, (method, _) in ARMS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run"
            train(arm, path, steps, seeds)
            rows = designs(path) if method == "paired" else {}
            run = open_run(path)
            suites = choose_suites(run.experiment.env, ["random"], None, full=False, seed=0)
            for role in STUDENTS if method == "paired" else STUDENTS[:1]:
                played = play(run, suites, attempts=5, seed=0, advance=quietly, role=role)
                rows[f"{role}: solve rate on fresh mazes"] = played["random"].solved.mean((1, 2))
        for name, values in rows.items():
            whole = bootstrap(values[:, None], mean)
            interval = f"{whole.low:.3f} to {whole.high:.3f}"
            by_seed = " ".join(f"{value:.3f}" for value in values)
            print(f"| {arm} | {name} | {whole.value:.3f} | {interval} | {by_seed} |")
        print(f"ledger of {arm}: {run.state.ledger.totals()}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=600_000)
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    main(chosen.steps, chosen.seeds)
