"""The league: every method of environment design, one student, two budgets, the same tests.

    uv run python benchmarks/verify/league.py --list            who takes part, and who does not
    uv run python benchmarks/verify/league.py --tune METHOD     settings, by `cairn tune`
    uv run python benchmarks/verify/league.py --costs METHOD    seconds a cycle, on a quiet machine
    uv run python benchmarks/verify/league.py --part METHOD     train and test it
    uv run python benchmarks/verify/league.py --all             whatever is missing, in order

Every part writes one JSON file and is skipped where that exists, so the league may be stopped and
begun again. One program trains all seeds with a constant learning rate and is tested twice: when
each seed has spent `steps` of its ledger (training, scoring, mutation, designing), and after as
many cycles as fit into the seconds that domain randomisation takes for its steps on this machine
(compiling and testing not counted). Seconds a cycle are measured apart, in some chunks of each
method, so that parts may be made beside other work. `--size full` is the default preset's maze
and network. Fill docs/league.md by benchmarks/league_page.py.
"""

import argparse
import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from league_tests import Test, suites_of
from provenance import command, source_hash, versions

from cairn.bench.figures import machine
from cairn.core.errors import CairnError
from cairn.core.sections import settings
from cairn.engine.compiled import compile_program
from cairn.engine.devices import use_cores
from cairn.engine.loop import spent_steps
from cairn.runs import catalogue, presets
from cairn.runs.experiment import Experiment
from cairn.tuning.driver import tune

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/league"
SOURCES = ("core", "engine", "envs", "learners", "nn", "sampler", "archive", "score", "ued")
ENDLESS = 2**40
LEFT_OUT = {"random": "it does not learn"}
SEARCH = {
    "student.learning_rate": "log:3e-4,3e-3",
    "student.entropy_weight": "log:1e-3,3e-2",
    "algorithm.replay_probability": "0.3,0.9",
    "teacher.learning_rate": "log:1e-4,1e-3",
}
"""Of which a method searches what it has."""


@dataclass(frozen=True)
class Size:
    """Mazes, student, budgets and tests. Settings that a method lacks are passed over."""

    task: Mapping[str, Any]
    network: Mapping[str, Any]
    """Of every learner, the teacher's too."""
    student: Mapping[str, Any]
    algorithm: Mapping[str, Any]
    steps: int
    """Of each seed."""
    chunk: int
    levels: int
    """Fresh solvable levels, among which the worst are looked for."""
    attempts: int
    timed: int = 8
    """Chunks of which the later half tell what a cycle costs."""
    suites: tuple[str, ...] = ("fresh", "named", "procedural")
    tune_steps: int = 300_000
    tune_trainings: int = 6
    tuner: Mapping[str, Any] = field(default_factory=dict)


NETWORK = {"memory": "lstm", "hidden": 64, "head": 32, "filters": 8}
UPDATE = {"epochs": 2, "minibatches": 2, "decay": "none"}
SIZES = {
    "small": Size(
        task={"width": 9, "height": 9, "walls": 25, "limit": 64, "generator": "walls"},
        network=NETWORK | UPDATE,
        student={"learning_rate": 1e-3, "entropy_weight": 1e-2},
        algorithm={
            "batch": 32, "steps_per_cycle": 64, "turns": 1, "capacity": 512, "minimum_fill": 0.25,
            "candidates": 256, "scoring_steps": 128, "keep": 64, "refresh": 16, "selected": 16,
        },
        steps=800_000,
        chunk=16,
        levels=1000,
        attempts=4,
        tuner={"levels": 128, "rungs": 2, "test_seeds": 2, "baseline": False},
    ),
    "full": Size(
        task={},
        network={"decay": "none"},
        student={},
        algorithm={"turns": 1},
        steps=1_228_800,
        chunk=8,
        levels=1000,
        attempts=4,
    ),
    "tiny": Size(
        task={"width": 5, "height": 5, "walls": 4, "limit": 8, "generator": "walls"},
        network={"memory": "none", "hidden": 8, "head": 4, "filters": 2, "epochs": 1,
                 "minibatches": 1, "decay": "none"},
        student={},
        algorithm={
            "batch": 4, "steps_per_cycle": 8, "turns": 1, "capacity": 16, "candidates": 8,
            "scoring_steps": 16, "keep": 4, "refresh": 2, "selected": 2,
        },
        steps=128,
        chunk=2,
        levels=8,
        attempts=2,
        timed=2,
        suites=("fresh",),
        tune_steps=64,
        tune_trainings=3,
        tuner={"levels": 4, "rungs": 1, "test_seeds": 1, "baseline": False},
    ),
}  # fmt: skip


def taking_part(size: Size) -> tuple[list[str], dict[str, str]]:
    """Methods by name, and why others do not take part."""
    names, reasons = [], dict(LEFT_OUT)
    for name in catalogue.WINGS["environment design"]:
        if name in LEFT_OUT:
            continue
        try:
            experiment(name, size, {}, steps=size.steps, seeds=1)
            names.append(name)
        except CairnError as error:
            reasons[name] = str(error)
    return names, reasons


def experiment(
    method: str, size: Size, tuned: Mapping[str, Any], *, steps: int, seeds: int, seed: int = 0
) -> Experiment:
    """The method at this size, with the settings that were found for it."""
    adapted = catalogue.method(method).adapts("maze")
    made = presets.experiment("maze", method=method)
    generator = {name: adapted[name] for name in ("generator",) if name in adapted}
    wanted: dict[str, Any] = {f"task.{n}": v for n, v in {**size.task, **generator}.items()}
    learners = [name for name, kind in made.how.sections.items() if kind is None]
    for section in learners:
        wanted |= {f"{section}.{n}": v for n, v in size.network.items()}
    wanted |= {f"student.{n}": v for n, v in size.student.items()}
    wanted |= {f"algorithm.{n}": v for n, v in size.algorithm.items()}
    run = {"steps": steps, "seeds": seeds, "seed": seed, "log_every": size.chunk}
    wanted |= {f"run.{n}": v for n, v in run.items()} | dict(tuned)
    known = {f"{s.section}.{s.field}" for s in settings(made.everything).values()}
    changes = {name: value for name, value in wanted.items() if name in known}
    if made.how.least(made.setup(None)) > steps:  # its own defaults are for larger runs
        made = dataclasses.replace(made, run=dataclasses.replace(made.run, steps=ENDLESS))
    return made.changed(changes)


def tune_part(method: str, size: Size, results: Path) -> dict[str, Any]:
    """Settings by the same small search for every method, on levels drawn by a rule alone."""
    seeds = 2
    chosen = experiment(method, size, {}, steps=size.tune_steps, seeds=seeds)
    known = {f"{s.section}.{s.field}" for s in settings(chosen.everything).values()}
    search = {name: told for name, told in SEARCH.items() if name in known}
    began = time.monotonic()
    budget = size.tune_trainings * seeds * size.tune_steps
    say = lambda text: print(text, flush=True)  # noqa: E731
    made = tune(chosen, search, results / "searches" / method, budget=budget, say=say,
                **size.tuner)  # fmt: skip
    if made.result is None:
        raise SystemExit(130)
    return {"method": method, "seconds": time.monotonic() - began, "machine": machine(),
            **made.result}  # fmt: skip


def cost_part(
    method: str, size: Size, seeds: int, first: int, tuned: Mapping[str, Any]
) -> dict[str, Any]:
    """Seconds a cycle of all seeds in one program: the mean of some chunks.

    Seeds on one core go one after the other, so that one on each says what all cost.
    """
    alone = min(seeds, len(jax.devices()))
    chosen = experiment(method, size, tuned, steps=size.steps, seeds=alone, seed=first)
    compiled, compile_s = ready(chosen)
    state, _ = jax.block_until_ready(compiled.advance(compiled.init()))
    # Until archives are warm and every branch has run, a cycle may be a cheaper one.
    taken = []
    while len(taken) < size.timed:
        began = time.monotonic()
        state, _ = jax.block_until_ready(compiled.advance(state))
        taken.append((time.monotonic() - began) / size.chunk)
    whole = seeds / alone
    cost = float(np.mean(taken[len(taken) // 2 :])) * whole
    told = {"method": method, "seconds_per_cycle": cost, "chunks": taken,
            "compile_s": compile_s, "machine": machine(), "versions": versions()}  # fmt: skip
    # ReMiDi's second adversary begins after so many cycles, and compares levels with all before.
    begins, done = later_from(chosen), (1 + len(taken)) * size.chunk
    if begins is None:
        return told
    dear = []
    while len(dear) < 3:
        began = time.monotonic()
        state, _ = jax.block_until_ready(compiled.advance(state))
        if done >= begins:
            dear.append((time.monotonic() - began) / size.chunk)
        done += size.chunk
    return told | {
        "later": {"from": begins, "seconds_per_cycle": float(np.mean(dear)) * whole},
        "later_chunks": dear,
    }


def later_from(chosen: Experiment) -> int | None:
    """The cycle from which one costs otherwise, of methods with several adversaries in turn."""
    algorithm = chosen.to_dict()["algorithm"]
    return algorithm["cycles"] if "adversaries" in algorithm else None


class Cost(NamedTuple):
    """Seconds a cycle of all seeds."""

    each: float
    later: float
    begins: float
    """From which cycle on one costs `later`."""

    def seconds(self, cycles: int) -> float:
        """Of so many cycles from the beginning."""
        early = min(cycles, self.begins)
        return early * self.each + (cycles - early) * self.later


def ready(chosen: Experiment) -> tuple[Any, float]:
    """The compiled chunk of all seeds, and the seconds that compiling it took."""
    program, run = chosen.program, chosen.run
    compiled = compile_program(program, seed=run.seed, seeds=run.seeds, cycles=run.log_every,
                               budget=ENDLESS, layout=chosen.layout)  # fmt: skip
    began = time.monotonic()
    return compiled.ready(compiled.init()), time.monotonic() - began


def play_part(
    method: str,
    size: Size,
    seeds: int,
    first: int,
    tuned: Mapping[str, Any],
    costs: Callable[[str], Cost],
) -> dict[str, Any]:
    """Train all seeds in one program until both budgets are spent; test at each of them."""
    chosen = experiment(method, size, tuned, steps=size.steps, seeds=seeds, seed=first)
    # Schedules are by `steps`; where the clock allows all seeds go on beyond them.
    program = chosen.program
    compiled, compile_s = ready(chosen)
    state = compiled.init()
    test = Test(suites_of(chosen.env, size), chosen, size.attempts)
    found: dict[str, Any] = {}
    cycles, cost, until = 0, costs(method), allowed(size, costs("dr"))
    while len(found) < 2:
        state, report = jax.block_until_ready(compiled.advance(state))
        cycles += size.chunk
        now = {
            "steps": min(spent_steps(state, program)) >= size.steps,
            "clock": cost.seconds(cycles + size.chunk // 2) >= until,  # the nearest chunk
        }
        if due := [budget for budget, spent in now.items() if spent and budget not in found]:
            found |= dict.fromkeys(due, reading(test, state, cost.seconds(cycles), cycles))
    finite = all(bool(np.isfinite(np.asarray(v)).all() or not np.asarray(report.weights[n]).any())
                 for n, v in report.metrics.items())  # fmt: skip
    return {
        "method": method,
        "seeds": list(range(first, first + seeds)),
        "settings": chosen.to_dict(),
        "tuned": dict(tuned),
        "compile_s": compile_s,
        "seconds_per_cycle": cost.each,
        "finite": finite,
        "readings": found,
        "machine": machine(),
        "versions": versions(),
        "command": command(),
        "sources": source_hash(Path(__file__), SOURCES),
    }


def allowed(size: Size, dr: Cost) -> float:
    """The seconds that domain randomisation takes for its steps."""
    chosen = experiment("dr", size, {}, steps=size.steps, seeds=1)
    return size.steps / chosen.how.least(chosen.setup(None)) * dr.each


def reading(test: Test, state: Any, seconds: float, cycles: int) -> dict[str, Any]:
    """What the state reaches, and what it has cost so far."""
    began = time.monotonic()
    scores = test(state)
    return {"seconds": seconds, "cycles": cycles, "ledger": state.ledger.totals(),
            "test_s": time.monotonic() - began, "scores": scores}  # fmt: skip


def once(path: Path, make: Any) -> dict[str, Any]:
    """The JSON in `path`, made now if it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = make()
        part = path.with_suffix(".part")
        part.write_text(json.dumps(made) + "\n")
        part.replace(path)
        print(f"{path.name}: made", flush=True)
    return json.loads(path.read_text())


def main() -> None:
    """Make the parts that were asked for and are not on file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--tune", nargs="*", default=[], metavar="METHOD")
    parser.add_argument("--part", nargs="*", default=[], metavar="METHOD")
    parser.add_argument("--costs", nargs="*", default=[], metavar="METHOD")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--untuned", action="store_true", help="with --all: no searches")
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--seeds", type=int, default=6, help="even: two cores share them")
    parser.add_argument("--first-seed", type=int, default=200)
    parser.add_argument("--steps", type=int, help="of each seed, in the place of the size's")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    name = "tiny" if given.tiny else given.size
    size = SIZES[name]
    size = dataclasses.replace(size, steps=given.steps or size.steps)
    folder = given.results / name
    file = folder / "taking_part.json"
    if given.list:
        file.unlink(missing_ok=True)  # a method may have come since
    told = once(file, lambda: dict(zip(("methods", "not"), taking_part(size), strict=True)))
    names, reasons = told["methods"], told["not"]
    for method, reason in reasons.items() if given.list else ():
        print(f"{method}: does not take part: {reason}")
    for method in names if given.list else ():
        print(method)
    tuning = given.results / ("tiny" if given.tiny else "small") / "tuning"
    searched = names if given.all and name != "full" and not given.untuned else given.tune
    for method in searched:
        once(tuning / f"{method}.json", lambda m=method: tune_part(m, size, given.results / name))
    group = f"seeds{given.first_seed}-{given.first_seed + given.seeds - 1}"
    wanted = names if given.all else given.part

    def tuned(method: str) -> dict[str, Any]:
        file = tuning / f"{method}.json"
        best = json.loads(file.read_text())["incumbents"] if file.exists() else []
        return best[0]["values"] if best else {}

    def cost(method: str) -> Cost:
        file = folder / "costs" / f"{method}-{group}.json"
        make = lambda: cost_part(method, size, given.seeds, given.first_seed, tuned(method))  # noqa: E731
        told = once(file, make)
        each = told["seconds_per_cycle"]
        later = told.get("later", {"from": math.inf, "seconds_per_cycle": each})
        return Cost(each, later["seconds_per_cycle"], later["from"])

    for method in (names if given.all else given.costs) or ():
        cost(method)
    for method in wanted:
        once(
            folder / f"{method}-{group}.json",
            lambda m=method: play_part(m, size, given.seeds, given.first_seed, tuned(m), cost),
        )


if __name__ == "__main__":
    use_cores()
    # Programs of tests are the same for all methods with one student.
    jax.config.update("jax_compilation_cache_dir", str(ROOT / ".cairn" / "compiled"))
    main()
