"""What a reader of the figures must know about the config behind them."""

from cairn.redteam.config import RedteamConfig
from cairn.report.words import listed


def cautions(config: RedteamConfig) -> tuple[str, ...]:
    """A line for each reason to trust the figures less; empty for a sound config."""
    found = []
    if config.engine.order == "arrival":
        found.append(
            "Answers were told as they came (order arrival): the run can be resumed and replayed "
            "from its journal, but another run with the same seed may differ."
        )
    if config.search.cut_responses == "graded":
        found.append(
            "Responses that ran into max_tokens are graded as they stand: their ends are unknown."
        )
    places = {role: model.who for role, model in config.models.items()}
    held_out = places.pop("held_out", None)
    same = [role for role in config.roles if held_out is not None and places.get(role) == held_out]
    if same:
        found.append(
            f"held_out is the same model as {listed(same)}: the success rate is not measured "
            f"by a judge of its own. Take one of another family."
        )
    return tuple(found)
