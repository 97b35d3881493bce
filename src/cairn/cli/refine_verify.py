"""`cairn refine verify`: a model checks its own answers by questions (Chain-of-Verification)."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_type_hints

from cairn.cli import flags
from cairn.core.errors import ConfigError
from cairn.refine import cove_simulated
from cairn.refine.cove import Variant
from cairn.refine.cove_run import VerifyConfig, read_config, verify

USAGE = """\
Have a model check its own answers by questions that it answers without seeing them.

usage: cairn refine verify INPUT OUTPUT --config CONFIG [flags]

  cairn refine verify drafts.jsonl verified.jsonl --config cove.toml
  cairn refine verify drafts.jsonl verified.jsonl --config cove.toml --variant factor+revise
  cairn refine verify drafts.jsonl verified.jsonl --demo          a simulated model, no account

INPUT has records with a `prompt` and, if it is there, a `draft`; [fields] of CONFIG names others.
INPUT and OUTPUT: .jsonl, .csv, .tsv, .parquet. CONFIG names [models.writer], and [models.checker]
if somebody else is to answer the questions. Killed anywhere, the same command goes on.
"""


@dataclass(frozen=True)
class Flags:
    """How to verify."""

    config: Path | None = None
    """TOML: models and all settings (docs/source2synth.md)."""
    demo: bool = False
    """A simulated model that writes lists with errors."""
    variant: Variant | None = None
    """In place of the config's."""
    run: Path | None = None
    """Directory of the run. Default: OUTPUT.verify."""


def refine_verify_command(arguments: list[str]) -> int:
    """Verify, or go on with it; the exit status."""
    if not arguments or any(flag in arguments for flag in flags.HELP):
        print(USAGE, flush=True)
        kinds = get_type_hints(Flags)
        flags.parse(
            Flags, ["--help"], kinds, default=Flags(), prog="cairn refine verify INPUT OUTPUT"
        )
    named = [word for word in arguments[:2] if not word.startswith("-")]
    if len(named) < 2:
        raise ConfigError(
            f"cairn refine verify needs an input and an output, got "
            f"{' '.join(arguments) or 'none'}. Try cairn refine verify drafts.jsonl "
            f"verified.jsonl --config cove.toml."
        )
    source, output = named
    asked = flags.parse(
        Flags, arguments[2:], get_type_hints(Flags), default=Flags(), prog="cairn refine verify"
    )
    if asked.demo == (asked.config is not None):
        raise ConfigError("cairn refine verify: give --config CONFIG, or --demo, and not both.")
    config = VerifyConfig(models={}) if asked.config is None else read_config(asked.config)
    if config.verification.checker == "" and "checker" in config.models:
        config = replace(config, verification=replace(config.verification, checker="checker"))
    if asked.variant is not None:
        config = replace(config, verification=replace(config.verification, variant=asked.variant))
    players = {"writer": cove_simulated.memory()} if asked.demo else {}
    run = asked.run or Path(f"{output}.verify")
    found = verify(source, output, config, run=run, players=players)
    models = "simulated model; " if asked.demo else ""
    counts = ", ".join(f"{name} {n:,}" for name, n in sorted((found.counts or {}).items()))
    print(f"{output}: {models}{config.verification.variant}; {counts}")
    if found.rejects:
        print(f"without an answer: {found.failed:,}, with reasons in {found.rejects}")
    if found.stopped == "finished":
        return 0
    print(f"stopped: {found.stopped} Then give the same command again.", file=sys.stderr)
    return 1
