"""Preferences on- and offline, CoPG on data of others, and data told apart by their class.

    uv run python benchmarks/verify/preferences_study.py [--tiny] [--arms a,b] [--seeds 5]
                                                         [--results DIR]

Addition of three digits, all arms from one start with as many answers learned from. DPO, IPO and
ORPO compare answers of the model as it is (`online`) or of the start (`offline`), by the verifier.
With a learned reward, trained on the start's answers: CoPG, IPO and RLOO on the same recorded
batches of the start's answers over and over, and RLOO on its own samples. C-RLFT learns sums of two
digits from a start that knows them, of data one fifth of which is clean: with class and weight, one
of them, neither, and of the clean part alone. Its gate: told that an answer is bad, it errs as
often as the bad data do. (A start that cannot add well yet errs more often, whatever it is told.)
"""

from typing import Any

import numpy as np
from improve_study import SETTLED, Arm, Figures, Study, main
from language_studies import gain, said

ADDITION: dict[str, Any] = {"digits": 3}
START: dict[str, Any] = {"steps": 220_000, "sft_learning_rate": 2e-3, "log_every": 50}
STEPS = 60_000
"""Tokens sampled: about a hundred cycles."""
COMMON = ADDITION | dict(SETTLED) | {
    "prompts": 16, "steps": STEPS, "log_every": 20,
}  # fmt: skip
LEARNED: dict[str, Any] = {
    "reward": "model", "reward_model_steps": 60, "reward_model_epochs": 2, "steps": STEPS + 35_000,
}  # fmt: skip
"""The tokens that the model of rewards was trained on are sampled too."""
RECORDED: dict[str, Any] = {"behaviour": "start", "recorded": 20}
CLASSES: dict[str, Any] = {
    "digits": 2, "errors": 0.3, "clean": 0.2, "steps": 200_000, "sft_learning_rate": 1e-3,
    "decay": "linear", "log_every": 50, "tests": 512,
}  # fmt: skip

STARTS = {
    "addition": Arm("addition", "sft", ADDITION | START),
    "sums": Arm("addition", "sft", START | {"digits": 2, "decay": "linear"}),
}


def arms() -> dict[str, Arm]:
    """All of them."""
    made: dict[str, Arm] = {}
    classes = {
        "class-and-weight": {},
        "class": {"bad_weight": 1.0},
        "weight": {"classes": False},
        "neither": {"classes": False, "bad_weight": 1.0},
        # Bad data weigh nothing and are not counted: as many batches as the others have.
        "clean-alone": {"classes": False, "bad_weight": 0.0, "steps": 40_000},
    }
    for name, settings in classes.items():
        made[f"crlft-{name}"] = Arm("addition", "crlft", CLASSES | settings, "sums")
    for method in ("dpo", "ipo", "orpo"):
        for where, behaviour in (("online", "current"), ("offline", "start")):
            settings = COMMON | {"behaviour": behaviour}
            made[f"{method}-{where}"] = Arm("addition", method, settings, "addition")
    learned = {
        "copg": ("copg", {"beta": 0.05, **RECORDED}),
        "ipo": ("ipo", RECORDED),
        "rloo": ("rloo", RECORDED),
        "rloo-own": ("rloo", {}),
    }
    for name, (method, settings) in learned.items():
        made[f"learned-{name}"] = Arm("addition", method, COMMON | LEARNED | settings, "addition")
    more = {"steps": STEPS, "sft_learning_rate": 2e-3, "log_every": 50}
    made["more-sft"] = Arm("addition", "sft", ADDITION | more, "addition")
    return made


def solved(result: Figures, test: str = "test") -> list[float]:
    """Share of the problems of a test that were answered correctly, by seed."""
    return result["end"][test]["solve_rate"]


def errs(result: Figures) -> tuple[tuple[float, float, float], float, float]:
    """Told of a bad answer: correct less that of the bad data, paired by seed, and both."""
    rows = [row for row in result["curve"]["bad_correct"] if row[0] is not None]
    data = np.mean(np.asarray(rows, np.float64), axis=0)
    told = solved(result, "told-bad")
    return gain(told, data.tolist()), float(np.mean(told)), float(data.mean())


def described(results: dict[str, Figures]) -> list[str]:
    """Tables for the page."""
    table = ["| arm | test | shifted | over the start |", "|---|---|---|---|"]
    for name, result in results.items():
        start = result["start"].get("test")
        over = said(gain(solved(result), start["solve_rate"]), "+") if start else ""
        rates = [f"{np.mean(solved(result, test)):.3f}" for test in ("test", "shifted")]
        table.append(f"| {name} | {' | '.join(rates)} | {over} |")
    pairs = [(f"{method}-online", f"{method}-offline") for method in ("dpo", "ipo", "orpo")]
    pairs += [("learned-copg", f"learned-{rival}") for rival in ("rloo", "ipo", "rloo-own")]
    both = "crlft-class-and-weight"
    pairs += [(both, f"crlft-{other}") for other in ("class", "weight", "neither", "clean-alone")]
    lines = ["", "| comparison | test |", "|---|---|"]
    for one, other in pairs:
        if one in results and other in results:
            found = gain(solved(results[one]), solved(results[other]))
            lines.append(f"| {one} over {other} | {said(found, '+')} |")
    for name in (both, "crlft-class"):
        if name in results:
            found, told, data = errs(results[name])
            lines.append(
                f"| {name}, told of a bad answer: correct {told:.3f}, bad data {data:.3f} | "
                f"{said(found, '+')} |"
            )
    return [*table, *lines]


if __name__ == "__main__":
    main(Study("preferences_study", STARTS, arms(), described), __doc__, __file__)
