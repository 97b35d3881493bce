"""Tasks in AIRS-Bench's layout: `metadata.yaml`, `project_description.md`, `evaluate.py`, prepared.

facebookresearch/airs-bench, 2026. `prepare.py` makes the folder that an agent sees, and
`evaluate_prepare.py` the one with labels: both need the benchmark's own data and are run by hand.
`evaluate.py` prints one JSON object behind a marker line; it runs in the jail, once the candidate
has ended.
"""

from pathlib import Path

from cairn.core.errors import ConfigError
from cairn.research.layouts.reading import field, part, read_yaml, splits, text
from cairn.research.metrics.normalised import Scale
from cairn.research.tasks.task import Bounds, Grader, Split, Task

LAYOUT = "AIRS-Bench (metadata.yaml, project_description.md, evaluate.py)"


def read(
    folder: Path,
    *,
    data: Path,
    labels: Path,
    bounds: Bounds | None = None,
    search_on_test: bool = False,
) -> Task:
    """The task in a folder.

    Args:
        data: what `prepare.py` wrote: every program sees it as `data/`.
        labels: what `evaluate_prepare.py` wrote: the evaluation sees it as `data/`.
    """
    folder = Path(folder).resolve()
    metadata = part(folder, "metadata.yaml", LAYOUT)
    settings = read_yaml(metadata)
    for path in (data, labels):
        if not Path(path).is_dir():
            raise ConfigError(f"there is no folder {path}: run the task's preparation scripts.")
    submitted = tuple(settings.get("file_export_globs") or ("submission.csv",))
    if any("*" in name for name in submitted):
        raise ConfigError(f"{metadata}: files to export must be named, got {submitted}.")
    metric = str(field(settings, "logging_info.metric", metadata))
    extra = folder / "utils.py"
    return Task(
        name=str(field(settings, "logging_info.name", metadata)),
        description=text(part(folder, "project_description.md", LAYOUT)),
        metric=metric,
        larger_is_better=not field(settings, "metric_lower_is_better", metadata),
        results=submitted,
        grader=Grader(
            part(folder, "evaluate.py", LAYOUT), form="script", key=metric,
            arguments=("--submission-file", submitted[0]), seconds=3600.0,
        ),
        splits=splits(Split(Path(data).resolve(), Path(labels).resolve()),
                      search_on_test=search_on_test),
        inputs_as="data",
        support={"utils.py": extra} if extra.is_file() else {},
        bounds=bounds or Bounds(seconds=3600, memory_mb=8192, disk_mb=1024),
        baselines={"published": {"test": scale_of(folder).sota}},
        source=LAYOUT,
    )  # fmt: skip


def scale_of(folder: Path) -> Scale:
    """What the normalised score is measured by: optimum, published best, estimated worst."""
    metadata = part(Path(folder), "metadata.yaml", LAYOUT)
    settings = read_yaml(metadata)
    sota = field(settings, "logging_info.sota", metadata)
    if not sota:
        raise ConfigError(f"{metadata} names no published score.")
    info = "logging_info."
    return Scale(
        float(field(settings, info + "optimal_score", metadata)),
        float(sota[0]["sota_score"]),
        float(field(settings, info + "estimated_worst_score", metadata)),
    )
