"""Stable-Baselines3's PPO, unchanged, on levels that cairn chooses. Needs stable-baselines3.

python examples/teacher_sb3.py
"""

import gymnasium
import numpy as np
from stable_baselines3 import PPO

import cairn

SPACE = cairn.Box({"length": (0.05, 5.0, "log"), "force_mag": (0.5, 50.0, "log")})


class Taught(gymnasium.Wrapper):
    """Plays each level for some episodes, then tells how they went and asks for the next."""

    def __init__(self, env, teacher, episodes=4):
        super().__init__(env)
        self.teacher, self.episodes, self.solved = teacher, episodes, []
        self.ids, self.steps = None, 0

    def reset(self, **options):
        if self.ids is None or len(self.solved) == self.episodes:
            if self.ids is not None:
                told = {"solved": [self.solved], "steps": [self.steps], "learned": True}
                self.teacher.tell(self.ids, told)
            self.ids, levels = self.teacher.ask(1)
            self.solved, self.steps, inner = [], 0, self.env.unwrapped
            inner.length = float(levels["length"][0])
            inner.force_mag = float(levels["force_mag"][0])
            inner.polemass_length = inner.masspole * inner.length
        return self.env.reset(**options)

    def step(self, action):
        observation, reward, fallen, late, info = self.env.step(action)
        self.steps += 1
        if fallen or late:
            self.solved.append(late and not fallen)
        return observation, reward, fallen, late, info


def main(steps=20_000, method="plr", seed=0, **settings):
    teacher = cairn.Teacher(SPACE, method, seed=seed, **settings)
    env = gymnasium.make("CartPole-v1", max_episode_steps=200)
    model = PPO("MlpPolicy", Taught(env, teacher), seed=seed, device="cpu")
    model.learn(steps)
    print(teacher.ledger, "levels kept:", len(np.unique(teacher.lineage.levels.id)))
    return teacher, model


if __name__ == "__main__":
    main(score="learnability", capacity=256, minimum_fill=0.25)
