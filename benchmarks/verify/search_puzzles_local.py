"""The local transformer as the judge of puzzles: trained, and one that has not learned.

    uv run python benchmarks/verify/search_puzzles_local.py [--seeds 3] [--tiny] [--results FOLDER]
        [--page]

A seed trains one transformer on states of 300 puzzles of the train split, tests it on states of the
val split, and has the four searches play 100 puzzles of that split with it, within a budget of
characters in which a small tree cannot be searched through. A result a kind and seed; what is there
is not made again.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import jax
from provenance import command, keep, source_hash, versions

from cairn.core.stats import wilson
from cairn.nn.language.transformer import Transformer
from cairn.research.puzzles.kinds import game_of, puzzles
from cairn.research.puzzles.local_judge import Config, LocalJudge, accuracy, labelled, learn
from cairn.research.puzzles.play import NAMES, method_of, play

RESULTS = Path(__file__).parents[1] / "results" / "search_puzzles_local"
PAGE = Path(__file__).parents[2] / "docs" / "search-puzzles.md"
MARK = re.compile(r"(?<=<!-- local judge -->\n).*?(?=<!-- end -->)", re.S)
BUDGETS = {"countdown-3": 300, "countdown-4": 1_000, "sudoku-4": 6_000}
"""Characters that a game may have read: about twice what a game without an error needs."""
PUZZLES, STATES, GAMES = 300, 20_000, 100


def measured(kind: str, seed: int, tiny: bool) -> dict[str, Any]:
    """One seed of one kind."""
    config, sizes = Config(), (PUZZLES, STATES, GAMES)
    if tiny:
        config, sizes = replace(config, steps=3, batch=8, width=16), (3, 40, 2)
    began = time.process_time()
    train, test = puzzles(kind, sizes[0], seed=seed, split="train"), puzzles(kind, sizes[2])
    model = learn(labelled(train, Random(seed), sizes[1]), config, seed)
    held = labelled(test, Random(seed), sizes[1] // 10)
    models = {"learned": model, "not learned": Transformer.init(jax.random.key(seed), config.shape)}
    found: dict[str, Any] = {"kind": kind, "seed": seed, "budget": BUDGETS[kind], "accuracy": {}}
    for name, own in models.items():
        found["accuracy"][name] = round(accuracy(own, held), 4)
        for method in NAMES:
            games = [asyncio.run(play(game := game_of(puzzle), LocalJudge(game, own),
                                      method_of(method), budget=BUDGETS[kind]))
                     for puzzle in test]  # fmt: skip
            found[f"{method}, {name}"] = {
                "won": sum(game.won for game in games), "games": len(games),
                "calls": round(sum(sum(g.calls.values()) for g in games) / len(games), 2),
            }  # fmt: skip
    return {
        **found, "learned_from": sizes[1], "cpu_s": round(time.process_time() - began, 1),
        "command": command(), "versions": versions(),
        "source": source_hash(Path(__file__), ["research/puzzles"]),
    }  # fmt: skip


def described(folder: Path = RESULTS) -> str:
    """The table of the page: won in %, all seeds together, with Wilson's interval over games."""
    head = " | ".join(NAMES)
    lines = [
        f"| puzzles | judge | right about states, % | {head} |",
        "|---" * (len(NAMES) + 3) + "|",
    ]
    for kind in BUDGETS:
        found = [json.loads(file.read_text()) for file in sorted(folder.glob(f"{kind}-*.json"))]
        for name in ("learned", "not learned"):
            right = sum(one["accuracy"][name] for one in found) / len(found)
            each = []
            for method in NAMES:
                won = sum(one[f"{method}, {name}"]["won"] for one in found)
                games = sum(one[f"{method}, {name}"]["games"] for one in found)
                low, high = wilson(won, games)
                each.append(f"{100 * won / games:.1f} [{100 * low:.1f}, {100 * high:.1f}]")
            lines.append(f"| {kind} | {name} | {100 * right:.1f} | {' | '.join(each)} |")
    return "\n".join(lines) + "\n"


def shown(page: str) -> str:
    """The page with its table made anew."""
    return MARK.sub(lambda _: described(), page)


def main() -> int:
    """Measure what is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="three updates, two games")
    parser.add_argument("--page", action="store_true", help="make the page anew; measure nothing")
    asked = parser.parse_args()
    if asked.page:
        PAGE.write_text(shown(PAGE.read_text()))
        return 0
    asked.results.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.seeds):
        for kind in BUDGETS:
            path = asked.results / f"{kind}-{seed}.json"
            if not path.exists():
                keep(path, measured(kind, seed, asked.tiny))
                print(path.name, path.read_text(), flush=True)
    print(described(asked.results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
