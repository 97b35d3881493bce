"""What a run over language models came to so far, as a list of runs has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.view.compiled import Standing
from cairn.view.kinds import Named, told


def standing(folder: Path, command: str, config: Mapping[str, Any]) -> tuple[Named, Standing]:
    """How far the run in `folder` is. Its interval is over prompts or cells, not over seeds."""
    found = told(folder, command, config)
    first = found.progress[0] if found.progress else None
    share = min(first.done / first.of, 1.0) if first is not None and first.of else None
    return found.named, Standing(
        spent=found.spent,
        unit="calls",
        cost=found.spent["calls"],
        progress=1.0 if found.finished else share,
        finished=found.finished,
        headline=found.named.headline,
        problem=found.problem,
    )
