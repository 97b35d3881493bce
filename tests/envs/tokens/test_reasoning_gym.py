"""Against a stand-in with the package's interface: the package is no dependency of the tests."""

import dataclasses
import sys
from types import ModuleType

import pytest

from cairn.core.errors import ConfigError, MissingExtraError, TaskError
from cairn.envs.tokens import catalogue
from cairn.envs.tokens.check import check


@dataclasses.dataclass
class Config:
    most: int = 1
    seed: int | None = None
    size: int = 500


class Doubles:
    def __init__(self, config):
        assert config.size == 1
        self.config = config

    def __getitem__(self, index):
        number = self.config.seed % self.config.most + index
        return {"question": f"2 × {number}\t=", "answer": f"{2 * number}", "metadata": {}}

    def score_answer(self, answer, entry):
        return 1.0 if answer == entry["answer"] else 0.01


class Steps:
    def set_global_level(self, level):
        self.level = level

    def generate_configuration(self, defaults):
        return Config(most=10 ** (self.level + 2), **defaults)


@pytest.fixture
def package(monkeypatch):
    outer, factory = ModuleType("reasoning_gym"), ModuleType("reasoning_gym.factory")
    factory.DATASETS = {"doubles": (Doubles, Config), "flat": (Doubles, Config)}
    factory.has_curriculum = lambda name: name == "doubles"
    factory.create_curriculum = lambda name: Steps()
    monkeypatch.setitem(sys.modules, "reasoning_gym", outer)
    monkeypatch.setitem(sys.modules, "reasoning_gym.factory", factory)


def test_a_generator_is_a_task_whose_splits_share_no_text(package):
    task = catalogue.find("reasoning-gym/doubles")(longest_prompt=20, longest_answer=8)
    check(task, each=8)
    assert type(task).__doc__.startswith("doubles. Any generator of reasoning-gym")


def test_what_the_package_lacks_or_does_not_hold_is_said_at_once(package, monkeypatch):
    with pytest.raises(ConfigError, match=r"no generator 'dubles', of 2. Did you mean 'doubles'"):
        catalogue.find("reasoning-gym/dubles")()
    with pytest.raises(ConfigError, match="'flat' has no curriculum"):
        catalogue.find("reasoning-gym/flat")()
    with pytest.raises(TaskError, match=r"the prompt '2 \? \d+ =' has \d characters; there"):
        check(catalogue.find("reasoning-gym/doubles")(longest_prompt=2), each=2)
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MissingExtraError, match="uv sync --extra reasoning"):
        catalogue.find("reasoning-gym/doubles")()
