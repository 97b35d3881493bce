"""`cairn lm data`: problems and answers of a run or a task as a data set for other trainers."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_type_hints

import numpy as np

from cairn.cli import flags
from cairn.cli.testing import Watch, check_json, give_json
from cairn.core.console import plural
from cairn.core.errors import ConfigError
from cairn.core.files import replacing
from cairn.improve.hand_off import collect
from cairn.improve.hand_off.problems import Named
from cairn.improve.hand_off.rows import Form, rows
from cairn.improve.hand_off.run import Opened, opened
from cairn.improve.hand_off.wording import Wording, Words
from cairn.report.tables import to_lines, write_parquet

USAGE = """\
Write problems and answers as a data set in the form that TRL or verl reads.

usage: cairn lm data RUN|TASK FILE [flags]

  cairn lm data runs/repair-exit-1 prompts.jsonl                       what its archive would draw
  cairn lm data runs/addition-grpo-1 pairs.jsonl --form preference     a better and a worse answer
  cairn lm data runs/addition-grpo-1 sft.jsonl --form prompt-completion --group 4
  cairn lm data addition train.parquet --form verl --count 1000        a task alone, no run
  cairn lm data addition test.jsonl --split test                       problems to test on
  cairn lm data addition more.jsonl --json -                           one JSON object says what

FILE ends in .jsonl or .parquet; one that is there is never written over. Every row says which
problem it is of, so that an answer can be verified anew: docs/hand-off.md. An answer that the
verifier could not judge has null for label and reward.
"""


@dataclass(frozen=True)
class Flags:
    """What to write."""

    form: Form = "prompt-only"
    """TRL's type of data set (`messages`: language modelling on conversations), or verl's."""
    count: int = 256
    """Problems. Of an archive as many as it holds, at most."""
    group: int = 8
    """Answers to each."""
    answers: Literal["model", "demonstrations"] | None = None
    """Who answers: the run's model or the task itself. Default: the model, if there is a run."""
    reward: Literal["correct", "quality"] | None = None
    """What makes one answer better than another: whether it is correct, or its graded quality.
    Default: as the run was paid."""
    problems: Literal["archive", "new"] | None = None
    """Where problems are from. Default: the run's archive, if it has one that is not empty."""
    split: Literal["train", "test", "shifted"] = "train"
    """Of new problems; an archive holds those of train alone."""
    words: Words = "plain"
    """Prompts as what is asked alone, or with all symbols, as a model trained here reads them."""
    instruction: str = ""
    """What every prompt says first."""
    chat: bool = False
    """Prompts as conversations."""
    run_seed: int | None = None
    """Which of the run's seeds. Default: its first."""
    seed: int = 0
    """Of new problems and of sampling."""
    json: Path | None = None
    """Write what was written as JSON to this file; - for standard output, and nothing else there.
    """


def lm_data_command(arguments: list[str]) -> int:
    """Write the file, complete or not at all."""
    kinds = get_type_hints(Flags)
    if any(flag in arguments for flag in flags.HELP):
        print(USAGE, flush=True)
        flags.parse(Flags, ["--help"], kinds, default=Flags(), prog="cairn lm data RUN|TASK FILE")
    named = [word for word in arguments[:2] if not word.startswith("-")]
    if len(named) < 2:
        raise ConfigError(
            f"cairn lm data needs a run or a task, and a file, got "
            f"{' '.join(arguments) or 'none'}. Try cairn lm data addition prompts.jsonl."
        )
    asked = flags.parse(Flags, arguments[2:], kinds, default=Flags(), prog="cairn lm data")
    path = _writable(Path(named[1]))
    check_json(asked.json, [])
    if asked.json is not None and asked.json.absolute() == path.absolute():
        raise ConfigError(f"--json says what was written, so it must be another file than {path}.")
    for name in ("count", "group"):
        if getattr(asked, name) < 1:
            raise ConfigError(f"--{name} must be at least 1, got {getattr(asked, name)}.")
    run = _opened(named[0], asked.run_seed)
    made = Named(named[0], {}).made() if run is None else run.problem.task
    task = Named.of(named[0], made) if run is None else run.named
    wording = Wording(made, asked.words, asked.instruction, asked.chat)
    what = {"split": asked.split, "count": asked.count, "seed": asked.seed}
    posed = collect.problems_of(run, made, asked.problems, **what)
    sampled = None
    if asked.answers == "model" and run is None:
        raise ConfigError(f"--answers model needs a run, and {named[0]} is a task.")
    if run is not None and asked.answers != "demonstrations" and asked.form in _ANSWERED:
        with Watch("answering", "problems") as watch:
            advance = partial(watch, named[0])
            advance(0, len(posed.prompts))
            sampled = collect.answered(
                run, posed, asked.group, asked.seed, advance, reward=asked.reward
            )
    unjudged = 0 if sampled is None else int(np.isnan(sampled.reward).sum())
    found = rows(asked.form, task, wording, posed, sampled)
    if not found:
        raise ConfigError(
            f"There is no row: of {len(posed.prompts)} problems with {asked.group} answers none "
            f"gives {asked.form}{_doubt(unjudged)}. Ask more (--count, --group), or "
            f"{_else(asked.form, made.graded)}."
        )
    if path.suffix == ".parquet":
        write_parquet(path, found)
    else:
        with replacing(path, private=False) as part:
            part.write_text(to_lines(found), encoding="utf-8")
    report = {
        "file": str(path),
        "form": asked.form,
        "rows": len(found),
        "problems": len(posed.prompts),
        "answers": 0 if sampled is None else sampled.reward.size,
        "unjudged": unjudged,
        "task": task.name,
        "settings": dict(task.settings),
    }
    give_json(asked.json, report)
    if str(asked.json) != "-":
        rows_of = f"{plural(len(found), 'row')} of {plural(len(posed.prompts), 'problem')}"
        print(f"{path}: {rows_of}, {asked.form}{_doubt(unjudged)}")
    return 0


def _else(form: Form, graded: bool) -> str:
    if form != "preference":
        return "let the task answer (--answers demonstrations)"
    return "compare by --reward quality" if graded else "take a run that is sometimes right"


def _doubt(unjudged: int) -> str:
    return f"; {plural(unjudged, 'answer')} could not be judged" if unjudged else ""


_ANSWERED = ("prompt-completion", "preference", "unpaired-preference", "messages")


def _opened(name: str, seed: int | None) -> Opened | None:
    """A run; None for what must be a task."""
    if (Path(name) / "versions.json").is_file():
        return opened(Path(name), seed)
    if Path(name).exists():
        raise ConfigError(f"{name} is neither a run nor a task: expected one of cairn list tasks.")
    return None


def _writable(path: Path) -> Path:
    if path.suffix not in (".jsonl", ".parquet"):
        raise ConfigError(f"What should {path} be? Expected a name ending in .jsonl or .parquet.")
    if os.path.lexists(path):
        raise ConfigError(f"{path} already exists, and is not written over. Choose another name.")
    if not path.parent.is_dir():
        raise ConfigError(f"There is no folder {path.parent} to write {path.name} into.")
    return path
