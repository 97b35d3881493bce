"""Shaper: one recurrent policy whose memory lives through all of a co-player's learning.

Khan et al. 2023, arXiv:2312.12568. Its memory holds what happened in this episode and in those
before; trained by evolution on the mean payoff of a trial. `memory = "episode"` empties it between
episodes, which leaves a Good Shepherd with memory inside of each. `mixing = "average"` is theirs:
before each round half of the memory is the mean over the co-player's games.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.games import evolution, finite
from cairn.games.evolution import Evolution
from cairn.games.evolved import State, Weights
from cairn.games.finite import STATES, Memory, Played
from cairn.games.method import method
from cairn.games.tasks import Repeated
from cairn.runs.method import Preset

LAST = 5
"""Episodes at the end of a trial that are reported apart."""


@dataclass(frozen=True)
class Config(Evolution):
    """Shaper."""

    population: int = 40
    sigma: float = 0.3
    hidden: int = 8
    """Units of the memory."""
    opponents: int = 2
    """Co-players of each candidate."""
    games: int = 16
    """Games that one co-player plays at once and learns from."""
    rounds: int = 16
    """Of an episode; 100 as published."""
    episodes: int = 30
    """Of a trial; 100 as published."""
    co_rate: float = 1.0
    """Step size of the co-players: a part of who is shaped."""
    memory: Literal["trial", "episode"] = "trial"
    """How long it lasts."""
    mixing: Literal["none", "average"] = "none"
    """Whether memories of games with one co-player are mixed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self, 1, "hidden", "opponents", "games", "rounds", "episodes")
        checks.positive(self, "co_rate")

    @property
    def steps(self) -> int:
        """Rounds that a generation plays."""
        return self.population * self.opponents * self.games * self.rounds * self.episodes


def init(task: Repeated, config: Config, key: Key[Array, ""]) -> State:
    """Small weights at random."""
    count = sum(size for _, size in parts(config.hidden))
    mean = jax.random.normal(stream(key, "games.init", 0), (count,)) * 0.3
    return State(
        key, jnp.zeros((), jnp.int32), Ledger.zero(("training", "evaluations")),
        evolution.begun(config, mean),
    )  # fmt: skip


def parts(hidden: int) -> list[tuple[tuple[int, ...], int]]:
    """Shapes of the weights: gates, candidate, head; each with its biases in its last row."""
    shapes = [(STATES + hidden + 1, 2 * hidden), (STATES + hidden + 1, hidden), (hidden + 1, 1)]
    return [(shape, int(np.prod(shape))) for shape in shapes]


def acts(
    weights: Weights, config: Config, seen: Float[Array, "E 5"], memory: Memory
) -> tuple[Float[Array, " E"], Memory]:
    """A gated recurrent unit and one logit of cooperating."""
    cuts = np.cumsum([size for _, size in parts(config.hidden)])[:-1]
    gates, candidate, head = (
        part.reshape(shape)
        for part, (shape, _) in zip(jnp.split(weights, cuts), parts(config.hidden), strict=True)
    )
    if config.mixing == "average":
        memory = 0.5 * memory + 0.5 * memory.mean(axis=0, keepdims=True)
    both = jax.nn.sigmoid(jnp.concatenate([seen, memory], 1) @ gates[:-1] + gates[-1:])
    reset, keep = jnp.split(both, 2, axis=1)
    fresh = jnp.concatenate([seen, reset * memory], 1) @ candidate[:-1] + candidate[-1:]
    memory = keep * memory + (1 - keep) * jnp.tanh(fresh)
    return (memory @ head[:-1] + head[-1:])[:, 0], memory


def played(task: Repeated, config: Config, weights: Weights, drawn: finite.Chance) -> Played:
    """One trial of one shaper."""
    return finite.trial(
        jnp.asarray(task.game.table, jnp.float32),
        lambda seen, memory: acts(weights, config, seen, memory),
        jnp.zeros((config.games, config.hidden)),
        drawn,
        gamma=task.gamma,
        co_rate=config.co_rate,
        keeps=config.memory == "trial",
    )


def meetings(config: Config, count: int, key: Key[Array, ""]) -> finite.Chance:
    """Chance of `count` trials."""
    return jax.vmap(lambda k: finite.chance(config.episodes, config.rounds, config.games, k))(
        jax.random.split(key, count)
    )


def step(task: Repeated, config: Config, state: State) -> tuple[State, Report]:
    """One generation; reports what all of its candidates came to."""
    ask, meet = (stream(state.key, f"games.{what}", state.cycle) for what in ("ask", "meet"))
    candidates = evolution.ask(config, state.spread, ask)
    drawn = meetings(config, config.opponents, meet)
    found = jax.vmap(lambda w: jax.vmap(lambda d: played(task, config, w, d))(drawn))(candidates)
    spread = evolution.tell(config, state.spread, candidates, found.mine.mean((1, 2)))
    ledger = state.ledger.add(training=config.steps, evaluations=config.population)
    last = found.mine[..., -LAST:], found.theirs[..., -LAST:]
    metrics = {
        "reward": found.mine.mean(),
        "reward_others": found.theirs.mean(),
        "reward_last": last[0].mean(),
        "reward_others_last": last[1].mean(),
        "cooperates": found.cooperated[..., 0].mean(),
        "others_cooperate": found.cooperated[..., 1].mean(),
    }
    return State(state.key, state.cycle + 1, ledger, spread), Report(metrics)


def _check(task: Repeated, config: Config) -> None:
    if task.game.players != 2:
        raise ConfigError(
            f"shaper plays games of two, and {task.game.name} has {task.game.players} players: "
            "take m-fos or good-shepherd."
        )


METHOD = method(
    __doc__,
    Config,
    init,
    step,
    counts=("training", "evaluations"),
    least=lambda config: config.steps,
    check=_check,
    presets={
        "reduced": Preset(
            "250 generations of 40 candidates: half a minute.",
            sections={"run": {"steps": 250 * 614_400}},
        )
    },
)
