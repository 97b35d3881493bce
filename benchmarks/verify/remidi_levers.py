"""ReMiDi beside robust PLR, both with perfect regret, where most regret cannot fall.

    uv run python benchmarks/verify/remidi_levers.py [--tiny] [--seeds 5] [--results DIR]

Two games. In the *lever game* what a policy is worth is worked out exactly, from all levels and all
levers: accuracy on visible and invisible levels, and the regret of the worst level. Among *T-mazes*
the solve rate on mazes is measured, on 200 fresh ones without those nobody can solve.

All seeds of an arm go side by side in one program. One JSON file an arm, and those that exist are
skipped, so it may be stopped and started again. `--put` writes the table into the method's page.
"""

import argparse
import json
import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from provenance import ROOT, command, keep, source_hash, versions
from remidi_worth import fares, worth

import cairn
from cairn.core.stats import bootstrap, mean
from cairn.ued.method import problem_of

SOURCES = ("archive", "core", "engine", "envs", "learners", "nn", "sampler", "score", "ued")
PAGE = ROOT / "docs/methods/remidi.md"
MARK = re.compile(r"<!-- remidi -->\n.*?<!-- end -->", re.DOTALL)
TABLE = "remidi_worth:Table"
PLR = {"score": "perfect-regret"}
TWO = {"adversaries": 2}
GAMES: dict[str, dict[str, Any]] = {
    "levers": {
        "batch": 32, "steps_per_cycle": 16, "capacity": 16, "minimum_fill": 0.5, "memory": "none",
        "hidden": 64, "head": 64, "learning_rate": 1e-3, "decay": "none", "gamma": 0.995,
        "gae_lambda": 0.95, "entropy_weight": 0.0, "epochs": 4, "minibatches": 1,
    },
    "tmazes": {
        "width": 7, "height": 7, "view": 3, "walls": 12, "generator": "walls", "limit": 32,
        "batch": 32, "steps_per_cycle": 64, "capacity": 32, "minimum_fill": 0.5, "memory": "none",
        "hidden": 64, "head": 32, "filters": 8, "learning_rate": 3e-3, "decay": "none",
        "gamma": 0.99, "gae_lambda": 0.95, "entropy_weight": 0.01, "epochs": 4, "minibatches": 2,
    },
}  # fmt: skip
"""Archives are smaller than the sets of levels that are as bad: 25, and more than 10⁸."""
OWN_ROWS = {"network": TABLE, "learning_rate": 1e-2}
SWITCH = {"levers": 300, "tmazes": 200}
"""Cycles of the first adversary, and as many of the second."""
ARMS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "levers-remidi": ("levers", "remidi", TWO | {"cycles": 300, "chunk": 16}, 600),
    "levers-robust-plr": ("levers", "robust-plr", PLR, 600),
    "levers-remidi-table": ("levers", "remidi", TWO | {"cycles": 300, "chunk": 16} | OWN_ROWS, 600),
    "levers-robust-plr-table": ("levers", "robust-plr", PLR | OWN_ROWS, 600),
    "tmazes-remidi": ("tmazes", "remidi", TWO | {"cycles": 200, "chunk": 32}, 400),
    "tmazes-robust-plr": ("tmazes", "robust-plr", PLR, 400),
    # A cycle of ReMiDi's second half costs 17 of these: now it has spent as many steps.
    "levers-robust-plr-long": ("levers", "robust-plr", PLR, 5400),
}
"""Game, method, settings of its own, cycles."""


def measure(arm: str, seeds: int, tiny: bool) -> dict[str, Any]:
    """The curve of one arm, every seed."""
    game, method, own, cycles = ARMS[arm]
    sources = source_hash(Path(__file__), SOURCES)
    settings = GAMES[game] | own
    every = 25
    if tiny:
        small = {"batch": 4, "epochs": 1, "minibatches": 1, "capacity": 4, "hidden": 8, "head": 4}
        settings, cycles, every = settings | small, 8, 2
        settings |= {"cycles": 4, "chunk": 4} if method == "remidi" else {}
    # The budget is not what ends it: every arm has its number of cycles.
    chosen = cairn.experiment(game, method=method, steps=2**40, **settings)
    program, problem = chosen.program, problem_of(chosen.setup(None))
    look = worth(chosen.env) if game == "levers" else fares(chosen.env, chosen.env.max_steps)

    @jax.jit
    def chunk(state: Any) -> Any:
        go_on = lambda state, _: (jax.vmap(lambda s: program.step(s)[0])(state), None)  # noqa: E731
        return jax.lax.scan(go_on, state, None, every)[0]

    tell = jax.jit(jax.vmap(lambda learner, key: look(problem, learner, key), (0, None)))
    begun = time.monotonic()
    state = jax.jit(jax.vmap(program.init))(jax.vmap(jax.random.key)(jnp.arange(seeds)))
    curve: dict[str, list] = {"cycles": [], "steps": []}
    for done in range(every, cycles + 1, every):
        state = chunk(state)
        told = tell(state.learner, jax.random.key(done))
        curve["cycles"].append(done)
        curve["steps"].append(state.ledger.totals()["environment_steps"])
        for name, values in told.items():
            curve.setdefault(name, []).append([round(float(value), 5) for value in values])
    return {
        "arm": arm, "game": game, "method": method, "settings": settings, "seeds": seeds,
        "curve": curve, "ledger": state.ledger.totals(),
        "seconds": round(time.monotonic() - begun, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores", "versions": versions(),
        "sources": sources, "command": command(),
    }  # fmt: skip


def at(result: dict[str, Any], figure: str, cycles: int) -> np.ndarray:
    """A figure after so many cycles, by seed."""
    curve = result["curve"]
    return np.asarray(curve[figure][curve["cycles"].index(cycles)])


def rise(result: dict[str, Any]) -> np.ndarray:
    """By how much the worst regret was ever above what the first adversary left, by seed."""
    curve, switch = result["curve"], SWITCH[result["game"]]
    first = curve["cycles"].index(switch)
    after = np.asarray(curve["worst_regret"][first:])
    return (after - after[0]).max(axis=0)


def rows(results: dict[str, dict[str, Any]]) -> list[tuple[str, str, np.ndarray]]:
    """Arm, figure and values by seed, for the table."""
    table = []

    def row(arm: str, title: str, values: np.ndarray) -> None:
        table.append((arm, title, values))

    for network, arm in (("MLP of 64", ""), ("a table", "-table")):
        for method in ("remidi", "robust-plr"):
            found = results.get(f"levers-{method}{arm}")
            if found is None:
                continue
            name = f"levers, {network}: {method}"
            row(name, "accuracy, visible", at(found, "visible", 600))
            row(name, "accuracy, invisible", at(found, "invisible", 600))
            row(name, "worst regret after adversary 1", at(found, "worst_regret", 300))
            row(name, "worst regret at the end", at(found, "worst_regret", 600))
            if method == "remidi":
                row(name, "largest rise of it in between", rise(found))
    if long := results.get("levers-robust-plr-long"):
        name = "levers, MLP of 64: robust-plr, as many steps as ReMiDi"
        row(name, "accuracy, visible", at(long, "visible", 5400))
    for method in ("remidi", "robust-plr"):
        found = results.get(f"tmazes-{method}")
        if found is None:
            continue
        name = f"T-mazes: {method}"
        row(name, "solve rate, mazes, after 200 cycles", at(found, "mazes", 200))
        row(name, "solve rate, mazes, after 400 cycles", at(found, "mazes", 400))
        row(name, "right side, hidden, after 400 cycles", at(found, "hidden", 400))
    return table


def described(results: dict[str, dict[str, Any]]) -> str:
    """The table of the page."""
    lines = ["| arm | figure | mean | 95 % interval | by seed |", "|---|---|---|---|---|"]
    for arm, figure, values in rows(results):
        whole = bootstrap(values[:, None], mean)
        by_seed = " ".join(f"{value:.3f}" for value in values)
        interval = f"{whole.low:.3f} to {whole.high:.3f}"
        lines.append(f"| {arm} | {figure} | {whole.value:.3f} | {interval} | {by_seed} |")
    return "\n".join(lines) + "\n"


def claims(results: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """What must hold in every seed, of the arms that there are."""
    found: dict[str, bool] = {}

    def claim(what: str, arms: tuple[str, ...], holds: Callable[..., Any]) -> None:
        if all(arm in results for arm in arms):
            found[what] = bool(np.all(holds(*(results[arm] for arm in arms))))

    visible = lambda cycles: lambda result: at(result, "visible", cycles)  # noqa: E731
    able = lambda result: visible(600)(result) > 0.8  # noqa: E731
    claim("ReMiDi reads the visible levers", ("levers-remidi",), able)
    claim("and so it does with a table", ("levers-remidi-table",), able)
    for arm, cycles in (("", 600), ("-table", 600), ("-long", 5400)):
        far = lambda r, n=cycles: visible(n)(r) < 0.3  # noqa: E731
        claim(f"PLR stays far below{arm.replace('-', ', ')}", (f"levers-robust-plr{arm}",), far)
    never = lambda result: rise(result) <= 1e-4  # noqa: E731
    claim("with a table the worst regret never rises", ("levers-remidi-table",), never)
    mazes = lambda one, other: at(one, "mazes", 400) > at(other, "mazes", 400) + 0.1  # noqa: E731
    claim("mazes are learned among T-mazes", ("tmazes-remidi", "tmazes-robust-plr"), mazes)
    return found


def put(results: dict[str, dict[str, Any]], text: str) -> str:
    """The page with the table in its place."""
    return MARK.sub(lambda _: f"<!-- remidi -->\n{described(results)}<!-- end -->", text)


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """The stored results by arm, of those that there are."""
    files = {arm: folder / f"{arm}.json" for arm in ARMS}
    return {arm: json.loads(file.read_text()) for arm, file in files.items() if file.exists()}


def main() -> None:
    """Measure what is missing, then say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--arms", default=",".join(ARMS), help="some of them, with commas")
    parser.add_argument("--put", action="store_true", help="write the table into the page")
    default = ROOT / "benchmarks/results/remidi_levers"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    for arm in given.arms.split(","):
        path = given.results / f"{arm}.json"
        if not path.exists():
            found = measure(arm, given.seeds, given.tiny)
            keep(path, found, indent=None)
            print(f"{arm}: {found['seconds']} s", flush=True)
    if given.tiny:
        return
    results = load(given.results)
    print(described(results), end="")
    for what, holds in claims(results).items():
        print(f"{what}: {'holds' if holds else 'does NOT hold'} in every seed")
    if given.put:
        PAGE.write_text(put(results, PAGE.read_text()))


if __name__ == "__main__":
    main()
