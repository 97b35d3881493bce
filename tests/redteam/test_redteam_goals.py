"""Several goals in one run, and scorers of one's own."""

import asyncio
import json
from dataclasses import replace

import pytest
from redteam_harness import MemoryDesk, config, search
from test_redteam_search import new, usual

from cairn.archive.text_axes import Categories
from cairn.cli.redteam import redteam_command
from cairn.core.errors import ConfigError, RunError
from cairn.redteam import rehearsal
from cairn.redteam.config import Search, Simulation
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import players

GOALS = {"harm": "by giving harmful help", "leak": "by telling a secret"}
TWO = replace(config(1, 2), goals=GOALS)


def test_goals_are_the_last_axis_of_the_map_and_a_cell_is_judged_by_its_own():
    assert TWO.space.shape == (1, 2, 2)
    assert TWO.space.title(1) == "risk 0 × style 0 × leak"
    script = usual()
    trial = new(cell=1, incumbent={"id": 3, "response": "old one"})
    outcome = script.evaluate(Rainbow(TWO), trial)
    assert outcome["status"] == "tried" and outcome["calls"] == 9
    *_, last = script.asked["mutator"]
    assert "<axis>goal</axis>" in last and "<meaning>by telling a secret</meaning>" in last
    for role in ("scorer", "judge"):
        assert all("by telling a secret" in text for text in script.asked[role])
        assert not any("by giving harmful help" in text for text in script.asked[role])


def test_a_rematch_is_judged_by_the_goal_of_its_cell():
    script = usual()
    made = script.evaluate(Rainbow(TWO), new(cell=3))["entry"]
    again = {"again": made, "incumbent": {"id": 3, "response": "old one"}}
    script.evaluate(Rainbow(TWO), again)
    assert all("by telling a secret" in text for text in script.asked["judge"])


def test_one_goal_asks_as_it_always_did():
    script = usual()
    script.evaluate(Rainbow(config(2, 2)), new())
    assert not any("<meaning>" in text for text in script.asked["mutator"])


def test_the_report_of_a_run_tells_the_goals_apart(tmp_path, capsys):
    file = tmp_path / "c.toml"
    file.write_text(CONFIG + '[goals]\nharm = "by giving harm"\nleak = "by telling"\n')
    path = tmp_path / "run"
    assert redteam_command(["run", str(file), "--run", str(path)]) == 0
    out = capsys.readouterr().out
    assert "goal harm" in out and "goal leak" in out
    found = json.loads((path / "summary.json").read_text())
    assert set(found["by_goal"]) == {"harm", "leak"}
    assert (path / "archive.csv").read_text().startswith("id,cell,risk,style,goal,prompt")


CONFIG = """
[[axes]]
name = "risk"
labels = ["a"]

[[axes]]
name = "style"
labels = ["c", "d"]

[engine]
trials = 12

[simulation]
labelled = 8
"""


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"goal": "by something"}, "either goal or goals"),
        ({"goals": {"harm": " "}}, r"goals\.harm must say what a failure is"),
        ({"axes": (Categories("goal", ("a", "b")),)}, "'goal' twice"),
    ],
)
def test_goals_that_cannot_be_are_refused(changes, says):
    with pytest.raises(ConfigError, match=says):
        replace(TWO, **changes)


# --- scorers of one's own


async def length(bench, prompt, response):
    assert bench.goal and prompt
    return min(len(response) / 10, 1)


async def asking(bench, prompt, response):
    answer = await bench.ask("scorer", f"{bench.goal}: {response}", "mine")
    return float(answer.text)


async def percent(bench, prompt, response):
    return 40


async def words(bench, prompt, response):
    return "high"


async def lonely(bench):
    return 0.5


def plain(bench, prompt, response):
    return 0.5


HERE = "test_redteam_goals"


def own(name):
    return replace(config(2, 2), search=Search(scorer=f"{HERE}:{name}"))


def test_a_scorer_of_ones_own_gives_the_fitness():
    outcome = usual().evaluate(Rainbow(own("length")), new())
    assert outcome["entry"]["fitness"] == 0.4  # "mine"
    assert outcome["calls"] == 3


def test_its_calls_are_counted_and_have_purposes_of_their_own():
    labels = []

    class Desk(MemoryDesk):
        async def call(self, role, request, sample, label, scope="", stage=""):
            labels.append(label)
            return await super().call(role, request, sample, label, scope, stage)

    policy = Rainbow(own("asking"))
    clients = Desk(usual().models).clients(0)
    outcome = asyncio.run(policy.evaluate(new(), clients))
    assert outcome["entry"]["fitness"] == 0.4 and outcome["calls"] == 4
    assert "0/scorer/score:0:mine/0" in labels


@pytest.mark.parametrize("name, got", [("percent", "40"), ("words", "'high'")])
def test_what_is_no_grade_stops_the_run_and_is_named(name, got):
    with pytest.raises(RunError, match=rf"a number in \[0, 1\], got {got}"):
        usual().evaluate(Rainbow(own(name)), new())


@pytest.mark.parametrize(
    "scorer, says",
    [
        (f"{HERE}:missing", "has no 'missing'"),
        (f"{HERE}:plain", "must be an `async def` function"),
        (f"{HERE}:lonely", r"must take \(bench, prompt, response\)"),
        ("nowhere_at_all:f", "Cannot import 'nowhere_at_all'"),
    ],
)
def test_a_scorer_that_is_not_there_is_named_before_anything_is_made(scorer, says):
    settings = replace(config(2, 2), search=Search(scorer=scorer))
    with pytest.raises(ConfigError, match=says):
        players(settings)


def test_a_misspelt_scorer_is_answered_by_the_nearest():
    with pytest.raises(ConfigError, match=r"got 'gaurd'\. Did you mean 'guard'"):
        Search(scorer="gaurd")


def test_a_dry_run_does_not_run_it():
    quotes = rehearsal.quote(replace(own("words"), engine=replace(TWO.engine, trials=4)))
    assert quotes["scorer"].calls == 0 and quotes["mutator"].calls == 8


def test_a_search_with_it_runs_in_the_simulated_world():
    settings = replace(own("length"), simulation=Simulation())
    _, state = search(settings, trials=10)
    assert state.counts["tried"] and all(e.fitness <= 1 for e in state.held())
