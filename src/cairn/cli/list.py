"""`cairn list`: what there is to choose from."""

import json

from cairn.cli.arguments import Parser
from cairn.envs import catalogue as environments
from cairn.runs import catalogue as runs
from cairn.score import catalogue as scores


def list_command(arguments: list[str]) -> int:
    """Print environments, methods, scores and presets, a line each."""
    parser = Parser(prog="cairn list", description="What there is to choose from, a line each.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    groups = catalogue()
    if parser.parse_args(arguments).json:
        print(json.dumps(groups, indent=2, ensure_ascii=False))
        return 0
    for group, entries in groups.items():
        print(f"{group}:")
        width = max(map(len, entries))
        for name, text in entries.items():
            print(f"  {name:<{width}}  {text}")
    print("\nYour own: cairn train package.module:Class --method package.module:NAME (see docs)")
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
        "learners": {name: describe(runs.learner(name)) for name in runs.LEARNERS},
        "scores": {n: scores.describe(n) for n in scores.SCORES},
        "presets": presets,
    }


def describe(thing: object) -> str:
    """The first line of its docstring."""
    return (thing.__doc__ or "").split("\n", 1)[0]
