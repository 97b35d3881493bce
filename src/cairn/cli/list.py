"""`cairn list`: what there is to choose from."""

import json

from cairn.cli.arguments import Parser
from cairn.envs import catalogue as environments
from cairn.score import catalogue as scores
from cairn.ued import catalogue as methods
from cairn.ued.presets import DEFAULT, PRESETS


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
    print("\nYour own environment: cairn train package.module:Class")
    return 0


def catalogue() -> dict[str, dict[str, str]]:
    """Every name by group, with its line."""
    return {
        "environments": {n: environments.describe(n) for n in environments.ENVIRONMENTS},
        "methods": {n: methods.describe(n) for n in methods.METHODS},
        "scores": {n: scores.describe(n) for n in scores.SCORES},
        "presets": {
            n: preset.description + (f" (default; method {preset.method})" if n == DEFAULT else "")
            for n, preset in PRESETS.items()
        },
    }
