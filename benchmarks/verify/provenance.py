"""Where a stored result came from: the command, the versions and the code that made it."""

import hashlib
import json
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def command() -> str:
    """How this process was started; of absolute paths the name alone."""
    words = (Path(word).name if word.startswith("/") else word for word in sys.argv)
    return shlex.join(["python", *words])


def versions(**more: str) -> dict[str, str]:
    """Of Python and what computes."""
    packages = {name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")}
    return {"python": platform.python_version(), **more, **packages}


def alike(run: Path, made: Mapping[str, Any]) -> None:
    """Stop if the run on disk was made with other settings than those that are wanted now.

    On how many devices it ran is no matter.
    """
    there = json.loads((run / "config.json").read_text())
    other = [
        f"{part}.{name}"
        for part, fields in json.loads(json.dumps(made)).items()
        for name, value in fields.items()
        if (part, name) != ("run", "devices") and there.get(part, {}).get(name, value) != value
    ]
    if other:
        raise SystemExit(
            f"{run} was made with other settings ({', '.join(other)}): delete it, or go back."
        )


def source_hash(script: Path, parts: Iterable[str], *more: Path) -> str:
    """One hash over the files a result depends on: the scripts' and those parts of the package."""
    files = [script, *more]
    for part in parts:
        files += sorted((ROOT / "src" / "cairn" / part).rglob("*.py"))
    total = hashlib.sha256()
    for file in files:
        total.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def keep(path: Path, found: Any, *, indent: int | None = 1) -> None:
    """Write a result as JSON, whole or not at all: what is there is not measured again."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(found, indent=indent) + "\n")
    partial.replace(path)


def told(found: Any, results: Path | None) -> None:
    """Print a result as JSON, and write it where one is to be kept."""
    print(json.dumps(found, indent=2))
    if results:
        keep(results, found, indent=2)


def into_page(page: str, mark: str, text: str) -> None:
    """Put `text` between `<!-- mark -->` and `<!-- mark end -->` on a page of docs/methods."""
    path = ROOT / "docs" / "methods" / page
    begins, ends = f"<!-- {mark} -->\n", f"<!-- {mark} end -->"
    pattern = re.compile(re.escape(begins) + ".*?" + re.escape(ends), re.DOTALL)
    path.write_text(pattern.sub(lambda _: begins + text + ends, path.read_text()))
