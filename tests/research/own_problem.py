"""A problem of one's own, by its address."""

from search_harness import Reads

from cairn.research.evaluation import Graded, Problem


def toy():
    return Problem("toy", "State a quality.", Reads(), splits=("search", "selection", "test"),
                   fingerprint="toy-1", limits={"seconds": 0.5, "cpu_seconds": 0.25})  # fmt: skip


def lower():
    return Problem("lower", "State a quality.", Reads(larger_is_better=False))


class BreaksLater(Reads):
    """Its jail does not work once the search is over."""

    async def __call__(self, text, split, clients):
        if split != "search":
            return Graded(None, "jail_error", "no namespaces")
        return await super().__call__(text, split, clients)


def broken_later():
    return Problem("broken", "State a quality.", BreaksLater(), splits=("search", "selection"))


class Raises(Reads):
    """It was written for other data."""

    async def __call__(self, text, split, clients):
        return Graded({}["rows"], "ok", "")


def raising():
    return Problem("raising", "State a quality.", Raises())


async def researcher(request):
    """An application that writes a program; the quality is the prompt's length, deterministic."""
    if "mend it" in request.messages[-1].content:
        return "```python\nquality = 0.5\n```"
    size = len(request.messages[-1].content) % 97
    said = "bug" if size % 5 == 0 else size / 97
    return f"Plan {size}.\n```python\nquality = {said}\n```"
