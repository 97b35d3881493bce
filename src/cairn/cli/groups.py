"""A command of several parts: lists them, or hands over to the one that is named."""

from collections.abc import Mapping
from importlib import import_module

from cairn.cli.flags import HELP
from cairn.core.errors import CairnError, suggest


def hand_over(group: str, parts: Mapping[str, str], usage: str, arguments: list[str]) -> int:
    """The exit status of part P: of `GROUP_P_command` in `cairn.cli.GROUP_P`.

    `parts`: what each does, by name. `usage`: what is printed without a name, with `{parts}` in it.
    Raises CairnError for a name that is none.
    """
    name = arguments[0] if arguments else "--help"
    if name in HELP:
        width = max(map(len, parts))
        lines = [f"  {part:<{width}}  {text}" for part, text in parts.items()]
        print(usage.format(parts="\n".join(lines)), end="")
        return 0
    if name not in parts:
        raise CairnError(
            f"cairn {group} has no {name!r}. Expected one of {', '.join(parts)}."
            f"{suggest(name, parts)}"
        )
    command = import_module(f"cairn.cli.{group}_{name}")
    return getattr(command, f"{group}_{name}_command")(arguments[1:])
