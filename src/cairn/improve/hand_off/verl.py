"""verl's reward function for rows of `cairn lm data --form verl`: the task's own verifier.

verl is told of it by `custom_reward_function.path`, this file's, and does not have to be installed
to import it.
"""

from typing import Any

from cairn.improve.hand_off.rows import score


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: dict[str, Any]
) -> float:
    """Quality of an answer in [0, 1], 1 for a correct one: of any correct one, where there are
    several, not only of `ground_truth`."""
    return score(extra_info, solution_str)
