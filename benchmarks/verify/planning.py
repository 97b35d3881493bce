"""When is a plan worth its cost? A graph seen in part, fixed frequencies of planning, and learning.

    uv run python benchmarks/verify/planning.py [--seeds 3] [--tiny] [--results FILE] [--page]

Fixed arms (never, always, every 2, 4, 8, 16 steps) on 1,000 graphs for each noise and cost of
plans. Learned arms (primed by imitation of planning at random frequencies, and not primed) for each
cost at noise 0.5, from several seeds, tested on the same graphs. What is in the results is not made
again. The statements were committed before the first run; a pilot of fixed arms on 256 graphs at
cost 0.005 had been looked at to choose the size of the world.
"""

import argparse
import json
import re
import sys
import time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from provenance import command, keep, source_hash, versions

from cairn.research.planning.graph import World
from cairn.research.planning.learn import Config, run
from cairn.research.planning.policy import episode, every, follow, of_network, tested, told

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "planning.json"
PAGE = ROOT / "docs" / "planning.md"
MARK = re.compile(r"(?<=<!-- planning: )(?P<name>[a-z]+) -->\n.*?(?=<!-- end -->)", re.S)
PERIODS = (0, 16, 8, 4, 2, 1)
"""0 is never; from rare to always."""
NOISES, COSTS = (0.0, 0.5, 1.0), (0.0, 0.005, 0.02)
LEARNED_NOISE = 0.5
EPISODES = 1_000
STATEMENTS = {
    "inverted": "With cost and noise of plans some frequency between never and always is best, by "
    "more than the intervals on both sides.",
    "monotone": "Without cost and noise more planning is never worse, by more than the intervals.",
    "learned": "The primed learned decision is at least as good as the best fixed frequency, "
    "within the intervals.",
    "rate": "The learned rate of planning falls as plans cost more.",
    "unprimed": "Learned from reward alone, without priming, planning collapses: it plans in less "
    "than one step in twenty where plans cost anything.",
    "primed": "Primed, the return is above that of the unprimed at equal updates by reward.",
}


def figures(found: Any) -> dict[str, float]:
    """As plain numbers."""
    return {name: round(float(value), 4) for name, value in found._asdict().items()}


def fixed(episodes: int) -> dict[str, dict[str, float]]:
    """Every fixed arm on the same graphs, by noise, cost and period."""
    keys = jax.random.split(jax.random.key(99), episodes)

    @jax.jit
    def test(noise: Any, period: Any) -> Any:
        # A cost changes nothing that a fixed arm does: it is taken off afterwards.
        world = World(noise=noise, cost=0.0)
        steps = jax.vmap(lambda own: episode(world, every(period), follow, own))(keys)
        tokens = steps.tokens.astype(jnp.float32)
        return [told(steps._replace(reward=steps.reward - cost * tokens)) for cost in COSTS]

    found = {}
    for noise in NOISES:
        for period in PERIODS:
            for cost, one in zip(COSTS, test(jnp.float32(noise), period), strict=True):
                found[f"{noise}/{cost}/{period}"] = figures(one)
    return found


@cache
def learner(config: Config, episodes: int) -> Any:
    """Learning and its test as one program, compiled once for all costs and seeds."""

    @eqx.filter_jit
    def whole(cost: Any, key: Any) -> Any:
        world = World(noise=LEARNED_NOISE, cost=cost)
        network, plans = run(world, config, key)
        return tested(world, *of_network(network), jax.random.key(99), episodes), plans

    return whole


def learned(seed: int, config: Config, episodes: int) -> dict[str, dict[str, Any]]:
    """One seed, at each cost."""
    whole = learner(config, episodes)
    found = {}
    for cost in COSTS:
        result, plans = whole(jnp.float32(cost), jax.random.key(seed))
        tenth = max(1, len(plans) // 10)
        curve = [round(float(plans[i : i + tenth].mean()), 4) for i in range(0, len(plans), tenth)]
        found[str(cost)] = {**figures(result), "curve": curve}
    return found


def bounds(one: dict[str, float]) -> tuple[float, float]:
    """95 % interval of a fixed arm's return."""
    return one["worth"] - 1.96 * one["spread"], one["worth"] + 1.96 * one["spread"]


def over_seeds(found: dict[str, Any], arm: str, cost: float, what: str) -> tuple[float, float]:
    """Mean over seeds, and half its 95 % interval: between seeds, and of the episodes."""
    own = [seed[str(cost)] for seed in found["learned"][arm].values()]
    mean = sum(one[what] for one in own) / len(own)
    between = sum((one[what] - mean) ** 2 for one in own) / max(len(own) - 1, 1) / len(own)
    inside = sum(one["spread"] ** 2 for one in own) / len(own) if what == "worth" else 0.0
    return mean, 1.96 * (between + inside) ** 0.5


def judged(found: dict[str, Any]) -> dict[str, Any]:
    """What became of each statement."""
    arms = found["fixed"]
    inverted = {}
    for noise in NOISES[1:]:
        for cost in COSTS[1:]:
            own = {p: bounds(arms[f"{noise}/{cost}/{p}"]) for p in PERIODS}
            best = max(own[p][0] for p in PERIODS if p not in (0, 1))
            inverted[f"noise {noise}, cost {cost}"] = best > max(own[0][1], own[1][1])
    free = [bounds(arms[f"0.0/0.0/{p}"]) for p in PERIODS]
    pairs = pairwise(free)
    held: dict[str, Any] = {
        "inverted": inverted,
        "monotone": all(more[1] >= less[0] for less, more in pairs),
        "learned": None, "rate": None, "unprimed": None, "primed": None,
    }  # fmt: skip
    if not all(found["learned"].values()):
        return {name: held[name] for name in STATEMENTS}
    held |= {"learned": {}, "unprimed": {}, "primed": {}}
    for cost in COSTS:
        best = max(arms[f"{LEARNED_NOISE}/{cost}/{p}"]["worth"] for p in PERIODS)
        primed, half = over_seeds(found, "primed", cost, "worth")
        fresh, other = over_seeds(found, "unprimed", cost, "worth")
        held["learned"][f"cost {cost}"] = primed + half >= best
        held["primed"][f"cost {cost}"] = primed - fresh > (half**2 + other**2) ** 0.5
        if cost:
            held["unprimed"][f"cost {cost}"] = (
                over_seeds(found, "unprimed", cost, "plans")[0] < 0.05
            )
    rates = [over_seeds(found, "primed", cost, "plans")[0] for cost in COSTS]
    held["rate"] = rates[0] > rates[1] > rates[2]
    return {name: held[name] for name in STATEMENTS}


def _word(value: Any) -> str:
    if isinstance(value, dict):
        words = {name: _word(held) for name, held in value.items()}
        one = {*words.values()}
        return one.pop() if len(one) == 1 else "; ".join(f"{w} ({n})" for n, w in words.items())
    return {True: "yes", False: "no", None: "not measured"}[value]


def statements(found: dict[str, Any]) -> str:
    """What became of them."""
    rows = [f"| {text} | {_word(found['statements'][name])} |" for name, text in STATEMENTS.items()]
    return "\n".join(["| statement | held |", "|---|---|", *rows]) + "\n"


def frequencies(found: dict[str, Any]) -> str:
    """Returns of the fixed arms."""
    names = {0: "never", 1: "always"}
    head = " | ".join(names.get(p, f"every {p}") for p in PERIODS)
    lines = [f"| noise | cost a token | {head} |", "|---" * (len(PERIODS) + 2) + "|"]
    for noise in NOISES:
        for cost in COSTS:
            own = [found["fixed"][f"{noise}/{cost}/{p}"] for p in PERIODS]
            top = max(one["worth"] for one in own)
            each = [f"{one['worth']:.3f} ± {1.96 * one['spread']:.3f}" for one in own]
            each = [
                f"**{t}**" if one["worth"] == top else t for t, one in zip(each, own, strict=True)
            ]
            lines.append(f"| {noise} | {cost} | {' | '.join(each)} |")
    return "\n".join(lines) + "\n"


def arms(found: dict[str, Any]) -> str:
    """The learned arms beside the best fixed one."""
    if not all(found["learned"].values()):
        return "Not measured.\n"
    lines = [
        "| cost a token | best fixed | primed: return | plans a step | unprimed: return "
        "| plans a step |",
        "|---" * 6 + "|",
    ]
    for cost in COSTS:
        own = {p: found["fixed"][f"{LEARNED_NOISE}/{cost}/{p}"]["worth"] for p in PERIODS}
        best = max(own, key=lambda p: own[p])
        cells = [f"{own[best]:.3f} ({ {0: 'never', 1: 'always'}.get(best, f'every {best}') })"]
        for arm in ("primed", "unprimed"):
            worth, half = over_seeds(found, arm, cost, "worth")
            rate, spread = over_seeds(found, arm, cost, "plans")
            cells += [f"{worth:.3f} ± {half:.3f}", f"{rate:.2f} ± {spread:.2f}"]
        lines.append(f"| {cost} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def shown(page: str, found: dict[str, Any]) -> str:
    """The page with its blocks made anew."""
    blocks = {"statements": statements, "fixed": frequencies, "learned": arms}
    return MARK.sub(lambda m: f"{m['name']} -->\n{blocks[m['name']](found)}", page)


def main() -> int:
    """Measure what is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3, help="0: fixed arms alone")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="a few episodes and updates")
    parser.add_argument("--page", action="store_true", help="make the page anew; measure nothing")
    asked = parser.parse_args()
    found = json.loads(asked.results.read_text()) if asked.results.exists() else {}
    if asked.page:
        PAGE.write_text(shown(PAGE.read_text(), found))
        return 0
    episodes = 16 if asked.tiny else EPISODES
    sizes = {"primed": 2, "updates": 3, "batch": 4} if asked.tiny else {}
    began = time.process_time()
    if "fixed" not in found:
        found |= {
            "command": command(), "versions": versions(), "episodes": episodes, "cpu_s": 0.0,
            "source": source_hash(Path(__file__), ["research/planning"]),
            "fixed": fixed(episodes), "learned": {"primed": {}, "unprimed": {}},
        }  # fmt: skip
        found["cpu_s"], began = round(time.process_time() - began, 1), time.process_time()
        keep(asked.results, found)
    configs = {"primed": Config(**sizes), "unprimed": Config(**(sizes | {"primed": 0}))}
    for seed in range(asked.seeds):
        for arm, config in configs.items():
            if str(seed) not in found["learned"][arm]:
                found["learned"][arm][str(seed)] = learned(seed, config, episodes)
                found["cpu_s"] = round(found["cpu_s"] + time.process_time() - began, 1)
                began = time.process_time()
                keep(asked.results, found)
                print(arm, seed, found["learned"][arm][str(seed)], found["cpu_s"], flush=True)
    found["statements"] = judged(found)
    keep(asked.results, found)
    print(statements(found), frequencies(found), arms(found), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
