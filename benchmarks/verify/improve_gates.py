"""Does every method that learns from its own answers get above its start, and above chance?

    uv run python benchmarks/verify/improve_gates.py [--tiny] [--seeds 5] [--results DIR]

For each task one run of `sft` makes a start for each seed, which every arm goes on from with an
equal budget of sampled tokens, all seeds in one program. One JSON file per task and arm, and those
that exist are skipped, so it may be stopped and started again. Controls: `random` (GRPO paid by a
coin), `more-sft` (demonstrations, as many tokens *learned*) and `rft`. What a method climbs is how
often an answer that it *samples* is correct; so the gate of an arm is: over the seeds the lower
bound of the 95 % interval of (arm - start) and of (arm - random), in sampled answers to held-out
problems of the same kind, is above 0. Likeliest answers, any of 16, and length stand beside it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from language_studies import Study, figures, gain, last, load, mean, model, problems, said, study

TASKS: dict[str, dict[str, Any]] = {
    "addition": {"digits": 3},
    "countdown": {},
}
"""One with a single answer to each problem, one with many."""
START: dict[str, Any] = {"steps": 220_000, "sft_learning_rate": 2e-3, "log_every": 50}
"""Tokens of demonstrations: so many that the start answers a part of the problems."""
COMMON: dict[str, Any] = {
    "prompts": 32, "group": 8, "steps": 200_000, "log_every": 20, "learning_rate": 5e-4,
    "tests": 512,
}  # fmt: skip
ROUNDS: dict[str, Any] = {"fit_steps": 300, "learning_rate": 1e-3}
WIDTH, PROBLEMS, ANSWERS = 64, 256, 16


class Arm(NamedTuple):
    """A method with its settings, where they are not those of all."""

    method: str
    settings: Mapping[str, Any] = MappingProxyType({})


ARMS = {
    "random": Arm("grpo", {"reward": "random"}),
    "more-sft": Arm("sft"),
    "rft": Arm("rft", ROUNDS),
    "raft": Arm("raft"),
    "expert-iteration": Arm("expert-iteration", ROUNDS | {"round_cycles": 50}),
    "reinforce": Arm("reinforce"),
    "rloo": Arm("rloo"),
    "grpo": Arm("grpo"),
    "dr-grpo": Arm("dr-grpo"),
    "dapo": Arm("dapo"),
    "ppo": Arm("ppo", {"learning_rate": 2e-4}),
    "conditioned": Arm("conditioned", {"learning_rate": 1e-3, "epochs": 4, "decay": "linear"}),
    "dpo": Arm("dpo"),
    "ipo": Arm("ipo"),
    "orpo": Arm("orpo"),
    "copg": Arm("copg", {"beta": 0.05}),
    "exit": Arm("exit"),
}
TOLD = ("pass@1", "greedy", f"pass@{ANSWERS}", "length")


def run(made: Study, task: str, arm: str) -> Path:
    """What an arm trained from the task's start; "start" is that itself."""
    method, settings = ("sft", {}) if arm == "start" else ARMS[arm]
    common = START if method == "sft" else COMMON
    chosen = TASKS[task] | model(WIDTH) | common | dict(settings)
    begin = None if arm == "start" else f"gate-{task}-start"
    return made.train(f"gate-{task}-{arm}", task, method, chosen, begin)


def measure(made: Study, task: str, arm: str) -> dict[str, Any]:
    """What it answers to held-out problems."""
    begun = load(run(made, task, "start"))
    path = run(made, task, arm)
    done = load(path)
    number, answers = (4, 2) if made.tiny else (PROBLEMS, ANSWERS)
    first = begun.state.student.model
    asked = problems(done.problem.task, number)
    model = done.state.student.model
    found = figures(done.problem, done.config, model, first, asked, number=answers)
    plain = figures(done.problem, begun.config, first, first, asked, number=answers)
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return {
        "task": task,
        "arm": arm,
        "answers": {name: found[name] for name in TOLD if name in found},
        # An arm that was measured later, on another machine, has had a start of its own.
        "start": {name: plain[name] for name in TOLD if name in plain},
        "training": {
            what: [line["metrics"].get(what) for line in lines] for what in ("correct", "length")
        },
        "ledger": last(path)["ledger"],
        "evaluation": last(path)["evaluation"],
    }


def described(task: str, results: dict[str, dict[str, Any]]) -> str:
    """A table: a line for each arm of a task, and whether its gate holds."""
    rate = {name: result["answers"]["pass@1"] for name, result in results.items()}
    names = ["sampled" if name == "pass@1" else name for name in results["start"]["answers"]]
    head = [task, *names, "sampled, over the start", "gate"]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, result in results.items():
        told = [f"{mean(values)[0]:.3f}" for values in result["answers"].values()]
        words = ["–", "–"]
        if name != "start":
            own = result.get("start", results["start"]["answers"])
            over = gain(rate[name], own["pass@1"])
            passed = over[1] > 0 and gain(rate[name], rate["random"])[1] > 0
            words = [said(over, "+"), "yes" if passed else "no"]
        rows.append("| " + " | ".join([name, *told, *words]) + " |")
    return "\n".join(rows)


def main() -> None:
    """Measure what is missing, then say what was found."""
    made = study(__doc__, __file__, "improve_gates")
    tables = []
    for task in TASKS:
        results = {}
        for arm in ("start", *ARMS):
            found = made.result(f"{task}-{arm}", lambda t=task, a=arm: measure(made, t, a))
            if found:
                results[arm] = found
        if {"start", "random"} <= set(results):
            tables.append(described(task, results))
    made.tell("\n\n".join(tables))


if __name__ == "__main__":
    main()
