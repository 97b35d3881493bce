"""Tasks in MLGym's layout: `configs/tasks/NAME.yaml`, starter code and an evaluation script.

Nathani et al. 2025, arXiv:2502.14499, facebookresearch/MLGym. Their evaluation scripts print one
JSON object. They run in the jail here, after the candidate for files that it left (CSVSubmission);
a script that imports the candidate (PythonSubmission) shares a process with it, and its score can
be forged: look at the best program before you believe it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError
from cairn.research.layouts.reading import field, part, read_yaml, splits, text
from cairn.research.tasks.task import Bounds, Grader, Split, Task

LAYOUT = "MLGym (configs/tasks/NAME.yaml and data/)"
SUBMITTED = {"CSVSubmissionTasks": "submission.csv", "PythonSubmissionTasks": "strategy.py"}


def read(
    root: Path,
    name: str,
    *,
    larger_is_better: bool | None = None,
    answers: Path | None = None,
    bounds: Bounds | None = None,
    search_on_test: bool = False,
) -> Task:
    """The task `name` of a checkout of MLGym (or of AIRS-Bench's conversion to it).

    Args:
        root: holds `configs/tasks` and `data`.
        larger_is_better: where the YAML does not say, as MLGym's own do not.
        answers: a folder that the evaluation script sees as `data/` and no program does.
    """
    root = Path(root).resolve()
    config = part(root, f"configs/tasks/{name}.yaml", LAYOUT)
    settings = read_yaml(config)
    entry = field(settings, "task_entrypoint", config)
    if entry not in SUBMITTED:
        raise ConfigError(
            f"{config}: {entry} are not supported: expected one of {', '.join(SUBMITTED)}."
        )
    if larger_is_better is None:
        if "metric_lower_is_better" not in settings:
            raise ConfigError(f"{config} does not say which way is better: give larger_is_better.")
        larger_is_better = not settings["metric_lower_is_better"]
    starter = {Path(p).name: part(root, p, LAYOUT) for p in settings.get("starter_code") or ()}
    scripts = [Path(p).name for p in field(settings, "evaluation_paths", config)]
    script = starter.get(scripts[0])
    if script is None:
        raise ConfigError(f"{config}: {scripts[0]} must be among starter_code.")
    submitted = SUBMITTED[entry]
    arguments = ("--submission_file", submitted) if entry.startswith("CSV") else ()
    if entry.startswith("CSV") and "--submission-file" in text(script):
        arguments = ("--submission-file", submitted)
    first = starter.get("baseline.py") or starter.get(submitted)
    program = submitted if entry.startswith("Python") else "program.py"
    description = str(field(settings, "description", config))
    return Task(
        name=str(settings.get("id", name)),
        description=description.replace("{dataset_docs}", _data(root, settings)),
        metric=next(iter(_baseline(settings)), "score"),
        larger_is_better=larger_is_better,
        results=(submitted,),
        program=program,
        starter="" if first is None else text(first),
        grader=Grader(script, form="script", arguments=arguments,
                      seconds=float(settings.get("eval_timeout", 600))),
        splits=splits(Split(None, answers or script), search_on_test=search_on_test),
        support={n: p for n, p in starter.items() if n != program},
        bounds=bounds or Bounds(seconds=float(settings.get("training_timeout", 1800)),
                                memory_mb=8192, disk_mb=1024),
        baselines={name: {"test": score} for name, score in _baseline(settings).items()},
        source=LAYOUT,
    )  # fmt: skip


def _baseline(settings: Mapping[str, Any]) -> dict[str, float]:
    listed = settings.get("baseline_scores") or [{}]
    return {str(k): float(v) for k, v in (listed[0] or {}).items()}


def _data(root: Path, settings: Mapping[str, Any]) -> str:
    found = []
    for path in settings.get("dataset_configs") or ():
        config = root / "configs" / path
        if config.is_file():
            found.append(str(read_yaml(config).get("description", "")).strip())
    return "\n\n".join(found)
