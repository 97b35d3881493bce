"""Scores: how much is there still to learn from a level?"""

from cairn.score.base import STUDENT, Score, Scored
from cairn.score.best_return import BestReturn, unseen
from cairn.score.catalogue import SCORES, find
from cairn.score.episodes import EpisodeStatistics, episode_statistics

__all__ = [
    "SCORES",
    "STUDENT",
    "BestReturn",
    "EpisodeStatistics",
    "Score",
    "Scored",
    "episode_statistics",
    "find",
    "unseen",
]
