"""Where the quality-diversity benchmarks keep their figures, and what made them."""

import hashlib
import importlib.metadata
import os
import platform
import shlex
import sys
from pathlib import Path

import jax

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results" / "qd"
SOURCES = [
    *(f"src/cairn/archive/{name}.py" for name in ("grid", "cvt", "elites", "soft", "once")),
    *sorted(
        str(path.relative_to(ROOT))
        for folder in ("sampler/emitters", "qd")
        for path in (ROOT / "src/cairn" / folder).glob("*.py")
    ),
    "src/cairn/core/keys.py",
    "src/cairn/engine/compiled.py",
    "src/cairn/bench/qd_search.py",
]
"""What the figures depend on."""


def provenance(*more: str) -> dict:
    """Command, versions, machine and a hash of the sources, of the files in `more` too."""
    digest = hashlib.sha256()
    for name in (*SOURCES, *more):
        digest.update((ROOT / name).read_bytes())
    packages = ("jax", "jaxlib", "equinox", "numpy")
    # Of absolute paths the name alone: where things lie here is nobody's concern.
    name = lambda part: Path(part).name if part.startswith("/") else part  # noqa: E731
    words = [" ".join(map(name, word.split(" "))) for word in sys.argv[1:]]
    return {
        "command": shlex.join(["benchmarks/qd.py", *words]),
        "versions": {name: importlib.metadata.version(name) for name in packages}
        | {"python": platform.python_version()},
        "machine": {
            "cores": os.cpu_count(),
            "arch": platform.machine(),
            "device": jax.devices()[0].device_kind,
        },
        "sources_sha256": digest.hexdigest(),
    }
