"""verl's reward function for rows of `cairn lm data --form verl`: the task's own verifier.

verl is told of it by `custom_reward_function.path`, this file's, and does not have to be installed
to import it.
"""

from typing import Any

from cairn.core.errors import TaskError
from cairn.improve.hand_off.rows import score


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: dict[str, Any]
) -> float:
    """Quality of an answer in [0, 1], 1 for a correct one: of any correct one, where there are
    several, not only of `ground_truth`.

    Raises TaskError where the verifier cannot say: verl has no reward for that, and 0 would be a
    verdict.
    """
    found = score(extra_info, solution_str)
    if found is None:
        raise TaskError(
            f"{data_source}: the verifier could not judge {solution_str!r:.80}, and verl needs a "
            f"number. Let the task's `score` always give one."
        )
    return found
