"""Which score says which levels have something to teach? Audited where the truth is known.

    uv run python benchmarks/verify/score_audit.py [--tiny] [--games maze,fruit,levers] [--seeds 5]

PLR trains in three games whose best returns are known: 7×7 mazes (by the solver), the fruit game
and the lever game. At four checkpoints every score is compared with regret and learnability on the
archive's levels and on fresh ones (`cairn audit`); in mazes the copies of `cairn regret` are held
against the solver too, after few updates and after many. One JSON file for each game and seed;
those that exist are skipped, so it may be stopped and started again. It ends with the tables of
docs/scores.md, and `--page` puts them there.
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT, command, source_hash, versions

import cairn
from cairn.core.files import to_json
from cairn.core.stats import bootstrap, mean
from cairn.runs.audit import audit, score_name
from cairn.runs.regret import regret

SOURCES = ("core", "engine", "envs", "learners", "nn", "sampler", "archive", "score", "ued")
RESULTS = ROOT / "benchmarks" / "results" / "score_audit"
PAGE = ROOT / "docs" / "scores.md"
SHARED = {
    "method": "plr", "memory": "none", "learning_rate": 3e-3, "epochs": 4, "minibatches": 2,
    "entropy_weight": 0.01, "batch": 32, "log_every": 10, "evaluate_every": 0, "devices": 1,
    "minimum_fill": 0.25, "keep_checkpoints": "all",
}  # fmt: skip
GAMES: dict[str, dict[str, Any]] = {
    "maze": {
        "width": 7, "height": 7, "walls": 12, "limit": 32, "generator": "walls",
        "hidden": 64, "head": 32, "filters": 8, "steps_per_cycle": 64, "capacity": 256,
        "steps": 500_000, "checkpoint_every": 8,
    },
    "fruit": {
        "rooms": 4, "deep": 0.5, "hidden": 32, "head": 32, "steps_per_cycle": 16, "capacity": 128,
        "steps": 60_000, "checkpoint_every": 4,
    },
    "levers": {
        "levers": 25, "hidden": 32, "head": 32, "steps_per_cycle": 8, "capacity": 32,
        "steps": 60_000, "checkpoint_every": 8,
    },
}  # fmt: skip
ABOUT = {
    "maze": "7×7 mazes with 12 walls, some of them unsolvable, a limit of 32 steps",
    "fruit": "the fruit game with at most 4 rooms, which fruit pays hidden",
    "levers": "the lever game with 25 levers, half of the levels not showing the right one",
}
LOOK = {"levels": 192, "episodes": 48, "checkpoints": 4}
COPIES = {"updates": (4, 16, 48), "levels": 16, "episodes": 64}
TINY = {
    "hidden": 8, "head": 4, "filters": 2, "epochs": 1, "minibatches": 1, "batch": 4,
    "log_every": 2, "capacity": 16, "checkpoint_every": 2,
}  # fmt: skip


def measure(game: str, seed: int, tiny: bool) -> dict[str, Any]:
    """One run of a game, audited."""
    settings = SHARED | GAMES[game] | {"seed": seed}
    look, copies = dict(LOOK), dict(COPIES)
    if tiny:
        known = settings.keys()
        settings |= {name: value for name, value in TINY.items() if name in known}
        settings["steps"] = settings["batch"] * settings["steps_per_cycle"] * 8
        look |= {"levels": 8, "episodes": 2, "checkpoints": 2}
        copies |= {"updates": (1,), "levels": 2, "episodes": 2}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        cairn.train(cairn.experiment(game, **settings), path)
        found = audit(path, **look)
        bounds = {}
        for updates in copies["updates"] if game == "maze" else ():
            about = regret(
                path, ["fresh"], levels=copies["levels"], episodes=copies["episodes"],
                updates=updates,
            )  # fmt: skip
            bounds[str(updates)] = about["sources"]["fresh"]
    return {
        "game": game,
        "seed": seed,
        "settings": settings,
        "audit": _slim({name: value for name, value in found.items() if name != "run"}),
        "regret": _slim(bounds),
        "seconds": round(time.monotonic() - begun, 1),
        "command": command(),
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
    }


def _slim(found: Any) -> Any:
    """Without what one seed repeats, in four digits."""
    if isinstance(found, dict):
        repeated = ("by_seed", "interval_over") if "value" in found else ()
        return {name: _slim(value) for name, value in found.items() if name not in repeated}
    if isinstance(found, list):
        return [_slim(value) for value in found]
    return round(found, 4) if isinstance(found, float) and np.isfinite(found) else found


def described(results: Mapping[str, list[dict[str, Any]]]) -> str:
    """The tables of the page: by game and source at the end of training, then over the run."""
    parts = [
        _table(game, found, source)
        for game, found in results.items()
        if found
        for source in found[0]["audit"]["checkpoints"][-1]["sources"]
    ]
    if results.get("maze"):
        parts += [_over_time(results["maze"]), _bounds(results["maze"])]
    return "\n".join(parts)


def _table(game: str, found: list[dict[str, Any]], source: str) -> str:
    newest = [one["audit"]["checkpoints"][-1]["sources"][source] for one in found]
    lines = [
        f"**{ABOUT[game][0].upper()}{ABOUT[game][1:]}: {source} levels** at the end of training; "
        f"mean regret {_mean(newest, 'truth', 'regret')}, "
        f"mean learnability {_mean(newest, 'truth', 'learnability')}.",
        "",
        "| score | ρ with regret | 95 % interval | τ | top 10 % | ρ with learnability "
        "| 95 % interval | τ | top 10 % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in newest[0]["scores"]:
        cells = [score_name(name, found[0]["audit"])]
        for truth in ("regret", "learnability"):
            rho, tau, top = (
                _mean(newest, "scores", name, truth, measure, ends=measure == "spearman")
                for measure in ("spearman", "kendall", "top")
            )
            cells += [*(rho if isinstance(rho, tuple) else (rho, "–")), tau, top]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, ""])


def _over_time(found: list[dict[str, Any]]) -> str:
    rows = [one["audit"]["checkpoints"] for one in found]
    spent = np.mean([[look["steps"][0] for look in row] for row in rows], axis=0)
    lines = [
        "**Over the run, fresh mazes**: Spearman's ρ with regret, mean over seeds.",
        "",
        "| score | " + " | ".join(f"after {steps / 1000:.0f} k steps" for steps in spent) + " |",
        "|---" * (len(spent) + 1) + "|",
    ]
    for name in rows[0][-1]["sources"]["fresh"]["scores"]:
        looks = [[row[i]["sources"]["fresh"] for row in rows] for i in range(len(spent))]
        cells = [_mean(look, "scores", name, "regret", "spearman") for look in looks]
        lines.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, ""])


def _bounds(found: list[dict[str, Any]]) -> str:
    lines = [
        "**`cairn regret` beside the solver** on fresh mazes: what copies reach beyond the "
        "student, and regret itself on the same levels.",
        "",
        "| updates of a copy | lower bound | 95 % interval | regret by the solver | bound / regret "
        "| ρ of both over levels |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for updates in found[0]["regret"]:
        rows = [one["regret"][updates] for one in found]
        bound, ends = _estimate([row["bound"]["value"] for row in rows])
        true, _ = _estimate([row["regret"]["value"] for row in rows])
        share, _ = _estimate([row["share_of_regret"] for row in rows])
        rho, _ = _estimate([row["spearman"] for row in rows])
        lines.append(f"| {updates} | {bound} | {ends} | {true} | {share} | {rho} |")
    return "\n".join([*lines, ""])


def _mean(rows: list[dict[str, Any]], *path: str, ends: bool = False) -> Any:
    """Over seeds, of the value that lies at `path`; with its interval where `ends` are asked."""
    values = []
    for row in rows:
        for name in path:
            row = row[name]
        values.append(row["value"])
    value, interval = _estimate(values)
    return (value, interval) if ends else value


def _estimate(values: list[float | None]) -> tuple[str, str]:
    known = np.array([value for value in values if value is not None], np.float64)
    if len(known) == 0:
        return "–", "–"
    found = bootstrap(known[:, None], mean)
    if len(known) == 1:
        return f"{found.value:.2f}", "–"
    return f"{found.value:.2f}", f"{found.low:.2f} to {found.high:.2f}"


def on_file(folder: Path, games: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The results there are, by game and in the order of seeds."""
    return {
        game: [json.loads(path.read_text()) for path in sorted(folder.glob(f"{game}-seed*.json"))]
        for game in games
    }


def shown(page: str, tables: str) -> str:
    """The page with these tables between its marks."""
    mark = re.compile(r"<!-- audit -->\n.*?<!-- end -->", re.DOTALL)
    return mark.sub(lambda _: f"<!-- audit -->\n{tables}<!-- end -->", page)


def main() -> None:
    """Measure what is missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--games", default=",".join(GAMES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", action="store_true", help="put the tables into docs/scores.md")
    asked = parser.parse_args()
    games = str(asked.games).split(",")
    asked.results.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.seeds):
        for game in games:
            path = asked.results / f"{game}-seed{seed}.json"
            if not path.exists():
                result = measure(game, seed, asked.tiny)
                path.write_text(to_json(result) + "\n")
    tables = described(on_file(asked.results, games))
    print(tables)
    if asked.page:
        PAGE.write_text(shown(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
