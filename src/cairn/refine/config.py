"""Settings of a run of `cairn refine run`."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

from cairn.core.errors import ConfigError
from cairn.core.journal import canonical, digest_of
from cairn.core.typed import plain
from cairn.lm.cast import Application, Model, shaping
from cairn.lm.prices import check_prices
from cairn.lm.spend import Spend
from cairn.refine.refining import ROLES, How
from cairn.refine.sealing import derived
from cairn.refine.tasks.base import Task

MODELS = (*ROLES, "verifier")
"""Who may play: who rewrites, who does where the first is stopped or used up, who judges."""


@dataclass(frozen=True)
class RefineConfig:
    """A whole run."""

    source: str
    """What is refined: a path, a pattern, or a URL."""
    sink: str
    """Where it goes."""
    task: str
    """A name, or the path of a task's own file."""
    models: dict[str, Model | Application] = field(default_factory=dict)
    """By role, see `MODELS`."""
    how: How = field(default_factory=How)
    """How a record is refined."""
    id: str | None = None
    """The field that holds a record's id; None: its number."""
    files: tuple[str, ...] = ()
    """Which files of a folder, by patterns; none: all of them."""
    key: str | None = None
    """A key file of pseudonyms; None: a key of the run's own."""
    corpus: bool = False
    """Whether a value has one pseudonym in all records, not one in each."""
    tries: int | None = None
    """Rewrites of a text by each model; None: the task's own."""
    limits: Spend = field(default_factory=Spend)
    """What may be spent."""
    simulation: float | None = None
    """Given: simulated models, with this error."""
    distilled: str | None = None
    """Given: the folder of `cairn refine distill` whose refiner rewrites."""
    seed: int = 0
    """Root of all draws."""
    workers: int = 64
    """Records worked on at a time, in each process."""
    processes: int = 1
    """More than 1: so many beside the run's own."""
    ray: int = 0
    """So many actors of a Ray cluster in place of processes."""
    shard: int = 1000
    """Records in a shard."""

    def __post_init__(self):
        for name in ("chunk", "longest"):
            if getattr(self.how, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self.how, name)}.")
        if not self.how.text:
            raise ConfigError("text must name at least one field.")
        if self.how.provenance in self.how.text:
            raise ConfigError(f"the field {self.how.provenance!r} cannot be text and provenance.")
        unknown = next((role for role in self.models if role not in MODELS), None)
        if unknown is not None:
            raise ConfigError(f"[models.{unknown}] is no role here; roles are {', '.join(MODELS)}.")
        others = "refiner" in self.models or self.simulation is not None
        if self.distilled is not None and others:
            raise ConfigError("the refiner is a model, a distilled or a simulated one: name one.")
        if self.simulation is self.distilled is None and "refiner" not in self.models:
            raise ConfigError(
                "nobody rewrites: name a model by --model and --base-url, or a folder by "
                "--distilled, or take --demo."
            )
        prices = {name: model.price for name, model in self.models.items()}
        check_prices(self.limits.limits(), prices, scope="[limits]")

    @property
    def who(self) -> str:
        """Who rewrites."""
        if self.simulation is not None:
            return "simulated models"
        if self.distilled is not None:
            return f"the distilled refiner {PurePath(self.distilled).name}"
        return self.models["refiner"].who

    @property
    def task_name(self) -> str:
        """The task without the folder that its file lies in."""
        return PurePath(self.task).name

    def tied(self, task: Task, key: bytes | None) -> dict[str, Any]:
        """What must stay as it is while a run goes on. `key`: of pseudonyms, where there is one."""
        return {
            "key": None if key is None else derived(key, "name of the key").hex()[:16],
            "corpus": self.corpus,
            "task": described(task),
            "how": plain(self.how),
            "id": self.id,
            "files": list(self.files),
            "seed": self.seed,
            "simulation": self.simulation,
            "models": {role: shaping(model) for role, model in self.models.items()},
        }


def described(task: Task) -> dict[str, Any]:
    """What of a task shapes the results."""
    return {
        "name": task.name,
        "instructions": digest_of(task.instructions).hex()[:16],
        "checks": _digest(task.checks),
        "detectors": _digest(task.detectors),
        "sure": task.sure,
        "tries": task.tries,
        "pseudonyms": task.pseudonyms,
    }


def _digest(parts: Sequence[Any]) -> str:
    return digest_of(canonical([stable(part) for part in parts])).hex()[:16]


def stable(value: Any) -> Any:
    """JSON that says what an object is, and the same in every process: a set's order, or a
    function's address, is not."""
    if isinstance(value, bool | int | float | str) or value is None:
        return value if not isinstance(value, float) else repr(value)
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_dataclass(value):
        return [kind, {each.name: stable(getattr(value, each.name)) for each in fields(value)}]
    if isinstance(value, set | frozenset):
        return [kind, sorted(canonical(stable(each)) for each in value)]
    if isinstance(value, Mapping):
        return [kind, sorted([canonical(stable(k)), stable(v)] for k, v in value.items())]
    if isinstance(value, tuple | list):
        return [stable(each) for each in value]
    if isinstance(value, re.Pattern):
        return [kind, value.pattern, value.flags]
    if isinstance(value, partial):
        return [kind, stable(value.func), stable(value.args), stable(value.keywords)]
    return [kind, str(getattr(value, "name", ""))]
