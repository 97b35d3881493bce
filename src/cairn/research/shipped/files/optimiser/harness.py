"""Runs the program's rule on every problem and writes down where it ends."""

import json

import numpy as np
import problems
import program  # pyright: ignore[reportMissingImports]

STEPS = 80
with open("inputs/problems.json") as file:
    given = json.load(file)
ends = []
for problem in given:
    w = np.array(problem["start"], float)
    state = program.init(len(w))
    for step in range(STEPS):
        with np.errstate(all="ignore"):
            gradient = problems.value(problem, w)[1]
            change, state = program.update(gradient.copy(), state, step, STEPS)
            w = w + np.asarray(change, float)
    ends.append(w.tolist())
with open("ends.json", "w") as file:
    json.dump(ends, file)
