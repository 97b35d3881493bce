"""DEHB: differential evolution over Hyperband's rungs.

Awad et al. 2021, arXiv:2105.09821. Many settings are trained a little, few are trained in full. The
first bracket is successive halving of random settings; in all later ones a rung's population
evolves (rand/1, binomial crossover); the parents of its mutants are the best of the rung below.

    v = x1 + F (x2 - x3)      child_i = v_i with chance CR (and in one place surely), else target_i

Differs from the public code: a rung's steps are the budget over eta^k, rounded (there every whole
budget is one more); a rung that has no population yet is filled by children of random targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cairn.tuning.search import Proposal, Score, Search, worth
from cairn.tuning.space import Space

FACTOR, CROSSOVER = 0.5, 0.5
"""F and CR, as published."""
ETA = 3
"""Of so many one goes up."""


@dataclass
class Member:
    """One of a rung's population."""

    place: Float[np.ndarray, " parameters"]
    """In the unit cube."""
    score: Score = None


def ladder(steps: int, rungs: int) -> list[int]:
    """Steps of one training by rung, the cheapest first."""
    return [round(steps / ETA ** (rungs - 1 - rung)) for rung in range(rungs)]


def bracket_sizes(rungs: int, bracket: int) -> list[tuple[int, int]]:
    """(rung, trials) of a bracket; the next begins a rung higher. Li et al. 2018, JMLR 18."""
    high = rungs - 1 - bracket
    first = -(-rungs * ETA**high // (high + 1))
    return [(bracket + up, max(1, first // ETA**up)) for up in range(high + 1)]


def dehb(space: Space, rng: np.random.Generator, *, steps: int, rungs: int) -> Search:
    """Brackets in turn, again and again; see the head of this file."""
    budgets = ladder(steps, rungs)
    populations: list[list[Member]] = [[] for _ in range(rungs)]
    turn = [0] * rungs
    began = False
    while True:
        for bracket in range(rungs):
            below: list[Member] = []
            for rung, number in bracket_sizes(rungs, bracket):
                population = populations[rung]
                if not began:
                    promoted = best(below, number)
                    places = [m.place for m in promoted] or list(rng.random((number, len(space))))
                    targets = [Member(place) for place in places]
                    population += targets
                else:
                    targets, places = evolved(space, rng, population, below, number, turn[rung])
                    turn[rung] += number
                scores = yield [
                    Proposal(space.at(place), budgets[rung], rung, bracket) for place in places
                ]
                for target, place, score in zip(targets, places, scores, strict=True):
                    if worth(score) >= worth(target.score):
                        target.place, target.score = place, score
                below = population
            began = True


def best(members: Sequence[Member], number: int) -> list[Member]:
    """The `number` best; of equal ones the earlier."""
    return sorted(members, key=lambda member: -worth(member.score))[:number]


def evolved(
    space: Space,
    rng: np.random.Generator,
    population: list[Member],
    below: Sequence[Member],
    number: int,
    turn: int,
) -> tuple[list[Member], list[Float[np.ndarray, " parameters"]]]:
    """Targets of a rung, each in its turn, and a child for each of them.

    A population smaller than `number` grows by targets drawn at random.
    """
    while len(population) < number:
        population.append(Member(rng.random(len(space))))
    targets = [population[(turn + i) % len(population)] for i in range(number)]
    parents = [m.place for m in (best(below, number) if below else population)]
    if len(parents) < 3:
        known = [m.place for m in population]
        parents += [place for place in known if not any(place is p for p in parents)]
    while len(parents) < 3:
        parents.append(rng.random(len(space)))
    return targets, [child(rng, target.place, parents) for target in targets]


def child(
    rng: np.random.Generator,
    target: Float[np.ndarray, " parameters"],
    parents: Sequence[Float[np.ndarray, " parameters"]],
) -> Float[np.ndarray, " parameters"]:
    """A mutant of three parents crossed with the target; what leaves the cube is drawn anew."""
    one, two, three = (parents[i] for i in rng.choice(len(parents), 3, replace=False))
    mutant = one + FACTOR * (two - three)
    outside = (mutant < 0) | (mutant > 1)
    mutant = np.where(outside, rng.random(len(target)), mutant)
    takes = rng.random(len(target)) < CROSSOVER
    takes[rng.integers(len(target))] = True
    return np.where(takes, mutant, target)
