"""The smallest run that does everything: one set of shapes for all tests of resuming."""

SETTINGS = {
    "width": 7,
    "height": 7,
    "walls": 5,
    "generator": "walls",
    "limit": 16,
    "batch": 4,
    "steps_per_cycle": 16,
    "hidden": 8,
    "head": 8,
    "filters": 4,
    "epochs": 1,
    "minibatches": 2,
    "log_every": 2,
    "evaluate_every": 0,
    "checkpoint_every": 2,
    "steps": 8192,
}
REPLAY = {"capacity": 16, "minimum_fill": 0.25}
SFL = {"refresh": 3, "candidates": 8, "keep": 4, "selected": 2, "scoring_steps": 32}


def settings(method: str) -> dict[str, object]:
    """The settings of a tiny run of `method`."""
    if method == "sfl":
        return SETTINGS | SFL
    return SETTINGS | (REPLAY if method not in ("dr", "random") else {})


def flags(method: str) -> list[str]:
    """The same as flags of `cairn train maze`."""
    pairs = [(f"--{name.replace('_', '-')}", str(v)) for name, v in settings(method).items()]
    return ["--method", method, *(word for pair in pairs for word in pair)]
