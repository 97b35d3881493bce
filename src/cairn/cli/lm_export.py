"""`cairn lm export`: the model of a run as a folder that other tools read."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from cairn.cli import flags
from cairn.core.errors import ConfigError
from cairn.nn.language import weights
from cairn.runs.language import language

USAGE = """\
Write the model of a run as a folder in Hugging Face's form, for transformers, vLLM and TRL.

usage: cairn lm export RUN FOLDER [flags]

  cairn lm export runs/text-pretrain-1 models/mine
  cairn lm serve models/mine

Weights, config and tokeniser, which are those of the folder that the model came from (--weights),
if it came from one. cairn reads a table of characters or symbols from tokens.json, others read it
from tokenizer.json.
What a task puts behind every prompt (<sep>: now the answer comes) stands in config.json as
closing_token_ids: cairn lm serve FOLDER heeds it, other tools must be given it.
"""


@dataclass(frozen=True)
class Flags:
    """What to write."""

    run_seed: int | None = None
    """Which of the run's seeds. Default: its first."""


def lm_export_command(arguments: list[str]) -> int:
    """Write the folder, complete or not at all."""
    if any(flag in arguments for flag in flags.HELP):
        print(USAGE, flush=True)
        kinds = get_type_hints(Flags)
        flags.parse(Flags, ["--help"], kinds, default=Flags(), prog="cairn lm export RUN FOLDER")
    named = [word for word in arguments[:2] if not word.startswith("-")]
    if len(named) < 2:
        raise ConfigError(
            f"cairn lm export needs a run and a folder, got {' '.join(arguments) or 'none'}. Try "
            f"cairn lm export runs/text-pretrain-1 models/mine."
        )
    run, folder = map(Path, named)
    asked = flags.parse(
        Flags, arguments[2:], get_type_hints(Flags), default=Flags(), prog="cairn lm export"
    )
    if os.path.lexists(folder):
        raise ConfigError(f"{folder} already exists, and is not written over. Choose another name.")
    spoken = language(run, asked.run_seed)
    tokenizer = spoken.tokenizer if spoken.folder is None else None
    weights.save(
        spoken.model, folder, tokenizer=tokenizer, closing=spoken.closing, like=spoken.folder
    )
    print(folder)
    return 0
