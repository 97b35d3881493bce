"""`cairn bench`: measures speed, each benchmark one command."""

import dataclasses
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

from cairn.cli import flags
from cairn.core.errors import CairnError, ConfigError, suggest

BENCHMARKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ued": ("training", "Training steps per second, beside peers and the processor's peak."),
        "env": ("stepping", "Raw environment stepping with random actions, beside peers."),
        "archive": ("archive", "What drawing and inserting levels costs, by archive size."),
        "compile": ("starting", "From the command to the first cycle, cold and cached; memory."),
        "goal": ("goal", "Wall clock until an agent is good on mazes it has never seen."),
        "parts": ("parts", "Where a training cycle's time goes, and what bounds each part."),
        "lm": ("language", "Sampling from a language model and GRPO, beside transformers and TRL."),
        "jail": ("jail", "What running a program in the jail costs, by tier."),
        "qd": ("qd", "Quality-diversity on the sphere and the arm, beside published results."),
    }
)
"""Name to (module of cairn.bench, one line about it). Modules have `Config` and `run`."""

HELP = """\
cairn bench: measure speed. Figures depend on the machine and on what else it does.

usage: cairn bench NAME [flags]

{names}

`cairn bench NAME --help` shows the flags. --json FILE keeps the figures; --tiny does everything
once as small as possible, to see that it works. docs/performance.md holds measured figures.
"""


def bench_command(arguments: list[str]) -> int:
    """Run one benchmark."""
    name = arguments[0] if arguments else "--help"
    if name in flags.HELP:
        print(HELP.format(names=_names()), end="")
        return 0
    if name not in BENCHMARKS:
        raise CairnError(
            f"Unknown benchmark {name!r}. Expected one of {', '.join(BENCHMARKS)}."
            f"{suggest(name, BENCHMARKS)} See cairn bench --help."
        )
    module = import_module(f"cairn.bench.{BENCHMARKS[name][0]}")
    kind: type[Any] = module.Config
    config = flags.parse(
        kind,
        arguments[1:],
        get_type_hints(kind),
        default=kind(),
        prog=f"cairn bench {name}",
    )
    _check(config)
    with _sigterm_as_ctrl_c():
        module.run(config)
    return 0


def _check(config: Any) -> None:
    """Raises ConfigError for what would fail only at the end: no rounds, no place to write."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        least = 0 if field.name in ("seeds", "tiers") else 1
        if field.default and value == ():
            raise ConfigError(f"{field.name} needs at least one value.")
        for number in value if isinstance(value, tuple) else (value,):
            if type(number) is int and number < least:
                raise ConfigError(f"{field.name} must be at least {least}, got {number}.")
    path: Path | None = config.json
    if path is None:
        return
    above = next((folder for folder in path.absolute().parents if folder.exists()), path)
    file_is_ours = not path.exists() or os.access(path, os.W_OK)
    folder_is_ours = above.is_dir() and os.access(above, os.W_OK)
    if path.is_dir() or not file_is_ours or not folder_is_ours:
        raise ConfigError(f"json: {path} cannot be written. Name a file in a folder of yours.")


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """So that what was started is ended however this process is asked to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _names() -> str:
    width = max(map(len, BENCHMARKS))
    return "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in BENCHMARKS.items())
