"""Does a model that learned single steps from stored attempts go on improving its own work?

    uv run python benchmarks/verify/exit_study.py [--tiny] [--arms a,b] [--seeds 5] [--results DIR]

ExIt (arXiv:2509.04575) on the repair of colourings, an answer changing one node: quality and
corrections less spoilings by revision, up to 16 of them, on held-out graphs, of runs whose starts
lie at most 4 answers deep. Base instances are 1, 8 or without end; tasks graded or binary. Rivals
go on from the same start with as many sampled tokens: GRPO that always begins at the problem
(`from-problem`) and GRPO with attempts drawn all alike (`uniform`, which is also the ablation of
selection). `no-diverge` and `bonus` ablate the others; `long` is four times the budget. Controls:
more demonstrations, and rejection fine-tuning.
"""

from typing import Any

import numpy as np
from improve_study import SETTLED, Arm, Figures, Study, main
from language_studies import gain, said

GRAPHS: dict[str, Any] = {"nodes": 4, "edges": 5, "edits": 1}
STEPS = 60_000
"""Tokens sampled: about eighty cycles."""
COMMON = GRAPHS | dict(SETTLED) | {"steps": STEPS, "log_every": 20, "capacity": 512}
GRADED = COMMON | {"reward": "quality"}
BINARY = COMMON | {"binary": True}
BASES = {"1": 1, "8": 8, "many": 0}
SMALL: dict[str, dict[str, Any]] = {"1": {"capacity": 64}}
"""Of one graph few attempts are met, not a sixteenth of 512 places: none would ever come back."""
RIVALS: dict[str, dict[str, Any]] = {
    "exit": {},
    "from-problem": {"replays": 0.0},
    "uniform": {"curriculum": "uniform"},
}
ABLATIONS: dict[str, dict[str, Any]] = {"no-diverge": {"diverge": 0.0}, "bonus": {"bonus": 0.5}}
DEPTHS = (1, 2, 4, 8, 16)
ENDS = ("quality_1", "quality_16")

STARTS = {
    "repair": Arm(
        "repair", "sft",
        GRAPHS | {"steps": 60_000, "sft_batch": 64, "sft_learning_rate": 2e-3, "log_every": 50},
    )
}  # fmt: skip


def arms() -> dict[str, Arm]:
    """All of them, the ones that say most first."""
    made = {
        f"graded-{bases}-{rival}": Arm(
            "repair",
            "exit",
            GRADED | {"problems": number} | SMALL.get(bases, {}) | settings,
            "repair",
        )
        for bases, number in reversed(BASES.items())
        for rival, settings in RIVALS.items()
    }
    # The start's own quality where only a whole colouring counts: nothing is learned.
    still = BINARY | {"learning_rate": 0.0, "steps": 800}
    made["binary-start"] = Arm("repair", "grpo", still | {"capacity": None}, "repair")
    for rival, settings in RIVALS.items():
        made[f"binary-many-{rival}"] = Arm("repair", "exit", BINARY | settings, "repair")
    for name, settings in ABLATIONS.items():
        for bases in ("1", "many"):  # where ExIt gains most, and where it gains nothing
            own = GRADED | {"problems": BASES[bases]} | SMALL.get(bases, {}) | settings
            made[f"graded-{bases}-{name}"] = Arm("repair", "exit", own, "repair")
    fit = {"rows": 16384, "fit_steps": 100, "fit_batch": 64, "learning_rate": 1e-3}
    made["graded-many-rft"] = Arm("repair", "rft", GRADED | fit | {"capacity": None}, "repair")
    for rival in ("exit", "from-problem", "uniform"):  # four times as long, should the rest tie
        settings = GRADED | RIVALS[rival] | {"steps": 4 * STEPS}
        made[f"long-many-{rival}"] = Arm("repair", "exit", settings, "repair")
    more = {"steps": STEPS, "sft_batch": 64, "sft_learning_rate": 2e-3, "log_every": 50}
    made["more-sft"] = Arm("repair", "sft", GRAPHS | more, "repair")
    return {name: arm._replace(settings=_there(arm.settings)) for name, arm in made.items()}


def _there(settings: Any) -> dict[str, Any]:
    """What is None is not set at all."""
    return {name: value for name, value in settings.items() if value is not None}


def figure(result: Figures, name: str) -> list[float]:
    """One of the revised test, by seed."""
    return result["end"]["revised"][name]


def row(name: str, told: Figures) -> str:
    """Quality and what is mended, by revision."""
    quality = " | ".join(f"{np.mean(told[f'quality_{n}']):.3f}" for n in DEPTHS)
    mended = " | ".join(f"{np.mean(told[f'mended_{n}']):+.3f}" for n in DEPTHS)
    return f"| {name} | {quality} | {mended} |"


def compared(results: dict[str, Figures]) -> list[str]:
    """ExIt against its rivals after 1 and after 16 answers, paired by seed."""
    told = []
    for name in (name for name in results if name.endswith("-exit")):
        kind = name.removesuffix("exit")
        others = [other for other in results if other.startswith(kind) and other != name]
        others += ["more-sft"] if "more-sft" in results and kind.startswith("graded") else []
        for other in others:
            pair = results[name], results[other]
            if pair[0]["start"] != pair[1]["start"] and "binary" not in name:
                continue  # seeds are paired by their start
            found = [gain(*(figure(result, which) for result in pair)) for which in ENDS]
            told.append(f"| {name} over {other} | {' | '.join(said(one, '+') for one in found)} |")
    return told


def described(results: dict[str, Figures]) -> list[str]:
    """Tables for the page."""
    depths = " | ".join(f"q{n}" for n in DEPTHS) + " | " + " | ".join(f"m{n}" for n in DEPTHS)
    table = [f"| arm | {depths} |", "|---" * (2 * len(DEPTHS) + 1) + "|"]
    first = next(iter(results.values()))
    if "revised" in first["start"]:
        table.append(row("start (graded)", first["start"]["revised"]))
    table += [row(name, result["end"]["revised"]) for name, result in results.items()]
    head = ["", "| comparison | after 1 answer | after 16 |", "|---|---|---|"]
    return [*table, *head, *compared(results)]


if __name__ == "__main__":
    main(Study("exit_study", STARTS, arms(), described), __doc__, __file__)
