"""Curricula for other people's trainers (`cairn.Teacher`): ask for levels, tell what came."""
