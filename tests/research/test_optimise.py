"""`cairn.optimise`: any text, any function."""

import pytest

import cairn
from cairn.core.errors import ConfigError, RunError
from cairn.lm.scripted import ScriptedModel


def vowels(text):
    """More vowels are better; what is too long has no score."""
    return (None, "too long") if len(text) > 40 else (sum(map(text.count, "aeiou")), "fine")


async def fewer(text):
    return float(len(text))


def writer(request, key):
    return f"Longer.\n```\n{'a' * (1 + key.random().randrange(60))}\n```"


MODEL = ScriptedModel(writer, "writer")


def test_a_text_is_improved_and_a_killed_or_longer_run_goes_on(tmp_path):
    how = {"models": MODEL, "run": tmp_path / "run", "show": False, "workers": 2}
    first = cairn.optimise("begin", vowels, trials=8, **how)
    assert (first.tree[0].text, first.tree[0].score) == ("begin", 2.0)
    more = cairn.optimise("begin", vowels, trials=20, **how)
    assert list(more.tree)[:8] == list(first.tree) and more.score >= first.score > 2
    assert set(more.text) == {"a"} and more.score == len(more.text) <= 40
    assert {node.outcome for node in more.tree} == {"ok", "invalid"}
    with pytest.raises(RunError, match="settings"):
        cairn.optimise("another", vowels, trials=20, **how)


def test_a_score_may_be_one_to_lower_and_the_function_a_coroutine(tmp_path):
    found = cairn.optimise(
        "a text to begin with", fewer, models={"researcher": MODEL}, larger_is_better=False,
        policy="best-of", trials=12, run=tmp_path / "run", show=False,
    )  # fmt: skip
    assert found.score == min(node.score for node in found.tree) == len(found.text)


def test_what_cannot_be_is_said():
    plainly = cairn.optimise.__wrapped__  # without the types that tests check
    with pytest.raises(ConfigError, match="the text must be a string, got int"):
        plainly(3, vowels, models=MODEL)
    with pytest.raises(ConfigError, match="evaluate must be a function"):
        plainly("x", "vowels", models=MODEL)
    with pytest.raises(ConfigError, match="trials must be at least 1, got 0"):
        cairn.optimise("x", vowels, models=MODEL, trials=0)
    with pytest.raises(ConfigError, match="language must be"):
        cairn.optimise("x", vowels, models=MODEL, language="\n")


def broken(text):
    raise KeyError(text)


@pytest.mark.parametrize(
    ("evaluate", "says"),
    [(broken, "evaluate raised KeyError: 'begin', on the text"), (str.upper, "gave 'BEGIN', exp")],
)
def test_a_function_that_fails_at_the_first_text_is_named_before_anything_is_asked(
    evaluate, says, tmp_path
):
    asked = []
    model = ScriptedModel(lambda request, key: asked.append(1) or "x", "counting")
    with pytest.raises(ConfigError, match=says):
        cairn.optimise("begin", evaluate, models=model, run=tmp_path / "run", workers=1, show=False)
    assert asked == []


def sometimes(text):
    if len(text) > 20:
        raise ValueError("too long for me")
    return len(text)


def test_a_function_that_fails_at_later_texts_is_told_of(tmp_path, capsys):
    found = cairn.optimise("begin", sometimes, models=MODEL, trials=8, run=tmp_path / "run")
    assert found.faults["grader_error"] == sum(node.buggy for node in found.tree) > 0
    assert f"{found.faults['grader_error']} grader_error" in capsys.readouterr().err
