"""Domains in DiscoGen's layout, built into a task for a draw of data sets and one open module.

AlexGoldie/discogen, 2026: `datasets/ID/`, `templates/BACKEND/{base,edit}/`, `utils/task_spec.yaml`,
`utils/baseline_scores.yaml`, `task_config.yaml`. A file is looked for with the data set, then with
the backend, then with the default backend. Each data set's `main.py` prints its metrics as the last
line that begins with `{`: it runs the candidate's module in its own process, so that a score here
can be forged; only time and memory are ours to hold.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from cairn.core.errors import ConfigError
from cairn.research.layouts.reading import field, part, read_yaml, text
from cairn.research.metrics.discovery import Discovery, Domain
from cairn.research.tasks.task import Bounds, Grader, Split, Task

LAYOUT = "a domain of DiscoGen (datasets/, templates/, utils/, task_config.yaml)"
HARNESS = '''"""Runs the module on every data set and keeps the metrics that each prints last."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

found = {}
for source in sorted(Path("inputs").iterdir()):
    folder = Path("built") / source.name
    shutil.copytree(source, folder)
    shutil.copy("program.py", folder / MODULE)
    done = subprocess.run([sys.executable, "main.py"], cwd=folder, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        sys.exit(f"{source.name}: no metrics\\n{done.stderr[-2000:]}")
    found[source.name] = json.loads(lines[-1])
Path("metrics.json").write_text(json.dumps(found))
'''
GRADE = '''"""Mean over data sets of how far a metric is beyond the baseline, in shares of it."""


def grade(results, answers):
    """0 is the baseline, larger is better whatever the metric's direction."""
    rules, found = answers.json("rules.json"), results.json("metrics.json")
    beyond = []
    for name, baseline in rules["baselines"].items():
        try:
            value = float(found[name][rules["metric"]])
        except (KeyError, TypeError, ValueError):
            return {"invalid": f"{name} has no {rules['metric']}"}
        sign = 1 if rules["objective"] == "max" else -1
        beyond.append(sign * (value - baseline) / (abs(baseline) or 1.0))
    return sum(beyond) / len(beyond)
'''


def domain(folder: Path) -> Domain:
    """What the domain in a folder offers, for `metrics.discovery.sample` and its count."""
    config = part(Path(folder), "task_config.yaml", LAYOUT)
    settings = read_yaml(config)
    modules = [name.removeprefix("change_") for name in settings if name.startswith("change_")]
    backends = sorted(p.name for p in part(Path(folder), "templates", LAYOUT).iterdir())
    return Domain(tuple(field(settings, "train_task_id", config)), tuple(modules), tuple(backends))


def build(folder: Path, drawn: Discovery, into: Path, *, bounds: Bounds | None = None) -> Task:
    """The task of a draw, built below `into`. Search on meta-training sets, test on the others.

    Raises ConfigError for more than one open module: an artefact here is one file.
    """
    folder, into = Path(folder).resolve(), Path(into)
    if len(drawn.modules) != 1:
        raise ConfigError(f"one module can be open, got {', '.join(drawn.modules)}.")
    if into.exists():
        raise ConfigError(f"{into} is there already: name a folder that is not.")
    module = f"{drawn.modules[0]}.py"
    spec_file = part(folder, "utils/task_spec.yaml", LAYOUT)
    spec = read_yaml(spec_file)
    scores_file = part(folder, "utils/baseline_scores.yaml", LAYOUT)
    metric, scores = next(iter(read_yaml(scores_file).items()))
    splits = {}
    for name, chosen in (("search", drawn.train), ("test", drawn.test)):
        inputs, answers = into / "data" / name, into / "answers" / name
        for dataset in chosen:
            _build(folder, drawn.backend, dataset, spec, inputs / dataset)
        rules = {
            "metric": metric, "objective": scores.get("objective", "max"),
            "baselines": {d: float(field(scores, f"{drawn.backend}.{d}", scores_file))
                          for d in chosen},
        }  # fmt: skip
        answers.mkdir(parents=True)
        (answers / "rules.json").write_text(json.dumps(rules))
        splits[name] = Split(inputs, answers)
    (into / "harness.py").write_text(HARNESS.replace("MODULE", repr(module)))
    (into / "grade.py").write_text(GRADE)
    kind = "base" if drawn.based else "edit"
    start = _find(folder, drawn.backend, None, f"{kind}/{module}")
    return Task(
        name=f"{drawn.domain}-{drawn.modules[0]}",
        description=_description(folder, drawn),
        metric=f"{metric}, beyond the baseline",
        larger_is_better=True,
        results=("metrics.json",),
        grader=Grader(into / "grade.py"),
        splits=splits,
        starter=text(start),
        harness=into / "harness.py",
        bounds=bounds or Bounds(seconds=600, memory_mb=8192, disk_mb=512),
        source=LAYOUT,
    )


def _build(folder: Path, backend: str, dataset: str, spec: dict, target: Path) -> None:
    target.mkdir(parents=True)
    part(folder, f"datasets/{dataset}", LAYOUT)
    for name in spec.get("fixed_files") or ():
        _put(_find(folder, backend, dataset, name), target / name)
    for name in spec.get("module_files") or ():
        _put(_find(folder, backend, None, f"base/{name}"), target / name)


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def _find(folder: Path, backend: str, dataset: str | None, name: str) -> Path:
    places: Sequence[str] = [f"templates/{backend}", "templates/default"]
    places = places if dataset is None else [f"datasets/{dataset}", *places]
    for place in places:
        if (folder / place / name).is_file():
            return folder / place / name
    raise ConfigError(f"{folder} has no {name} in {', '.join(places)}: expected {LAYOUT}.")


def _description(folder: Path, drawn: Discovery) -> str:
    texts = []
    for name in ("utils/description.md", *(f"datasets/{d}/description.md" for d in drawn.train)):
        if (folder / name).is_file():
            texts.append(text(folder / name).strip())
    information = folder / "utils/task_information.yaml"
    if information.is_file():
        texts.append(str(read_yaml(information).get(f"{drawn.modules[0]}_prompt", "")).strip())
    return "\n\n".join(part for part in texts if part)
