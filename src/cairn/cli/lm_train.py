"""`cairn lm train`: a small language model from text files."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from cairn.cli import flags
from cairn.cli.train import train_command
from cairn.core.console import plural
from cairn.core.errors import ConfigError
from cairn.offline.corpus import Kind, prepare

USAGE = """\
Train a small language model from nothing, on text files.

usage: cairn lm train CORPUS [flags]

  cairn lm train texts/                     a folder of .txt, .md and .rst files
  cairn lm train book.txt --steps 500000    one file, until so many tokens are learned from
  cairn lm train texts/ --tokens bpe --vocabulary 2048   byte pairs in the place of characters
  cairn train --resume runs/text-pretrain-1 go on with a run that was stopped
  cairn lm serve runs/text-pretrain-1       speak with it

The texts are first written as tokens into --data (default: data/CORPUS-TOKENS), which a run needs
when it goes on. All flags of cairn train text --method pretrain are taken as well, such as
--width, --layers, --window, --batch, --learning-rate, --seeds and --run.
"""


@dataclass(frozen=True)
class Flags:
    """How texts become tokens."""

    data: Path | None = None
    """Directory of the corpus. Default: data/CORPUS-TOKENS."""
    tokens: Kind = "characters"
    """A token for each character, or for byte pairs that are learned from the texts."""
    vocabulary: int = 1024
    """Byte pairs, at most (at least 260)."""


def lm_train_command(arguments: list[str]) -> int:
    """Prepare the corpus, then train on it."""
    if not arguments or any(flag in arguments for flag in flags.HELP):
        print(USAGE, flush=True)
        kinds = get_type_hints(Flags)
        flags.parse(Flags, ["--help"], kinds, default=Flags(), prog="cairn lm train CORPUS")
    source, given = arguments[0], arguments[1:]
    if source.startswith("-"):
        raise ConfigError(
            f"cairn lm train needs texts before its flags, got {source}. Try cairn lm train "
            f"texts/ {source}."
        )
    asked, rest = flags.parse_known(Flags, given, get_type_hints(Flags))
    data = asked.data or Path("data") / f"{Path(source).resolve().stem}-{asked.tokens}"
    corpus = prepare(Path(source), data, asked.tokens, asked.vocabulary)
    about = corpus.dataset.about
    print(
        f"{data}: {plural(about['texts'], 'text')}, {about['characters']:,} characters, a "
        f"vocabulary of {corpus.vocabulary:,}",
        flush=True,
    )
    told = ["--data", str(data), "--task.vocabulary", str(corpus.vocabulary)]
    return train_command(["text", "--method", "pretrain", *told, *rest])
