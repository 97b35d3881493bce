"""Which way of learning from one's own answers teaches steps, paid at the end or on the way?

    uv run python benchmarks/verify/teaching_to_reason.py [--tiny] [--seeds 5] [--results DIR]

Sums of four digits with every sum on the way. {expert iteration, PPO, return-conditioned} x
{sparse: is the last line right; dense: what a stepwise model of rewards, trained on the start's own
answers, says of every line} x {few demonstrations before, many} x two sizes, after Havrilla et al.
2024, arXiv:2403.04642. Few: the model knows how answers look and gets some right. Equal sampled
tokens; likeliest answer, majority, the best by the model of rewards, any of k. All seeds in one
program; JSON by part, kept, so it may be stopped.
"""

from typing import Any

from language_studies import (
    Loaded,
    Study,
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

from cairn.envs.tokens.addition import Addition

TASK: dict[str, Any] = {"digits": 1, "operands": 4, "scratch": True}
SIZES = {64: "scratch-start", 32: "scratch-start-32"}
"""Width, and the run that has learned from many demonstrations."""
STARTS = {"many": 190_000, "few": 95_000}
"""Tokens of demonstrations."""
SFT = {"sft_learning_rate": 2e-3, "log_every": 20}
COMMON: dict[str, Any] = {"steps": 60_000, "log_every": 10, "prompts": 32, "group": 8}
JUDGE = COMMON | {"steps": 100_000, "log_every": 5, "tries": 4, "reward_model_epochs": 2}
METHODS: dict[str, dict[str, Any]] = {
    "expert-iteration": {
        "round_cycles": 10, "fit_steps": 80, "fit_batch": 64, "learning_rate": 1e-3,
    },
    "ppo": {"learning_rate": 2e-4},
    "conditioned": {"learning_rate": 1e-3, "epochs": 4, "decay": "linear"},
}  # fmt: skip
REWARDS = {"sparse": {"reward": "correct"}, "dense": {"reward": "steps"}}
NUMBER, EVERY = 8, 128
COLUMNS = ("greedy", f"majority@{NUMBER}", f"rerank@{NUMBER}", f"pass@{NUMBER}", "pass@1")


def start(this: Study, width: int, few: str) -> str:
    """The run that learned from few or many demonstrations, and the judge of its answers."""
    name = SIZES[width] if few == "many" else f"{SIZES[width]}-few"
    settings = TASK | model(width) | SFT | {"steps": STARTS[few]}
    this.train(name, "addition", "sft", settings)
    # Of many demonstrations and width 64 it is the study of refiners that has it too.
    judge = "glore-sorm" if name == "scratch-start" else f"{name}-sorm"
    this.train(judge, "addition", "sorm", TASK | model(width) | JUDGE, start=name)
    return judge


def asked(this: Study, run: Loaded, by: Loaded) -> dict[str, Any]:
    """What a run's model answers, chosen among by the judge its reward may have come from."""
    number = 4 if this.tiny else EVERY
    config = run.experiment.changed({"reward": "steps"})
    return figures(
        run.problem, Loaded(config, None).config, run.state.student.model,
        by.state.student.model, problems(Addition(**TASK), number),
        number=4 if this.tiny else NUMBER, scorer=by.state.reward_model.params,
    )  # fmt: skip


def part(this: Study, width: int, few: str, method: str, reward: str) -> dict[str, Any]:
    """One arm."""
    judge = start(this, width, few)
    chosen = TASK | model(width) | COMMON | METHODS[method] | REWARDS[reward]
    name = f"teach-{width}-{few}-{method}-{reward}"
    run = this.train(name, "addition", method, chosen, start=judge)
    told = asked(this, load(run), load(this.runs / judge))
    return {"end": told, "ledger": last(run)["ledger"], "settings": load(run).experiment.to_dict()}


def begun(this: Study, width: int, few: str) -> dict[str, Any]:
    """What the start answers."""
    judge = start(this, width, few)
    return {"end": asked(this, load(this.runs / judge), load(this.runs / judge))}


def main() -> None:
    """Measure what is missing, then say what was found."""
    this = study(__doc__, __file__, "teaching_to_reason")
    lines = [
        "| width, demonstrations | | " + " | ".join(COLUMNS[:-1]) + " | greedy over the start |",
        "|---|---|---|---|---|---|---|",
    ]
    for width in SIZES:
        for few in STARTS:
            first = this.result(f"{width}-{few}-start", lambda w=width, f=few: begun(this, w, f))
            if not first:
                continue
            lines.append(row(width, few, "start", first["end"], None))
            for method in METHODS:
                for reward in REWARDS:
                    found = this.result(
                        f"{width}-{few}-{method}-{reward}",
                        lambda w=width, f=few, m=method, r=reward: part(this, w, f, m, r),
                    )
                    if found:
                        name = f"{method}, {reward}"
                        lines.append(row(width, few, name, found["end"], first["end"]))
    this.tell("\n".join(lines))


def row(width: int, few: str, name: str, found: dict[str, Any], base: Any) -> str:
    """A line of the table."""
    words = [f"{mean(found[what])[0]:.3f}" if what in found else "" for what in COLUMNS[:-1]]
    over = "" if base is None else said(gain(found["greedy"], base["greedy"]), "+")
    return "| " + " | ".join([f"{width}, {few}", name, *words, over]) + " |"


if __name__ == "__main__":
    main()
