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
The statement at the higher cost was added when one seed had been seen.
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
    "steep": "The same at the higher cost.",
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

    A seed counts where it has what a statement needs. "At least as good" holds unless the interval
    lies below 0; the others need it above 0.
    """
    low, high = costs
    fixed = [arms.NAMES[p] for p in arms.PERIODS]
    ends = [arms.NAMES[0], arms.NAMES[1]]
    between = [name for name in fixed if name not in ends]
    given, same = f"given every {arms.GIVEN}", f"every {arms.GIVEN}"
    primed = [one["primed"]["arms"] for one in seeds]

    def best(names: list[str], cost: float) -> str:
        return max(names, key=lambda name: sum(worth(one[name], cost) for one in primed))

    def over(cost: float, one: str, other: str) -> list[float]:
        return [worth(each[one], cost) - worth(each[other], cost) for each in primed]

    def after(one: str, other: str, what: Callable[[dict[str, float]], float]) -> list[float]:
        both = [each for each in seeds if one in each and other in each]
        return [what(each[one]) - what(each[other]) for each in both]

    net = lambda one: worth(one, low)  # noqa: E731
    found: dict[str, list[float]] = {
        "inverted": over(low, best(between, low), best(ends, low)),
        "steep": over(high, best(between, high), best(ends, high)),
        "decides": over(low, "own", best(fixed, low)),
        "learned": after(f"reward {low}", "fixed", net),
        "rate": after(f"reward {low}", f"reward {high}", lambda one: one["plans"]),
        "unprimed": after(f"reward {low}", "unprimed", net),
        "collapse": [0.05 - one["unprimed"]["plans"] for one in seeds if "unprimed" in one],
        "given": over(0.0, given, same),
        "steers": [one["primed"]["steered"]["shown"] - one["primed"]["steered"]["hidden"]
                   for one in seeds],
    }  # fmt: skip
    held = {}
    for name, values in found.items():
        if not values:
            held[name] = {"held": "not measured", "seeds": 0}
            continue
        mean, half = interval(values)
        if len(values) == 1:
            word = "one seed"
        elif name in ("decides", "learned"):
            word = "yes" if mean + half >= 0 else "no"
        else:
            word = "yes" if mean > half else "no" if mean + half < 0 else "not decided"
        held[name] = {"held": word, "difference": round(mean, 4), "half": round(half, 4),
                      "seeds": len(values)}  # fmt: skip
    return held


def stored(folder: Path = RESULTS) -> dict[str, list[dict[str, Any]]]:
    """Worlds with their seeds, as far as they are measured."""
    found = {
        name: [json.loads(file.read_text()) for file in sorted(folder.glob(f"{name}-?.json"))]
        for name in COSTS
    }
    primed = {name: [one for one in each if "primed" in one] for name, each in found.items()}
    return {name: each for name, each in primed.items() if each}


def statements(worlds: dict[str, list[dict[str, Any]]]) -> str:
    """What became of them, with the difference over seeds."""
    all_held = {name: judged(seeds, COSTS[name]) for name, seeds in worlds.items()}
    lines = [f"| statement | {' | '.join(worlds)} |", "|---" * (1 + len(worlds)) + "|"]
    for statement, text in STATEMENTS.items():
        lines.append(f"| {text} | {' | '.join(_cell(h[statement]) for h in all_held.values())} |")
    return "\n".join(lines) + "\n"


def _cell(one: dict[str, Any]) -> str:
    if not one["seeds"]:
        return one["held"]
    if one["seeds"] == 1:
        return f"{one['held']} ({one['difference']:+.3f})"
    return f"{one['held']} ({one['difference']:+.3f} ± {one['half']:.3f}, {one['seeds']} seeds)"


def table(worlds: dict[str, list[dict[str, Any]]]) -> str:
    """Every arm: seeds, reward, words for plans, plans a turn, return at both costs."""
    lines = ["| world | arm | seeds | reward | words for plans | plans a turn "
             "| return at the lower cost | at the higher |", "|---" * 8 + "|"]  # fmt: skip
    for name, seeds in worlds.items():
        low, high = COSTS[name]
        rows = {f"primed, {arm}": [one["primed"]["arms"][arm] for one in seeds]
                for arm in seeds[0]["primed"]["arms"]}  # fmt: skip
        names = {f"reward {low}": f"by reward, own, word {low}",
                 f"reward {high}": f"by reward, own, word {high}",
                 "fixed": f"by reward, best fixed, word {low}",
                 "unprimed": f"by reward, own, not primed, word {low}"}  # fmt: skip
        rows |= {text: [one[part] for one in seeds if part in one] for part, text in names.items()}
        for arm, each in rows.items():
            if each:
                figures = ("reward", 2), ("words", 0), ("plans", 2)
                cells = [_mean([one[what] for one in each], digits) for what, digits in figures]
                cells += [_mean([worth(one, cost) for one in each], 2) for cost in (low, high)]
                lines.append(f"| {name} | {arm} | {len(each)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _mean(values: list[float], digits: int) -> str:
    mean, half = interval(values)
    return f"{mean:.{digits}f}" + ("" if len(values) == 1 else f" ± {half:.{digits}f}")


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
