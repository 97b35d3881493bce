"""Scores: how much is there still to learn from a level?"""

from cairn.score.catalogue import SCORES, ScoreFn
from cairn.score.episodes import EpisodeStatistics, episode_statistics
from cairn.score.memory import Memory, Scored, unseen

__all__ = [
    "SCORES",
    "EpisodeStatistics",
    "Memory",
    "ScoreFn",
    "Scored",
    "episode_statistics",
    "unseen",
]
