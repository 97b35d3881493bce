"""A server of simulated models, for whole runs."""

from dataclasses import replace

import pytest
from world_server import WorldServer

from cairn.lm.breaker import Patience
from cairn.lm.cast import Model


@pytest.fixture
def server(monkeypatch):
    # Pauses of a patient run are seconds long.
    plain, short = Model.flow, Patience(cooldown_s=0.02)
    hasty = lambda self: replace(plain(self), backoff_s=0.01, patience=short)  # noqa: E731
    monkeypatch.setattr(Model, "flow", hasty)
    found = WorldServer()
    yield found
    found.close()
