"""What does it save to leave out prompts that will teach nothing? And answers that are known?

    uv run python benchmarks/verify/zero_variance.py [--tiny] [--arms a,b] [--seeds 5]
                                                     [--results DIR]

Addition over 1,024 problems, from one start. `grpo` poses them all alike; `refill` throws groups
without variance away after they were sampled and samples others (DAPO's dynamic sampling, nothing
else of DAPO); `skip` foresees them by what each problem's answers were before, and samples nothing
of them; `prioritised` draws half of its problems by learnability besides. Refills are batches of
prompts sampled for one, skips are prompts never sampled; tokens sampled are counted in all.
`expert-iteration` on Countdown with every solution of a problem kept once, or each time it is
found. `grpo` and `dr-grpo` on sums whose answers may have any lines before the last: whether
answers become longer that gain nothing by it.
"""

from typing import Any

import numpy as np
from improve_study import SETTLED, Arm, Figures, Study, answers, main
from language_studies import gain, mean, said

ADDITION: dict[str, Any] = {"digits": 3, "problems": 1024}
"""Few enough to come back some four times in all, many enough that others profit."""
SHOWN: dict[str, Any] = {"sft_learning_rate": 2e-3, "log_every": 50}
STEPS = 80_000
COMMON = dict(SETTLED) | {"prompts": 16, "steps": STEPS, "log_every": 16}
POSED = COMMON | ADDITION | {"evaluate_every": 1, "prompts": 32, "steps": 120_000}
FREE: dict[str, Any] = {"digits": 1, "operands": 3, "scratch": True, "room": 6}
"""The longest answer has six tokens more than the longest demonstration."""
ROUNDS: dict[str, Any] = {
    "round_cycles": 40, "fit_steps": 80, "learning_rate": 1e-3, "rows": 8192, "most": 0,
}  # fmt: skip
REACHED = 0.5
"""Share of what the start leaves unsolved: how many tokens that took."""

STARTS = {
    "addition": Arm("addition", "sft", {"digits": 3, "steps": 220_000, **SHOWN}),
    "countdown": Arm("countdown", "sft", {"steps": 220_000, **SHOWN}),
    "free": Arm("addition", "sft", FREE | {"steps": 70_000, "sft_batch": 64, **SHOWN}),
}


def arms() -> dict[str, Arm]:
    """All of them."""
    posed: dict[str, tuple[str, dict[str, Any]]] = {
        "grpo": ("grpo", {}),
        "refill": ("dapo", {"clip_high": 0.2, "refills": 4}),
        "no-refill": ("dapo", {"clip_high": 0.2, "refills": 1}),
        "skip": ("exit", {"replays": 0.0, "skip": 0.5}),
        "prioritised": ("exit", {"replays": 0.5, "skip": 0.5}),
    }
    made = {
        name: Arm("addition", method, POSED | settings, "addition", answers)
        for name, (method, settings) in posed.items()
    }
    for name, distinct in (("distinct", True), ("repeated", False)):
        settings = COMMON | ROUNDS | {"distinct": distinct}
        made[f"expert-{name}"] = Arm(
            "countdown", "expert-iteration", settings, "countdown", answers
        )
    for method in ("grpo", "dr-grpo"):
        settings = COMMON | FREE
        made[f"free-{method}"] = Arm("addition", method, settings, "free")
    return made


def solved(result: Figures) -> list[float]:
    """Share of the held-out problems solved, by seed."""
    return result["end"]["test"]["solve_rate"]


def sampled(result: Figures) -> list[float]:
    """Share of sampled answers to held-out problems that are correct, by seed."""
    return result["answers"]["pass@1"]


def reached(result: Figures, share: float = REACHED) -> np.ndarray:
    """Tokens sampled when the test first had so much of what the start left; NaN: never."""
    start = np.asarray(result["start"]["test"]["solve_rate"], np.float64)
    wanted = start + share * (1 - start)
    tests = [*result["tests"], {"ledger": result["ledger"], "evaluation": result["end"]}]
    found = np.full(len(start), np.nan)
    for test in reversed(tests):
        rate = np.array(test["evaluation"]["test"]["solve_rate"], np.float64)
        tokens = np.asarray(test["ledger"]["tokens_sampled"], np.float64)
        found = np.where(rate >= wanted, tokens, found)
    return found


def line_mean(result: Figures, name: str) -> np.ndarray | None:
    """A metric by seed, mean over the run."""
    rows = result["curve"].get(name)
    rows = [row for row in rows or [] if None not in row]
    return np.mean(np.asarray(rows, np.float64), axis=0) if rows else None


def grown(result: Figures, name: str) -> np.ndarray:
    """Last less first of a metric, by seed: fifths of the run, so that no line decides."""
    rows = [row for row in result["curve"][name] if None not in row]
    some = max(1, len(rows) // 5)
    ends = [np.mean(np.asarray(part, np.float64), axis=0) for part in (rows[:some], rows[-some:])]
    return ends[1] - ends[0]


def posing(results: dict[str, Figures]) -> list[str]:
    """Gain, tokens and waste of each way to pose problems."""
    table = [
        "| arm | sampled | likeliest | over the start | tokens a point | tokens to half | "
        "idle groups | batches a cycle | skipped a cycle | updates |",
        "|---" * 10 + "|",
    ]
    for name in ("grpo", "no-refill", "refill", "skip", "prioritised"):
        if name not in results:
            continue
        result = results[name]
        over = gain(solved(result), result["start"]["test"]["solve_rate"])
        tokens = np.mean(result["ledger"]["tokens_sampled"])
        half = reached(result)
        some = f"{np.nanmean(half):,.0f} ({np.isfinite(half).sum()} of {len(half)})" if (
            np.isfinite(half).any()
        ) else "never"  # fmt: skip
        found = [line_mean(result, what) for what in ("idle_groups", "batches", "skipped")]
        told = " | ".join("" if one is None else f"{one.mean():.2f}" for one in found)
        table.append(
            f"| {name} | {np.mean(sampled(result)):.3f} | {np.mean(solved(result)):.3f} | "
            f"{said(over, '+')} | "
            f"{f'{tokens / (100 * over[0]):,.0f}' if over[0] > 0 else 'none'} | {some} | {told} | "
            f"{np.mean(result['ledger']['updates']):.0f} |"
        )
    for one, other in (("skip", "grpo"), ("refill", "no-refill"), ("skip", "refill"),
                       ("prioritised", "skip")):  # fmt: skip
        if one in results and other in results:
            told = [
                f"{said(gain(of(results[one]), of(results[other])), '+')} of {kind} answers"
                for kind, of in (("sampled", sampled), ("likeliest", solved))
            ]
            table.append(f"\n{one} over {other}: {', '.join(told)}")
    return table if len(table) > 2 else []


def doubles(results: dict[str, Figures]) -> list[str]:
    """Expert iteration with and without what is known already."""
    one, other = (results.get(f"expert-{name}") for name in ("distinct", "repeated"))
    if one is None or other is None:
        return []
    told = ["", "| expert iteration | distinct | repeated | difference |", "|---|---|---|---|"]
    for name in ("greedy", "pass@1", "pass@4", "pass@16", "distinct_valid"):
        two = one["answers"][name], other["answers"][name]
        means = " | ".join(f"{np.mean(values):.3f}" for values in two)
        told.append(f"| {name} | {means} | {said(gain(*two), '+')} |")
    return told


def lengths(results: dict[str, Figures]) -> list[str]:
    """How answers grow where length is free."""
    told = [
        "",
        "| free length | test | length, growth | wrong answers' | start |",
        "|---" * 5 + "|",
    ]
    for name in ("free-grpo", "free-dr-grpo"):
        if name in results:
            result = results[name]
            longer = [
                said(mean(grown(result, what).tolist()), "+") for what in ("length", "length_wrong")
            ]
            start = np.mean(result["curve"]["length"][0])
            rate = np.mean(solved(result))
            told.append(f"| {name} | {rate:.3f} | {' | '.join(longer)} | {start:.2f} |")
    return told if len(told) > 3 else []


def described(results: dict[str, Figures]) -> list[str]:
    """Tables for the page."""
    return [*posing(results), *doubles(results), *lengths(results)]


if __name__ == "__main__":
    main(Study("zero_variance", STARTS, arms(), described), __doc__, __file__)
