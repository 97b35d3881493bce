"""What comes of answers that are chosen, or learned from, by a trained model of rewards?

    uv run python benchmarks/verify/reward_models.py [--tiny] [--seeds 5] [--results DIR]

Countdown with targets up to 49, which has many solutions. One start by demonstrations; two models
of rewards, from few of the start's answers: one by comparisons (Bradley-Terry), one that says of
every step whether it is right. Against each: best-of-n of the start, PPO, RAFT and CoPG at equal
sampled tokens; PPO paid by the verifier and more demonstrations are the controls. Told for the
test split and for larger targets than any that was learned from (50 to 99): the gold reward (is it
right) and the proxy (what the model of rewards says) over the divergence from the start, and the
variety of answers. All seeds in one program; JSON by part, kept, so it may be stopped.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from language_studies import (
    Loaded,
    Study,
    checkpoints,
    figures,
    gain,
    last,
    load,
    mean,
    model,
    problems,
    said,
    study,
)

from cairn.envs.tokens.countdown import Countdown, Numbers
from cairn.improve.reranking import best_of_n_divergence

TASK: dict[str, Any] = {"highest": 49}
SIZE = model(64)
START = TASK | SIZE | {"steps": 150_000, "sft_learning_rate": 2e-3, "log_every": 50}
JUDGE = TASK | SIZE | {"steps": 60_000, "log_every": 10, "reward_model_epochs": 2}
LEARNER = TASK | SIZE | {
    "steps": 60_000, "log_every": 10, "learning_rate": 5e-4,
    "checkpoint_every": 1, "keep_checkpoints": "all",
}  # fmt: skip
JUDGES = {
    "comparisons": {"reward": "model", "reward_model_loss": "bradley-terry"},
    "segments": {"reward": "steps", "reward_model_loss": "segments"},
}
LEARNERS: dict[str, dict[str, Any]] = {
    "ppo": {},
    "raft": {},
    "copg": {"beta": 0.05},
}
SPLITS = ("test", "larger")
NUMBER, EVERY = 16, 128
"""Answers to each of so many problems."""


class Larger(Countdown):
    """Targets above those that were learned from."""

    def acceptable(self, problem: Numbers) -> Any:
        """Only these."""
        return problem.target > TASK["highest"]


def tests(tiny: bool) -> dict[str, tuple[Countdown, Any]]:
    """By name, tasks and problems."""
    number = 4 if tiny else EVERY
    found = {"test": Countdown(**TASK), "larger": Larger()}
    return {name: (task, problems(task, number)) for name, task in found.items()}


def asked(
    run: Loaded, by: Loaded, start: Loaded, tiny: bool, names: tuple[str, ...] = SPLITS
) -> dict[str, Any]:
    """What a run's model answers, scored by the judge of another run."""
    told = {}
    config = Loaded(by.experiment, None).config
    for name, (task, some) in tests(tiny).items():
        if name not in names:
            continue
        told[name] = figures(
            run.problem._replace(task=task), config, run.state.student.model,
            start.state.student.model, some, number=4 if tiny else NUMBER,
            scorer=by.state.reward_model.params,
        )  # fmt: skip
    return told


def part(this: Study, judge: str, learner: str) -> dict[str, Any]:
    """A learner against a judge: figures along its way."""
    given = JUDGES[judge]
    run = this.train(
        f"rm-{judge}-{learner}", "countdown", learner, LEARNER | LEARNERS[learner] | given,
        start=f"rm-{judge}",
    )  # fmt: skip
    return along(this, run, judge)


def along(this: Study, run: Any, judge: str) -> dict[str, Any]:
    """Figures of a run's checkpoints, by a judge; the last is its end."""
    start, by = load(this.runs / "rm-start"), load(this.runs / f"rm-{judge}")
    marks = list(checkpoints(run))[1:]
    chosen = marks if this.tiny else [marks[int(i)] for i in np.linspace(0, len(marks) - 1, 4)]
    way = []
    for at in dict.fromkeys(chosen):
        names = SPLITS if at == chosen[-1] else SPLITS[:1]
        found = asked(load(run, at), as_judged(by, judge), start, this.tiny, names)
        way.append({"chunk": at} | found)
    return {"way": way, "ledger": last(run)["ledger"], "settings": load(run).experiment.to_dict()}


def as_judged(by: Loaded, judge: str) -> Loaded:
    """The judge's run with the settings that say how it scores: those of whom it pays."""
    return Loaded(by.experiment.changed({"reward": JUDGES[judge]["reward"]}), by.state)


def begin(this: Study) -> dict[str, dict[str, Any]]:
    """The start, the judges, and best-of-n of the start by each."""
    found = {}
    for judge, given in JUDGES.items():
        loss = {"reward_model_loss": given["reward_model_loss"]}
        if this.tiny:  # nothing is ever right there: no pair to compare
            loss = {"reward_model_loss": "outcome"}

        def make(judge: str = judge, loss: dict[str, Any] = loss) -> dict[str, Any]:
            start = this.train("rm-start", "countdown", "sft", START)
            run = this.train(f"rm-{judge}", "countdown", "orm", JUDGE | loss, start="rm-start")
            by = as_judged(load(run), judge)
            return {
                "judge": last(run)["evaluation"]["test"],
                "ledger": last(run)["ledger"],
                "start": asked(load(start), by, load(start), this.tiny),
            }

        found[judge] = this.result(judge, make)
    return found


def main() -> None:
    """Measure what is missing, then say what was found."""
    this = study(__doc__, __file__, "reward_models")
    starts = begin(this)
    ends: dict[str, dict[str, dict[str, Any]]] = {}
    for judge in JUDGES:
        ends[judge] = {}
        for learner in LEARNERS:
            name = f"{judge}-{learner}"
            ends[judge][learner] = this.result(
                name, lambda judge=judge, learner=learner: part(this, judge, learner)
            )
    controls = {
        "ppo, paid by the verifier": ("ppo", LEARNER),
        "more demonstrations": ("sft", START | {"steps": LEARNER["steps"], "checkpoint_every": 1,
                                                "keep_checkpoints": "all"}),
    }  # fmt: skip
    told = {}
    for place, (name, (method, settings)) in enumerate(controls.items()):

        def control(place: int = place, method: str = method, settings: Any = settings) -> Any:
            run = this.train(f"rm-control-{place}", "countdown", method, settings, start="rm-start")
            return along(this, run, "comparisons")

        told[name] = this.result(f"control-{method}", control)
    this.tell(described(starts, ends, told))


def described(starts: Any, ends: Any, controls: Any) -> str:
    """Tables for the page: ends, then gold and proxy over the divergence."""
    base = starts["comparisons"]["start"]
    k = max(int(name.split("@")[1]) for name in base["test"] if name.startswith("rerank"))
    lines = [
        "| | right, test | over the start | right, larger targets | over the start |"
        " any of 16 right | different right ones of 16 | KL |",
        "|---|---|---|---|---|---|---|---|",
        row("start", base, base, "pass@1", k),
    ]
    for judge, found in starts.items():
        lines.append(row(f"best of {k} by {judge}", found["start"], base, f"rerank@{k}", k))
    for judge, learners in ends.items():
        lines += [row(f"{learner} by {judge}", found["way"][-1], base, "pass@1", k)
                  for learner, found in learners.items() if found]  # fmt: skip
    lines += [
        row(name, found["way"][-1], base, "pass@1", k) for name, found in controls.items() if found
    ]
    lines += ["", "| | KL | proxy | right |", "|---|---|---|---|"]
    for judge, found in starts.items():
        told = found["start"]["test"]
        for n in [2**i for i in range(1, k.bit_length())]:
            lines.append(
                f"| best of {n} by {judge} | {best_of_n_divergence(n):.2f} | "
                f"{np.mean(told[f'proxy@{n}']):.2f} | {np.mean(told[f'rerank@{n}']):.3f} |"
            )
        for learner, end in ends[judge].items():
            for step in end.get("way", ()):
                told = step["test"]
                lines.append(
                    f"| {learner} by {judge}, chunk {step['chunk']} | "
                    f"{np.mean(told['kl_to_start']):.2f} | {np.mean(told['proxy@1']):.2f} | "
                    f"{np.mean(told['pass@1']):.3f} |"
                )
    return "\n".join(lines)


def row(name: str, found: Any, base: Any, what: str, k: int) -> str:
    """A line of the first table."""
    test, larger = found["test"], found["larger"]
    over = [said(gain(found[split][what], base[split]["pass@1"]), "+") for split in base]
    chosen = what.startswith("rerank")
    rest = ["", "", f"{best_of_n_divergence(k):.2f}"] if chosen else [
        f"{np.mean(test[f'pass@{k}']):.3f}", f"{np.mean(test['distinct_valid']):.2f}",
        f"{np.mean(test['kl_to_start']):.2f}",
    ]  # fmt: skip
    means = [f"{mean(split[what])[0]:.3f}" for split in (test, larger)]
    return "| " + " | ".join([name, means[0], over[0], means[1], over[1], *rest]) + " |"


if __name__ == "__main__":
    jnp.zeros(())  # the device, before the clock of the first part
    main()
