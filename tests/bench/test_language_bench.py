"""What `cairn bench lm` counts and refuses; whole measurements are made by the command itself."""

import jax
import pytest

from cairn.bench import language, language_work
from cairn.bench.language import Config
from cairn.core.errors import CairnError
from cairn.nn.language.transformer import Transformer


def answer(parameters=1000, tokens=24, seconds=2.0):
    did = {"tokens": tokens}
    facts = {"parameters": parameters, "first_s": 1.0, "peak_rss_mb": 1.0, "versions": {}}
    return facts | {"did": did, "seconds": seconds, "steps_per_second": tokens / seconds}


def test_sides_that_did_other_work_give_no_result():
    language._check_same({"cairn": [answer()], "trl": [answer(seconds=9.0)]})
    with pytest.raises(CairnError, match="cairn's model has 1,000 parameters, trl's 999"):
        language._check_same({"cairn": [answer()], "trl": [answer(parameters=999)]})
    with pytest.raises(CairnError, match="cairn did"):
        language._check_same({"cairn": [answer()], "trl": [answer(tokens=23)]})


def test_a_ratio_and_a_share_of_the_peak_are_taken_round_by_round(monkeypatch):
    rounds = {"cairn": [answer(seconds=1.0), answer(seconds=4.0)]}
    rounds |= {"trl": [answer(seconds=6.0), answer(seconds=8.0)]}
    rounds["peak"] = [{"steps_per_second": 1e6}, {"steps_per_second": 5e5}]

    class Nobody:
        def __enter__(self):
            return dict.fromkeys(rounds)

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(language, "opened", lambda *args, **kwargs: Nobody())
    monkeypatch.setattr(language, "alternate", lambda sides, asked, n: {
        name: [given] for name, given in rounds.items()
    })  # fmt: skip
    config = Config(prompts=2, group=2, shown=4, longest=6, amount=1)
    row = language._measure(config, "sample", "tiny", [])
    assert row["ratios"]["trl"]["values"] == [6.0, 2.0]
    flop = language_work.cost("tiny", 2, 2, 4, 6).sampled
    assert row["sides"]["cairn"]["share_of_peak"]["values"] == [flop / 1e6, flop / 4 / 5e5]


def test_operations_are_those_of_a_plain_count_token_by_token():
    form = language_work.shape("tiny")
    P, G, shown, T = 2, 3, 4, 5
    Tp = shown + 2
    matrices = [(8, 3 * 8), (8, 8), (8, 2 * 8), (8, 8)]  # q k v; out; gate and up; down
    layer = sum(2 * rows * columns for rows, columns in matrices)
    attends = lambda seen: 2 * (2 * 8 * seen)  # noqa: E731
    prompt = sum(layer + attends(at + 1) for at in range(Tp))
    said = sum(layer + attends(Tp + at + 1) for at in range(T - 1))
    head = 2 * 8 * form.vocabulary
    sampled = P * prompt + P * G * said + head * (P + P * G * (T - 1))
    found = language_work.cost("tiny", P, G, shown, T)
    assert found.sampled == found.of("sample") == sampled
    learned = 3 * (P * prompt + P * G * said + head * P * G * T)
    assert found.learned == learned and found.of("grpo") == sampled + learned


def test_the_models_have_the_parameters_that_they_are_called_by():
    def size(name):
        model = jax.eval_shape(
            lambda: Transformer.init(jax.random.key(0), language_work.shape(name))
        )
        return sum(leaf.size for leaf in jax.tree.leaves(model))

    assert size("0.4M") == 435_072 and size("10M") == 10_647_168
