"""`cairn search gym`: policies of a search on landscapes, so that one is chosen by evidence."""

import argparse
from pathlib import Path
from typing import Any

from cairn.cli.arguments import Parser, positive
from cairn.cli.main import leaving_at_once
from cairn.core.errors import ConfigError, suggest

ALL = "all"
ABOUT = """\
Play search policies on landscapes without a model: a node is a number, operators change it with
known luck, measurements are noisy. SIMULATED: it says which policy finds more with such operators,
and nothing about a model or a task.

  cairn search gym                                    all policies on all landscapes, 200 searches
  cairn search gym --policies greedy,mcts,evolution --landscapes ceilings --noise 1
  cairn search gym --operators -0.2,-0.1,0            also: operators or search, what matters more?

A policy is credited with the true quality of the node that measured best. The oracle's gap is what
choosing by the truth would add; `docs/search-gym.md` says how much of it measuring again brings.
"""


def search_gym_command(argv: list[str]) -> int:
    """Run it; the exit status. Raises CairnError for a foreseen mistake."""
    arguments = _parser().parse_args(_joined(argv))
    with leaving_at_once():  # JAX takes seconds
        from cairn.cli.testing import check_json, give_json
        from cairn.research.gym import figures
        from cairn.research.gym.landscape import LANDSCAPES
        from cairn.research.gym.policies import POLICIES

    check_json(arguments.json, [])
    names = _names(arguments.landscapes, LANDSCAPES, "--landscapes")
    policies = _names(arguments.policies, POLICIES, "--policies")
    base = arguments.base or ("best-of" if "best-of" in policies else policies[0])
    if base not in policies:
        raise ConfigError(
            f"--base expects one of the policies that are played ({', '.join(policies)}), got "
            f"{base!r}.{suggest(base, policies)}"
        )
    means = _numbers(arguments.operators)
    chosen = {
        name if len(means) == 1 else f"{name}, {mean:+g} a step": LANDSCAPES[name]._replace(
            **({} if arguments.noise is None else {"noise": arguments.noise}),
            **({} if arguments.operators is None else {"step_mean": mean}),
        )
        for name in names
        for mean in means
    }
    quiet = str(arguments.json) == "-"
    cells = _measure(arguments, chosen, policies)
    lines = figures.rows(cells, base)
    report: dict[str, Any] = {
        "simulated": True,
        "evaluations": arguments.evaluations,
        "searches": arguments.searches,
        "seed": arguments.seed,
        "base": base,
        "landscapes": {name: one._asdict() for name, one in chosen.items()},
        "rows": lines,
    }
    if len(means) > 1:
        report["shares"] = _shares(cells, names, len(means), len(policies))
    give_json(arguments.json, report)
    if not quiet:
        _show(report)
    return 0


def _measure(
    arguments: argparse.Namespace, chosen: dict[str, Any], policies: list[str]
) -> list[Any]:
    from cairn.core.console import PatientProgress
    from cairn.research.gym import figures

    total, done = len(chosen) * len(policies), 0
    with PatientProgress() as progress:

        def tell(words: str) -> None:
            nonlocal done
            progress.show({"played": f"{done} of {total}", "now": words})
            done += 1

        return figures.measure(
            chosen, policies, evaluations=arguments.evaluations, count=arguments.searches,
            seed=arguments.seed, tell=tell,
        )  # fmt: skip


def _shares(cells: list[Any], names: list[str], operators: int, policies: int) -> dict[str, Any]:
    import numpy as np

    from cairn.research.gym import figures

    found = {}
    for number, name in enumerate(names):
        size = operators * policies
        part = cells[number * size : (number + 1) * size]
        table = np.array([figures.ended(cell.curves.chosen).mean() for cell in part])
        found[name] = figures.shares(table.reshape(operators, policies))
    return found


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    title = (
        f"SIMULATED landscapes: {report['searches']} searches of {report['evaluations']} "
        f"evaluations (mean, 95 % interval over searches)"
    )
    table = Table("landscape", "policy", "quality", f"over {report['base']}", "oracle's gap",
                  title=title, title_justify="left")  # fmt: skip
    before = None
    for line in report["rows"]:
        first = line["landscape"] if line["landscape"] != before else ""
        before = line["landscape"]
        over = "" if line["over"] is None else _said(line["over"], "+")
        table.add_row(first, line["policy"], _said(line["quality"]), over,
                      _said(line["oracle_gap"]), end_section=False)  # fmt: skip
    console.print(table)
    for name, parts in report.get("shares", {}).items():
        words = ", ".join(f"{part} {share:.0%}" for part, share in parts.items())
        console.print(f"Of the variance between these cells on {name}: {words}.")


def _said(interval: list[float], sign: str = "") -> str:
    return "{0:{s}.2f} ({1:{s}.2f} to {2:{s}.2f})".format(*interval, s=sign)


def _names(given: str, known: Any, flag: str) -> list[str]:
    if given == ALL:
        return list(known)
    names = [name for name in given.split(",") if name]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{flag} expects {ALL} or some of {', '.join(known)}, got {name!r}."
                f"{suggest(name, known)}"
            )
    if not names:
        raise ConfigError(f"{flag} expects {ALL} or some of {', '.join(known)}, got nothing.")
    return names


def _joined(argv: list[str]) -> list[str]:
    """`--operators -0.2,0` as one word: `argparse` takes a list that begins with - for a flag."""
    if "--operators" not in argv[:-1]:
        return argv
    at = argv.index("--operators")
    return [*argv[:at], f"--operators={argv[at + 1]}", *argv[at + 2 :]]


def _numbers(given: str | None) -> list[float]:
    if given is None:
        return [0.0]
    try:
        return [float(word) for word in given.split(",")]
    except ValueError:
        raise ConfigError(
            f"--operators expects mean changes of an improvement such as -0.2,-0.1,0, "
            f"got {given!r}."
        ) from None


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text}")
    return value


def _parser() -> Parser:
    parser = Parser(
        prog="cairn search gym", description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--landscapes", default=ALL, help="unimodal, ceilings, deceptive, diminishing (all)")
    add("--policies", default=ALL, help="by the names of cairn search run --policy (all)")
    add("--base", help="whom the others are compared with (best-of, or the first of them)")
    add("--evaluations", type=positive, default=200, help="of each search (200)")
    add("--searches", type=positive, default=200, help="of each policy on each landscape (200)")
    add("--noise", type=_amount, help="standard deviation of a measurement (0.3)")
    add("--operators", help="mean changes of an improvement, to be crossed with the policies")
    add("--seed", type=int, default=0)
    add("--json", type=Path, help="the same as JSON in this file; - for standard output")
    return parser
