"""Asks the strategy for its next action in every game."""

import json

import program  # pyright: ignore[reportMissingImports]

with open("histories.json") as file:
    histories = json.load(file)
actions = [program.row_strategy([tuple(pair) for pair in game]) for game in histories]
with open("actions.json", "w") as file:
    json.dump(actions, file)
