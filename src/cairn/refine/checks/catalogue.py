"""Checks by name, as a task's file names them, with their settings."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.core.typed import build
from cairn.refine.checks.base import Check

_ROOM = "cairn.refine.checks."
CHECKS = {
    "wrapper": _ROOM + "form:Wrapper",
    "refusal": _ROOM + "form:Refusal",
    "length": _ROOM + "form:Length",
    "language": _ROOM + "form:Language",
    "structure": _ROOM + "form:Structure",
    "code": _ROOM + "code:Code",
    "tests-pass": _ROOM + "tests_pass:TestsPass",
    "leak": _ROOM + "private:Leak",
    "residual": _ROOM + "private:Residual",
    "pseudonyms": _ROOM + "private:Consistent",
    "canaries": _ROOM + "canaries:Canaries",
    "toxicity": _ROOM + "toxicity:Toxicity",
    "verifier": _ROOM + "verifier:Verified",
    "facts": _ROOM + "verifier:Facts",
    "cove": "cairn.refine.cove_check:CoveCheck",
}


def check(name: str, settings: Mapping[str, Any] | None = None, *, where: str = "") -> Check:
    """The check called `name` with settings, or a user's own at `package.module:Name`.

    Own ones are objects or dataclasses; settings are the fields of the dataclass. Raises
    ConfigError, which `where` says the place of.
    """
    found = resolve(name, CHECKS, "check")
    place = where or f"checks.{name}"
    if isinstance(found, type):
        if dataclasses.is_dataclass(found):
            found = build(found, dict(settings or {}), place)
        elif settings:
            raise ConfigError(f"[{place}]: {name} takes no settings, since it is no dataclass.")
        else:
            found = found()
    elif settings:
        raise ConfigError(f"[{place}]: {name} is an object and takes no settings.")
    if not (callable(found) and isinstance(getattr(found, "name", None), str)):
        raise ConfigError(
            f"check {name!r} must have a name and be callable, got {type(found).__name__}."
        )
    return found  # pyright: ignore[reportReturnType]
