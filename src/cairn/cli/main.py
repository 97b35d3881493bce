"""The command `cairn`: finds the subcommand, and turns every foreseen failure into one line."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from cairn import __version__
from cairn.core.errors import CairnError, suggest
from cairn.core.machine import cores

COMMANDS = {
    "train": "Train an agent on levels that are made, scored, kept and chosen for it.",
    "tune": "Find settings of a method at a counted cost, tested on seeds of their own.",
    "evaluate": "Test a run's agent on levels it has never seen.",
    "compare": "Compare runs at equal spend, with intervals.",
    "progress": "Was a run open-ended? Students of all times on levels of all times.",
    "show": "Draw what a run learned: paths, levels, their ancestry, learning curves.",
    "audit": "How good a run's scores were: rank correlations with the truth, over time.",
    "regret": "How much a run's student could still learn on its levels: a lower bound.",
    "behaviour": "How a run's language model answers: passes, variety, drift from its start.",
    "collect": "Write episodes of a run's policy as a dataset to learn from.",
    "redteam": "Find the prompts that break a language model: a map, a report, a mending set.",
    "refine": "Make text and code fit to train on: rewritten, checked, accepted or rejected.",
    "search": "Search by language models: through puzzles, over programs.",
    "lm": "Language models of one's own: train one on texts, serve it, hand it on.",
    "jail": "Run a program that nobody has read, under limits, away from keys and files.",
    "view": "Every run in a browser, live: overview, comparisons, panels, notes, exports.",
    "list": "Environments, methods, scores and presets, a line each.",
    "digest": "One hash over everything that resuming a run must preserve.",
    "doctor": "Check this machine: versions, devices, known compiler faults, optional parts.",
    "bench": "Measure speed.",
}
CUDA_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")
"""What JAX needs to find an NVIDIA GPU."""
GPU_FLAG = "xla_gpu_deterministic_ops"

HELP = """\
cairn {version}: open-ended learning on one loop.

usage: cairn COMMAND [...]

{commands}

Start with:
  cairn train maze                    train on mazes, with settings for a small CPU
  cairn train maze --help             every setting, and which method to take when
  cairn train --resume runs/maze-dr-1 go on with a run that was stopped or killed
  cairn list                          what there is to choose from

`cairn COMMAND --help` explains a command. Exit status: 0 done, 1 a check failed or a limit
ended a run, 2 a mistake in the command, its files or the machine (one line says which), 130
stopped by Ctrl-C.
"""


STOPPED = "cairn: stopped by Ctrl-C.\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit status."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command; its exit status."""
    name = arguments[0] if arguments else "--help"
    if any(word.startswith("--coordinator") for word in arguments):
        # If a host is lost, JAX logs a page and aborts; `cairn.engine.hosts` says it in one line.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "4")
    try:
        status = _begin(name, arguments[1:])
        if sys.stdout is not None:  # None if it was closed before we began
            sys.stdout.flush()  # here, where a reader that has gone is no mistake
        return status
    except CairnError as error:
        # One line whatever the message holds: scripts and people read the last line of stderr.
        print("cairn:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(STOPPED, end="", file=sys.stderr)
        return 130
    except BrokenPipeError:
        out = sys.stdout
        if out is None or not _is_broken(out):
            raise
        # Its reader has gone, as `head` does; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 0


def _begin(name: str, arguments: list[str]) -> int:
    if name in ("--help", "-h", "help"):
        print(_help(), end="")
        return 0
    if name == "--version":
        print(f"cairn {__version__}")
        return 0
    return _find(name)(arguments)


def _is_broken(out: TextIO) -> bool:
    pipe = select.poll()
    pipe.register(out.fileno(), 0)
    return bool(pipe.poll(0))


def _find(name: str) -> Callable[[list[str]], int]:
    commands = _commands()
    if name not in commands:
        raise CairnError(
            f"Unknown command {name!r}. Expected one of {', '.join(commands)}."
            f"{suggest(name, commands)} See cairn --help."
        )
    _prepare_jax()
    with leaving_at_once():
        return getattr(import_module(f"cairn.cli.{name}"), f"{name}_command")


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """While nothing has begun, Ctrl-C ends the process where it stands.

    A KeyboardInterrupt would be swallowed if it came in one of JAX's callbacks of the garbage
    collector, which are many while JAX is imported, and the run would begin all the same.
    """

    def leave(number: int, frame: object) -> None:
        os.write(2, STOPPED.encode())
        os._exit(130)

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _commands() -> dict[str, str]:
    """The commands whose file is there: wings bring their own."""
    here = Path(__file__).parent
    return {name: text for name, text in COMMANDS.items() if (here / f"{name}.py").exists()}


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in _commands().items()]
    return HELP.format(version=__version__, commands="\n".join(lines))


def _prepare_jax() -> None:
    """Settings that JAX reads when it is imported. Only the command line makes them.

    What the user has set stays. Every core counts as a device (see `cairn.engine.devices`).
    Reading the CPU's compilation cache logs kilobytes of false alarms, hence the log level.
    """
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(cores()))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache_folder()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
    if any(find_spec(plugin) for plugin in CUDA_PLUGINS):
        _make_gpu_exact()


def _make_gpu_exact() -> None:
    """Only kernels whose sums have one order, unless the user says otherwise: resuming needs it."""
    flags = os.environ.get("XLA_FLAGS", "")
    if GPU_FLAG not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{GPU_FLAG}=true".strip()


def _cache_folder() -> Path:
    """Compiled programs: in the checkout if this is one, else in the user's cache folder."""
    checkout = Path(__file__).parents[3]
    if (checkout / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".cairn" / "compiled"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cairn" / "compiled"
