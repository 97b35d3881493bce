"""REPAIRED: PAIRED's teacher makes the levels, and two archives bring back the worth of them.

Jiang et al. 2021, arXiv:2110.02439. Dual curriculum design with a generator that learns: on cycles
of new levels the teacher designs, both students play without learning, and the teacher is paid
their regret; on replay cycles each student learns from levels of its own archive, and the teacher
rests.

Differs from DCD, which updates the teacher on replay cycles too, on its last trajectory with the
regret of levels it did not make.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from cairn.archive.replay import Replay, warm
from cairn.core.ledger import Ledger
from cairn.core.trace import Trace
from cairn.engine.design import TEACHER
from cairn.engine.program import Events, Report, counted, merged
from cairn.envs.protocol import Environment, Level
from cairn.sampler import segments
from cairn.sampler.segments import Segment
from cairn.score import STUDENT
from cairn.score.paired import ANTAGONIST, Regret, Which
from cairn.ued import parts, roles, taught
from cairn.ued.config import CurationConfig
from cairn.ued.method import crowded, method
from cairn.ued.metrics import archive_metrics
from cairn.ued.parts import State
from cairn.ued.roles import Problems

STUDENTS = (STUDENT, ANTAGONIST)


@dataclass(frozen=True)
class Config(CurationConfig):
    """REPAIRED. DCD replays in 95 of 100 cycles; then the teacher hardly learns in a small run."""

    antagonist: Which = "best"
    """Which of its returns counts for the teacher's pay, as in PAIRED."""

    generators: ClassVar[tuple[str, ...]] = ("teacher",)
    curator: ClassVar[str] = "two archives"
    counts: ClassVar[tuple[str, ...]] = (
        "training", "scoring", "designing", "evaluation", "updates",
    )  # fmt: skip

    def least(self, env: Environment) -> int:
        """Both students' steps: a replay cycle, in which nothing is designed."""
        return len(STUDENTS) * self.batch * self.steps_per_cycle


def init(problems: Problems, config: Config, key: Key[Array, ""]) -> State:
    """Two new students with an empty archive each, and a new teacher."""
    archives = {role: parts.empty(problems[role], config) for role in STUDENTS}
    begun = roles.begin(problems, key, config.counts)
    return replace(begun, archive=archives.pop(STUDENT), extra=archives)


def step(problems: Problems, config: Config, state: State) -> tuple[State, Report]:
    """New levels: design, play, pay the teacher. Replay: each student learns from its own."""
    archives, batches, traces, entered = {STUDENT: state.archive, **state.extra}, {}, {}, {}
    replay_now = coin(config, state, archives)
    levels, design = roles.design(problems, state, config.batch, when=~replay_now)
    for role in STUDENTS:
        archives[role], batches[role] = curate(
            config, state, role, archives[role], levels, replay_now
        )
        its = batches[role].levels
        traces |= roles.play(problems, state, (role,), its, config.steps_per_cycle)
    regret = taught.worth(problems, Regret(config.antagonist), traces)
    paid = {**traces, TEACHER: roles.paid_last(design, regret)}
    when = {STUDENT: replay_now, ANTAGONIST: replay_now, TEACHER: ~replay_now}
    learner, learned = roles.learn(problems, state, paid, when)
    for role in STUDENTS:
        scored = parts.score(problems[role], config, traces[role], batches[role])
        archives[role], entered[role] = parts.record(archives[role], batches[role], scored, config)
    after = parts.after(
        state,
        learner=learner,
        archive=archives[STUDENT],
        extra={ANTAGONIST: archives[ANTAGONIST]},
        ledger=spend(problems, state.ledger, paid, when),
    )
    return after, merged(
        Report({"replayed": replay_now.astype(jnp.float32)}, (either(entered),)),
        counted({"regret": jnp.mean(regret)}, ~replay_now),
        *roles.reports(paid, learned, when),
        *(roles.told_of(role, archive_metrics(archives[role], config)) for role in STUDENTS),
    )


def coin(config: Config, state: State, archives: Mapping[str, Replay]) -> Bool[Array, ""]:
    """One coin for all: replay with `replay_probability`, once both archives are warm."""
    heads = jax.random.uniform(parts.key_for(state, "coin")) < config.replay_probability
    return heads & warm(archives[STUDENT], config) & warm(archives[ANTAGONIST], config)


def curate(
    config: Config,
    state: State,
    role: str,
    archive: Replay,
    levels: Level,
    replay_now: Bool[Array, ""],
) -> tuple[Replay, Segment]:
    """What one student plays: levels of its own archive if `replay_now`, else the teacher's.

    Both archives give ids at the same pace, so that a level has the same id in both.
    """
    archive, fresh = segments.given(archive, levels, config.scoring)
    key = parts.key_for(state, f"replay {role}")
    archive, again = segments.replayed(archive, key, config.batch, config, replay_now)
    return archive, segments.either(replay_now, again, fresh)


def spend(
    problems: Problems, ledger: Ledger, traces: Mapping[str, Trace], when: roles.When
) -> Ledger:
    """Enter a cycle: what led to an update of a student as training, else as scoring."""
    steps = sum(traces[role].reward.size for role in STUDENTS)
    updates = [jnp.where(when[r], problems[r].learner.gradient_steps, 0) for r in traces]
    return ledger.add(
        training=jnp.where(when[STUDENT], steps, 0),
        scoring=jnp.where(when[STUDENT], 0, steps),
        designing=jnp.where(when[TEACHER], traces[TEACHER].reward.size, 0),
        updates=jnp.stack(updates).sum(),
    )


def either(entered: Mapping[str, Events]) -> Events:
    """What entered at least one of the archives, once: with the student's score, if it did there.

    Only new levels enter, and on cycles of those both students have the same.
    """
    ours, theirs = entered[STUDENT], entered[ANTAGONIST]
    return ours._replace(
        entered=ours.entered | theirs.entered,
        score=jnp.where(ours.entered, ours.score, theirs.score),
    )


ROLES = (*STUDENTS, TEACHER)
METHOD = method(__doc__, Config, init, step, roles=ROLES, constant_cost=False, adapts=crowded)
