"""`cairn refine bench`: detectors and refiners on documents whose private spans are known."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cairn.cli.arguments import Parser, positive
from cairn.cli.main import leaving_at_once
from cairn.cli.refine_run import DEFAULTS, JUDGE, SHORT, Playing
from cairn.core.errors import ConfigError, suggest
from cairn.core.overrides import change, described, split
from cairn.core.typed import build
from cairn.lm.shared import DEFAULT, share

ROLES = ("refiner", "second", "verifier", "detector")
KEYS = {"models": (*ROLES, DEFAULT)}
OWN = SHORT | {"--finder": "--models.detector.model", "--finder-url": "--models.detector.base-url"}
OURS, NONE, ALL = "standard", "none", "all"
DEMO = {"leak": 0.05, "over": 0.03, "refuse": 0.04, "invent": 0.03, "cut": 0.02, "heed": 0.5}
DEMO_MISS = 0.2
DEMO_FINDER = {"miss": 0.1, "alarm": 0.05}
TRIES = 3
ABOUT = """\
Score detectors, ways of removal and refiners on documents whose private spans are known: made ones
(they need faker: cairn[refine]), or your own labelled file. With a model, what is scored is the
loop of `cairn refine run`: its tries, checks and rejects.

  cairn refine bench                                   our detectors, and removal by them
  cairn refine bench --demo                            beside these simulated models with known
                                                       errors, which must be found again; no account
  cairn refine bench --labelled mine.jsonl --detectors standard,presidio
  cairn refine bench --model my-model --base-url http://127.0.0.1:8000/v1 --run bench-run

A labelled file has a JSON object a line: "text", "spans" ([{"start", "end", "kind"}, ...], counted
in characters) and, if you like, "public" (strings that must survive), "id", "language", "format",
"form". `cairn refine make` writes one.
"""
MORE = """\
--model and --base-url name the refiner; --verifier its verifier; --finder a model that is asked
where private spans are (each at --base-url unless --verifier-url, --finder-url says otherwise).
--limit-calls, --limit-tokens, --limit-money bound what is spent. Every setting is a flag too:

"""


def refine_bench_command(argv: list[str]) -> int:
    """Run it; the exit status. Raises CairnError for a foreseen mistake."""
    parser = _parser()
    words = []
    for word in argv:
        flag, equals, value = word.partition("=")
        words.append(f"{OWN.get(flag, flag)}{equals}{value}")
    changes, rest = split(words, Playing, KEYS, parser.flags)
    arguments = parser.parse_args(rest)
    with leaving_at_once():
        return _go(arguments, _playing(changes, demo=arguments.demo))


def _go(arguments: argparse.Namespace, playing: Playing) -> int:
    from cairn.cli import refine_bench_output as output
    from cairn.cli.testing import check_json, give_json
    from cairn.refine import bench as benches

    check_json(arguments.json, [])
    removals = _removals(arguments.baselines)
    found = _detectors(arguments.detectors)
    bench = benches.Benchmark(_records(arguments))
    if arguments.distilled:
        from cairn.refine.distill.refiner import Distilled

        found.append(Distilled.open(arguments.distilled))
    for detector in found:
        bench.detect(detector, removals)
    bench.remove_labelled(removals)
    try:
        if arguments.demo:
            _simulate(bench, arguments.task)
        else:
            _ask(bench, playing, arguments, removals)
    except KeyboardInterrupt:
        go_on = "The same command goes on." if arguments.run else "Give --run DIR to go on later."
        print(f"stopped. {go_on}", file=sys.stderr)
        return 130
    result = {"source": str(arguments.labelled or "made"), **benches.plain(bench)}
    if not arguments.labelled:
        result |= {"split": arguments.split, "seed": arguments.seed}
    give_json(arguments.json, result)
    if str(arguments.json) != "-":
        output.show(bench)
    return 0


def _records(arguments: argparse.Namespace) -> Sequence[Any]:
    from cairn.refine.labels import chosen, read
    from cairn.refine.made.records import make

    languages, formats, about = arguments.languages, arguments.formats, arguments.about
    if arguments.labelled:
        every = read(arguments.labelled)
        return chosen(every, languages=languages, formats=formats, about=about)
    made = make(
        arguments.records, seed=arguments.seed, split=arguments.split, languages=languages,
        formats=formats, about=about or ("plain", "negatives", "adversarial", "profile"),
    )  # fmt: skip
    return list(made)


def _removals(given: str) -> tuple[str, ...]:
    from cairn.refine.baselines import REMOVALS

    if given == NONE:
        return ()
    names = tuple(REMOVALS) if given == ALL else tuple(_list(given))
    for name in names:
        if name not in REMOVALS:
            raise ConfigError(
                f"--baselines expects {ALL}, {NONE} or some of {', '.join(REMOVALS)}, got {name!r}."
                f"{suggest(name, REMOVALS)}"
            )
    return names


def _detectors(given: str) -> list[Any]:
    from cairn.refine.detectors.catalogue import detector, detectors

    names = [] if given == NONE else _list(given)
    return [detectors() if name == OURS else detector(name) for name in names]


def _simulate(bench: Any, task_name: str) -> None:
    from cairn.refine import simulated
    from cairn.refine.bench import found_by_model
    from cairn.refine.tasks.base import Task
    from cairn.refine.tasks.catalogue import task

    records = bench.records
    errors = simulated.Errors(**DEMO)
    players = {"refiner": simulated.SimulatedRefiner(records, errors).model()}
    check = simulated.SimulatedVerifier(records, miss=DEMO_MISS)
    one, many = f"{simulated.LABEL}, one try", f"{simulated.LABEL}, verified"
    bench.rewrite(one, Task("one-try", "Rewrite.", tries=1), players)
    bench.rewrite(many, Task("verified", "Rewrite.", checks=(check,), tries=TRIES), players)
    real = task(task_name)  # its own detectors and checks
    bench.rewrite(f"{simulated.LABEL}, {real.name}", real, players)
    bench.errors[one] = {name: value for name, value in DEMO.items() if name != "heed"}
    finder = simulated.SimulatedFinder(records, **DEMO_FINDER)
    found = found_by_model(records, finder.model())
    bench.found(f"{simulated.LABEL} model", found, ("delete",))


def _ask(bench: Any, playing: Playing, arguments: argparse.Namespace, removals: Any) -> None:
    from cairn.lm.cast import cast
    from cairn.refine.bench import found_by_model
    from cairn.refine.casting import with_models
    from cairn.refine.tasks.catalogue import task

    models = dict(playing.models)
    cast(models)  # a key that is missing is named before anything is asked
    finder, run = models.pop("detector", None), arguments.run
    common = {"limits": playing.limits, "show": True}
    if finder is not None:
        at = run / "finder" if run else None
        found = found_by_model(bench.records, finder, run=at, **common)
        bench.found(finder.who, found, removals)
    if models:
        at = run / "refiner" if run else None
        asked = with_models(task(arguments.task), models)
        bench.rewrite(models["refiner"].who, asked, models, run=at, **common)


def _playing(changes: Mapping[str, str], *, demo: bool) -> Playing:
    table = change(Playing, {"models": {}}, changes)
    models: dict[str, Any] = dict(table["models"])
    models = share(models, []) if DEFAULT in models else models
    if demo and models:
        raise ConfigError("cairn refine bench: give a model or --demo, not both.")
    at = models.get("refiner", {})
    at = {name: at[name] for name in ("base_url", "api_key_env") if name in at}
    for role, settings in models.items():
        if settings.get("kind", "server") == "server":
            own = JUDGE if role == "verifier" else DEFAULTS
            models[role] = {**own, **at, **settings}
    playing = build(Playing, {**table, "models": models})
    others = set(playing.models) - {"detector"}
    if others and "refiner" not in others:
        raise ConfigError(f"nobody rewrites: name a model by --model beside the {min(others)}.")
    return playing


def _list(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _parser() -> Parser:
    parser = Parser(
        prog="cairn refine bench",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=MORE + described(Playing, {"models": ("ROLE",)}),
    )
    add = parser.add_argument
    add("--demo", action="store_true", help="simulated models with known errors, no account")
    add("--labelled", type=Path, metavar="FILE", help="your own labelled records, JSON lines")
    add_made(add, records=400)
    add("--about", type=_list, default=[], help="plain, negatives, adversarial, profile, toxic; "
        "all but toxic. Of a labelled file: how `form` begins")  # fmt: skip
    add("--detectors", default=OURS, metavar="NAMES",
        help=f"{OURS}: all of ours; presidio; or some of ours by name; or {NONE}")  # fmt: skip
    add("--distilled", type=Path, metavar="FOLDER",
        help="the small refiner of cairn refine distill too, as a detector")  # fmt: skip
    add("--baselines", default=ALL, metavar="NAMES",
        help=f"ways of removal: {ALL}, {NONE}, or some by name")  # fmt: skip
    add("--task", default="anonymize", help="what the refiner is asked to do; anonymize")
    add("--run", type=Path, help="directory of the models' answers, to go on from")
    add("--json", type=Path, help="all figures, to this file; - for standard output alone")
    return parser


def add_made(add: Any, *, records: int) -> None:
    """Flags of what is made, for `make` too."""
    add("--records", type=positive, default=records, help=f"how many are made; {records}")
    add("--seed", type=int, default=0)
    add("--split", choices=("held", "train"), default="held", help="which forms; held")
    add("--languages", type=_list, default=[], metavar="en,de", help="en, de, fr, es; all")
    add("--formats", type=_list, default=[], metavar="csv,chat", help="some formats alone")
