"""Learners and shapers in repeated matrix games, beside the figures of the field.

    python benchmarks/verify/games_shaping.py [--tiny] [--rows ipd-lola,shaper] [--results FILE]

Rows: gradient learners from 512 beginnings, dilemmas of two to five, Good Shepherd, M-FOS and
Shaper over five seeds against co-players they have not met, Shaper with its memory emptied at each
episode. A row on file is not measured again. Some five minutes on one core.
"""

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from provenance import ROOT, command, keep, source_hash, versions

from cairn.games import evolved, good_shepherd, lola, look_ahead, m_fos, naive, shaper, sos, tasks
from cairn.games.rounds import Aware, Config
from cairn.runs.method import Method, Setup

RESULTS = Path(__file__).parent / "results" / "games_shaping.json"
PAGE = ROOT / "docs" / "methods" / "games.md"
MARK = re.compile(r"(?<=<!-- games: rows -->\n).*?(?=<!-- end -->)", re.S)
SHOWN = {
    "ipd-naive": "naive pairs",
    "ipd-lola-against-naive": "LOLA against naive",
    "ipd-lola": "LOLA pairs",
    "ipd-sos": "SOS pairs",
    "dilemma-2-lola": "LOLA in a dilemma of 2: welfare, 0 all defect, 1 all cooperate",
    "dilemma-3-lola": "of 3",
    "dilemma-4-lola": "of 4",
    "good-shepherd": "Good Shepherd against naive",
    "m-fos": "M-FOS against naive",
    "shaper": "Shaper against policy gradient",
    "shaper-memory-of-an-episode": "the same, its memory emptied at each episode",
}
"""Rows of the page."""
FRESH = 2**20
"""Seeds of co-players that no search has met are drawn from here."""


def grown(method: Method, task: Any, config: Any, cycles: int, seed: int) -> tuple[Any, Any]:
    """The state after so many cycles, and the metrics of each."""
    setup = Setup(task, {"algorithm": config}, 0)
    method.check(setup)
    program = method.program(setup)

    def run(key: Any) -> Any:
        def cycle(state: Any, _: None) -> Any:
            state, report = program.step(state)
            return state, report.metrics

        return jax.lax.scan(cycle, program.init(key), None, cycles)

    state, metrics = jax.block_until_ready(jax.jit(run)(jax.random.key(seed)))
    return state, {name: np.asarray(values, float) for name, values in metrics.items()}


def by_gradient(method: Method, config: Config, task: Any, tiny: bool) -> dict[str, Any]:
    """Many groups, a hundred steps."""
    state, metrics = grown(method, task, config, 3 if tiny else 100, 0)
    rows = {
        name: [round(float(v.mean()), 4), round(float(v[-1]), 4)] for name, v in metrics.items()
    }
    theta = state.theta
    payoffs = jnp.asarray(task.game.table, jnp.float32)
    earned = jax.vmap(lambda t: evolved.exact.rewards(payoffs, t, task.gamma))(theta)
    together, apart = task.game.welfare
    near = (np.asarray(earned).min(1) - apart) / (together - apart) if together != apart else None
    both = None if near is None else round(float((near > 0.9).mean()), 4)
    return {"groups": config.games, "mean_and_last": rows, "all_above_nine_tenths": both}


def evolved_row(method: Method, config: Any, task: Any, tiny: bool) -> dict[str, Any]:
    """Five searches, each tested against fresh co-players."""
    plays = (good_shepherd if method is good_shepherd.METHOD else m_fos).plays
    found = []
    for seed in range(1 if tiny else 5):
        began = time.perf_counter()
        state, _ = grown(method, task, config, 2 if tiny else 100, seed)
        took = time.perf_counter() - began
        start = evolved.beginnings(task, 8 if tiny else 256, jax.random.key(FRESH + seed))

        def one(s: Any, w: Any = state.spread.mean) -> Any:
            return evolved.trial(
                task, lambda seen: plays(w, seen), s, config.episodes, config.co_rate
            )

        rewards = np.asarray(jax.jit(jax.vmap(one))(start).rewards)
        last = rewards[:, -evolved.LAST :]
        found.append(
            {
                "trial": [float(rewards[..., 0].mean()), float(rewards[..., 1:].mean())],
                "last": [float(last[..., 0].mean()), float(last[..., 1:].mean())],
                "seconds": took,
            }
        )
    return summed(found)


def shaper_row(config: shaper.Config, tiny: bool) -> dict[str, Any]:
    """Five searches of 250 generations, each tested against 64 fresh co-players."""
    task, found = tasks.Ipd(), []
    for seed in range(1 if tiny else 5):
        began = time.perf_counter()
        state, _ = grown(shaper.METHOD, task, config, 2 if tiny else 250, seed)
        took = time.perf_counter() - began
        drawn = shaper.meetings(config, 64, jax.random.key(FRESH + seed))
        play = jax.vmap(lambda d, w=state.spread.mean: shaper.played(task, config, w, d))
        tested = jax.jit(play)(drawn)
        mine, theirs = np.asarray(tested.mine), np.asarray(tested.theirs)
        found.append(
            {
                "trial": [float(mine.mean()), float(theirs.mean())],
                "first": [float(mine[:, 0].mean()), float(theirs[:, 0].mean())],
                "last": [
                    float(mine[:, -shaper.LAST :].mean()), float(theirs[:, -shaper.LAST :].mean()),
                ],
                "seconds": took,
            }
        )  # fmt: skip
    return summed(found)


def summed(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over seeds, and each seed."""
    middle = {
        name: [round(statistics.median(one[name][i] for one in found), 4) for i in range(2)]
        for name in found[0] if name != "seconds"
    }  # fmt: skip
    rounded = [
        {
            k: [round(x, 4) for x in v] if isinstance(v, list) else round(v, 1)
            for k, v in one.items()
        }
        for one in found
    ]
    seconds = round(statistics.median(one["seconds"] for one in found), 1)
    return {"median": middle, "median_seconds": seconds, "seeds": rounded}


def shown(page: str, file: dict[str, Any]) -> str:
    """The page with its table made anew."""
    lines = ["| row | all steps, or a trial | at the end | seconds a search |", "|---|---|---|---|"]
    for name, words in SHOWN.items():
        row = file["rows"][name]
        if "median" in row:
            cells = [", ".join(f"{v:.2f}" for v in row["median"][k]) for k in ("trial", "last")]
            cells.append(f"{row['median_seconds']:.0f}")
        else:
            names = ("reward_1", "reward_2") if name.startswith("ipd") else ("cooperation",)
            both = zip(*(row["mean_and_last"][each] for each in names), strict=True)
            cells = [", ".join(f"{v:.2f}" for v in side) for side in both]
            if name in ("ipd-lola", "ipd-sos"):
                cells[1] += f"; {row['all_above_nine_tenths']:.0%} of pairs above -1.1"
            cells.append("")
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return MARK.sub("\n".join(lines) + "\n", page)


def rows(tiny: bool) -> dict[str, Callable[[], dict[str, Any]]]:
    """What there is to measure, by name."""
    games = 4 if tiny else 512
    aware = Aware(games=games)
    small = {"population": 4, "opponents": 2, "episodes": 3} if tiny else {}
    short = {"population": 4, "games": 2, "rounds": 3, "episodes": 6} if tiny else {}
    ipd, pennies = tasks.Ipd(), tasks.Pennies()
    found: dict[str, Callable[[], dict[str, Any]]] = {
        "ipd-naive": lambda: by_gradient(naive.METHOD, Config(games=games), ipd, tiny),
        "ipd-lola": lambda: by_gradient(lola.METHOD, lola.Config(games=games), ipd, tiny),
        "ipd-lola-original": lambda: by_gradient(
            lola.METHOD, lola.Config(games=games, form="original"), ipd, tiny
        ),
        "ipd-lola-against-naive": lambda: by_gradient(
            lola.METHOD, lola.Config(games=games, others="naive"), ipd, tiny
        ),
        "ipd-look-ahead": lambda: by_gradient(look_ahead.METHOD, aware, ipd, tiny),
        "ipd-sos": lambda: by_gradient(sos.METHOD, sos.Config(games=games), ipd, tiny),
        "pennies-naive": lambda: by_gradient(naive.METHOD, Config(games=games), pennies, tiny),
        "pennies-lola": lambda: by_gradient(lola.METHOD, lola.Config(games=games), pennies, tiny),
        "good-shepherd": lambda: evolved_row(
            good_shepherd.METHOD, good_shepherd.Config(**small), ipd, tiny
        ),
        "m-fos": lambda: evolved_row(m_fos.METHOD, m_fos.Config(**small), ipd, tiny),
        "m-fos-slow-victim": lambda: evolved_row(
            m_fos.METHOD, m_fos.Config(**small, co_rate=0.1), ipd, tiny
        ),
        "m-fos-pennies": lambda: evolved_row(m_fos.METHOD, m_fos.Config(**small), pennies, tiny),
        "shaper": lambda: shaper_row(shaper.Config(**short), tiny),
        "shaper-memory-of-an-episode": lambda: shaper_row(
            shaper.Config(**short, memory="episode"), tiny
        ),
        "shaper-mixed": lambda: shaper_row(shaper.Config(**short, mixing="average"), tiny),
    }
    for kind in (tasks.Dilemma, tasks.PublicGoods, tasks.Snowdrift, tasks.Majority):
        for n in (2,) if tiny else (2, 3, 4, 5):
            task = kind(players=n)
            many = games if tiny else 256

            def plain(task: Any = task, many: int = many) -> dict[str, Any]:
                return by_gradient(naive.METHOD, Config(games=many), task, tiny)

            def shaped(task: Any = task, many: int = many) -> dict[str, Any]:
                return by_gradient(lola.METHOD, lola.Config(games=many), task, tiny)

            found[f"{task.game.name}-naive"], found[f"{task.game.name}-lola"] = plain, shaped
    return found


def main() -> None:
    """Measure what is not on file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rows", default="")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", action="store_true", help="make the page anew; measure nothing")
    options = parser.parse_args()
    if options.page:
        PAGE.write_text(shown(PAGE.read_text(), json.loads(options.results.read_text())))
        return
    file = json.loads(options.results.read_text()) if options.results.exists() else {"rows": {}}
    wanted = options.rows.split(",") if options.rows else list(rows(options.tiny))
    for name in wanted:
        if name in file["rows"]:
            continue
        began = time.perf_counter()
        file["rows"][name] = rows(options.tiny)[name]()
        file |= {
            "command": command(), "versions": versions(),
            "source": source_hash(Path(__file__), ("games",)),
        }  # fmt: skip
        keep(options.results, file)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
