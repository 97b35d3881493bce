"""`cairn search puzzles`: searches that ask a judge, on puzzles whose truth is known."""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cairn.cli.arguments import Parser, positive
from cairn.cli.main import leaving_at_once
from cairn.core.errors import ConfigError
from cairn.core.overrides import change, described, split
from cairn.core.typed import build
from cairn.lm.cast import Application, Model, cast
from cairn.lm.spend import Spend

ROLE, NOISY, ALL = "judge", "noisy", "all"
SHORT = {
    "--model": "--models.judge.model",
    "--base-url": "--models.judge.base-url",
    "--api-key-env": "--models.judge.api-key-env",
    "--limit-calls": "--limits.calls",
    "--limit-tokens": "--limits.tokens",
    "--limit-money": "--limits.money",
}
DEFAULTS = {"temperature": 0.0, "max_tokens": 16_384}
"""The reference's."""
ABOUT = """\
Play puzzles by LLM-First Search (lfs), Tree of Thoughts (tot-bfs), best-first search (best-first)
and Monte Carlo tree search (mcts). A judge says how good states are: SIMULATED, exact but for noise
of known size, or a language model.

  cairn search puzzles countdown-5                         all four, a simulated judge of noise 0.3
  cairn search puzzles countdown-3,sudoku-4 --judge noisy:0,0.3 --method lfs,mcts --c 0.5,2.5
  cairn search puzzles countdown-5 --method lfs --model my-model \\
      --base-url http://127.0.0.1:8000/v1 --puzzles 20 --run runs/puzzles

KINDS: countdown-2 to countdown-8, sudoku-4, sudoku-6. Puzzles have a solution, boards exactly one.
With --run DIR nothing that was played or asked is lost: the same command goes on.
"""
MORE = """\
A game ends when it is won, when the method has nowhere to go, or when --budget tokens are spent.
A game for which the model gave no readable answer has failed and is not counted as lost. Every
setting of the model is a flag too:

"""


@dataclass(frozen=True)
class Playing:
    """Settings that are flags by their full names."""

    models: dict[str, Model | Application] = field(default_factory=dict)
    limits: Spend = field(default_factory=Spend)


def search_puzzles_command(argv: list[str]) -> int:
    """Run it; the exit status. Raises CairnError for a foreseen mistake."""
    parser = _parser()
    words = []
    for word in argv:
        flag, equals, value = word.partition("=")
        words.append(f"{SHORT.get(flag, flag)}{equals}{value}")
    changes, rest = split(words, Playing, {"models": (ROLE,)}, parser.flags | {*SHORT})
    arguments = parser.parse_args(rest)
    with leaving_at_once():
        return _go(arguments, _playing(changes))


def _go(arguments: argparse.Namespace, playing: Playing) -> int:
    from cairn.cli import search_puzzles_output as output
    from cairn.cli.testing import check_json, give_json
    from cairn.research.puzzles import study

    check_json(arguments.json, [])
    kinds = arguments.kinds.split(",")
    study.check_kinds(kinds)
    arms = _arms(arguments, playing)
    games = study.items(
        kinds, arms, arguments.puzzles, seed=arguments.seed, split=arguments.split,
        budget=arguments.budget,
    )  # fmt: skip
    cast(playing.models)  # a key that is missing is named before anything is made
    quiet = str(arguments.json) == "-"
    more = {"models": dict(playing.models)} if playing.models else {}
    place = nullcontext(arguments.run) if arguments.run else tempfile.TemporaryDirectory()
    with place as folder:
        path = Path(folder) if arguments.run else Path(folder) / "run"
        try:
            mapped = study.run(games, path, show=not quiet, limits=playing.limits, **more,
                               retry_failed=arguments.retry_failed)  # fmt: skip
        except KeyboardInterrupt:
            go_on = "The same command goes on." if arguments.run else "Give --run DIR to go on."
            print(f"stopped. {go_on}", file=sys.stderr)
            return 130
        if mapped.stopped != "finished":
            print(f"stopped: {mapped.stopped}", file=sys.stderr)
            return 1
        rows = study.rows(mapped.outcomes(), games)
        reasons = output.reasons(mapped.outcomes())
    give_json(arguments.json, output.plain(rows, arguments, simulated=not playing.models))
    if not quiet:
        output.show(rows, simulated=not playing.models, reasons=reasons)
    return 0


def _arms(arguments: argparse.Namespace, playing: Playing) -> list[Any]:
    """Method by judge, and for MCTS by c."""
    from cairn.research.puzzles.judge import Noise
    from cairn.research.puzzles.mcts import Config
    from cairn.research.puzzles.play import NAMES
    from cairn.research.puzzles.study import Arm

    methods = NAMES if arguments.method == ALL else arguments.method.split(",")
    if playing.models:
        if arguments.judge is not None:
            raise ConfigError("cairn search puzzles: give --judge or --model, and not both.")
        judges: list[tuple[str, Noise | None]] = [("", None)]
    else:
        noises = _noises(arguments.judge or f"{NOISY}:0.3")
        judges = [(f", σ {sigma:g}", Noise(sigma)) for sigma in noises]
    make = Config.reference if arguments.reference else Config
    return [
        Arm(f"{name}{f', c {c:g}' if c is not None else ''}{said}", name, noise,
            Config() if c is None else make(c))
        for said, noise in judges
        for name in methods
        for c in (_numbers(arguments.c, "--c") if name == "mcts" else (None,))
    ]  # fmt: skip


def _noises(given: str) -> list[float]:
    name, _, numbers = given.partition(":")
    if name != NOISY or not numbers:
        raise ConfigError(
            f"--judge expects {NOISY}:SIGMA, e.g. {NOISY}:0.3 or {NOISY}:0,0.1, got {given!r}. "
            f"A language model is named by --model and --base-url."
        )
    return _numbers(numbers, "--judge")


def _numbers(given: str, flag: str) -> list[float]:
    try:
        return [float(word) for word in given.split(",")]
    except ValueError:
        raise ConfigError(f"{flag} expects numbers with commas between, got {given!r}.") from None


def _playing(changes: Mapping[str, str]) -> Playing:
    table = change(Playing, {"models": {}}, changes)
    models: dict[str, Any] = dict(table["models"])
    for role, settings in models.items():
        if settings.get("kind", "server") == "server":
            models[role] = {**DEFAULTS, **settings}
    return build(Playing, {**table, "models": models})


def _parser() -> Parser:
    parser = Parser(
        prog="cairn search puzzles",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=MORE + described(Playing, {"models": ("ROLE",)}),
    )
    add = parser.add_argument
    add("kinds", metavar="KINDS", help="one kind of puzzles, or several with commas between")
    add("--method", default=ALL, metavar="NAMES", help="some of the four with commas; all")
    add("--judge", metavar="noisy:SIGMA", help="the simulated judge, of one noise or several; "
        "noisy:0.3")  # fmt: skip
    add("--c", default="0.5", metavar="C", help="exploration constants of mcts; 0.5")
    add("--reference", action="store_true", help="mcts with the reference's faults kept")
    add("--puzzles", type=positive, default=50, help="of each kind; 50")
    add("--seed", type=int, default=0, help="of puzzles and noise; 0")
    add("--split", choices=("train", "val"), default="val", help="they share no puzzle; val")
    add("--budget", type=positive, help="tokens a game; of countdown 1,000,000, of sudoku-4 "
        "100,000, of sudoku-6 500,000")  # fmt: skip
    add("--run", type=Path, help="directory to go on from")
    add("--retry-failed", action="store_true", help="play games without an answer once more")
    add("--json", type=Path, help="all figures, to this file; - for standard output alone")
    return parser
