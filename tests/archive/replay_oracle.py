"""Prioritised level replay in plain Python, one level at a time, everything recomputed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Slot:
    level: tuple
    id: int
    score: float
    stamp: int
    memory: tuple[float, bool]


@dataclass
class Oracle:
    capacity: int
    prioritisation: str
    temperature: float
    staleness: float
    topk: int
    merge: Callable = lambda a, b: (max(a[0], b[0]), a[1] or b[1])
    renew: Callable | None = None
    slots: list[Slot] = field(default_factory=list)
    clock: int = 0

    def by_score(self) -> np.ndarray:
        n = len(self.slots)
        scores = np.array([s.score for s in self.slots], np.float64)
        order = sorted(range(n), key=lambda i: (-scores[i], i))
        if self.prioritisation == "rank":
            weights = np.empty(n)
            weights[order] = (1.0 / np.arange(1, n + 1)) ** (1 / self.temperature)
        elif self.prioritisation == "proportional":
            gain = np.maximum(scores, 0) + (1e-3 if self.staleness == 0 else 0)
            weights = gain ** (1 / self.temperature)
        else:
            weights = np.zeros(n)
            best = order[: self.topk]
            weights[best] = np.exp(scores[best] - scores.max())
        return weights / weights.sum() if weights.sum() > 0 else np.full(n, 1 / n)

    def by_age(self) -> np.ndarray:
        ages = np.array([self.clock - s.stamp for s in self.slots], np.float64)
        return ages / ages.sum() if ages.sum() > 0 else np.full(len(ages), 1 / len(ages))

    def probabilities(self) -> np.ndarray:
        return (1 - self.staleness) * self.by_score() + self.staleness * self.by_age()

    def could_draw(self, uniforms: tuple[float, float], slot: int, slack: float) -> bool:
        """Whether inverse-CDF sampling lands on `slot`, up to `slack` of rounding."""
        component, position = uniforms
        weights = self.by_score() if component >= self.staleness else self.by_age()
        cumulative = np.concatenate([[0.0], np.cumsum(weights)])
        return cumulative[slot] - slack <= position <= cumulative[slot + 1] + slack

    def drawn(self, slot: int) -> None:
        self.clock += 1
        self.slots[slot].stamp = self.clock

    def least(self) -> int:
        chance = self.probabilities()
        near = [i for i, p in enumerate(chance) if p <= chance.min() * (1 + 1e-6)]
        return min(near, key=lambda i: (self.slots[i].score, -i))

    def offer(self, level: tuple, id: int, score: float, valid: bool, memory: tuple) -> tuple:
        """Returns (what happened, slot, id of who left)."""
        if not (valid and np.isfinite(score)):
            return "ignored", None, None
        self.clock += 1
        for i, slot in enumerate(self.slots):
            if slot.level == level:
                memory = self.merge(slot.memory, memory)
                score = score if self.renew is None else self.renew(memory)
                self.slots[i] = Slot(level, slot.id, score, self.clock, memory)
                return "duplicate", i, None
        newcomer = Slot(level, id, score, self.clock, memory)
        if len(self.slots) < self.capacity:
            self.slots.append(newcomer)
            return "entered", len(self.slots) - 1, None
        self.clock -= 1  # who leaves is decided before the tick
        victim = self.least()
        self.clock += 1
        if score < self.slots[victim].score:
            return "refused", victim, None
        left = self.slots[victim].id
        self.slots[victim] = newcomer
        return "entered", victim, left

    def replayed(self, slot: int, score: float, valid: bool, memory: tuple, mask: bool) -> None:
        if mask:
            memory = self.slots[slot].memory = self.merge(self.slots[slot].memory, memory)
            if self.renew is not None:
                self.slots[slot].score = self.renew(memory)
            elif valid and np.isfinite(score):
                self.slots[slot].score = score
