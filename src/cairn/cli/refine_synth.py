"""`cairn refine synth`: questions with answers out of documents and tables, curated."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from cairn.cli import places
from cairn.cli.places import Command
from cairn.refine.source2synth import simulated
from cairn.refine.source2synth.config import SynthConfig, read_config
from cairn.refine.source2synth.run import Synthesized, synthesize

USAGE = """\
Make questions with answers out of documents and tables, and curate them (Source2Synth).

usage: cairn refine synth SOURCE OUTPUT --config CONFIG [flags]

  cairn refine synth people.db questions.jsonl --config synth.toml   an SQLite file
  cairn refine synth tables/ questions.jsonl --config synth.toml     a folder of CSV files, or one
  cairn refine synth texts/ questions.jsonl --config synth.toml      a folder of texts
  cairn refine synth texts.jsonl questions.jsonl --config synth.toml or JSON lines
  cairn refine synth tables/ questions.jsonl --demo                  simulated models, no account

CONFIG names the models: [models.writer] writes; [models.solver], fine-tuned on one half by your
[trainer] or by yourself, curates the other. Killed anywhere, the same command goes on.
"""


COMMAND = Command(
    "cairn refine synth", USAGE, ("a source", "an output"),
    "texts/ questions.jsonl --config synth.toml",
)  # fmt: skip


@dataclass(frozen=True)
class Flags(places.Flags):
    """What to make."""

    items: int | None = None
    """Questions that are tried, in place of the config's."""
    seed: int | None = None
    """In place of the config's."""


def refine_synth_command(arguments: list[str]) -> int:
    """Make the set, or go on with it; the exit status."""
    source, output, asked = places.read(COMMAND, Flags, arguments)
    config = SynthConfig(models={}) if asked.config is None else read_config(asked.config)
    given = {name: getattr(asked, name) for name in ("items", "seed")}
    config = replace(config, **{n: value for n, value in given.items() if value is not None})
    run = asked.run or Path(f"{output}.synth")
    players = _simulated() if asked.demo else {}
    made = _made(source, output, config, run, players)
    return _say(made, output, asked.demo)


def _simulated() -> dict:
    wrong = simulated.Writer(error=0.3, broken=0.1)
    return {
        "writer": simulated.writer(wrong),
        "solver": simulated.solver(simulated.Solver(accuracy=0.7)),
    }


def _made(source: str, output: str, config: SynthConfig, run: Path, players: dict) -> Synthesized:
    try:
        simulated = bool(players)  # those of the demo
        return synthesize(source, output, config, run=run, players=players, simulated=simulated)
    except KeyboardInterrupt:
        print("stopped. The same command goes on.", file=sys.stderr)
        raise


def _say(made: Synthesized, output: str, demo: bool) -> int:
    models = "simulated models; " if demo else ""
    print(
        f"{made.path}: {models}{made.seeds:,} seeds, {made.written:,} questions written, "
        f"{made.learned:,} of them to learn from"
    )
    for stage, counts in made.funnel.items():
        print(f"{stage}: " + ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items())))
    if made.stopped == "finished":
        print(f"{output}: {made.kept:,} curated questions, {made.spent.calls:,} calls")
        return 0
    if made.stopped == "nobody curates":
        print(
            f"Fine-tune a model on {made.path / 'learn.jsonl'}, name it as [models.solver] in the "
            f"config, and give the same command again."
        )
        return 0
    print(f"stopped: {made.stopped} Then give the same command again.", file=sys.stderr)
    return 1
