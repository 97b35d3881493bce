"""Rainbow keeps every promise of a policy: killed, reordered, limited, replayed."""

from dataclasses import replace

import pytest
from redteam_harness import config

from cairn.engine.conformance import check
from cairn.redteam.config import Search, Simulation
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import World

pytestmark = pytest.mark.slow

SMALL = config(2, 3, simulation=Simulation(judge_silence=0.3))


@pytest.mark.parametrize("search", [Search(), Search(acceptance="score"), Search(method="random")])
def test_rainbow_keeps_its_promises(search):
    settings = replace(SMALL, search=search)
    assert settings.simulation is not None
    models = World(settings.space, settings.simulation).models()
    assert check(lambda: Rainbow(settings), models=models, trials=24, kills=3) == ()
