"""A student on Gymnasium's cart-pole, its levels chosen by cairn.Teacher: sfl beside uniform.

    uv run --extra gymnasium python benchmarks/verify/teacher_gymnasium.py

The family has many levels that are too easy or impossible: pole and push range over two powers of
ten. The same student (a small network, REINFORCE, Adam), the same environment steps, of which those
that only score candidates are counted. Resumable: a file for each arm and seed.
"""

import argparse
import json
from importlib import metadata
from pathlib import Path

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import optax
from provenance import keep

import cairn
from cairn.core.stats import bootstrap, mean

RESULTS = Path(__file__).parents[1] / "results" / "teacher"
SPACE = cairn.Box({"length": (0.05, 5.0, "log"), "force_mag": (0.5, 50.0, "log")})
LIMIT, LEVELS, EPISODES, HIDDEN = 200, 16, 4, 32
ARMS = {
    "uniform": ("dr", {}),
    "sfl": (
        "sfl",
        {"candidates": 128, "keep": 32, "refresh": 32, "batch": LEVELS, "selected": LEVELS // 2},
    ),
}
STEPS, SEEDS, TESTED = 600_000, 5, 512
TINY = 4_000, 1
OPTIMISER = optax.adam(1e-2)


def new(seed):
    keys = jax.random.split(jax.random.key(seed))
    first = jax.random.normal(keys[0], (4, HIDDEN)) * 0.5
    weights = {"in": first, "bias": jnp.zeros(HIDDEN), "out": jnp.zeros(HIDDEN)}
    return weights, OPTIMISER.init(weights)


def logit(weights, observation):
    return jnp.tanh(observation @ weights["in"] + weights["bias"][None, None]) @ weights["out"]


@jax.jit
def improve(weights, state, observation, action, alive):
    """REINFORCE with the steps to go, less their mean over the columns alive, as advantage."""
    to_go = jnp.flip(jnp.cumsum(jnp.flip(alive, 0), 0), 0) / LIMIT
    number = jnp.maximum(alive.sum(axis=1, keepdims=True), 1)
    advantage = (to_go - (to_go * alive).sum(axis=1, keepdims=True) / number) * alive

    def loss(weights):
        likely = jax.nn.log_sigmoid((2 * action - 1) * logit(weights, observation))
        return -(likely * advantage).sum() / alive.sum()

    change, state = OPTIMISER.update(jax.grad(loss)(weights), state)
    return optax.apply_updates(weights, change), state


def play(weights, levels, rng, episodes=EPISODES):
    """`episodes` of each level, side by side: observations, actions, who still stands (T, n)."""
    n = episodes * len(levels["length"])
    env = gymnasium.make_vec(
        "CartPole-v1", num_envs=n, vectorization_mode="vector_entry_point", max_episode_steps=LIMIT
    )
    for name, column in levels.items():
        setattr(env, name, np.repeat(column, episodes).astype(np.float64))
    env.polemass_length = env.masspole * env.length
    weights = jax.tree.map(np.asarray, weights)
    now, _ = env.reset(seed=int(rng.integers(2**31)))
    observation, action = np.zeros((LIMIT, n, 4), np.float32), np.zeros((LIMIT, n), np.float32)
    alive, standing = np.zeros((LIMIT, n), np.float32), np.ones(n, bool)
    for t in range(LIMIT):
        score = np.tanh(now @ weights["in"] + weights["bias"]) @ weights["out"]
        right = rng.random(n) < 1 / (1 + np.exp(-score))
        observation[t], action[t], alive[t] = now, right, standing
        now, _, fallen, _, _ = env.step(right.astype(np.int64))
        standing &= ~fallen  # a column that has fallen starts anew, and that does not count
        if not standing.any():
            break
    return observation, action, alive, standing.reshape(-1, episodes)


def measure(arm, seed, steps):
    """Train one student, test it on fresh levels of the whole family."""
    method, settings = ARMS[arm]
    teacher = cairn.Teacher(SPACE, method, seed=seed, **settings)
    rng, (weights, state) = np.random.default_rng(seed), new(seed)
    while teacher.ledger["environment_steps"] < steps:
        ids, levels = teacher.ask(LEVELS)
        observation, action, alive, solved = play(weights, levels, rng)
        if teacher.may_learn(ids).all():  # a batch is all to learn from, or all to be scored
            weights, state = improve(weights, state, observation, action, alive)
        spent = alive.sum(axis=0).reshape(LEVELS, -1).sum(axis=1).astype(int)
        teacher.tell(ids, {"solved": solved, "steps": spent})
    _, tests = cairn.Teacher(SPACE, "dr", seed=1_000_003).ask(TESTED)  # the same for all
    solved = play(weights, tests, np.random.default_rng(99))[3].mean(axis=1)
    return {
        "arm": arm, "seed": seed, "steps": steps, "solved": solved.round(4).tolist(),
        "ledger": teacher.ledger,
        "versions": {name: metadata.version(name) for name in ("gymnasium", "jax", "numpy")},
        "command": "python benchmarks/verify/teacher_gymnasium.py",
    }  # fmt: skip


def table(found):
    """Solve rates over all levels, and over those that any of the students can solve."""
    every = np.array([result["solved"] for arm in ARMS for result in found[arm]])
    possible = every.max(axis=0) >= 0.5
    lines = [f"{possible.mean():.0%} of {len(possible)} levels are solved by some student.", ""]
    lines += ["| arm | levels | mean | 95 % interval | by seed |", "|---|---|---|---|---|"]
    for arm, results in found.items():
        for name, chosen in (("all", possible | True), ("that some student solves", possible)):
            if not chosen.any():
                continue
            rates = np.array([np.array(r["solved"])[chosen].mean() for r in results])
            whole = bootstrap(rates[:, None], mean)
            seeds = " ".join(f"{rate:.3f}" for rate in rates)
            interval = f"{whole.low:.3f} to {whole.high:.3f}"
            lines.append(f"| {arm} | {name} | {whole.value:.3f} | {interval} | {seeds} |")
    return "\n".join(lines)


def main(steps, seeds, results):
    results.mkdir(parents=True, exist_ok=True)
    found = {arm: [] for arm in ARMS}
    for seed in range(seeds):
        for arm in ARMS:
            path = results / f"{arm}-seed{seed}.json"
            if not path.exists():
                keep(path, measure(arm, seed, steps), indent=None)
            found[arm].append(json.loads(path.read_text()))
    print(table(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="to see that it works")
    chosen = parser.parse_args()
    few = TINY if chosen.tiny else (chosen.steps, chosen.seeds)
    main(*few, chosen.results)
