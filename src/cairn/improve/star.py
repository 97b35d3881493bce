"""STaR: where nothing is right, the answer is given away and the way to it is learned.

Zelikman et al. 2022, arXiv:2203.14465. Prompts without a correct answer are sampled again with a
hint; what then is correct is kept as if there had been none. Every round trains the start.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.engine.program import Report
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve import buffer, expert_iteration, parts, rounds
from cairn.improve.buffer import Buffer
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(expert_iteration.Config):
    """STaR."""

    sft_hinted: float = 0.25
    """Share of demonstrations whose prompt gives the answer away, so that hints are understood."""

    def longest(self, task: TokenTask) -> int:
        """With the hint."""
        return task.hinted_length + task.answer_length


def extra(problem: Problem, config: Config, key: Key[Array, ""]) -> Buffer:
    """No answer is kept yet."""
    return buffer.empty(problem, config.rows)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample, and again with a hint where all failed; keep both; refit at the end of a round."""
    played = parts.play(problem, config, state)
    kept = rounds.keep(problem, config, played)
    held, told = rounds.collect(problem, config, state.extra, played, kept)
    keys = jax.random.split(parts.key_for(state, "hints"), config.prompts)
    hinted = problem.vocabulary.prompt(jax.vmap(problem.task.hinted)(played.problems, keys))
    key = parts.key_for(state, "hinted answers")
    again = parts.answer(problem, config, state.student.model, played.problems, hinted, key)
    failed = ~jnp.any(played.correct, axis=1, keepdims=True)
    # The hint is dropped: what is kept is an answer to the prompt as it was.
    plain = again.rollouts._replace(
        prompt=played.rollouts.prompt, prompt_len=played.rollouts.prompt_len
    )
    again = again._replace(rollouts=plain)
    explained = rounds.keep(problem, config, again) & failed
    held, _ = rounds.collect(problem, config, held, again, explained)
    share = jnp.mean(jnp.any(explained, axis=1).astype(jnp.float32))
    whole = played._replace(spent=played.spent + again.spent)
    due = (state.cycle - config.before + 1) % config.round_cycles == 0
    due = due | rounds.ends(problem, config, state, whole.spent)
    why = Report({"explained": share})
    return rounds.step(problem, config, state, whole, held, due, told, why)


METHOD = method(__doc__, Config, step, extra=extra)
