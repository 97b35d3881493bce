"""`cairn refine run`: every record of a source rewritten, checked, and accepted or rejected."""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from cairn.cli.arguments import Parser, positive
from cairn.cli.main import leaving_at_once
from cairn.core.errors import ConfigError
from cairn.core.overrides import change, described, split
from cairn.core.typed import build, plain
from cairn.lm.cast import Application, Model, cast
from cairn.lm.shared import DEFAULT, share
from cairn.lm.spend import Spend

ROLES = ("refiner", "second", "verifier")
KEYS = {"models": (*ROLES, DEFAULT)}
DEFAULTS = {"max_tokens": 4096, "temperature": 0.3}
"""Of who rewrites: an answer is as long as its piece, and close to it."""
JUDGE = {"max_tokens": 512, "temperature": 0.0}
SHORT = {
    "--model": "--models.refiner.model",
    "--base-url": "--models.refiner.base-url",
    "--api-key-env": "--models.refiner.api-key-env",
    "--verifier": "--models.verifier.model",
    "--verifier-url": "--models.verifier.base-url",
    "--second": "--models.second.model",
    "--second-url": "--models.second.base-url",
    "--limit-calls": "--limits.calls",
    "--limit-tokens": "--limits.tokens",
    "--limit-money": "--limits.money",
    "--limit-wall-s": "--limits.wall-s",
}
"""Flags in everyday words, and the settings that they are."""
ABOUT = """\
Rewrite every record of INPUT and write what passes its checks to OUTPUT. What does not is listed
in OUTPUT.rejects.jsonl with its reason. Stopped or killed, the same command goes on.

INPUT: .jsonl, .csv, .tsv (also .gz), .parquet, a pattern of them, or a folder of text or code;
a path or a URL that fsspec knows. OUTPUT: .jsonl, .csv, .tsv, .parquet, or a folder.

  cairn refine run raw.jsonl clean.jsonl --task anonymize --model my-model \\
      --base-url http://127.0.0.1:8000/v1
  cairn refine run raw.jsonl clean.jsonl --task anonymize --demo     simulated, no account
  cairn refine run raw.jsonl clean.jsonl --task anonymize --distilled small
  cairn refine run src/ clean/ --task anonymize-code --files '*.py' --files '*.md' ...
"""
MORE = """\
A model is named by --model and --base-url; so are --second (asked where the first is stopped by a
filter or used up) and --verifier (judges rewrites), each at --base-url unless --second-url or
--verifier-url says otherwise. --limit-calls, --limit-tokens, --limit-money and --limit-wall-s bound
the run. Every setting of a model is a flag too:

"""


@dataclass(frozen=True)
class Playing:
    """The part of a run's settings that are flags by their full names."""

    models: dict[str, Model | Application] = field(default_factory=dict)
    limits: Spend = field(default_factory=Spend)


def refine_run_command(argv: list[str]) -> int:
    """Run it; the exit status. Raises CairnError for a foreseen mistake."""
    parser = _parser()
    words = [_long(word) for word in argv]
    changes, rest = split(words, Playing, KEYS, parser.flags | {*SHORT})
    arguments = parser.parse_args(rest)
    with leaving_at_once():
        return _go(arguments, changes)


def _long(word: str) -> str:
    flag, equals, value = word.partition("=")
    return f"{SHORT.get(flag, flag)}{equals}{value}"


def _go(arguments: argparse.Namespace, changes: Mapping[str, str]) -> int:
    from cairn.cli import refine_output as output
    from cairn.cli.testing import give_json
    from cairn.refine import places
    from cairn.refine.casting import task_of
    from cairn.refine.run import refine

    config = _config(arguments, _playing(arguments, changes))
    task = task_of(config)
    if arguments.print_config:
        print(tomli_w.dumps(plain(config)), end="")
        return 0
    path = arguments.run or places.default_run(config.source, config.sink)
    if config.simulation is None:
        cast(config.models)  # a key that is missing is named before anything is made
    output.begin(config, task, path)
    try:
        counted = refine(
            config, path, task, retry_rejected=arguments.retry_rejected,
            retry_failed=arguments.retry_failed,
        )  # fmt: skip
    except KeyboardInterrupt:
        print("stopped. The same command goes on.", file=sys.stderr)
        return 130
    give_json(arguments.json, output.record(counted))
    if str(arguments.json) != "-":
        print("\n".join(output.lines(counted, simulated=config.simulation is not None)))
    if counted.stopped == "finished":
        return 0
    print(f"stopped: {counted.stopped} Raise it, and give the same command.", file=sys.stderr)
    return 1


def _playing(arguments: argparse.Namespace, changes: Mapping[str, str]) -> Playing:
    """Models and limits, from the task's file and the flags."""
    table = change(Playing, {"models": {}}, changes)
    models: dict[str, Any] = dict(table["models"])
    if arguments.demo is None:
        models = share(models, []) if DEFAULT in models else models
        refiner = models.get("refiner", {})
        at = {name: refiner[name] for name in ("base_url", "api_key_env") if name in refiner}
        for role, settings in models.items():
            server = settings.get("kind", "server") == "server"
            own = (JUDGE if role == "verifier" else DEFAULTS) if server else {}
            models[role] = own | (at if server else {}) | settings
    elif models:
        raise ConfigError("cairn refine run: give a model or --demo, not both.")
    return build(Playing, {**table, "models": models})


def _config(arguments: argparse.Namespace, playing: Playing) -> Any:
    from cairn.refine.config import RefineConfig
    from cairn.refine.refining import How

    how = How(
        text=tuple(arguments.text or ("text",)),
        fallback=arguments.fallback,
        skip_clean=arguments.skip_clean,
        chunk=arguments.chunk,
        longest=arguments.longest,
        provenance=arguments.provenance,
    )
    actors = arguments.actors if arguments.engine == "ray" else 0
    return RefineConfig(
        arguments.input, arguments.output, arguments.task, models=playing.models, how=how,
        id=arguments.id, files=tuple(arguments.files or ()), key=arguments.key,
        corpus=arguments.corpus, tries=arguments.tries,
        limits=playing.limits, simulation=arguments.demo, distilled=arguments.distilled,
        seed=arguments.seed,
        workers=arguments.workers, processes=arguments.processes, ray=actors,
    )  # fmt: skip


def _parser() -> Parser:
    parser = Parser(
        prog="cairn refine run",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=MORE + described(Playing, {"models": ("ROLE",)}),
    )
    add = parser.add_argument
    add("input")
    add("output")
    add("--task", required=True, help="anonymize, anonymize-code, detoxify, or a TOML file")
    add("--run", type=Path, help="the run's directory; default INPUT.refine, beside the input, or "
        "OUTPUT.refine where the input is a pattern, a URL or in a read-only folder")  # fmt: skip
    add("--id", help="the field that holds a record's id; default its number")
    add("--text", action="append", metavar="FIELD", help="a field to refine; default text")
    add("--files", action="append", metavar="PATTERN", help="files of a folder; default all")
    add("--key", metavar="FILE",
        help="a key file of pseudonyms, made by a new run if it is not there: rows carry their "
        "table, which only the key opens; default a key of the run's own and no table")  # fmt: skip
    add("--corpus", action="store_true", help="one pseudonym for a value in all records")
    add("--tries", type=positive, help="rewrites of a text by each model; default the task's")
    add("--fallback", choices=("drop", "mask"), default="drop",
        help="a text that no try brought through is rejected, or masked")  # fmt: skip
    add("--skip-clean", action="store_true", help="keep texts in which detectors find "
        "nothing, if the checks that ask no model agree")  # fmt: skip
    add("--chunk", type=positive, default=6000, help="characters of the longest piece; 6000")
    add("--longest", type=positive, default=2_000_000,
        help="characters of the longest text; a longer one is rejected; 2000000")  # fmt: skip
    add("--provenance", default="refined", metavar="FIELD",
        help="the field of an output row that says where it comes from; refined")  # fmt: skip
    add("--demo", type=float, nargs="?", const=0.1, default=None, metavar="ERROR",
        help="simulated models with known errors, no account; 0.1")  # fmt: skip
    add("--distilled", metavar="FOLDER",
        help="the small refiner of cairn refine distill rewrites, in this process")  # fmt: skip
    add("--seed", type=int, default=0)
    add("--workers", type=positive, default=64, help="records at a time, in each process; 64")
    add("--processes", type=positive, default=1, help="more than 1: so many beside this one")
    add("--engine", choices=("local", "ray"), default="local", help="ray: on a Ray cluster")
    add("--actors", type=positive, default=max(2, os.cpu_count() or 2),
        help="of --engine ray")  # fmt: skip
    add("--retry-rejected", action="store_true", help="try rejected records once more")
    add("--retry-failed", action="store_true", help="and those that no model answered")
    add("--json", type=Path, help="the counts, to this file; - for standard output alone")
    add("--print-config", action="store_true", help="print every setting as TOML and stop")
    return parser
