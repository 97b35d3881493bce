"""What the console says after 100 calls of the demo, against what the run then takes."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cairn.core.journal import Journal
from cairn.engine.journaled import run
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint
from cairn.redteam.directory import read_config
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import World

DEMO = Path(__file__).parents[2] / "src/cairn/redteam/configs/demo.toml"


class _Paced:
    """A model of the demo that gives the reporter its turn."""

    def __init__(self, inner):
        self.inner, self.identity = inner, inner.identity

    async def complete(self, request, sample="0"):
        await asyncio.sleep(0.002)
        return await self.inner.complete(request, sample)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_demos_projection_at_100_calls_holds_the_truth(tmp_path, seed):
    config = read_config(DEMO)
    engine = replace(config.engine, trials=300, seed=seed, report_every_s=0.001)
    assert config.simulation is not None
    models = World(config.space, config.simulation).models()
    roles = {name: Role(Endpoint(_Paced(model))) for name, model in models.items()}
    seen = []

    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            policy, stage = Rainbow(config), journal.stage("search")
            return await run(policy, stage, config=engine, roles=roles, on_progress=seen.append)

    truth = asyncio.run(main()).progress.spent.calls
    first = next(progress for progress in seen if progress.projection is not None)
    assert first.spent.calls < 160, "it is said early"
    said = first.projection
    assert said.least.calls <= truth <= said.most.calls
    # The middle of the range is within a factor of one and a half.
    assert 1 / 1.5 < (said.least.calls * said.most.calls) ** 0.5 / truth < 1.5
