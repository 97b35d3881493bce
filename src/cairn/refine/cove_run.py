"""Chain-of-Verification of every record of a source, on the map."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, RunError, suggest
from cairn.core.journal import canonical, digest_of
from cairn.core.typed import build, plain, read_toml
from cairn.engine.map_items import Item, Outcome
from cairn.engine.map_progress import Show
from cairn.engine.map_sources import source_at
from cairn.lm.cast import Application, Model, Player
from cairn.lm.client import Clients
from cairn.lm.shared import share
from cairn.lm.spend import Spend
from cairn.refine import cove_prompts
from cairn.refine.cove import Verification
from cairn.runs.mapping import Mapped
from cairn.runs.mapping import map as map_items

ROLES = ("writer", "checker")


@dataclass(frozen=True)
class Fields:
    """Where a record has what."""

    id: str | None = None
    """Its id; none: its number."""
    request: str = "prompt"
    """What was asked."""
    draft: str = "draft"
    """The answer to be verified; where a record has none, the writer drafts one."""
    text: str | None = None
    """A text from which the questions are answered; none: from the checker's memory."""
    out: str = "text"
    """The verified answer, in the output."""


@dataclass(frozen=True)
class VerifyConfig:
    """Verification of a set of records."""

    models: Mapping[str, Model | Application]
    """writer; checker, who answers the questions (default: the writer)."""
    seed: int = 0
    workers: int = 64
    fields: Fields = field(default_factory=Fields)
    verification: Verification = field(default_factory=Verification)
    limits: Spend = field(default_factory=Spend)


@dataclass(frozen=True)
class Verify:
    """The work on one record."""

    fields: Fields
    verification: Verification

    async def __call__(self, item: Item, clients: Clients, key: DrawKey) -> dict[str, Any]:
        """The record, its verified answer, and what was checked."""
        at, record = self.fields, item.value
        request = self._field(record, at.request)
        text = None if at.text is None else self._field(record, at.text)
        draft = self._field(record, at.draft) if record.get(at.draft) is not None else None
        found = await self.verification(clients, request, draft, key=key, text=text)
        how = self.verification
        checked = [check._asdict() for check in found.checked]
        cove = {
            "variant": how.variant, "checked": checked, "calls": found.calls,
            "changed": found.text != found.draft,
            "models": {
                role: clients.desk.roles[role].endpoint.identity
                for role in dict.fromkeys((how.role, how.answerer))
            },
        }  # fmt: skip
        return {**record, at.draft: found.draft, at.out: found.text, "cove": cove}

    def _field(self, record: Any, name: str) -> str:
        if not isinstance(record, dict) or not isinstance(record.get(name), str):
            near = suggest(name, record) if isinstance(record, dict) else ""
            raise RunError(f"a record has no text {name!r}; name its field by [fields].{near}")
        return record[name]


def read_config(path: Path) -> VerifyConfig:
    """A config from a TOML file."""
    table = read_toml(path)
    models = table.get("models")
    if isinstance(models, Mapping):
        models = share(models, [role for role in ROLES if role in models] or ["writer"])
        unknown = [role for role in models if role not in ROLES]
        if unknown:
            raise ConfigError(
                f"[models.{unknown[0]}] is no role of cairn refine verify; its roles are "
                f"{', '.join(ROLES)}."
            )
        table["models"] = models
    return build(VerifyConfig, table)


def verify(
    source: Any,
    output: Path | str,
    config: VerifyConfig,
    *,
    run: Path | str,
    players: Mapping[str, Player] | None = None,
    show: bool | Show = True,
) -> Mapped:
    """Verify every record of `source` into `output`, or go on with that; sources and sinks are
    those of `cairn.map`. Raises RunError for a source without a record, before anything is made."""
    players = {**config.models, **(players or {})}
    how = config.verification
    missing = [role for role in (how.role, how.answerer) if role not in players]
    if missing:
        raise ConfigError(
            f"cairn refine verify needs [models.{missing[0]}]; there is "
            f"{', '.join(players) or 'no model'}."
        )
    found = source_at(source, config.fields.id)
    if next(iter(found.rows()), None) is None:
        raise RunError(f"{found.name} holds no record: there is nothing to verify.")
    work = Verify(config.fields, how)
    words = {name: text for name, text in vars(cove_prompts).items() if name.isupper()}
    version = digest_of(canonical([plain(config.fields), plain(how), words])).hex()[:12]
    return map_items(
        work, source=found, run=run, sink=output, models=players, id=config.fields.id,
        fold=counted, seed=config.seed, version=version, limits=config.limits,
        workers=config.workers, private=True, show=show,
    )  # fmt: skip


def counted(outcome: Outcome) -> dict[str, int]:
    """What became of a draft."""
    if outcome.kind != "done":
        return {f"{outcome.kind}: {outcome.value['error']}": 1}
    found = outcome.value["cove"]
    kind = "changed" if found["changed"] else "unchanged" if found["checked"] else "no questions"
    return {kind: 1, "questions": len(found["checked"]), "calls": found["calls"]}
