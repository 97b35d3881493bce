"""`cairn list`: what there is to choose from."""

import json

from cairn.cli import list_mixing
from cairn.cli.arguments import Parser
from cairn.core.resolve import resolve
from cairn.envs import catalogue as environments
from cairn.nn.catalogue import NETWORKS
from cairn.runs import catalogue as runs
from cairn.score import catalogue as scores
from cairn.ued import mixing


def list_command(arguments: list[str]) -> int:
    """Print environments, methods, scores and presets, a line each; or what goes with what."""
    parser = Parser(prog="cairn list", description="What there is to choose from, a line each.")
    parser.add_argument(
        "what", nargs="?", choices=["mixing"],
        help="mixing: which generator goes with which curator and score, and where",
    )  # fmt: skip
    parser.add_argument("task", nargs="?", help="of the mixing: an environment, say your own")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    chosen = parser.parse_args(arguments)
    if chosen.what:
        return _mixing(chosen.task, as_json=chosen.json)
    groups = catalogue()
    if chosen.json:
        print(json.dumps(groups, indent=2, ensure_ascii=False))
        return 0
    for group, entries in groups.items():
        print(f"{group}:")
        width = max(map(len, entries))
        for name, text in entries.items():
            print(f"  {name:<{width}}  {text}")
    print("\nYour own: cairn train package.module:Class --method package.module:NAME (see docs)")
    return 0


def _mixing(task: str | None, *, as_json: bool) -> int:
    envs = list_mixing.environments(task)
    rows = mixing.table(envs)
    if as_json:
        print(json.dumps(list_mixing.as_json(rows, envs), indent=2, ensure_ascii=False))
    else:
        print("\n".join(list_mixing.lines(rows, envs)))
    return 0


def catalogue() -> dict[str, dict[str, str]]:
    """Every name by group, with its line."""
    presets: dict[str, str] = {}
    for name in runs.METHODS:
        for place, (preset, chosen) in enumerate(runs.method(name).presets.items()):
            default = "" if place else " (default)"
            presets.setdefault(preset, f"{chosen.description}{default}")
    others = {name: runs.describe_task(name) for name in runs.TASKS}
    return {
        "environments": environments.lines(),
        **({"other tasks": others} if others else {}),
        **{
            f"methods of {wing}": {name: runs.describe_method(name) for name in methods}
            for wing, methods in runs.WINGS.items()
        },
        "networks": {name: describe(resolve(name, NETWORKS, "network")) for name in NETWORKS},
        "learners": {name: describe(runs.learner(name)) for name in runs.LEARNERS},
        "scores": {n: scores.describe(n) for n in scores.SCORES},
        "presets": presets,
    }


def describe(thing: object) -> str:
    """The first line of its docstring."""
    return (thing.__doc__ or "").split("\n", 1)[0]
