"""`cairn refine make`: labelled documents, as many as wanted, to a file."""

import argparse
from pathlib import Path

from cairn.cli.arguments import Parser
from cairn.cli.refine_bench import add_made
from cairn.core.errors import ConfigError

ABOUT = """\
Write documents with known private spans, as JSON lines: prose, e-mail, chat, tables, JSON, logs and
code in English, German, French and Spanish, with values of faker (cairn[refine]).

  cairn refine make labelled.jsonl --records 1000
  cairn refine make train.jsonl --split train --languages de --canaries

Forms are apart: those of --split held are in no document of --split train, and some formats only
there. --about: plain, negatives (look-alikes that must survive), adversarial (disguised values),
profile (firms with public and private facts and questions), toxic (planted, mild insults, and the
dialogue without them).
"""


def refine_make_command(argv: list[str]) -> int:
    """Run it; the exit status. Raises CairnError for a foreseen mistake."""
    from cairn.refine.labels import write
    from cairn.refine.made.records import make

    asked = _parser().parse_args(argv)
    if asked.file.exists():
        raise ConfigError(f"{asked.file} exists, and nothing was overwritten. Choose another name.")
    if not asked.file.parent.is_dir():
        raise ConfigError(f"{asked.file.parent} is no directory: make it first.")
    records = make(
        asked.records, seed=asked.seed, split=asked.split, languages=asked.languages,
        formats=asked.formats, about=asked.about, canaries=asked.canaries,
    )  # fmt: skip
    count = write(asked.file, records)
    print(f"{asked.file}: {count:,} documents")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="cairn refine make",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path)
    add_made(parser.add_argument, records=1000)
    parser.add_argument(
        "--about", type=lambda text: [name for name in text.split(",") if name], default=[],
        metavar="plain,profile", help="some subjects alone",
    )  # fmt: skip
    parser.add_argument("--canaries", action="store_true", help="plant random strings, disguised")
    return parser
