"""A peer that does what it is told without computing: the protocol of benchmarks/peers."""

PACKAGES = ("numpy",)
KINDS = {"accel-new": ["scoring"], "accel-replay": ["training", "mutation"]}


def setup(checkout):
    print("a library that prints must not break the protocol")


def prepare(request):
    if request["name"] == "broken":
        raise ValueError("no such work")
    done = dict.fromkeys(KINDS.get(request["name"], ["training"]), 0)
    outcome = {"episodes": 0}

    def run():
        for kind in done:
            done[kind] += request["amount"] * request["envs"] * request["length"]
        outcome["episodes"] += 1

    rates = iter([0.5, 0.1, 0.3, 0.4, 0.9])
    return {
        "parameters": 432_929,
        "run": run,
        "count": lambda: dict(done),
        "outcome": lambda: dict(outcome),
        "test": lambda: next(rates),
    }
