"""`cairn refine verify`: a model checks its own answers by questions (Chain-of-Verification)."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from cairn.cli import places
from cairn.cli.places import Command
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


COMMAND = Command(
    "cairn refine verify", USAGE, ("an input", "an output"),
    "drafts.jsonl verified.jsonl --config cove.toml",
)  # fmt: skip


@dataclass(frozen=True)
class Flags(places.Flags):
    """How to verify."""

    variant: Variant | None = None
    """In place of the config's."""


def refine_verify_command(arguments: list[str]) -> int:
    """Verify, or go on with it; the exit status."""
    source, output, asked = places.read(COMMAND, Flags, arguments)
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
