"""What a reader of the figures must know about the config behind them."""

from cairn.redteam.config import RedteamConfig

SEARCHERS = ("target", "judge", "scorer", "analyst")
"""Roles whose model should not be the held-out judge as well."""


def cautions(config: RedteamConfig) -> tuple[str, ...]:
    """A line for each reason to trust the figures less; empty for a sound config."""
    found = []
    if config.engine.order == "arrival":
        found.append(
            "Answers were told as they came (order arrival): the run can be resumed and replayed "
            "from its journal, but another run with the same seed may differ."
        )
    places = {role: model.who for role, model in config.models.items()}
    same = [role for role in SEARCHERS if role in places and places[role] == places["held_out"]]
    if same:
        found.append(
            f"held_out is the same model as {' and '.join(same)}: the success rate is not measured "
            f"by a judge of its own. Take one of another family."
        )
    return tuple(found)
