import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core import hosted
from cairn.core.errors import ConfigError, TaskError
from cairn.core.vocabulary import BOS, EOS, PAD, SEP
from cairn.envs.tokens import protocol
from cairn.envs.tokens.check import check
from cairn.envs.tokens.protocol import Prompt
from cairn.envs.tokens.written import Question, Written

EACH = 4


class Reversed(Written):
    """Words to write backwards."""

    def question(self, rng, shifted):
        letters = "".join(rng.choice(list("abc"), size=6 if shifted else 4))
        return Question(letters, letters[::-1], len(letters))

    def score(self, question, answer):
        agree = sum(a == b for a, b in zip(answer, question.answer, strict=False))
        return agree / max(question.data, len(answer))


SMALL = {"longest_prompt": 6, "longest_answer": 7}


def rows(task, texts):
    ids = [[task.code(letter) for letter in text.replace("$", "")] for text in texts]
    ids = [[*row, EOS] if "$" in text else row for row, text in zip(ids, texts, strict=True)]
    length = np.array([len(row) for row in ids], np.int32)
    return np.array([row + [PAD] * (8 - len(row)) for row in ids], np.int32), length


def judge(task, texts):
    """Verdicts on answers to one problem, `abca` say; $ ends an answer."""
    problem = jax.jit(lambda: task.problem(jax.random.key(1), "train"))()
    tokens, length = rows(task, texts)
    with hosted.told():
        verify = jax.jit(jax.vmap(task.verify, (None, 0, 0)))
        return problem, jax.block_until_ready(verify(problem, tokens, length))


def test_texts_are_judged_by_the_function_and_an_answer_needs_its_end():
    task = Reversed(**SMALL)
    problem = jax.jit(lambda: task.problem(jax.random.key(1), "train"))()
    word = task.text(np.asarray(problem.prompt)).removesuffix(" → ")
    assert len(word) == 4 and task.text(np.asarray(problem.answer)) == word[::-1]
    back = word[::-1]
    texts = [back + "$", back, back[:2] + "$", "$", back + "cc$", "x" + back[1:] + "$"]
    _, verdicts = judge(task, texts)
    wanted = [1, 0, 0.5, 0, 4 / 6, 0.75]
    np.testing.assert_allclose(verdicts.quality, wanted, rtol=1e-6)
    assert verdicts.correct.tolist() == [quality == 1 for quality in wanted]
    assert verdicts.right.all(1).tolist() == verdicts.correct.tolist()
    assert verdicts.canonical[0] == verdicts.canonical[1] != verdicts.canonical[2]
    assert task.graded and task.many
    check(task, each=EACH)


class Raises(Reversed):
    def score(self, question, answer):
        raise KeyError("abacus")


class Nan(Reversed):
    def score(self, question, answer):
        return float("nan")


def test_a_judge_that_raises_or_gives_no_number_is_an_error_in_one_line(caplog):
    for kind, message in (
        (
            Raises,
            r"Raises.score failed on the answer 'a' to '[abc]{4}': KeyError: 'abacus' \(test_w",
        ),
        (Nan, r"Nan.score must give a number in \[0, 1\], got nan for the answer 'a' to "),
    ):
        with pytest.raises(TaskError, match=message):
            judge(kind(**SMALL), ["a$"])
    assert not caplog.records, "JAX's page is not shown beside it"


class Constant(Written):
    def question(self, rng, shifted):
        return Question("always", "same")


class Same(Reversed):
    def question(self, rng, shifted):
        return super().question(rng, False)


class Broken(Reversed):
    def question(self, rng, shifted):
        raise ZeroDivisionError("0")


class Wrong(Reversed):
    def score(self, question, answer):
        return 0.0


class Endless(Reversed):
    def demonstration(self, problem, key):
        return jnp.where(problem.answer == EOS, PAD, problem.answer)


class Headless(Reversed):
    def prompt(self, problem):
        return Prompt(jnp.where(problem.prompt == BOS, SEP, problem.prompt), jnp.int32(6))


@pytest.mark.slow
def test_a_task_that_breaks_a_promise_is_told_which(monkeypatch):
    monkeypatch.setattr(protocol, "TRIES", 200)
    for task, message in (
        (Constant(), "the split '(train|test)' has no problem that could be found: of 4 wanted"),
        (Same(**SMALL), "the splits '(train|test)' and 'shifted' share the prompt '[abc]{4} → '"),
        (Broken(**SMALL), r"Broken.question failed for seed \d+: ZeroDivisionError: 0"),
        (Reversed(longest_prompt=3), "the prompt '[abc]{4}' has 4 characters; there is room for 3"),
        (Wrong(**SMALL), "its own demonstration '[abc]{4}' is judged wrong .quality 0"),
        (Endless(**SMALL), "Endless.demonstration must end with EOS"),
        (Headless(**SMALL), "Headless.prompt must be padding, BOS, symbols and SEP"),
    ):
        with pytest.raises(TaskError, match=message):
            check(task, each=32 if type(task) is Same else EACH)  # so that words come twice
    with pytest.raises(ConfigError, match="longest_prompt must be at least 1, got 0"):
        Reversed(longest_prompt=0)
