"""The house size: one tiny maze, student and cycle for every test that trains a whole run.

A program is compiled once for all tests whose settings are these, in whatever process. So a test
takes a method's settings from here and changes what it is about, and nothing else.
"""

from typing import Any

from cairn.runs.catalogue import WINGS

MAZE = {"width": 7, "height": 7, "walls": 5, "limit": 16, "generator": "walls"}
STUDENT = {
    "memory": "none", "hidden": 8, "head": 4, "filters": 2, "epochs": 1, "minibatches": 1,
}  # fmt: skip
RUN = {"batch": 4, "steps_per_cycle": 16, "log_every": 2, "seeds": 1, "steps": 2560}
"""At least seven chunks, whatever the method."""
REPLAY = {"capacity": 16, "minimum_fill": 0.25}
BACKPLAY = {"pool": 3, "refresh": 3, "turns": 2}
REMIDI = {"capacity": 4, "minimum_fill": 0.5, "adversaries": 2, "cycles": 8, "chunk": 4}
SFL = {"refresh": 3, "candidates": 8, "keep": 4, "selected": 2, "scoring_steps": 32}
OFFLINE = {"batch": 4, "window": 8, "log_every": 2, "seeds": 1, "steps": 14}
SEARCH = {"log_every": 2, "seeds": 1, "steps": 256}
"""Eight chunks of quality-diversity."""
MAP = {"dims": 6, "side": 8}
"""Of its own tasks."""
QUICK = "doors:Doors"
"""A game of one decision played by guessers (tests/doors.py), where it does not matter who learns:
a method's own program compiles in a moment."""
MODEL = {"width": 8, "heads": 2, "kv_heads": 2, "head_width": 4, "inner": 8, "layers": 1}
SAMPLING = {
    "prompts": 4, "group": 2, "tests": 4, "log_every": 2, "seeds": 1, "steps": 200,
    "behaviour_answers": 0,
}  # fmt: skip
"""Of a language model that improves itself."""
ASKED = {"behaviour_problems": 3, "behaviour_answers": 2, "behaviour_draws": 4}
"""Of a report of its behaviour, where a test is about that."""
ROUNDS = {"rows": 16, "fit_steps": 2, "fit_batch": 4}
TAUGHT = ("paired", "flexible-paired", "population-paired", "minimax", "repaired")
"""Methods with a teacher."""
GROUPS = {"games": 8, "log_every": 2, "seeds": 1, "steps": 14}
"""Of players who learn from each other."""
SHAPERS = {"population": 4, "opponents": 2, "episodes": 3, "log_every": 2, "seeds": 1}
SEARCHES = {
    "map-elites": {"batch": 16},
    "cma-me": {"emitters": 2, "batch": 8},
    "cma-mae": {"emitters": 2, "batch": 8},
}


def settings(method: str, environment: str = "maze") -> dict[str, Any]:
    """The settings of a run of `method`."""
    if method in WINGS["self-improvement"]:
        rounds = ROUNDS if method in ("rft", "expert-iteration", "star") else {}
        digits = {"digits": 1} if environment == "addition" else {}
        return MODEL | SAMPLING | {"sft_batch": 4} | rounds | digits
    if method == "shaper":
        return SHAPERS | {"games": 2, "rounds": 2, "hidden": 2, "steps": 14 * 4 * 2 * 2 * 2 * 3}
    if method in ("good-shepherd", "m-fos"):
        return SHAPERS | {"steps": 14 * 4}
    if method in WINGS["games"]:
        return GROUPS
    if method in SEARCHES:
        return SEARCH | SEARCHES[method] | ({} if ":" in environment else MAP)
    maze = MAZE if environment == "maze" else {}
    if (method, environment) == ("paired", "cartpole"):
        maze = {"limit": 16}  # within a cycle
    if method == "bc":
        student = {name: STUDENT[name] for name in ("memory", "hidden", "head", "filters")}
        return student | OFFLINE | maze
    chosen = RUN | {"learner": "doors:Guesser"} if environment == QUICK else STUDENT | RUN | maze
    if ":" in method:  # somebody's own, which may have any settings besides
        return chosen
    if method in ("dr", "random"):
        return chosen | {"turns": 1}
    if method in TAUGHT:
        players = {name: value for name, value in chosen.items() if name in STUDENT}
        roles = {f"{r}.{name}": v for r in ("student", "teacher") for name, v in players.items()}
        rest = {name: value for name, value in chosen.items() if name not in STUDENT}
        return roles | rest | (REPLAY if method == "repaired" else {})
    if method == "backplay":
        return chosen | BACKPLAY
    if method == "remidi":
        return chosen | REMIDI
    return chosen | (SFL if method == "sfl" else REPLAY)


def flags(method: str, environment: str = "maze", **changed: Any) -> list[str]:
    """The same as flags of `cairn train`, the method's name among them."""
    return words({"method": method} | settings(method, environment) | changed)


def words(chosen: dict[str, Any]) -> list[str]:
    """Settings as flags."""
    pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in chosen.items()]
    return [word for pair in pairs for word in pair]
