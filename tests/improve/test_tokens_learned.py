"""The ledger counts the tokens that have a weight in a loss."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import house
from cairn.core.rollouts import Rollouts
from cairn.core.vocabulary import EOS
from cairn.improve import learning, parts, reward_model
from cairn.improve.gradients import Summed
from cairn.improve.parts import Played
from cairn.runs.presets import experiment

LENGTHS = jnp.array([[3, 2], [1, 3], [2, 3], [2, 2]])
REWARDS = jnp.array([[1.0, 0.0], [1.0, 1.0], [jnp.nan, 1.0], [0.0, 0.0]])
"""A group to learn from, one as good throughout, one half unknown, one as bad."""
COUNTED = {
    # name: (tokens in the loss, tokens with a gradient while the model is its own reference)
    "grpo": (18, 5),
    "dpo": (5, 5),
    "copg": (16, 5),
    "conditioned": (16, 16),
    "raft": (7, 7),
    "ppo": (16, 16),
}


def answers(problem, prompt) -> Played:
    """Made by hand."""
    P, G, T = 4, 2, problem.task.answer_length
    mask = (jnp.arange(T)[None, None] < LENGTHS[..., None]).astype(jnp.float32)
    tokens = jnp.where(jnp.arange(T)[None, None] == LENGTHS[..., None] - 1, EOS, 5).astype(
        jnp.int32
    )
    none = jnp.zeros((P, G, T))
    rollouts = Rollouts(
        prompt.ids, prompt.length, tokens, mask, none, REWARDS, jnp.nan_to_num(REWARDS),
        jnp.zeros((P, G, T), jnp.int32), jnp.zeros((P, G), bool), jnp.arange(P, dtype=jnp.int32),
    )  # fmt: skip
    correct = REWARDS > 0
    return Played(rollouts, None, correct, jnp.zeros((P, G), jnp.uint32), mask > 0, jnp.int32(18))


def with_a_gradient(student, batch, loss):
    """How many tokens' log-probabilities move the loss."""

    def of(shift):
        def scores(model, rollouts, temperature=1.0):
            found = seen(model, rollouts, temperature)
            return found._replace(log_prob=found.log_prob + shift)

        seen, learning.scores = learning.scores, scores
        try:
            both = isinstance(loss, Summed)
            return (
                loss.loss(student, (batch, loss.shares(batch)))[0]
                if both
                else loss(student, batch)[0]
            )
        finally:
            learning.scores = seen

    rollouts = batch[0]
    return jnp.sum(jax.grad(of)(jnp.zeros(rollouts.tok.shape)) != 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTED)
def test_tokens_learned_are_those_with_a_weight_in_the_loss(name, monkeypatch):
    chosen = house.settings(name, "addition") | {"epochs": 1, "minibatches": 1}
    if name in ("grpo", "ppo"):  # no gradient shall be clipped away
        chosen |= {"clip_low": 1.0}
    made = experiment("addition", method=name, **chosen)
    seen = {}

    def learn(problem, config, state, batch, loss, *, rate):
        seen["moved"] = with_a_gradient(state.student, batch, loss)
        return state.student, state.moments, {}

    def play(problem, config, state, *model):
        problems = parts.draw(problem, config, state, config.prompts, "problems")
        return answers(problem, parts.shown(problem, config, problems))

    monkeypatch.setattr(learning, "learn", learn)
    monkeypatch.setattr(parts, "play", play)
    monkeypatch.setattr(parts, "play_start", play)

    @jax.jit
    def step(state):
        after, _ = made.program.step(state)
        return after.ledger, seen["moved"]

    ledger, moved = step(jax.jit(made.program.init)(jax.random.key(0)))
    assert (ledger.totals()["tokens_learned"], int(moved)) == COUNTED[name]


@pytest.mark.slow
def test_bad_data_that_weigh_nothing_are_not_learned_from(monkeypatch):
    stay = lambda problem, config, state, *more, rate: (state.student, state.moments, {})  # noqa: E731
    monkeypatch.setattr(learning, "learn", stay)

    def tokens(**settings):
        chosen = house.settings("crlft", "addition") | {"sft_batch": 32} | settings
        made = experiment("addition", method="crlft", **chosen)
        first = jax.jit(made.program.init)(jax.random.key(0))
        return jax.jit(made.program.step)(first)[0].ledger.totals()["tokens_learned"]

    every, good = tokens(), tokens(bad_weight=0.0)
    assert 0 < good < every / 2  # of a fifth of them


def test_a_model_of_rewards_learns_from_what_its_loss_reads():
    problem = SimpleNamespace(task=SimpleNamespace(answer_length=4))
    prompt = SimpleNamespace(ids=jnp.zeros((4, 2), jnp.int32), length=jnp.full(4, 2, jnp.int32))
    rollouts = answers(problem, prompt).rollouts
    count = lambda how: int(jnp.sum(reward_model.held(how, rollouts, rollouts.quality)))  # noqa: E731
    assert np.array([count("outcome"), count("segments"), count("bradley-terry")]).tolist() == [
        18, 8, 10,
    ]  # fmt: skip
