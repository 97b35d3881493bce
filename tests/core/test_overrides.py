"""Settings of a nested config as flags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from cairn.core.errors import ConfigError
from cairn.core.overrides import change, described, split
from cairn.core.typed import build


@dataclass(frozen=True)
class Price:
    prompt: float
    answer: float


@dataclass(frozen=True)
class Server:
    url: str
    kind: Literal["server"] = "server"
    price: Price | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    key_env: str | None = None


@dataclass(frozen=True)
class Function:
    name: str
    kind: Literal["function"] = "function"
    slots: int = 8


@dataclass(frozen=True)
class Search:
    method: Literal["rainbow", "random"] = "rainbow"
    temperature: float = 0.1
    loud: bool = False


@dataclass(frozen=True)
class Axis:
    name: str
    bins: int = 10


@dataclass(frozen=True)
class Rest:
    trials: int
    speed: int = 1


@dataclass(frozen=True)
class Config:
    goal: str = "g"
    seed_file: str | None = "s.txt"
    axes: tuple[Axis, ...] = (Axis("a"), Axis("b"))
    search: Search = field(default_factory=Search)
    rest: Rest = field(default_factory=lambda: Rest(7))
    models: dict[str, Server | Function] = field(default_factory=dict)


KEYS = {"models": ("target", "held_out")}
OWN = {"--run", "--seed"}
TABLE = {"models": {"target": {"url": "u"}}, "axes": [{"name": "a"}, {"name": "b"}]}


def built(*words):
    changes, rest = split(words, Config, KEYS, OWN)
    return build(Config, change(Config, TABLE, changes)), rest


def test_a_flag_changes_the_field_of_its_name_and_other_words_are_left():
    found, rest = built(
        "c.toml", "--search.temperature", "0.2", "--run", "d", "--models.target.url=v",
        "--search.loud", "--goal", "another goal", "--axes.1.bins", "3",
    )  # fmt: skip
    assert rest == ["c.toml", "--run", "d"]
    assert found.search == Search(temperature=0.2, loud=True)
    assert found.models == {"target": Server("v")} and found.goal == "another goal"
    assert [axis.bins for axis in found.axes] == [10, 3]
    # A section that the config leaves out starts from what it is without one.
    assert built("--rest.speed", "2")[0].rest == Rest(7, 2)
    assert "search" not in TABLE and TABLE["models"]["target"] == {"url": "u"}


def test_a_table_that_is_not_there_is_made_and_its_kind_decides_its_fields():
    found, _ = built(
        "--models.held-out.slots", "2", "--models.held-out.name", "m:f",
        "--models.held-out.kind", "function", "--models.target.price.prompt", "1",
        "--models.target.price.answer", "2", "--models.target.stop", '["a", "b"]',
        "--models.target.extra.top-k", "3", "--models.target.extra.word", "x",
    )  # fmt: skip
    assert found.models["held_out"] == Function("m:f", slots=2)
    assert found.models["target"] == Server(
        "u", price=Price(1.0, 2.0), stop=("a", "b"), extra={"top-k": 3, "word": "x"}
    )


def test_none_leaves_a_setting_out_where_that_means_something():
    assert built("--seed-file", "none")[0].seed_file == "s.txt", "left out, it has its default"
    found, _ = built("--models.target.price.prompt", "1", "--models.target.price.answer", "1")
    assert found.models == {"target": Server("u", price=Price(1.0, 1.0))}
    assert built("--goal", "none")[0].goal == "none"


MISTAKES = [
    (["--search.temprature", "1"], "Unknown flag --search.temprature. .*--search.temperature"),
    (["--temperature", "1"], r"Unknown flag --temperature. Did you mean --search.temperature\?"),
    (["--sede", "1"], "Unknown flag --sede. Did you mean '--seed'"),
    (["--models.tarket.url", "1"], "--models.tarket.url. Did you mean '--models.target.url'"),
    (["--search.temperature", "warm"], "--search.temperature expects a number, got 'warm'"),
    (["--search.temperature"], "--search.temperature expects a number, got nothing"),
    (["--search.method", "rainbwo"], "must be one of .*, got 'rainbwo'. Did you mean 'rainbow'"),
    (["--search.loud", "maybe"], "expects true or false, got 'maybe'"),
    (["--models.target.slots", "1"], "models.target.slots: a server has no field 'slots'"),
    (
        ["--models.target.kind", "sever"],
        "kind must be 'server' or 'function', got 'sever'",
    ),
    (["--models.target.stop", "a"], r"stop expects a list such as \[.*, got 'a'"),
    (["--axes.7.bins", "1"], "the list has 2 items"),
    (["--axes.0.bnis", "1"], "Unknown flag --axes.0.bnis"),
]


@pytest.mark.parametrize("words, message", MISTAKES)
def test_a_mistake_is_one_line_with_the_nearest_name(words, message):
    with pytest.raises(ConfigError, match=message) as raised:
        built(*words)
    assert "\n" not in str(raised.value)


def test_a_key_given_as_a_flag_is_refused_and_not_repeated():
    with pytest.raises(ConfigError, match=r"mean '--models\.target\.key-env'") as raised:
        built("--models.target.key", "sk-very-secret")
    assert "sk-very-secret" not in str(raised.value)


def test_help_lists_every_setting_with_what_it_expects():
    lines = described(Config, {"models": ("ROLE",)}).splitlines()
    assert "  --search.method rainbow|random" in lines
    assert "  --models.ROLE.price.prompt a number" in lines
    assert "  --models.ROLE.slots a whole number" in lines
