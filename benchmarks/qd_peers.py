"""The toolkits that quality-diversity search is timed against, and how their process is started."""

import os
import shlex
from typing import NamedTuple

from cairn.bench.qd_search import Algorithm
from cairn.bench.sides import Side
from cairn.core.errors import CairnError
from qd_files import HERE


class Peer(NamedTuple):
    """Another toolkit, its driver in benchmarks/peers."""

    command: str
    """Starts a Python that has it."""
    package: str
    """What it is called there."""
    file: str
    """Where its rows are kept."""
    algorithms: tuple[Algorithm, ...]
    """Those that it has too."""
    inserts: bool
    """Whether its archive is timed alone as well."""


UV = "uv run --isolated --no-project"
PEERS = {
    "pyribs": Peer(
        command=f"{UV} --with ribs==0.12.0 --with numpy==2.4.6",
        package="ribs",
        file="speed.json",
        algorithms=("map-elites", "line", "cma-me", "cma-mae"),
        inserts=True,
    ),
    "qdax": Peer(
        command=f"{UV} --with qdax==0.5.0 --with jax==0.10.1",
        package="qdax",
        file="speed-qdax.json",
        # Its cells are those of centroids, whatever they are: in `cvt` ours are so too.
        algorithms=("map-elites", "line", "cvt", "cma-me"),
        inserts=False,
    ),
}


def started(name: str, peer: str) -> Side:
    """The peer in a process of its own, asked and answered in JSON lines."""
    command = [*shlex.split(peer), str(HERE / "peers" / f"{name}.py")]
    try:
        return Side(name, command, dict(os.environ))
    except OSError as error:
        raise CairnError(f"--peer: {command[0]} cannot be started: {error.strerror}.") from error


def versions(other: Side, peer: str) -> dict:
    """What the peer is. Raises CairnError if it does not answer."""
    try:
        return other.ask({"task": "versions"})
    except CairnError as error:
        raise CairnError(
            f"--peer: `{peer}` did not run benchmarks/peers/{other.name}.py. Name a Python that "
            f"has {PEERS[other.name].package}."
        ) from error
