"""A small task and a researcher without a language model, to see a search at work.

The task is a regression (Friedman 1991, "#1", with noise): a program reads `train.csv` and
`inputs.csv` and writes `predictions.csv`; the grader compares with labels that only it has. The
programs are real and really run in the jail. The researcher is a grammar of features with draws
keyed by the sample: it shows how a search goes, and nothing about what a model would find. The data
come from a seed that anyone can read here, so this task is for that researcher alone.
"""

import math
import random
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from cairn import jail
from cairn.core.draws import DrawKey
from cairn.lm.client import Clients
from cairn.lm.request import Completion, Request
from cairn.lm.scripted import ScriptedModel
from cairn.research.evaluation import Graded, Problem

INPUTS, NOISE = 6, 1.0
ROWS = {"train": 60, "search": 60, "selection": 200, "test": 2_000}
LIMITS = jail.Limits(seconds=10.0, memory_mb=256, processes=8, disk_mb=8)
DESCRIPTION = """\
Regression with six inputs, x0 to x5, each in [0, 1]. Write a Python program (standard library only)
that reads train.csv (columns x0,...,x5,y) and inputs.csv (columns x0,...,x5) from its working
folder and writes predictions.csv: one number for each row of inputs.csv, one a line, in order.
The score is the root mean squared error on rows whose y you do not see."""


@cache
def table(split: str, seed: int = 0) -> tuple[tuple[tuple[float, ...], float], ...]:
    """Rows of inputs and label of a split."""
    draws = DrawKey.root(seed).child("friedman", split).random()
    rows = []
    for _ in range(ROWS[split]):
        x = tuple(round(draws.random(), 4) for _ in range(INPUTS))
        y = 10 * math.sin(math.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
        rows.append((x, round(y + draws.gauss(0.0, NOISE), 4)))
    return tuple(rows)


def csv(split: str, *, labels: bool) -> str:
    """A split as a file."""
    names = [f"x{i}" for i in range(INPUTS)] + ["y"] * labels
    lines = [",".join(f"{value:g}" for value in (*x, *[y] * labels)) for x, y in table(split)]
    return "\n".join([",".join(names), *lines]) + "\n"


@dataclass(frozen=True)
class Regression:
    """The grader: it runs a program in the jail, and reads numbers from a file."""

    larger_is_better: bool = False
    tier: int | None = None
    """Of the jail; None: the strongest of this machine."""
    limits: jail.Limits = LIMITS

    async def __call__(self, text: str, split: str, clients: Clients) -> Graded:
        """Root mean squared error of a program on a split."""
        files = {"train.csv": csv("train", labels=True), "inputs.csv": csv(split, labels=False)}
        back = ("predictions.csv",)
        ran = await jail.arun(text, files=files, back=back, limits=self.limits, tier=self.tier)
        said = "\n".join(filter(None, [ran.stdout, ran.stderr]))
        if ran.kind == "jail_error":
            return Graded(None, "jail_error", ran.reason)
        if ran.kind != "ok":
            said = f"{said}\n{ran.reason}".strip()
            return Graded(None, ran.kind, said, seconds=ran.seconds, cpu_seconds=ran.cpu_seconds)
        found = predictions(ran.files.get("predictions.csv"), len(table(split)))
        if isinstance(found, str):
            said = f"{said}\n{found}".strip()
            return Graded(None, "invalid", said, None, ran.seconds, {}, ran.cpu_seconds)
        squares = [(p - y) ** 2 for p, (_, y) in zip(found, table(split), strict=True)]
        score, spread = rmse(squares)
        return Graded(score, "ok", said, spread, ran.seconds, {}, ran.cpu_seconds)


def predictions(body: bytes | None, count: int) -> list[float] | str:
    """The numbers in a file, or what is wrong with it."""
    if body is None:
        return "predictions.csv was not written."
    try:
        found = [float(line) for line in body.decode().split()]
    except (UnicodeDecodeError, ValueError):
        return "predictions.csv must hold one number a line."
    if len(found) != count:
        return f"predictions.csv must hold {count} numbers, got {len(found)}."
    if not all(math.isfinite(value) and abs(value) < 1e9 for value in found):
        return "predictions.csv must hold finite numbers."
    return found


def rmse(squares: list[float]) -> tuple[float, float]:
    """Root of the mean of squared errors, and its standard error by the delta method."""
    n = len(squares)
    mean = sum(squares) / n
    variance = sum((one - mean) ** 2 for one in squares) / (n - 1) / n
    root = math.sqrt(mean)
    return root, math.sqrt(variance) / (2 * root) if root > 0 else 0.0


def problem(tier: int | None = None) -> Problem:
    """The task."""
    return Problem(
        name="demo",
        description=DESCRIPTION,
        evaluator=Regression(tier=tier),
        splits=("search", "selection", "test"),
        fingerprint="friedman-1",
        limits={"seconds": LIMITS.seconds, "cpu_seconds": 2 * LIMITS.seconds,
                "memory_mb": LIMITS.memory_mb},
    )  # fmt: skip


# --- the researcher

PROGRAM = '''\
"""Ridge regression on chosen features."""
import math

PENALTY = {penalty}


def features(x0, x1, x2, x3, x4, x5):
    return [
        1.0,
{features}
    ]


def read(name):
    with open(name) as file:
        return [[float(cell) for cell in line.split(",")] for line in file.read().split()[1:]]


def solve(a, b):
    n = len(b)
    for i in range(n):
        best = max(range(i, n), key=lambda r: abs(a[r][i]))
        a[i], a[best], b[i], b[best] = a[best], a[i], b[best], b[i]
        for r in range(i + 1, n):
            f = a[r][i] / a[i][i]
            b[r] -= f * b[i]
            for c in range(i, n):
                a[r][c] -= f * a[i][c]
    for i in reversed(range(n)):
        b[i] = (b[i] - sum(a[i][c] * b[c] for c in range(i + 1, n))) / a[i][i]
    return b


train = read("train.csv")
z = [features(*row[:-1]) for row in train]
n = len(z[0])
gram = [[sum(r[i] * r[j] for r in z) + PENALTY * (i == j > 0) for j in range(n)] for i in range(n)]
moment = [sum(r[i] * row[-1] for r, row in zip(z, train)) for i in range(n)]
weights = solve(gram, moment)
with open("predictions.csv", "w") as file:
    for row in read("inputs.csv"):
        print(sum(w * f for w, f in zip(weights, features(*row))), file=file)
print(f"{{n}} features")
'''
TERMS = (
    *(f"x{i}" for i in range(INPUTS)),
    *(f"x{i} ** 2" for i in range(INPUTS)),
    *(f"abs(x{i} - 0.5)" for i in range(INPUTS)),
    *(f"x{i} * x{j}" for i in range(INPUTS) for j in range(i + 1, INPUTS)),
    *(f"math.sin(math.pi * x{i} * x{j})" for i in range(INPUTS) for j in range(i + 1, INPUTS)),
)
BUGS = ("math.sine(x0)", "x7", "1 / (x1 - x1)", "math.log(x2 - 1)")
PENALTIES = (0.001, 0.01, 0.1, 1.0)
_ARTEFACT = re.compile(r"<artefact(?:-\d)?-([0-9a-f]{8})>\n(.*?)\n</artefact", re.S)
_FEATURE = re.compile(r"^        (.+),$", re.M)
_PENALTY = re.compile(r"^PENALTY = (\S+)$", re.M)


@dataclass(frozen=True)
class Researcher:
    """A grammar of features in place of a model."""

    p_bug: float = 0.2
    """Chance that a proposal holds a bug."""
    p_mend: float = 0.7
    """Chance that debugging finds it."""
    p_nothing: float = 0.02
    """Chance of an answer without a program."""
    kind: Literal["demo"] = "demo"

    def model(self, seed: int = 0) -> ScriptedModel:
        """It as a model."""
        name = f"demo-researcher-{self.p_bug:g}-{self.p_mend:g}-{self.p_nothing:g}"
        return ScriptedModel(self.answer, name, seed)

    def answer(self, request: Request, key: DrawKey) -> str | Completion:
        """A plan and a program."""
        draws, prompt = key.random(), request.messages[-1].content
        if draws.random() < self.p_nothing:
            return "I would first look at the data."
        parents = [program for _, program in _ARTEFACT.findall(prompt)]
        failed = "\n\nIt failed: " in prompt
        terms, penalty, plan = self._change(parents, failed, draws)
        listed = "\n".join(f"        {term}," for term in terms)
        program = PROGRAM.format(penalty=penalty, features=listed)
        return f"{plan}\n\n```python\n{program}```\n"

    def _change(
        self, parents: list[str], failed: bool, draws: random.Random
    ) -> tuple[list[str], float, str]:
        penalty = draws.choice(PENALTIES)
        if not parents:
            terms = draws.sample(TERMS, draws.randint(1, 3))
            plan = f"Ridge regression on {len(terms)} features."
            return self._bugged(terms, draws), penalty, plan
        found = [_FEATURE.findall(parent.split("    ]")[0]) for parent in parents]
        terms = list(dict.fromkeys(term for some in found for term in some if term != "1.0"))
        penalty = float(match[1]) if (match := _PENALTY.search(parents[0])) else penalty
        bugs = [term for term in terms if term in BUGS]
        if failed:
            if draws.random() >= self.p_mend:
                return terms, penalty, "The error is not clear; try once more."
            return [t for t in terms if t not in bugs], penalty, "Take the faulty feature out."
        if len(parents) == 2:
            kept = [term for term in terms if draws.random() < 0.8] or terms[:1]
            return self._bugged(kept, draws), penalty, "Features of both."
        roll, fresh = draws.random(), draws.choice(TERMS)
        if roll < 0.1:
            return self._bugged(terms, draws), draws.choice(PENALTIES), "Another penalty."
        if roll < 0.35 and len(terms) > 1:
            gone = draws.choice(terms)
            terms = [term for term in terms if term != gone]
            if roll < 0.2:
                return self._bugged(terms, draws), penalty, f"Take {gone} out."
        terms = terms if fresh in terms else [*terms, fresh]
        return self._bugged(terms, draws), penalty, f"Add the feature {fresh}."

    def _bugged(self, terms: list[str], draws: random.Random) -> list[str]:
        return [*terms, draws.choice(BUGS)] if draws.random() < self.p_bug else terms
