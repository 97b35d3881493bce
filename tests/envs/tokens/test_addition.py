import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.tokens.addition import Addition

CHAIN = Addition(digits=2, operands=3, scratch=True, room=5)
PLAIN = Addition(digits=2)


def written(number, task):
    return str(number)[::-1] if task.backward else str(number)


def drawn(task, split, number=24):
    """Prompts, demonstrations and problems of a split, as words."""

    def one(key):
        problem = task.problem(key, split)
        return problem, task.prompt(problem), task.demonstration(problem, key)

    problems, prompts, answers = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(3), number))
    return problems, [list(map(task.text, np.asarray(ids))) for ids in (prompts.ids, answers)]


@pytest.fixture(scope="module")
def chains():
    problems, (prompts, answers) = drawn(CHAIN, "train")
    return problems, prompts, answers


def numbers(prompt):
    assert prompt.startswith("<bos> ") and prompt.endswith(" <sep>")
    return [int(part.replace(" ", "")) for part in prompt[6:-6].split("+")]


def test_demonstrations_are_the_sums_that_python_makes_of_what_the_prompts_say(chains):
    _, prompts, answers = chains
    for prompt, answer in zip(prompts, answers, strict=True):
        terms = numbers(prompt)
        sums = [sum(terms[: count + 1]) for count in range(1, 3)]
        assert answer.replace(" ", "") == ";".join(written(s, CHAIN) for s in sums) + "<eos>"
    for task in (PLAIN, Addition(digits=2, backward=False)):
        _, (prompts, answers) = drawn(task, "shifted", 8)
        for prompt, answer in zip(prompts, answers, strict=True):
            terms = numbers(prompt)
            assert all(100 <= term <= 999 for term in terms)
            assert answer.replace(" ", "") == written(sum(terms), task) + "<eos>"


def judged(task, problem, text):
    """The verdict of Python, by the words of the docstring."""
    totals = np.cumsum([int("".join(map(str, d[:n][::-1]))) for d, n in zip(*problem, strict=True)])
    lines = [written(total, task) for total in totals[-task.lines :]]
    ends = text.count("E") == 1 and text.endswith("E")
    parts = text.replace("E", ";").split(";")
    correct = ends and parts[-2] == lines[-1]
    right, position = [], 0
    for number, part in enumerate(parts):
        for until in range(len(part) + 1):
            if position == len(text):
                break
            end = until == len(part)
            sofar = part[: until + (not end)]
            wanted = [lines[-1] + ";", lines[-1] + "E"]
            if number < len(lines) - 1:
                wanted.append(lines[number] + ";")
            elif number == len(lines) - 1:
                wanted.append(lines[number] + "E")
            said = sofar + (text[position] if end else "")
            right.append(any(one.startswith(said) for one in wanted))
            position += 1
    return correct, list(np.cumprod(np.array(right, bool)).astype(bool))


def variants(line_texts, chance):
    """Answers near the truth, and their mutilations."""
    whole, last = ";".join(line_texts) + "E", line_texts[-1] + "E"
    made = [whole, last, whole[:-1], "E", "", last[:-1] + ";" + last, whole + "E", "1;" + whole]
    made += [line_texts[0] + ";9;" + last, whole.replace(";", "+"), line_texts[0] + "E", ";" + last]
    for _ in range(12):
        letters = list(chance.choice([whole, last, whole[:-1] + ";" + last]))
        letters[chance.randrange(len(letters))] = chance.choice("0123456789+;E")
        made.append("".join(letters))
    return made


def test_verdicts_are_those_of_a_plain_reading(chains):
    problems, _, answers = chains
    problems = jax.tree.map(lambda leaf: np.asarray(leaf[:6]), problems)
    symbols = {**{str(d): CHAIN.code(str(d)) for d in range(10)}, "+": CHAIN.code("+")}
    symbols |= {";": CHAIN.code(";"), "E": 2}
    chance, rows, expected = random.Random(0), [], []
    for index in range(6):
        lines = answers[index].replace(" ", "").removesuffix("<eos>").split(";")
        problem = tuple(leaf[index] for leaf in problems)
        for text in variants(lines, chance):
            text = text[: CHAIN.answer_length]
            ids = [symbols[letter] for letter in text]
            rows.append((index, ids + [5] * (CHAIN.answer_length - len(ids)), len(ids)))
            expected.append(judged(CHAIN, problem, text))
    which, ids, length = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    of = jax.tree.map(lambda leaf: jnp.asarray(leaf[which]), problems)
    verdict = jax.jit(jax.vmap(CHAIN.verify))(of, jnp.asarray(ids), jnp.asarray(length))
    assert 20 < sum(correct for correct, _ in expected) < len(expected) - 20
    for row, (correct, right) in enumerate(expected):
        assert bool(verdict.correct[row]) == correct == bool(verdict.quality[row] == 1), rows[row]
        if 2 not in ids[row][: length[row] - 1]:  # nothing is sampled behind an end
            assert verdict.right[row][: length[row]].tolist() == right, rows[row]


def test_what_is_no_sum_is_refused():
    for wrong, message in (
        ({"digits": 0}, "digits must be at least 1, got 0"),
        ({"operands": 11}, r"operands must lie in \[2, 10\], got 11"),
        ({"room": -1}, "room must be at least 0, got -1"),
    ):
        with pytest.raises(ConfigError, match=message):
            Addition(**wrong)
    with pytest.raises(ConfigError, match=r"Unknown split 'tset'. Expected one of .* 'test'"):
        PLAIN.problem(jax.random.key(0), "tset")
