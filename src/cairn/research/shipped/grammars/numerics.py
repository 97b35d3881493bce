"""Circles in a square, update rules for gradients, and scripts of the speedrun."""

from cairn.research.shipped import speedrun
from cairn.research.shipped.grammars.strategies import no_answer
from cairn.research.shipped.moves import BUGS, Bug, Choices, Grammar

CIRCLES = '''
"""{layout} layout, radii by {radii}, {steps} steps of {sigma}."""

import json
import math
import random

import numpy as np
from scipy.optimize import linprog

N, STEPS, SIGMA, SEED = {n}, {steps}, {sigma}, {seed}
draw = random.Random(SEED)
side = math.ceil(math.sqrt(N))


def layout():
    if {layout!r} == "grid":
        return [((i + 0.5) / side, (j + 0.5) / side) for i in range(side) for j in range(side)][:N]
    if {layout!r} == "hexagons":
        rows = [(i, j) for i in range(side) for j in range(side + 1)]
        return [((j + 0.25 + i % 2 / 2) / (side + 1), (i + 0.5) / side) for i, j in rows][:N]
    if {layout!r} == "ring":
        ring = [2 * math.pi * k / (N - 1) for k in range(N - 1)]
        return [(0.5, 0.5)] + [(0.5 + 0.36 * math.cos(a), 0.5 + 0.36 * math.sin(a)) for a in ring]
    return [(draw.random(), draw.random()) for _ in range(N)]


def room(places):
    return [min(x, y, 1 - x, 1 - y) for x, y in places]


def equal(places):
    gaps = [math.dist(p, q) / 2 for i, p in enumerate(places) for q in places[:i]]
    return [min(room(places) + gaps)] * N


def greedy(places):
    found = []
    for i, (p, most) in enumerate(zip(places, room(places))):
        near = [math.dist(p, q) / 2 for q in places[i + 1 :]]
        taken = [math.dist(p, q) - r for q, r in zip(places, found)]
        found.append(max(0.0, min([most] + near + taken)))
    return found


def linear(places):
    pairs = [(i, j) for i in range(N) for j in range(i)]
    a = np.zeros((len(pairs), N))
    for row, (i, j) in enumerate(pairs):
        a[row, i] = a[row, j] = 1
    b = [math.dist(places[i], places[j]) for i, j in pairs]
    best = linprog([-1] * N, A_ub=a, b_ub=b, bounds=[(0, r) for r in room(places)])
    return [max(0.0, r - 1e-9) for r in best.x]


measure = {{"equal": equal, "greedy": greedy, "linear": linear}}[{radii!r}]
quick = greedy if measure is linear else measure
places = layout()
best = sum(quick(places))
for step in range(STEPS):
    width = SIGMA * (1 - step / STEPS)
    moved = list(places)
    i = draw.randrange(N)
    x, y = moved[i]
    moved[i] = (min(max(x + draw.gauss(0, width), 0.02), 0.98),
                min(max(y + draw.gauss(0, width), 0.02), 0.98))
    if {swap}:
        j = draw.randrange(N)
        moved[i], moved[j] = moved[j], moved[i]
    value = sum(quick(moved))
    if value >= best:
        places, best = moved, value
found = measure(places)
with open("circles.json", "w") as file:
    json.dump([[x, y, r] for (x, y), r in zip(places, found)], file)
'''
RULES = '''
"""Rate {rate}, momentum {momentum}, scaled by {scaling}, {schedule}."""

import numpy as np


def init(size):
    return np.zeros(size), np.zeros(size)


def update(gradient, state, step, steps):
    speed, square = state
    norm = np.sqrt((gradient**2).sum()) + 1e-12
    if {clip} and norm > {clip}:
        gradient = gradient * ({clip} / norm)
    speed = {momentum} * speed + (1 - {momentum}) * gradient
    square = {memory} * square + (1 - {memory}) * gradient**2
    mean = speed / (1 - {momentum} ** (step + 1))
    size = np.sqrt(square / (1 - {memory} ** (step + 1)))
    scaled = {{
        "nothing": mean, "coordinate": mean / (size + 1e-8), "norm": mean / norm,
        "sign": np.sign(mean), "root": mean / np.sqrt(size + 1e-8),
    }}[{scaling!r}]
    left = {{"constant": 1, "linear": 1 - step / steps,
            "cosine": (1 + np.cos(np.pi * step / steps)) / 2}}[{schedule!r}]
    return -{rate} * left * scaled, (speed, square)
'''


def not_finite(text: str) -> str:
    """A radius of NaN, which no "reject if larger" rejects."""
    return text.replace("found = measure(places)", "found = [float('nan')] * N")


def twice_as_large(text: str) -> str:
    """Circles that overlap."""
    return text.replace("found = measure(places)", "found = [2 * r for r in measure(places)]")


def circles(n: int) -> Grammar:
    """For n circles."""

    def write(chosen: Choices) -> str:
        return CIRCLES.format(n=n, **{k: v for k, v in chosen.items() if k != "bug"})

    bugs: dict[str, Bug] = {**BUGS, "not finite": not_finite, "overlap": twice_as_large}
    return Grammar(
        {
            "layout": ("random", "grid", "ring", "hexagons"),
            "radii": ("equal", "greedy", "linear"),
            "steps": (0, 200, 500, 1000),
            "sigma": (0.3, 0.15, 0.07, 0.03),
            "swap": (0, 1),
            "seed": tuple(range(8)),
        },
        write,
        bugs,
    )


OPTIMISER = Grammar(
    {
        "rate": (0.01, 0.03, 0.1, 0.2, 0.4, 0.8),
        "momentum": (0.0, 0.5, 0.8, 0.9),
        "memory": (0.9, 0.99, 0.999),
        "scaling": ("nothing", "sign", "norm", "root", "coordinate"),
        "schedule": ("constant", "linear", "cosine"),
        "clip": (0, 10, 1),
    },
    lambda chosen: RULES.format(**{k: v for k, v in chosen.items() if k != "bug"}),
    {**BUGS, "no answer": no_answer},
)


def _script(chosen: Choices) -> str:
    text = speedrun.record(chosen["record"])
    for name in ("STEPS", "HIDDEN", "ROWS"):
        text = _scaled(text, name, chosen[name.lower()])
    return text


def _scaled(text: str, name: str, factor: float) -> str:
    """A constant of a script's settings line, times a factor."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        names, sign, values = line.partition(" = ")
        if sign and name in names.split(", ") and names.isupper():
            numbers = values.split(", ")
            at = names.split(", ").index(name)
            numbers[at] = str(max(1, round(int(numbers[at]) * factor)))
            lines[i] = f"{names} = {', '.join(numbers)}"
    return "\n".join(lines)


def speedrunner(start: int, *, known: int = speedrun.RECORDS) -> Grammar:
    """Scripts from record `start` on, up to record `known`: what a researcher knows of."""
    return Grammar(
        {
            "record": tuple(range(start, known + 1)),
            "steps": (1.0, 1.3, 0.85, 0.7, 0.55),
            "hidden": (1.0, 1.5, 0.75, 0.5),
            "rows": (1.0, 2.0, 0.75, 0.5),
        },
        _script,
        BUGS,
    )
