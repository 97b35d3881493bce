"""Config files: checked field by field, with errors that help."""

import json
from pathlib import Path

import pytest

from cairn.cli.redteam import redteam_command
from cairn.core.errors import ConfigError
from cairn.core.typed import build, plain, read_toml
from cairn.lm.cast import Model
from cairn.lm.spend import Spend
from cairn.redteam import directory
from cairn.redteam.config import RedteamConfig

CONFIGS = sorted((Path(directory.__file__).parent / "configs").glob("*.toml"))
DEMO = next(path for path in CONFIGS if path.stem == "demo")


def altered(old, new):
    text = DEMO.read_text()
    assert old in text
    return text.replace(old, new, 1)


MISTAKES = [
    ("[simulation]\n", "[simulation]\njudge_eror = 0.2\n", "no field 'judge_eror'. Did you mean"),
    ("[engine]\n", "[engine]\nlagg = 3\n", r"\[engine\] has no field 'lagg'. Did you mean"),
    ("[[axes]]\n", "[[axes]]\nlable = []\n", r"\[axes\[0\]\] has no field 'lable'. Did you mean"),
    ("[audit]\n", "[search]\nmethod = 'rainbwo'\n[audit]\n", "method .* Did you mean 'rainbow'"),
    ("trials = 1500", "trials = '1500'", "engine.trials must be a whole number, got '1500'"),
    ("trials = 1500", "trials = true", "engine.trials must be a whole number, got True"),
    ("trials = 1500\n", "", r"\[engine\] needs the field 'trials'"),
    ("judge_error = 0.1", "judge_error = 10", r"judge_error must lie in \[0, 1\], got 10"),
    ("responses = 8", "responses = 0", r"\[audit\]: audit needs responses >= 1"),
    ('labels = ["style 1"', 'labels = []\nx = ["style 1"', "has no field 'x'"),
    ("[simulation]", "[models.target]\nbase_url='http://h/v1'\nmodel='m'\n[simulation]",
     "either models or simulation"),
    ('name = "style"', 'name = "risk"', "axes must differ in name, got 'risk' twice"),
    ('name = "style"', 'name = "cell"', r"axes\[1\].*must not be named 'cell': the table"),
    ('name = "style"', 'name = "style"\nkind = "lenght"',
     "axes\\[1\\].kind must be 'categories' or 'length', got 'lenght'. Did you mean 'length'"),
    ('"style 1", "style 2"', '"style 2", "style 2"', "label 'style 2' twice"),
    ("goal = ", "goal = = ", "not valid TOML"),
    ("[audit]", "[limits]\nmoney = nan\n[audit]", "limits.money .* finite number, got nan"),
    ("[audit]", "[limits]\nwall_s = inf\n[audit]", "limits.wall_s .* finite number, got inf"),
    ("[audit]", "[limits]\ncalls = 0\n[audit]", "limits.calls must be .* at least 1, got 0"),
    ("[engine]\n", "[engine]\ntrial_timeout_s = 0\n", "trial_timeout_s must be above 0, got 0"),
    ("[simulation]", "[simulatoin]", "no field 'simulatoin'. Did you mean 'simulation'"),
]  # fmt: skip


@pytest.mark.parametrize("old, new, message", MISTAKES)
def test_a_mistake_is_named_with_its_place(tmp_path, old, new, message):
    path = tmp_path / "c.toml"
    path.write_text(altered(old, new))
    with pytest.raises(ConfigError, match=message):
        directory.read_config(path)


def test_an_empty_axis_is_refused():
    axes = [{"name": "risk", "labels": []}]
    with pytest.raises(ConfigError, match="axis 'risk' needs at least one label, got none"):
        build(RedteamConfig, {"axes": axes})
    with pytest.raises(ConfigError, match="at least one axis"):
        build(RedteamConfig, {"axes": []})


def test_a_goal_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="goal must say what a failure is"):
        build(RedteamConfig, read_toml(DEMO) | {"goal": " "})


@pytest.mark.parametrize("money", [float("nan"), float("inf"), -1.0])
def test_a_money_limit_that_is_none_is_refused_in_words(money):
    with pytest.raises(ConfigError, match=r"limits\.money must be a finite number of at least 0"):
        Spend(money=money)
    assert Spend(money=0.0).limits().micros == 0, "free models can run under it"


@pytest.mark.parametrize("pace", ["0", "nan", "-1"])
def test_a_pace_that_is_none_is_refused_with_its_place(tmp_path, pace):
    path = tmp_path / "c.toml"
    safety = next(path for path in CONFIGS if path.stem == "safety").read_text()
    path.write_text(safety.replace("base_url", f"requests_per_minute = {pace}\nbase_url", 1))
    with pytest.raises(ConfigError, match=r"models\.\w+.*requests_per_minute must be"):
        directory.read_config(path)


def test_a_role_without_a_model_is_named():
    table = read_toml(next(path for path in CONFIGS if path.stem == "safety"))
    judge = table["models"].pop("judge")
    misspelt = table | {"models": table["models"] | {"juge": judge}}
    with pytest.raises(ConfigError, match=r"no \[models.judge\].*\[models.juge\].*mean 'judge'"):
        build(RedteamConfig, misspelt)
    with pytest.raises(ConfigError, match=r"no \[models.judge\]; this run needs mutator, target"):
        build(RedteamConfig, table)
    table["models"] |= {"judge": table["models"]["target"], "oracle": table["models"]["target"]}
    with pytest.raises(ConfigError, match=r"\[models.oracle\] is not used"):
        build(RedteamConfig, table)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configs_that_come_along_are_sound_and_survive_json(path):
    config = directory.read_config(path)
    assert build(RedteamConfig, json.loads(json.dumps(plain(config)))) == config
    cells = {"safety": 100, "question-answering": 400, "cybersecurity": 100, "demo": 36}
    assert config.space.cells == cells[path.stem]
    assert "price" not in json.dumps(directory.tied(config))


def test_seeds_come_from_a_file_beside_the_config(tmp_path):
    (tmp_path / "seeds.txt").write_text("one\n\n two\u2028and\x85more \r\n")
    path = tmp_path / "c.toml"
    path.write_text(altered("goal = ", 'seeds = ["zero"]\nseeds_file = "seeds.txt"\ngoal = '))
    assert directory.read_config(path).seeds == ("zero", "one", "two\u2028and\x85more")
    (tmp_path / "seeds.txt").write_text("\n")
    with pytest.raises(ConfigError, match="holds no prompt"):
        directory.read_config(path)


def test_limits_are_no_part_of_what_a_journal_is_tied_to_and_the_axes_are():
    one = directory.read_config(DEMO)
    two = build(RedteamConfig, plain(one) | {"limits": {"calls": 5}})
    assert directory.tied(one) == directory.tied(two)
    three = build(RedteamConfig, plain(one) | {"goal": "another"})
    assert directory.tied(one) != directory.tied(three)


DEFAULTS = """
[[axes]]
name = "risk"
labels = ["a", "b"]

[models.default]
base_url = "http://h/v1"
model = "m"
temperature = 0.2
api_key_env = "SOME_KEY"

[models.target]
model = "t"
"""


def test_all_roles_share_the_default_and_flags_change_both(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(DEFAULTS)
    config = directory.read_config(path)
    assert set(config.models) == set(config.roles)
    assert config.models["target"] == Model(
        "http://h/v1", "t", temperature=0.2, api_key_env="SOME_KEY"
    )
    assert config.models["judge"] == Model(
        "http://h/v1", "m", temperature=0.2, api_key_env="SOME_KEY"
    )
    changes = {
        "models.default.model": "n",
        "search.acceptance": "oracle",
        "models.judge.slots": "3",
    }
    other = directory.read_config(path, changes)
    assert set(other.models) == set(other.roles) and "oracle" in other.roles
    assert other.models["oracle"].who == "n at http://h/v1"
    assert other.models["target"].who == "t at http://h/v1"
    assert other.models["judge"].slots == 3


def test_the_printed_config_is_the_config(tmp_path, capsys):
    path = tmp_path / "c.toml"
    path.write_text(DEFAULTS)
    flags = [
        "--search.temperature",
        "0.3",
        "--limits.calls",
        "7",
        "--engine.seed=4",
        "--trials",
        "9",
    ]
    assert redteam_command(["run", str(path), *flags, "--print-config"]) == 0
    printed = tmp_path / "printed.toml"
    printed.write_text(capsys.readouterr().out)
    config = directory.read_config(printed)
    assert (config.search.temperature, config.limits.calls) == (0.3, 7)
    assert (config.engine.seed, config.engine.trials) == (4, 9)
    assert config.models == directory.read_config(path).models


@pytest.mark.parametrize(
    "flags, message",
    [
        (
            ["--search.temprature", "1"],
            r"flag --search.temprature. Did you mean '--search.t",
        ),
        (["--temperature", "1"], r"Did you mean --search.temperature or --models"),
        (["--models.tarket.model", "x"], r"Did you mean '--models.target.model'"),
        (["--models.target.api-key", "sk-123"], r"Did you mean '--models.target.api-key-env'"),
        (["--search.votes", "0"], r"\[search\]: search.votes must be at least 1, got 0"),
        (["--limits.calls", "many"], r"--limits.calls expects a whole number, got 'many'"),
        (["--sede", "1"], r"Unknown flag --sede. Did you mean '--seed'"),
        (["--engine.window", "8"], r"no flag for 'window' any more: .*rename it to `lag`"),
    ],
)
def test_a_flag_that_cannot_be_is_named_with_the_nearest(tmp_path, flags, message):
    path = tmp_path / "c.toml"
    path.write_text(DEFAULTS)
    with pytest.raises(ConfigError, match=message) as raised:
        redteam_command(["run", str(path), *flags, "--print-config"])
    assert "sk-123" not in str(raised.value) and "\n" not in str(raised.value)


def test_help_names_the_settings(capsys):
    with pytest.raises(SystemExit):
        redteam_command(["run", "--help"])
    text = capsys.readouterr().out
    for flag in ("--search.temperature", "--models.ROLE.temperature", "--limits.calls"):
        assert flag in text


def test_a_folder_is_no_config(tmp_path):
    with pytest.raises(ConfigError, match="is a folder: expected a TOML file"):
        directory.read_config(tmp_path)
