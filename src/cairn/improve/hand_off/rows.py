"""Problems and answers as rows of data, in the forms that TRL and verl read.

TRL: https://huggingface.co/docs/trl/dataset_formats. verl: docs/preparation/prepare_data.rst of its
repository. Every row also says what its verifier must know: `task`, `settings`, `problem`.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from cairn.core.errors import ConfigError
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve.hand_off import problems
from cairn.improve.hand_off.problems import Named
from cairn.improve.hand_off.wording import Wording
from cairn.improve.parts import Problems

Form = Literal[
    "prompt-only", "prompt-completion", "preference", "unpaired-preference", "messages", "verl"
]
"""TRL's types, as it calls them (`messages`: language modelling on conversations), and verl's."""
NEEDS_ANSWERS = ("preference", "unpaired-preference")
Row = dict[str, Any]


class Asked(NamedTuple):
    """Problems with what a model is shown of them."""

    problems: Problems
    prompts: Int[np.ndarray, "P Tp"]
    demonstrations: Int[np.ndarray, "P T"]
    """A correct answer to each."""
    about: list[Row]
    """What else is known of each: split, depth, expected success, priority."""


class Answers(NamedTuple):
    """P prompts' G answers each."""

    tokens: Int[np.ndarray, "P G T"]
    reward: Float[np.ndarray, "P G"]
    """NaN where nobody could say."""
    correct: Bool[np.ndarray, "P G"]


def rows(
    form: Form, named: Named, wording: Wording, asked: Asked, answers: Answers | None
) -> list[Row]:
    """The rows of a form. Without `answers` completions are the task's demonstrations.

    `prompt-completion` and `messages` hold correct answers alone, each once; `preference` the best
    and the worst of a group, where they differ; `unpaired-preference` all with their reward, None
    for reward and label where nobody could say. Raises ConfigError for a form that needs answers.
    """
    if form not in get_args(Form):
        raise ConfigError(f"form must be one of {', '.join(get_args(Form))}, got {form!r}.")
    if answers is None and form in NEEDS_ANSWERS:
        raise ConfigError(f"{form} needs sampled answers, which a run gives: name a run.")
    found: list[Row] = []
    each = problems.rows(asked.problems)
    for at, problem in enumerate(each):
        again = {
            "task": named.name,
            "settings": json.dumps(dict(named.settings)),
            "problem": problems.written(problem),
            **asked.about[at],
        }
        prompt = wording.prompt(asked.prompts[at])
        if form == "prompt-only":
            found.append({"prompt": prompt, **again})
        elif form == "verl":
            found.append(_verl(len(found), named, wording, asked, at, again))
        elif form == "preference":
            assert answers is not None
            found += _pair(wording, prompt, answers, at, again)
        else:
            found += _completions(form, wording, prompt, asked, answers, at, again)
    return found


def score(row: Mapping[str, Any], completion: Any) -> float | None:
    """Quality of an answer in [0, 1] to the problem of a row, by the task's own verifier; None
    where it cannot say.

    Of the row `task`, `settings` and `problem` are read. Raises ConfigError if they fit no task.
    """
    task = _task(row["task"], row["settings"])
    tokens, length = Wording(task).read(completion)
    batch = problems.stacked([problems.read(task, row["problem"])])
    found = problems.verified(task, batch, tokens[None], np.array([length], np.int32))
    return told(found.quality[0])


def told(value: float | np.floating) -> float | None:
    """A figure as others take it: NaN, which would spread through their sums, is None."""
    return None if np.isnan(value) else float(value)


@functools.lru_cache(64)
def _task(name: str, settings: str) -> TokenTask:
    return Named(name, json.loads(settings)).made()


def _completions(
    form: Form,
    wording: Wording,
    prompt: Any,
    asked: Asked,
    answers: Answers | None,
    at: int,
    again: Row,
) -> list[Row]:
    if answers is None:
        said = [(asked.demonstrations[at], 1.0, True)]
    else:
        said = list(zip(answers.tokens[at], answers.reward[at], answers.correct[at], strict=True))
    found = []
    if form == "unpaired-preference":
        for tokens, reward, correct in said:
            known = told(reward)
            label = {"label": None if known is None else bool(correct), "reward": known}
            found.append(
                {"prompt": prompt, "completion": wording.completion(tokens), **label, **again}
            )
        return found
    right = {wording.answer(tokens): tokens for tokens, _, correct in said if correct}
    for text, tokens in right.items():
        if form == "messages":
            asks = prompt if wording.chat else [{"role": "user", "content": prompt}]
            found.append({"messages": [*asks, {"role": "assistant", "content": text}], **again})
        else:
            found.append({"prompt": prompt, "completion": wording.completion(tokens), **again})
    return found


def _pair(wording: Wording, prompt: Any, answers: Answers, at: int, again: Row) -> list[Row]:
    reward = answers.reward[at]
    if np.isnan(reward).all() or np.nanmax(reward) == np.nanmin(reward):
        return []
    best, worst = int(np.nanargmax(reward)), int(np.nanargmin(reward))
    chosen, rejected = (wording.completion(answers.tokens[at, one]) for one in (best, worst))
    marks = {"reward_chosen": float(reward[best]), "reward_rejected": float(reward[worst])}
    return [{"prompt": prompt, "chosen": chosen, "rejected": rejected, **marks, **again}]


def _verl(index: int, named: Named, wording: Wording, asked: Asked, at: int, again: Row) -> Row:
    prompt = wording.prompt(asked.prompts[at])
    chat = prompt if wording.chat else [{"role": "user", "content": prompt}]
    truth = wording.answer(asked.demonstrations[at])
    return {
        "data_source": f"cairn/{named.name}",
        "prompt": chat,
        "ability": named.name.rpartition(":")[2],
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"index": index, **again},
    }
