"""Every method at a tiny size, cycle by cycle, in an environment that counts its own steps."""

import functools
import threading
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import numpy as np

from cairn.engine.program import Report
from cairn.envs.belief import Exact, certain
from cairn.envs.maze.env import Maze
from cairn.envs.protocol import Editor, Environment
from cairn.learners.ppo import PPO, PPOConfig
from cairn.runs import catalogue
from cairn.runs.experiment import Experiment, RunConfig
from cairn.ued.parts import State

MAZE = Maze(width=4, height=4, view=3, walls=4, limit=8, edits=3)
STUDENT = PPOConfig(
    memory="none", hidden=8, head=4, filters=2, embedding=2, epochs=2, minibatches=2
)
B, T, CYCLES = 4, 16, 14
CYCLE = {"batch": B, "steps_per_cycle": T}
# Half of 32 slots: four cycles of four new levels pass before anything is replayed.
CURATED = CYCLE | {"capacity": 32, "minimum_fill": 0.5}
SERIAL = CURATED | {"replay_probability": 0.6}
CONFIGS: dict[str, dict[str, Any]] = {
    "random": CYCLE | {"turns": 2},
    "dr": CYCLE,
    "plr": SERIAL,
    # Scored alike: where nothing is hidden, they are the same method.
    "robust-plr": SERIAL | {"score": "positive-value-loss"},
    "samplr": SERIAL,
    "parallel-plr": CURATED,
    "accel": SERIAL | {"mutation_probability": 0.7},
    "parallel-accel": CURATED,
    "sfl": CYCLE
    | {
        "refresh": 5,
        "candidates": 6,
        "candidate_batches": 2,
        "scoring_steps": 20,
        "keep": 4,
        "selected": 2,
    },
    "paired": CYCLE,
    "flexible-paired": CYCLE,
    "population-paired": CYCLE | {"students": 3},
    "minimax": CYCLE,
    "backplay": CYCLE
    | {"pool": 3, "refresh": 5, "turns": 2, "first": 2}
    # A window a cycle.
    | {"advance": "success", "threshold": 0.0, "over": B},
    # Here nobody knows the best return. The second adversary comes near the end.
    "remidi": CURATED
    | {
        "score": "maxmc",
        "adversaries": 2,
        "cycles": 11,
        "chunk": 8,
        "replay_probability": 0.9,
    },
}


class Counter:
    """Counts on the host."""

    def __init__(self) -> None:
        self.steps = 0
        self.lock = threading.Lock()  # callbacks come from several threads

    def tick(self, action: Any) -> None:
        with self.lock:
            self.steps += np.size(action)


class Counted(Environment):
    """An environment that reports each step it takes, past jit, vmap, scan and cond."""

    random_start: ClassVar[bool] = False
    inner: Any
    counter: Counter = eqx.field(static=True)

    @property
    def max_steps(self):
        return self.inner.max_steps

    @property
    def action_spec(self):
        return self.inner.action_spec

    @property
    def observation_spec(self):
        return self.inner.observation_spec

    @property
    def space(self):
        return self.inner.space

    @property
    def editor(self):
        within = self.inner.editor
        return None if within is None else CountedEditor(within, self.counter)

    @property
    def belief(self):
        return Exact(self, certain)

    def demonstration(self, level):
        return self.inner.demonstration(level)

    def reset(self, key, level):
        return self.inner.reset(key, level)

    def step(self, key, state, action):
        jax.debug.callback(self.counter.tick, action)
        return self.inner.step(key, state, action)


class CountedEditor(Counted, Editor):
    """An editor that does the same."""

    players: ClassVar[tuple[str, ...]] = ("teacher",)
    random_start: ClassVar[bool] = True

    def level(self, state):
        return self.inner.level(state)


class Cycle(NamedTuple):
    """One cycle of a run: state before and after, what was reported, steps counted."""

    before: State
    after: State
    report: Report
    counted: int


def experiment(method: str, env: Environment = MAZE, **changes: Any) -> Experiment:
    """The tiny run of `method`."""
    kinds = catalogue.method(method).sections
    config = kinds["algorithm"](**(CONFIGS[method] | changes))
    roles = {name: STUDENT for name, kind in kinds.items() if kind is None}
    sections = {"task": env, "algorithm": config, **roles}
    return Experiment("maze", method, sections, RunConfig(steps=10_000))


@functools.cache
def history(method: str) -> list[Cycle]:
    """`CYCLES` cycles of the tiny run of `method`."""
    counter = Counter()
    program = experiment(method, Counted(MAZE, counter)).program
    state = program.init(jax.random.key(1))
    step = jax.jit(program.step)
    cycles = []
    for _ in range(CYCLES):
        before, counter.steps = state, 0
        state, report = step(state)
        jax.block_until_ready(state)
        jax.effects_barrier()
        cycles.append(Cycle(before, state, report, counter.steps))
    return cycles


def student(env: Environment = MAZE) -> PPO:
    """The tiny student."""
    return PPO.of(env, STUDENT)
