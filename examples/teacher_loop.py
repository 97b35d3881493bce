"""Your own training loop on Gymnasium, with cairn choosing the levels: policy gradients in NumPy.

uv sync --extra gymnasium && uv run python examples/teacher_loop.py
"""

import gymnasium
import numpy as np

import cairn

SPACE = cairn.Box({"length": (0.05, 5.0, "log"), "force_mag": (0.5, 50.0, "log")})


def play(env, weights, level, rng, limit=200):
    """One episode: the score function of each step, and whether the pole stood to the end."""
    env.length, env.force_mag = level["length"], level["force_mag"]
    env.polemass_length = env.masspole * env.length
    observation, _ = env.reset(seed=int(rng.integers(2**31)))
    slopes, fallen = [], False
    while not fallen and len(slopes) < limit:
        chance = 1 / (1 + np.exp(-observation @ weights))
        right = rng.random() < chance
        slopes.append((right - chance) * observation)
        observation, _, fallen, *_ = env.step(int(right))
    return np.array(slopes), not fallen


def main(rounds=150, n=16, episodes=2, method="sfl", seed=0, **settings):
    env, rng = gymnasium.make("CartPole-v1").unwrapped, np.random.default_rng(seed)
    teacher, weights = cairn.Teacher(SPACE, method, seed=seed, **settings), np.zeros(4)
    for _ in range(rounds):
        ids, levels = teacher.ask(n)
        rows = [{name: float(column[row]) for name, column in levels.items()} for row in range(n)]
        played = [[play(env, weights, row, rng) for _ in range(episodes)] for row in rows]
        learn = [level for level, may in zip(played, teacher.may_learn(ids), strict=True) if may]
        lasted = np.mean([len(slopes) for level in learn for slopes, _ in level] or [0])
        ascent = [(len(s) - lasted) * s.sum(axis=0) for level in learn for s, _ in level]
        ascent = np.sum(ascent, axis=0) if learn else np.zeros(4)
        weights = weights + 0.3 * ascent / (np.linalg.norm(ascent) + 1e-9)
        solved = [[stood for _, stood in level] for level in played]
        steps = [sum(len(slopes) for slopes, _ in level) for level in played]
        teacher.tell(ids, {"solved": solved, "steps": steps})
    print(f"stood in {np.mean(solved):.0%} of the last batch; {teacher.ledger}")
    return teacher


if __name__ == "__main__":
    main(candidates=64, keep=16, refresh=8, batch=16, selected=8)
