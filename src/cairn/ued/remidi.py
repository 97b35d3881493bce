"""ReMiDi: where regret cannot fall any more, let it be, and go on where it can.

Beukman et al. 2024, arXiv:2402.12284 (Bayesian level-perfect minimax regret). Several adversaries
come one after the other, each robust PLR with an archive of its own. The student learns only from
steps whose history no level of an earlier archive would have given (`cairn.ued.coverage`): there
its behaviour is settled. A new level all of whose steps are covered never enters an archive.

Differs from the public code: the score is what the rollout measures, not a constant of the level;
entropy is masked as the other losses are; a history is covered by one level, not piece by piece by
several; nothing is rolled out that is not used; and a batch in which nothing is new leaves the
learner as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.core import checks, trees
from cairn.core.errors import ConfigError
from cairn.engine.program import Report, counted, merged
from cairn.envs.chance import chance_in
from cairn.envs.oracle import knows
from cairn.envs.protocol import Environment
from cairn.ued import adversaries, parts
from cairn.ued.config import CurationConfig
from cairn.ued.coverage import coverage
from cairn.ued.method import method
from cairn.ued.metrics import archive_metrics, rollout_metrics
from cairn.ued.parts import Problem, State
from cairn.ued.presets import changed


@dataclass(frozen=True)
class Config(CurationConfig):
    """ReMiDi. Published: 16 adversaries of 1000 cycles; scripts 4 with 256 levels each, or 2 with
    32 levels and 500 cycles for the lever game."""

    score: str = "perfect-regret"
    """How much there is to learn from a level: a name (`cairn list` describes them), or your own
    as package.module:Name. Where the environment does not know the best return, the default is
    `maxmc`."""
    capacity: int = 256
    """K, levels that each adversary keeps: fewer than there are on which regret cannot fall."""
    adversaries: int = 4
    """M, archives that are filled one after the other."""
    cycles: int = 500
    """R, cycles of each adversary but the last, which stays."""
    chunk: int = 64
    """Earlier levels that are played side by side, for each column: memory against speed."""

    curator: ClassVar[str] = "level-perfect archives"
    needs: ClassVar[tuple[str, ...]] = ("deterministic",)

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self, 2, "adversaries")
        checks.at_least(self, 1, "cycles", "chunk")
        most = (self.held + self.chunk) * self.batch * self.steps_per_cycle
        if most >= 2**32:
            raise ConfigError(
                f"(adversaries - 1) x capacity x batch x steps_per_cycle must stay below 2^32, got "
                f"{most}: so many steps would each cycle take. Make one of them smaller."
            )

    @property
    def held(self) -> int:
        """Levels of earlier adversaries, at most."""
        return (self.adversaries - 1) * self.capacity

    def check(self, env: Environment) -> None:
        """Only where the same actions always show the same can histories be compared."""
        super().check(env)
        if found := chance_in(env):
            raise ConfigError(
                f"remidi needs a deterministic environment, but {type(env).__name__}.{found}: the "
                f"same actions need not show the same again. Let the level decide what happens, or "
                f"choose robust-plr."
            )


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student, and the first adversary with an empty archive."""
    state = parts.begin(problem, key, config)
    assert state.archive is not None
    first = adversaries.first(state.archive, config.held)
    return eqx.tree_at(lambda s: s.extra, state, first, is_leaf=lambda leaf: leaf is None)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """A cycle of robust PLR whose losses count only what is new; then perhaps the next one."""
    replay_now = parts.replay_coin(state, config)
    archive, batch = parts.curate(problem, config, state, replay_now)
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, batch.levels, key, config.steps_per_cycle)
    earlier = state.extra
    known = coverage(problem.env, earlier.levels, earlier.held, trace, config.chunk)
    new = ~known.covered
    learns = replay_now & new.any()
    weighed = trace._replace(weight=new.astype(jnp.float32))
    learner, metrics = parts.learn(problem, state, weighed, when=learns)
    scored = parts.score(problem, config, trace, batch)
    scored = scored._replace(valid=scored.valid & (batch.stored | new.any(axis=0)))
    archive, entered = parts.record(archive, batch, scored, config)
    ledger = parts.spend(state.ledger, problem, trace, gradient=learns).add(scoring=known.steps)
    facts = archive_metrics(archive, config)
    turn = (earlier.cycles + 1 >= config.cycles) & (earlier.number + 1 < config.adversaries)
    archive, extra, learner = trees.where(
        turn,
        adversaries.change(problem, archive, earlier, learner),
        (archive, earlier._replace(cycles=earlier.cycles + 1), learner),
    )
    after = parts.after(state, learner=learner, archive=archive, ledger=ledger, extra=extra)
    told = {
        "replayed": replay_now.astype(jnp.float32),
        "adversary": (earlier.number + 1).astype(jnp.float32),
        "covered": jnp.mean(known.covered.astype(jnp.float32)),
    }
    learned = counted(metrics, learns)
    return after, merged(Report(told, (entered,)), learned, rollout_metrics(trace), facts)


def by_what_is_known(task: Any) -> Mapping[str, str]:
    """MaxMC, which estimates regret, where perfect regret has nobody to ask."""
    return {} if knows(task) else {"score": "maxmc"}


FEW = {"capacity": 32, "adversaries": 2, "cycles": 250, "chunk": 32}
"""Each step of the second adversary is compared with 32 levels: hence so many steps, most of them
without a student."""

METHOD = method(
    __doc__,
    Config,
    init,
    step,
    constant_cost=False,
    suits=by_what_is_known,
    presets=changed(algorithm=FEW, run={"steps": 140_000_000}),
)
