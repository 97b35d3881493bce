"""Let what a run has learned walk through a maze of its own kind."""

import sys
from pathlib import Path

import jax

import cairn


def main(run: Path, seed: int = 0) -> None:
    policy = cairn.load(run)
    env = policy.env
    level = env.space.sample(jax.random.key(seed))
    state, observation = env.reset(jax.random.key(1), level)
    policy.reset(key=seed)
    step, finished = jax.jit(env.step), False
    while not finished:
        action = policy.act(observation)
        state, observation, reward, terminated, truncated = step(jax.random.key(2), state, action)
        finished = bool(terminated | truncated)
    print("Reached the goal." if terminated else "Ran out of time.", f"Reward {reward:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
