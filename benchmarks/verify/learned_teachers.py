"""What learned teachers come to, measured with the solver: an adversary beside those paid regret.

    uv run python benchmarks/verify/learned_teachers.py            # all arms, 5 seeds, resumable
    uv run python benchmarks/verify/learned_teachers.py --pages    # the tables into the pages

Small on purpose: 6×6 mazes of 12 walls. At marks on the way of each run the teacher as it is then
designs 512 levels and the student as it is then plays them; beside them it plays 512 levels of a
teacher that never learned. Regret is what the solver says can be reached less the student's mean
return, undiscounted: nobody's estimate. Each arm and seed is one file of results; an arm that has
all of them is not made again.
"""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from provenance import ROOT, command, keep, source_hash, versions

import cairn
from cairn.core.stats import bootstrap, mean
from cairn.engine.design import TEACHER
from cairn.engine.loop import spent_steps
from cairn.envs.maze.solve import shortest_path
from cairn.envs.oracle import optimal_returns
from cairn.runs.experiment import Experiment
from cairn.score import STUDENT, episode_statistics
from cairn.ued import roles
from cairn.ued.method import problem_of

RESULTS = ROOT / "benchmarks" / "results" / "learned_teachers"
PAGES = ROOT / "docs" / "methods"
SOURCES = ("core", "engine", "envs", "learners", "nn", "score", "ued")
MAZE = {"width": 6, "height": 6, "walls": 12, "limit": 24, "generator": "walls", "view": 5}
STUDENT_OF = {
    "memory": "none", "hidden": 32, "head": 32, "filters": 8, "embedding": 4, "decay": "none",
    "learning_rate": 2e-3, "epochs": 3, "minibatches": 1, "entropy_weight": 0.01,
}  # fmt: skip
TEACHER_OF = STUDENT_OF | {
    "hidden": 64, "embedding": 10, "learning_rate": 3e-3, "epochs": 4, "entropy_weight": 0.01,
}  # fmt: skip
RUN = {"batch": 32, "steps_per_cycle": 96, "log_every": 10, "steps": 1_200_000}
SHORT = RUN | {"batch": 64, "steps_per_cycle": 48, "steps": 700_000}
SLOW = {"learning_rate": 3e-4, "epochs": 2}
"""Of students that stay behind their teacher: `paired-slow`, which also ends sooner (`SHORT`)."""
MARKS = 6
DESIGNS = 512
ARMS: dict[str, dict[str, Any]] = {
    "minimax": {},
    "paired": {},
    "flexible-paired": {},
    "population-paired": {"students": 3},
    "paired-slow": {},
    "repaired": {"capacity": 256, "minimum_fill": 0.25, "replay_probability": 0.5},
}
TINY = {"batch": 4, "steps_per_cycle": 24, "log_every": 1, "steps": 1200}
TITLES = {
    "solvable": "share of levels that can be solved",
    "regret": "regret, by the solver",
    "path": "shortest path, where solvable",
    "walls": "walls",
}
MARK = re.compile(r"<!-- teachers:([\w,-]+) -->\n.*?<!-- end -->\n", re.DOTALL)


def experiment(arm: str, seeds: int, run: dict[str, Any]) -> Experiment:
    """The run of one arm, all seeds in one program."""
    actors = {"student": STUDENT_OF | SLOW if arm == "paired-slow" else STUDENT_OF}
    actors["teacher"] = TEACHER_OF
    method = arm.removesuffix("-slow")
    return cairn.experiment(
        "maze", method=method, **MAZE, **run, **actors, **ARMS[arm], seeds=seeds
    )


def measure(arm: str, seeds: int, run: dict[str, Any], designs: int) -> list[dict[str, Any]]:
    """Train, and look at what each teacher makes at every mark; one result for each seed."""
    chosen = experiment(arm, seeds, run)
    program, compiled = chosen.program, chosen.compiled()
    state = compiled.init()
    look = looking(chosen, list(program.actors(state)), run["steps_per_cycle"], designs)
    untaught = jax.tree.map(np.asarray, state.learner["teacher"])
    marks: list[list[dict[str, Any]]] = [[] for _ in range(seeds)]

    def mark(state: Any) -> None:
        for seed in range(seeds):
            one = lambda tree, seed=seed: jax.tree.map(lambda leaf: leaf[seed], tree)  # noqa: E731
            now, key = one(state), jax.random.fold_in(jax.random.key(99 + seed), len(marks[seed]))
            teachers = {"teacher": now.learner["teacher"], "untaught": one(untaught)}
            found = {who: look(now, teacher, key) for who, teacher in teachers.items()}
            values = {w: {n: round(float(v), 5) for n, v in f.items()} for w, f in found.items()}
            marks[seed].append({"steps": spent_steps(state, program)[seed], **values})
        print(arm, json.dumps([of_seed[-1] for of_seed in marks]), file=sys.stderr, flush=True)

    mark(state)
    while (spent := min(spent_steps(state, program))) < run["steps"]:
        state, _ = compiled.advance(state)
        if min(spent_steps(state, program)) * MARKS // run["steps"] > spent * MARKS // run["steps"]:
            mark(state)
    totals = state.ledger.totals()
    return [
        {"seed": seed, "marks": marks[seed], "ledger": {n: v[seed] for n, v in totals.items()}}
        for seed in range(seeds)
    ]


def looking(chosen: Experiment, who: list[str], steps: int, designs: int) -> Callable:
    """(state of a seed, a teacher, key) → figures of levels that it makes for that student."""
    problems = {role: problem_of(chosen.setup(None), role=role) for role in who}

    @jax.jit
    def look(state: Any, teacher: Any, key: Any) -> dict[str, Any]:
        now = dataclasses.replace(state, key=key, learner={**state.learner, TEACHER: teacher})
        levels, _ = roles.design(problems, now, designs)
        trace = roles.play(problems, now, (STUDENT,), levels, steps)[STUDENT]
        best = optimal_returns(chosen.env, levels)
        can = best > 0
        way = jax.vmap(shortest_path)(levels)
        return {
            "solvable": can.mean(),
            "walls": levels.walls.sum(axis=(1, 2)).mean(),
            "path": (way * can).sum() / jnp.maximum(can.sum(), 1),
            "regret": (best - episode_statistics(trace).mean_return).mean(),
        }

    return look


def results(folder: Path, arm: str) -> list[dict[str, Any]]:
    """One for each seed that is there."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{arm}-seed*.json"))]


def table(folder: Path, arms: list[str]) -> str:
    """The figures of some arms, of each seed the mean over the marks of its second half."""
    lines = ["| arm | figure | mean | 95 % interval | by seed |", "|---|---|---|---|---|"]
    for arm in arms:
        runs = [late(one["marks"]) for one in results(folder, arm)]
        for name, title in TITLES.items():
            for who, whose in (("untaught", "untaught teacher"), ("teacher", "trained teacher")):
                values = [one[who][name] for one in runs]
                lines += [row(arm, f"{whose}: {title}", values)] if runs else []
        above = [one["teacher"]["regret"] - one["untaught"]["regret"] for one in runs]
        lines += [row(arm, "regret, trained − untaught", above)] if runs else []
    return "\n".join(lines) + "\n"


def late(marks: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """By teacher, each figure's mean over the second half of the marks."""
    half = marks[len(marks) // 2 :]
    return {
        who: {name: float(np.mean([one[who][name] for one in half])) for name in TITLES}
        for who in ("teacher", "untaught")
    }


def on_the_way(folder: Path, arm: str) -> str:
    """The trained teacher's share of solvable levels and regret at every mark, over the seeds."""
    runs = [one["marks"] for one in results(folder, arm)]
    if not runs:
        return ""
    steps = " ".join(f"{marks['steps'] / 1e6:.1f}" for marks in runs[0])
    told = [f"After {steps} million steps, means over seeds:"]
    for name in ("solvable", "regret", "path"):
        means = [
            np.mean([marks[i]["teacher"][name] for marks in runs]) for i in range(len(runs[0]))
        ]
        told.append(f"{TITLES[name]} " + " ".join(f"{value:.2f}" for value in means) + ";")
    return " ".join(told)[:-1] + ".\n"


def block(folder: Path, arms: list[str]) -> str:
    """What stands in a page."""
    body = table(folder, arms) + "\n" + on_the_way(folder, arms[0])
    return f"<!-- teachers:{','.join(arms)} -->\n{body}<!-- end -->\n"


def write_pages(folder: Path) -> None:
    """Put the tables where the pages have a place for them."""
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text()
        page.write_text(MARK.sub(lambda found: block(folder, found[1].split(",")), text))


def row(arm: str, title: str, values: list[float]) -> str:
    """One line."""
    whole = bootstrap(np.asarray(values)[:, None], mean)
    by_seed = " ".join(f"{value:.3f}" for value in values)
    return (
        f"| {arm} | {title} | {whole.value:.3f} | {whole.low:.3f} to {whole.high:.3f} | {by_seed} |"
    )


def main() -> None:
    """Make what is missing, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--pages", action="store_true", help="also put the tables into the pages")
    parser.add_argument("--tiny", action="store_true", help="seconds, for the tests")
    chosen = parser.parse_args()
    run = TINY if chosen.tiny else RUN
    chosen.results.mkdir(parents=True, exist_ok=True)
    arms = chosen.arms.split(",")
    for arm in arms:
        paths = [chosen.results / f"{arm}-seed{seed}.json" for seed in range(chosen.seeds)]
        if all(path.exists() for path in paths):
            continue
        about = {"arm": arm, "command": command(), "versions": versions()}
        about["sources"] = source_hash(Path(__file__), SOURCES)
        its = SHORT if arm == "paired-slow" and not chosen.tiny else run
        found = measure(arm, chosen.seeds, its, 16 if chosen.tiny else DESIGNS)
        for path, one in zip(paths, found, strict=True):
            keep(path, {**about, **one})
    print(table(chosen.results, arms), end="")
    if chosen.pages:
        write_pages(chosen.results)


if __name__ == "__main__":
    main()
