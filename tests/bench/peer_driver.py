"""A peer that does what it is told without computing: the protocol of benchmarks/peers."""

PACKAGES = ("numpy",)


def setup(checkout):
    print("a library that prints must not break the protocol")


def prepare(request):
    if request["name"] == "broken":
        raise ValueError("no such work")
    done = {"training": 0}

    def run():
        done["training"] += request["amount"] * request["envs"] * request["length"]

    rates = iter([0.5, 0.1, 0.3, 0.4, 0.9])
    return {
        "parameters": 432_929,
        "run": run,
        "count": lambda: dict(done),
        "test": lambda: next(rates),
    }
