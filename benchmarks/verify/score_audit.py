"""Which score says which levels have something to teach? Audited where the truth is known.

    uv run python benchmarks/verify/score_audit.py [--tiny] [--games maze,fruit,levers] [--seeds 5]

PLR trains in three games whose best returns are known: 7×7 mazes (by the solver), the fruit game
and the lever game. At three checkpoints every score is compared with regret and learnability on
the archive's levels and on fresh ones (`cairn audit`), for all seeds in one program; in mazes the
copies of `cairn regret` are held against the solver too, after few updates and after many. One
JSON file for each game, and for each seed's copies; those that exist are skipped, and runs that are
there are gone on with, so it may be stopped and started again. It ends with the tables of
docs/scores.md, and `--page` puts them there.
"""

import argparse
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT, command, source_hash, versions

import cairn
from cairn.core.files import to_json
from cairn.core.stats import bootstrap, mean
from cairn.runs.audit import audit, newest, score_name
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
        "steps": 200_000, "checkpoint_every": 5,
    },
    "fruit": {
        "rooms": 4, "deep": 0.5, "hidden": 32, "head": 32, "steps_per_cycle": 16, "capacity": 128,
        "steps": 60_000, "checkpoint_every": 4,
        # As measured: the preset has had other values for this game since.
        "temperature": 0.3, "replay_probability": 0.8, "decay": "linear", "gamma": 0.995,
        "gae_lambda": 0.98,
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
LOOK = {"levels": 128, "episodes": 32, "checkpoints": 3}
COPIES = {"updates": (4, 32), "levels": 8, "episodes": 64}
TINY = {
    "hidden": 8, "head": 4, "filters": 2, "epochs": 1, "minibatches": 1, "batch": 4,
    "log_every": 2, "capacity": 16, "checkpoint_every": 2,
}  # fmt: skip


def settings_of(game: str, seeds: int, tiny: bool) -> dict[str, Any]:
    """Of the run of a game."""
    settings = SHARED | GAMES[game] | {"seeds": seeds}
    if tiny:
        settings |= {name: value for name, value in TINY.items() if name in settings}
        settings["steps"] = settings["batch"] * settings["steps_per_cycle"] * 8
    return settings


def trained(path: Path, game: str, settings: dict[str, Any]) -> Path:
    """The run of a game, gone on with if it is there."""
    if path.exists():
        cairn.resume(path)
    else:
        cairn.train(cairn.experiment(game, **settings), path)
    return path


def audited(run: Path, tiny: bool) -> dict[str, Any]:
    """All seeds of a run."""
    look = {"levels": 8, "episodes": 2, "checkpoints": 2} if tiny else LOOK
    found = audit(run, **look)
    return {name: value for name, value in found.items() if name != "run"}


def bounded(run: Path, seed: int, tiny: bool) -> dict[str, Any]:
    """The copies of one seed, by their updates, on fresh levels."""
    size = {"levels": 2, "episodes": 2} if tiny else {n: COPIES[n] for n in ("levels", "episodes")}
    return {
        str(updates): regret(run, ["fresh"], updates=updates, trained_seed=seed, **size)["sources"][
            "fresh"
        ]
        for updates in ((1,) if tiny else COPIES["updates"])
    }


def _slim(found: Any) -> Any:
    """In four digits."""
    if isinstance(found, dict):
        return {name: _slim(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_slim(value) for value in found]
    return round(found, 4) if isinstance(found, float) and np.isfinite(found) else found


def described(results: Mapping[str, Any]) -> str:
    """The tables of the page: by game and source at the end of training, then over the run."""
    parts = []
    for game in GAMES:
        if game in results:
            found = results[game]["found"]
            parts += [_table(game, found, source) for source in newest(found)]
    if "maze" in results:
        parts.append(_over_time(results["maze"]["found"]))
    copies = [one["found"] for name, one in sorted(results.items()) if name.startswith("copies-")]
    return "\n".join([*parts, *([_bounds(copies)] if copies else [])])


def _table(game: str, found: dict[str, Any], source: str) -> str:
    figures = newest(found)[source]
    truth = {name: _cell(one) for name, one in figures["truth"].items()}
    lines = [
        f"**{ABOUT[game][0].upper()}{ABOUT[game][1:]}: {source} levels** at the end of training, "
        f"{len(found['seeds'])} seeds; mean regret {truth['regret']}, mean learnability "
        f"{truth['learnability']}.",
        "",
        "| score | ρ with regret | 95 % interval | τ | top 10 % | ρ with learnability "
        "| 95 % interval | τ | top 10 % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in figures["scores"].items():
        cells = [score_name(name, found)]
        for truths in ("regret", "learnability"):
            rho, tau, top = (row[truths][one] for one in ("spearman", "kendall", "top"))
            cells += [_cell(rho), _ends(rho["interval"]), _cell(tau), _cell(top)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _over_time(found: dict[str, Any]) -> str:
    spent = [np.mean(row["steps"]) for row in found["checkpoints"]]
    lines = [
        "**Over the run, fresh mazes**: Spearman's ρ with regret, mean over seeds.",
        "",
        "| score | " + " | ".join(f"after {steps / 1000:.0f} k steps" for steps in spent) + " |",
        "|---" * (len(spent) + 1) + "|",
    ]
    for name in newest(found)["fresh"]["scores"]:
        looks = [row["sources"]["fresh"]["scores"][name] for row in found["checkpoints"]]
        cells = [_cell(look["regret"]["spearman"]) for look in looks]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _bounds(copies: list[dict[str, Any]]) -> str:
    lines = [
        f"**`cairn regret` beside the solver**, {len(copies)} seeds, {COPIES['levels']} fresh "
        f"mazes each: what copies reach beyond the student, and regret itself on the same levels.",
        "",
        "| updates of a copy | lower bound | 95 % interval | regret by the solver | bound / regret "
        "| ρ of both over levels |",
        "|---|---|---|---|---|---|",
    ]
    for updates in copies[0]:
        rows = [one[updates] for one in copies]
        bound, ends = _estimate([row["bound"]["value"] for row in rows])
        true, _ = _estimate([row["regret"]["value"] for row in rows])
        share, _ = _estimate([row["share_of_regret"] for row in rows])
        rho, _ = _estimate([row["spearman"] for row in rows])
        lines.append(f"| {updates} | {bound} | {ends} | {true} | {share} | {rho} |")
    return "\n".join([*lines, ""])


def _cell(one: dict[str, Any]) -> str:
    return "–" if one["value"] is None else f"{one['value']:.2f}"


def _ends(interval: list[float | None]) -> str:
    low, high = interval
    return "–" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _estimate(values: list[float | None]) -> tuple[str, str]:
    known = np.array([value for value in values if value is not None], np.float64)
    if len(known) == 0:
        return "–", "–"
    found = bootstrap(known[:, None], mean)
    if len(known) == 1:
        return f"{found.value:.2f}", "–"
    return f"{found.value:.2f}", f"{found.low:.2f} to {found.high:.2f}"


def on_file(folder: Path) -> dict[str, Any]:
    """The results there are, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def holds(results: Mapping[str, Any]) -> bool:
    """Whether regret by an oracle orders fresh mazes best, and copies came no further than the
    solver allows (but for the noise of fresh attempts), further with more updates."""
    fresh = newest(results["maze"]["found"])["fresh"]["scores"]
    rho = {name: row["regret"]["spearman"]["value"] for name, row in fresh.items()}
    copies = [one["found"] for name, one in results.items() if name.startswith("copies-")]
    tuned = np.array([[[row[n]["bound"]["value"], row[n]["regret"]["value"]] for n in row]
                      for row in copies])  # fmt: skip
    bounded = not copies or (
        (tuned[:, :, 0] <= tuned[:, :, 1] + 0.02).all()
        and (tuned[:, -1, 0].mean() > tuned[:, 0, 0].mean())
    )
    return bool(max(rho, key=lambda name: rho[name]) == "perfect-regret" and bounded)


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
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "score_audit")
    parser.add_argument("--page", action="store_true", help="put the tables into docs/scores.md")
    asked = parser.parse_args()
    asked.results.mkdir(parents=True, exist_ok=True)
    asked.runs.mkdir(parents=True, exist_ok=True)
    parts: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
        game: (game, lambda run: audited(run, asked.tiny)) for game in asked.games.split(",")
    }
    if "maze" in parts:
        for seed in range(asked.seeds):
            look = lambda run, seed=seed: bounded(run, seed, asked.tiny)  # noqa: E731
            parts[f"copies-seed{seed}"] = ("maze", look)
    for name, (game, look) in parts.items():
        path = asked.results / f"{name}.json"
        if path.exists():
            continue
        begun, settings = time.monotonic(), settings_of(game, asked.seeds, asked.tiny)
        found = look(trained(asked.runs / game, game, settings))
        result = {
            "part": name,
            "settings": settings,
            "found": _slim(found),
            "seconds": round(time.monotonic() - begun, 1),
            "command": command(),
            "versions": versions(),
            "sources": source_hash(Path(__file__), SOURCES),
        }
        path.write_text(to_json(result) + "\n")
    tables = described(on_file(asked.results))
    print(tables)
    if asked.page:
        PAGE.write_text(shown(PAGE.read_text(), tables))


if __name__ == "__main__":
    main()
