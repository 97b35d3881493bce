"""When does a transformer plan? The graph and Craftax in words: fixed frequencies, and learning.

    uv run --extra craftax python benchmarks/verify/planning_language.py [--seeds 3] [--world NAME]
        [--seed N] [--tiny] [--results FOLDER] [--page]

A seed primes one transformer on a teacher's episodes that plan at random frequencies. It is tested
at fixed frequencies, as it decides, and with plans that are handed in. Then it learns by reward at
two costs of a plan's word, as it decides; at the lower one also at the fixed frequency that was
best, and a transformer that was not primed learns with as many rounds. Tests of all arms and seeds
are the same episodes. What is in the results is not made again. The statements were committed
before the first run of this size; pilots of one seed had been looked at to choose sizes and the
form of the prompts.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from provenance import command, keep, source_hash, versions

from cairn.core.errors import MissingExtraError
from cairn.research.planning import arms
from cairn.research.planning.speaker import Speaker
from cairn.research.planning.tuned import Config, demonstrations, improve, prime
from cairn.research.planning.turns import every, own

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "planning_language"
PAGE = ROOT / "docs" / "planning.md"
MARK = re.compile(r"(?<=<!-- in words: )(?P<name>[a-z]+) -->\n.*?(?=<!-- end -->)", re.S)
COSTS = {"graph": (0.01, 0.04), "craftax": (0.004, 0.02)}
"""Of a plan's word: about a tenth of what the world can be worth for planning always, and more."""
EPISODES = {"graph": 256, "craftax": 64}
TINY = Config(width=16, layers=1, primed=2, rows=8, episodes=2, updates=1, batch=2, epochs=1)
T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57}
"""Student's t for 95 %, by degrees of freedom."""
STATEMENTS = {
    "inverted": "Primed, at the lower cost some frequency between never and always is above both.",
    "decides": "Primed, its own decisions are at least as good as the best fixed frequency.",
    "learned": "Learned by reward, its own decisions are at least as good as the best fixed "
    "frequency learned by as much reward.",
    "rate": "After learning it plans less where a word costs more.",
    "unprimed": "Not primed, the return is lower after as many rounds.",
    "collapse": "Not primed, planning collapses: a plan in less than one turn in twenty.",
    "given": "Plans of the teacher, handed in, are worth more than its own at the same frequency, "
    "words not counted.",
    "steers": "A plan handed in steers it: the action that it asks for is taken more often.",
}


def measured(name: str, seed: int, found: dict[str, Any], tiny: bool, kept: Callable) -> None:
    """One seed of one world: what is not in `found` yet; `kept` puts it there and writes it."""
    world, config = arms.world_of(name), TINY if tiny else arms.CONFIGS[name]
    episodes, key = 4 if tiny else EPISODES[name], jax.random.key(seed)
    test, low = jax.random.key(99), COSTS[name][0]
    say = lambda line: print(f"{name} {seed}: {line}", flush=True)  # noqa: E731
    parts = ["primed", *(f"reward {cost}" for cost in COSTS[name]), "unprimed", "fixed"]
    if all(part in found for part in parts):
        return
    rows = demonstrations(world, config, jax.random.key(1_000 + seed))
    speaker = prime(world, config, rows, key, say)
    if "primed" not in found:
        compared = arms.compared(world, speaker, test, episodes)
        steered = arms.steered(world, speaker, test, episodes)
        kept("primed", {"arms": compared, "steered": steered})
        say(compared)
    best = max(arms.PERIODS, key=lambda p: worth(found["primed"]["arms"][arms.NAMES[p]], low))

    def learned(part: str, begin: Speaker, cost: float, order: Any) -> None:
        if part not in found:
            after, curve = improve(world, config, begin, key, cost, order, say)
            result = arms.figures(world, after, order, test, episodes)
            kept(part, {**result, "cost": cost, "best": arms.NAMES[best], "curve": rounded(curve)})
            say(f"{part}: {result}")

    for cost in COSTS[name]:
        learned(f"reward {cost}", speaker, cost, own)
    fresh = Speaker.init(key, world, config.width, config.layers)
    learned("unprimed", fresh, low, own)
    learned("fixed", speaker, low, every(best))


def rounded(curve: list[tuple[float, float]]) -> list[list[float]]:
    """Return and plans a turn, five rounds at a time."""
    parts = [curve[at : at + 5] for at in range(0, len(curve), 5)]
    return [[round(sum(x) / len(part), 3) for x in zip(*part, strict=True)] for part in parts]


def worth(one: dict[str, float], cost: float) -> float:
    """Reward less the cost of words."""
    return one["reward"] - cost * one["words"]


def interval(values: list[float]) -> tuple[float, float]:
    """Mean over seeds and half its 95 % interval, by Student's t."""
    mean, n = sum(values) / len(values), len(values)
    if n == 1:
        return mean, float("inf")
    return mean, T95[n - 1] * (sum((v - mean) ** 2 for v in values) / (n - 1) / n) ** 0.5


def judged(seeds: list[dict[str, Any]], costs: tuple[float, float]) -> dict[str, Any]:
    """Each statement's difference over seeds, and whether it held: yes, no, or not decided.

    "At least as good" holds unless the interval lies below 0; the others need it above 0.
    """
    low, high = costs
    between = [arms.NAMES[p] for p in arms.PERIODS if p not in (0, 1)]
    fixed = [arms.NAMES[p] for p in arms.PERIODS]
    primed = [{k: worth(v, low) for k, v in one["primed"]["arms"].items()} for one in seeds]

    def best(names: list[str]) -> str:
        return max(names, key=lambda name: sum(one[name] for one in primed))

    reward = [worth(one[f"reward {low}"], low) for one in seeds]
    given = f"given every {arms.GIVEN}"
    every_same = f"every {arms.GIVEN}"
    found: dict[str, list[float]] = {
        "inverted": [one[best(between)] - one[best([n for n in fixed if n not in between])]
                     for one in primed],
        "decides": [one["own"] - one[best(fixed)] for one in primed],
        "learned": [r - worth(one["fixed"], low) for r, one in zip(reward, seeds, strict=True)],
        "rate": [one[f"reward {low}"]["plans"] - one[f"reward {high}"]["plans"] for one in seeds],
        "unprimed": [r - worth(one["unprimed"], low) for r, one in zip(reward, seeds, strict=True)],
        "collapse": [0.05 - one["unprimed"]["plans"] for one in seeds],
        "given": [one["primed"]["arms"][given]["reward"]
                  - one["primed"]["arms"][every_same]["reward"] for one in seeds],
        "steers": [one["primed"]["steered"]["shown"] - one["primed"]["steered"]["hidden"]
                   for one in seeds],
    }  # fmt: skip
    held = {}
    for name, values in found.items():
        mean, half = interval(values)
        if name in ("decides", "learned"):
            word = "yes" if mean + half >= 0 else "no"
        else:
            word = "yes" if mean > half else "no" if mean + half < 0 else "not decided"
        held[name] = {"held": word, "difference": round(mean, 4), "half": round(half, 4)}
    return held


def stored(folder: Path = RESULTS) -> dict[str, list[dict[str, Any]]]:
    """Worlds with their seeds, whole ones alone."""
    found = {
        name: [json.loads(file.read_text()) for file in sorted(folder.glob(f"{name}-*.json"))]
        for name in COSTS
    }
    whole = {name: [one for one in each if "fixed" in one] for name, each in found.items()}
    return {name: each for name, each in whole.items() if each}


def statements(worlds: dict[str, list[dict[str, Any]]]) -> str:
    """What became of them, with the difference over seeds."""
    all_held = {name: judged(seeds, COSTS[name]) for name, seeds in worlds.items()}
    lines = [f"| statement | {' | '.join(worlds)} |", "|---" * (1 + len(worlds)) + "|"]
    for statement, text in STATEMENTS.items():
        cells = [f"{h[statement]['held']} ({h[statement]['difference']:+.3f} ± "
                 f"{h[statement]['half']:.3f})" for h in all_held.values()]  # fmt: skip
        lines.append(f"| {text} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def table(worlds: dict[str, list[dict[str, Any]]]) -> str:
    """Every arm: reward, words for plans, plans a turn, return at the lower cost."""
    lines = ["| world | arm | reward | words for plans | plans a turn | return net of words |",
             "|---" * 6 + "|"]  # fmt: skip
    for name, seeds in worlds.items():
        low, high = COSTS[name]
        rows: list[tuple[str, list[dict[str, float]], float]] = [
            (f"primed, {arm}", [one["primed"]["arms"][arm] for one in seeds], low)
            for arm in seeds[0]["primed"]["arms"]
        ]
        rows += [(f"by reward, own, word {cost}", [one[f"reward {cost}"] for one in seeds], cost)
                 for cost in (low, high)]  # fmt: skip
        rows += [("by reward, best fixed", [one["fixed"] for one in seeds], low)]
        rows += [("by reward, own, not primed", [one["unprimed"] for one in seeds], low)]
        for arm, each, cost in rows:
            cells = [interval([one[what] for one in each]) for what in ("reward", "words", "plans")]
            cells.append(interval([worth(one, cost) for one in each]))
            shown = (f"{m:.2f} ± {h:.2f}" if at != 1 else f"{m:.0f} ± {h:.0f}"
                     for at, (m, h) in enumerate(cells))  # fmt: skip
            lines.append(f"| {name} | {arm} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def shown(page: str) -> str:
    """The page with its blocks made anew."""
    blocks = {"statements": statements, "arms": table}
    return MARK.sub(lambda m: f"{m['name']} -->\n{blocks[m['name']](stored())}", page)


def run(name: str, seed: int, folder: Path, tiny: bool) -> None:
    """One seed of one world, into its file."""
    path, began = folder / f"{name}-{seed}.json", time.process_time()
    found = json.loads(path.read_text()) if path.exists() else {
        "command": command(), "versions": versions(), "cpu_s": 0.0,
        "source": source_hash(Path(__file__), ["research/planning"]),
    }  # fmt: skip

    def kept(part: str, value: Any) -> None:
        nonlocal began
        found[part] = value
        found["cpu_s"] = round(found["cpu_s"] + time.process_time() - began, 1)
        began = time.process_time()
        keep(path, found)

    measured(name, seed, found, tiny, kept)


def main() -> int:
    """Measure what is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="one of them alone")
    parser.add_argument("--world", choices=[*COSTS], help="one of them alone")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="two episodes and updates")
    parser.add_argument("--page", action="store_true", help="make the page anew; measure nothing")
    asked = parser.parse_args()
    if asked.page:
        PAGE.write_text(shown(PAGE.read_text()))
        return 0
    asked.results.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.seeds) if asked.seed is None else [asked.seed]:
        for name in [asked.world] if asked.world else COSTS:
            try:
                run(name, seed, asked.results, asked.tiny)
            except MissingExtraError as error:
                if asked.world:
                    raise SystemExit(str(error)) from None
                print(f"{name} is left out: {error}")
    worlds = stored(asked.results)
    print(statements(worlds), table(worlds), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
