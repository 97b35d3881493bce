"""Everything that decides a synthetic set, field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cairn.core.errors import ConfigError
from cairn.core.typed import build, read_toml
from cairn.lm.cast import Application, Model
from cairn.lm.prices import check_prices
from cairn.lm.shared import share
from cairn.lm.spend import Spend
from cairn.refine.source2synth.sql import Limits

ROLES = ("writer", "solver", "blind")


@dataclass(frozen=True)
class SourceConfig:
    """How the source is read."""

    kind: Literal["auto", "documents", "tables"] = "auto"
    """auto: .db, .sqlite, .sqlite3, .csv, .tsv and folders of the last two are tables."""
    id: str | None = None
    """Documents: the field of a record with its id; none: its number."""
    text: str = "text"
    """Documents: the field with the text."""
    title: str = "title"
    """Documents: the field with the title, where there is one."""
    most: int = 10
    """Documents: a name that stands in more of them links none."""
    passage: int = 1200
    """Documents: most characters of each that are shown."""
    around: int = 12
    """Tables: rows that are shown."""

    def __post_init__(self):
        for name, least in (("most", 2), ("passage", 20), ("around", 1)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"source.{name} must be at least {least}, got {getattr(self, name)}."
                )


@dataclass(frozen=True)
class Curation:
    """How one half is curated by a model that was fine-tuned on the other."""

    tries: int = 3
    """Answers of the solver to each item; one that is right keeps it. Paper: 3."""
    solve: Literal["answer", "sql"] = "answer"
    """What the solver is asked for: the answer itself, or SQL that finds it (tables)."""
    withheld: bool = True
    """Ask for the answer without the source too, and drop what is known without it. Ours."""
    leaked_at: int = 1
    """Right answers without the source, of `tries`, from which an item is dropped."""
    impute: bool = True
    """Let the solver write one part again from the others: the first of two questions, or the
    question to a statement. What it writes stays if it passes the same checks."""

    def __post_init__(self):
        if self.tries < 1:
            raise ConfigError(f"curate.tries must be at least 1, got {self.tries}.")
        if not 1 <= self.leaked_at <= self.tries:
            raise ConfigError(
                f"curate.leaked_at must lie in [1, {self.tries}], the number of tries, got "
                f"{self.leaked_at}."
            )


@dataclass(frozen=True)
class Trainer:
    """Fine-tunes the solver on one half: a command of yours, run once."""

    command: tuple[str, ...]
    """Its words. {jsonl} is a file of conversations, {texts} a folder with a text for each, {model}
    the place where the model is to be, {folder} where all of these lie."""

    def __post_init__(self):
        if not self.command or not self.command[0].strip():
            raise ConfigError("trainer.command must hold a program and its arguments, got none.")
        if not any("{jsonl}" in word or "{texts}" in word for word in self.command):
            raise ConfigError(
                "trainer.command must name what to learn from: {jsonl}, conversations a line, or "
                "{texts}, a folder of texts."
            )


@dataclass(frozen=True)
class SynthConfig:
    """A synthetic set."""

    models: Mapping[str, Model | Application]
    """writer; solver, unless the trainer leaves a model that cairn can load; blind, who is asked
    without the source (default: the solver)."""
    items: int = 100
    """Seeds: questions that are tried."""
    seed: int = 0
    """Of all draws."""
    workers: int = 64
    """Items worked on at a time."""
    source: SourceConfig = field(default_factory=SourceConfig)
    sql: Limits = field(default_factory=Limits)
    curate: Curation = field(default_factory=Curation)
    trainer: Trainer | None = None
    limits: Spend = field(default_factory=Spend)

    def __post_init__(self):
        for name in ("items", "workers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        prices = {role: model.price for role, model in self.models.items()}
        check_prices(self.limits.limits(), prices, scope="[limits]")


def read_config(path: Path, changes: Mapping[str, Any] | None = None) -> SynthConfig:
    """A config from a TOML file; `changes` win over what stands in it."""
    table = {**read_toml(path), **(changes or {})}
    models = table.get("models")
    if isinstance(models, Mapping):
        table["models"] = share(models, [role for role in ROLES if role in models] or ["writer"])
        unknown = [role for role in table["models"] if role not in ROLES]
        if unknown:
            raise ConfigError(
                f"[models.{unknown[0]}] is no role of cairn refine synth; its roles are "
                f"{', '.join(ROLES)}."
            )
    return build(SynthConfig, table)
