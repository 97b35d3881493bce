"""`cairn search planning`: a small transformer learns when a plan is worth its words."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from cairn.cli.arguments import Parser, positive
from cairn.core.errors import ConfigError

ABOUT = """\
Train a small transformer that reads a world in words and answers with an action, or with a plan and
an action. It first imitates a teacher that plans at random, then learns by reward less a cost for
each word of a plan.

  cairn search planning graph                          a graph seen in part; minutes on one core
  cairn search planning craftax --cost 0.004           Craftax-Classic in words (extra craftax)
  cairn search planning graph --rounds 0 --show        imitation alone, and an episode in words

The table compares never planning, planning every 8, 4, 2 turns and always, its own decisions, and
plans of the teacher that are handed in, on the same episodes.
"""


def search_planning_command(argv: list[str]) -> int:
    """Run it; the exit status. Raises CairnError for a foreseen mistake."""
    arguments = _parser().parse_args(argv)
    from cairn.cli.testing import check_json, give_json

    check_json(arguments.json, [])
    if arguments.cost < 0 or arguments.rounds < 0:
        raise ConfigError(
            "cairn search planning expects --cost and --rounds of at least 0, got "
            f"{arguments.cost} and {arguments.rounds}."
        )
    report, episode = _measured(arguments)
    give_json(arguments.json, report)
    if str(arguments.json) != "-":
        _table(report, episode)
    return 0


def _measured(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    import jax

    from cairn.core.console import PatientProgress
    from cairn.research.planning import arms, tuned
    from cairn.research.planning.turns import own, play, shown

    world = arms.world_of(arguments.world)
    config = replace(
        arms.CONFIGS[arguments.world], primed=arguments.primed, updates=arguments.rounds,
        width=arguments.width, episodes=arguments.demonstrations,
    )  # fmt: skip
    begin, test, episodes = jax.random.key(arguments.seed), jax.random.key(99), arguments.episodes
    with PatientProgress() as progress:
        tell = lambda words: progress.show({"now": words})  # noqa: E731
        rows = tuned.demonstrations(world, config, jax.random.key(1_000 + arguments.seed))
        player = tuned.prime(world, config, rows, begin, tell)
        found = {f"primed, {arm}": one for arm, one in
                 arms.compared(world, player, test, episodes).items()}  # fmt: skip
        steered = arms.steered(world, player, test, episodes)
        if arguments.rounds:
            player, _ = tuned.improve(world, config, player, begin, arguments.cost, say=tell)
            found["by reward, own"] = arms.figures(world, player, own, test, episodes)
        episode = shown(world, play(world, player, own, test, 1)) if arguments.show else ""
    for one in found.values():
        one["worth"] = one["reward"] - arguments.cost * one["words"]
    return {
        "world": arguments.world, "cost": arguments.cost, "seed": arguments.seed,
        "episodes": episodes, "arms": found, "steered": steered,
    }, episode  # fmt: skip


def _table(report: dict[str, Any], episode: str) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    title = (f"{report['world']}: means of {report['episodes']} episodes; a plan's word costs "
             f"{report['cost']:g}")  # fmt: skip
    table = Table(Column("arm", no_wrap=True), "return", "reward", "words for plans",
                  "plans a turn", "turns",
                  title=title, title_justify="left")  # fmt: skip
    for arm, one in report["arms"].items():
        table.add_row(arm, f"{one['worth']:.3f}", f"{one['reward']:.3f}", f"{one['words']:.1f}",
                      f"{one['plans']:.2f}", f"{one['turns']:.1f}")  # fmt: skip
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    asked = report["steered"]
    console.print(
        f"The first action is that of a plan handed in: {asked['shown']:.0%}, and of one that it "
        f"does not see: {asked['hidden']:.0%}."
    )
    if episode:
        console.print(episode, markup=False)


def _parser() -> Parser:
    parser = Parser(
        prog="cairn search planning",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("world", metavar="WORLD", help="graph or craftax")
    add("--cost", type=float, default=0.01, help="of a plan's word; 0.01")
    add("--primed", type=positive, default=1_000, help="updates of imitation; 1,000")
    add("--demonstrations", type=positive, default=1_024, help="episodes of the teacher; 1,024")
    add("--rounds", type=int, default=25, help="rounds by reward; 0: none; 25")
    add("--width", type=positive, default=32, help="of the transformer; 32")
    add("--episodes", type=positive, default=128, help="of the test; 128")
    add("--seed", type=int, default=0, help="of all that learns; 0")
    add("--show", action="store_true", help="an episode in words, at the end")
    add("--json", type=Path, help="all figures, to this file; - for standard output alone")
    return parser
