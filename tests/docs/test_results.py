"""A check of the documentation: pages show the results on file, and these support what pages claim.

No change to the code of cairn can make a test here fail, only one to pages, results or the scripts
that put results into pages. When figures are measured again, this says which page must follow.
"""

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cairn.lm.cast import Application, Model

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


def load(name: str) -> ModuleType:
    """The script benchmarks/`name`.py as a module."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def redteam():
    before = list(sys.path)
    yield load("redteam_page")
    sys.path[:] = before


def test_the_performance_page_shows_the_results_on_file():
    tables = load("tables")
    page = (ROOT / "docs" / "performance.md").read_text()
    names = {found["name"] for found in tables.MARK.finditer(page)}
    assert names == {*tables.COMMANDS, "roofline"}
    assert tables.MARK.sub(lambda found: tables.block(found["name"]), page) == page


def test_the_page_on_the_jail_shows_its_suite_and_its_overhead():
    page = (ROOT / "docs" / "jail.md").read_text()
    assert load("jail_page").filled(page) == page


def test_the_page_on_other_environments_shows_the_results_on_file():
    script = load("verify/craftax_adapter")
    found = json.loads((BENCHMARKS / "results" / "craftax.json").read_text())
    page = (ROOT / "docs" / "other-environments.md").read_text()
    assert f"<!-- craftax -->\n{script.described(found)}<!-- end -->" in page
    assert script.holds(found) and {"equal_classic", "equal_full"} <= set(found)


def test_the_page_on_models_names_every_setting_and_shows_what_other_peoples_servers_answered():
    page = (ROOT / "docs" / "models.md").read_text()
    settings = {field.name for kind in (Model, Application) for field in dataclasses.fields(kind)}
    assert {name for name in settings if f"`{name}`" not in page} == set()
    servers = json.loads((BENCHMARKS / "results" / "servers.json").read_text())["servers"]
    for name, described in (
        ("litellm", "LiteLLM proxy {litellm}, "),
        ("transformers", "`transformers serve` {transformers}, "),
        ("llamacpp", "llama.cpp's server (xllamacpp {xllamacpp}), "),
    ):
        versions = servers[name].pop("versions")
        good = sum(entry["as_expected"] for entry in servers[name].values())
        (row,) = (line for line in page.splitlines() if described.format(**versions) in line)
        assert row.endswith(f"| {good} of {len(servers[name])} |")


def test_the_page_on_the_benchmark_of_refinement_shows_the_results_on_file():
    script = load("refine_page")
    page = script.PAGE.read_text()
    assert {found["name"] for found in script.MARK.finditer(page)} == set(script.TABLES)
    assert script.shown(page) == page
    found = json.loads((script.RESULTS / "refine_detectors.json").read_text())
    assert f"commit {found['frozen_at']}" in page
    assert f"Presidio is {found['versions']['presidio_analyzer']} " in page
    assert f"{found['documents']:,} documents" in page
    simulated = json.loads((script.RESULTS / "refine_recovers.json").read_text())
    assert simulated["simulated"] and f"{simulated['documents']:,} documents" in page
    assert f"{simulated['intervals_that_hold']} of {simulated['intervals']} intervals" in page
    assert sum(row["holds"] for row in simulated["verified"]) == 5  # of six, as the page says
    assert simulated["without_errors"]["over"] < 1.5e-4


def test_the_page_on_training_on_refined_data_shows_the_results_on_file():
    script = load("refine_trained_page")
    page = script.PAGE.read_text()
    assert {found["name"] for found in script.MARK.finditer(page)} == set(script.TABLES)
    assert script.shown(page) == page

    def right(arm, which, part="profiles"):
        seeds = json.loads((script.RESULTS / f"{part}-{arm}.json").read_text())["quiz"]
        assert len(seeds) == 3
        return sum(seed[which] for seed in seeds) / len(seeds)

    for arm in ("refined-with-errors", "refined-distilled"):
        assert right(arm, "public") > 0.8 * right("raw", "public")
        assert right(arm, "private") < 0.1 * right("raw", "private")
    assert right("dropped", "public") < 0.3 * right("raw", "public")
    assert right("masked", "private") > 0.3 * right("raw", "private")
    assert right("masked", "Who founded") < 0.3 * right("raw", "Who founded")
    told = json.loads((script.RESULTS / "grounded.json").read_text())["sets"]
    for refined, free in zip(
        told["refined, temperature 0.7"], told["without grounding, temperature 0.7"], strict=True
    ):
        before, after = refined["measures"]["distinct 2-grams"]
        assert after > 0.9 * before and free["measures"]["distinct 2-grams"][1] < 0.8 * before


def test_the_page_on_the_small_refiner_shows_the_results_on_file():
    script = load("refine_page")
    page = script.DISTILLED.read_text()
    assert {found["name"] for found in script.MARK.finditer(page)} == set(script.SMALL)
    assert script.shown(page) == page
    found = json.loads((script.RESULTS / "refine_distill.json").read_text())
    assert f"{found['settings']['updates']:,} updates" in page
    assert all(one["seconds"] <= 600 for one in found["trained"]["patterns"])


def test_the_page_on_cloning_shows_the_results_on_file():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbour
    script = load("verify/behaviour_cloning")
    sys.path[:] = before
    files = sorted((BENCHMARKS / "results" / "behaviour_cloning").glob("seed-*.json"))
    found = [json.loads(file.read_text()) for file in files]
    page = (ROOT / "docs" / "methods" / "bc.md").read_text()
    assert f"<!-- cloning -->\n{script.described(found)}<!-- end -->" in page
    assert len(found) == 3 and script.holds(found)


def test_the_default_page_shows_the_results_on_file():
    page = load("default_page")
    files = sorted((BENCHMARKS / "results" / "maze_default").glob("seed-*.json"))
    text = page.PAGE.read_text()
    assert page.PEER.search(text) and page.MARK.search(text)
    assert page.filled(text, [json.loads(file.read_text()) for file in files]) == text


def test_the_pages_of_methods_show_the_results_on_file():
    pages = load("method_pages")
    for page in sorted(pages.PAGES.glob("*.md")):
        text = page.read_text()
        assert pages.MARK.sub(lambda found: pages.block(found[1]), text) == text, page.name


def test_the_page_on_scores_shows_the_results_on_file():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbour
    script = load("verify/score_audit")
    sys.path[:] = before
    found = script.on_file(script.RESULTS)
    page = (ROOT / "docs" / "scores.md").read_text()
    assert script.shown(page, script.described(found)) == page
    assert set(script.GAMES) < set(found) and script.holds(found)


def test_the_page_on_puzzles_shows_the_results_on_file_and_says_what_they_say():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbour
    script = load("verify/search_puzzles")
    sys.path[:] = before
    found = json.loads(script.RESULTS.read_text())
    page = script.PAGE.read_text()
    names = [mark["name"] for mark in script.MARK.finditer(page)]
    assert sorted(names) == ["aup", "constant", "rivals", "statements"]
    assert script.shown(page, found) == page
    cells = found["cells"]
    assert found["statements"] == script.judged(cells) and found["puzzles"] == 200
    assert f"; {int(found['cpu_s'])} CPU-seconds" in page
    for kind in ("sudoku-4", "sudoku-6"):  # what the page says of c
        for sigma in script.SIGMAS:
            won = {
                name: [cells[kind][f"{name}-{c}@{sigma}"]["won"] for c in script.CS]
                for name in script.VARIANTS
            }
            assert won["mcts-reference"][0] > 160 and max(won["mcts-reference"][1:]) <= 1
            assert won["mcts"][:2] == [200, 200]
            assert won["mcts"][2] == 200 if sigma == 0 else script.apart(cells[kind], "mcts", sigma)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shipped", "speedrun", "agents", "prompts"])
def test_the_page_on_studies_of_searches_shows_the_results_on_file(monkeypatch, name):
    monkeypatch.syspath_prepend(str(BENCHMARKS / "verify"))
    script, study = load(f"verify/search_{name}"), load("verify/shipped_study")
    page, results = study.PAGE.read_text(), BENCHMARKS / "results"
    found = json.loads((results / f"search_{name}.json").read_text())
    searches = json.loads((results / "search_shipped.json").read_text())
    assert found["simulated"]
    tables = {
        "shipped": lambda: {mark: tell(found) for mark, tell in script.TABLES.items()},
        "agents": lambda: {"agents": script.table(found, searches)},
    }.get(name, lambda: {name: script.table(found)})()
    for mark, text in tables.items():
        assert study.filled(page, mark, text) == page, mark


def test_the_page_on_puzzles_shows_what_the_local_judge_did():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbour
    script = load("verify/search_puzzles_local")
    sys.path[:] = before
    page = script.PAGE.read_text()
    assert len(list(script.RESULTS.glob("*-?.json"))) == 6 and script.MARK.search(page)
    assert script.shown(page) == page


def test_the_page_of_games_shows_the_results_on_file():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbour
    script = load("verify/games_shaping")
    sys.path[:] = before
    page, found = script.PAGE.read_text(), json.loads(script.RESULTS.read_text())
    assert script.MARK.search(page) and script.shown(page, found) == page
    rows = found["rows"]
    assert rows["shaper"]["median"]["last"][0] > -0.4 and rows["shaper"]["median"]["last"][1] < -2.4
    assert rows["shaper-memory-of-an-episode"]["median"]["last"][0] <= -0.65


def test_the_page_on_planning_in_words_shows_the_results_on_file():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbour
    script = load("verify/planning_language")
    sys.path[:] = before
    page = script.PAGE.read_text()
    assert [mark["name"] for mark in script.MARK.finditer(page)] == ["statements", "arms"]
    assert script.shown(page) == page and len(script.stored()["graph"]) >= 3


def test_the_page_on_planning_shows_the_results_on_file():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbour
    script = load("verify/planning")
    sys.path[:] = before
    found = json.loads(script.RESULTS.read_text())
    page = script.PAGE.read_text()
    assert [mark["name"] for mark in script.MARK.finditer(page)] == [
        "statements",
        "fixed",
        "learned",
    ]
    assert script.shown(page, found) == page
    assert found["statements"] == script.judged(found) and found["episodes"] == 1_000


def test_the_redteam_page_shows_the_results_on_file(redteam):
    page = redteam.PAGE.read_text()
    assert redteam.filled(page, redteam.directions.RESULTS) == page


def test_the_stored_results_of_redteaming_support_the_claims(redteam):
    arms = redteam.directions.load(redteam.directions.RESULTS)
    margins = dict(redteam.directions.comparisons(arms))
    for claim, margin in margins.items():
        assert len(margin) >= 5
        if claim.startswith("rainbow over") or "equal trials" in claim:
            error = margin.std(ddof=1) / len(margin) ** 0.5
            assert margin.mean() > 3 * error, claim
    for arm in redteam.directions.ERRORS:
        for what, held, _ in redteam.directions.recovered(arms[arm]):
            # 95 % intervals of 30 runs hold the truth in 24 or more but for one time in 500.
            assert len(held) >= 5 and sum(held) >= 0.8 * len(held), (arm, what)


def test_the_stored_kills_of_redteaming_all_ended_the_same(redteam):
    stored = json.loads((redteam.directions.RESULTS / "kills.json").read_text())["rows"]
    assert len(stored) > 10 and all(row["same"] for row in stored)
    assert next(row["kills"] for row in stored if row["where"] == "random") >= 20


def test_red_teaming_rebuilt_found_what_it_found_before(redteam):
    stored = json.loads((redteam.directions.RESULTS / "same.json").read_text())
    assert len(stored["rows"]) == 21 and all(row["same"] for row in stored["rows"])
    assert all(difference["reason"] for difference in stored["differences"])


def test_no_forger_holds_a_cell_since_tags_are_marked(redteam):
    rows = json.loads((redteam.directions.RESULTS / "forged.json").read_text())["rows"]
    held = {(row["when"], row["judge_takes"]): row["held_by_forgers"] for row in rows}
    assert held == {
        ("before", "first"): 49, ("before", "last"): 100,
        ("after", "first"): 0, ("after", "last"): 0,
    }  # fmt: skip
    page = redteam.PAGE.read_text()
    assert "| 49 of 100 | 0 of 100 |" in page and "| 100 of 100 | 0 of 100 |" in page


@pytest.mark.slow
def test_the_hand_off_page_shows_what_trl_s_trainer_did():
    script = load("hand_off_page")
    found = json.loads(script.RESULT.read_text())
    page = script.PAGE.read_text()
    assert script.MARK.search(page) and script.filled(page, found) == page
    for task in found["tasks"].values():
        assert task["transformers"]["tokens_equal"] and task["resumed"]["came_first"]
        assert {len(runs) for runs in task["arms"].values()} == {found["seeds"]}
        assert all(data["rows"] for data in task["data"].values())


def test_the_leagues_page_shows_the_results_on_file():
    page, text = load("league_page"), (ROOT / "docs" / "league.md").read_text()
    places = [found[1] for found in page.MARK.finditer(text)]
    assert places == ["small", "tuning", "full"]
    for place in places:
        assert page.block(place, page.RESULTS) in text


def test_the_page_on_remidi_shows_the_results_on_file():
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS / "verify"))  # the script imports its neighbours
    script = load("verify/remidi_levers")
    sys.path[:] = before
    found = script.load(BENCHMARKS / "results" / "remidi_levers")
    page = script.PAGE.read_text()
    assert script.MARK.search(page) and script.put(found, page) == page
    assert all(result["seeds"] >= 5 for result in found.values())
    assert script.claims(found) and all(script.claims(found).values())


@pytest.mark.slow
def test_the_pages_on_learned_teachers_show_the_results_on_file(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS / "verify")
    script = load("verify/learned_teachers")
    shown = set()
    for page in sorted(script.PAGES.glob("*.md")):
        text = page.read_text()
        put = lambda found: shown.add(found[1]) or script.block(script.RESULTS, found[1].split(","))  # noqa: E731
        assert script.MARK.sub(put, text) == text, page.name
    assert {arm for arms in shown for arm in arms.split(",")} == set(script.ARMS)
    # An adversary's levels end unsolvable, in every seed, where a regret's stay solvable.
    last = {
        arm: [
            run["marks"][-1]["teacher"]["solvable"] for run in script.results(script.RESULTS, arm)
        ]
        for arm in script.ARMS
    }
    assert all(len(seeds) >= 5 for seeds in last.values())
    assert max(last.pop("minimax")) < 0.3 and min(map(min, last.values())) > 0.8


def test_the_page_on_backplay_shows_the_results_on_file(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS / "verify")
    script = load("verify/backplay_labyrinth")
    folder = BENCHMARKS / "results" / "backplay_labyrinth"
    found = [json.loads(file.read_text()) for file in sorted(folder.glob("*-seed*.json"))]
    page = (ROOT / "docs" / "methods" / "backplay.md").read_text()
    assert f"<!-- labyrinth -->\n{script.described(found)}<!-- labyrinth end -->" in page
    holds = script.holds(found)
    assert holds["success at 0.2 with entropy 0.01"]
    assert all(fine for arm, fine in holds.items() if arm.startswith("plain"))


@pytest.mark.slow
def test_samplr_s_page_shows_who_eats_which_fruit_and_the_figures_bear_it_out(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS / "verify")
    script = load("verify/samplr_fruit")
    page = (ROOT / "docs" / "methods" / "samplr.md").read_text()
    shown = script.table(script.RESULTS, list(script.GAMES), list(script.ARMS), 5)
    assert f"<!-- fruit -->\n{shown}<!-- end -->" in page

    def of(game, arm, figure):
        paths = [script.RESULTS / script.slug(game, arm, seed) for seed in range(5)]
        rows = [json.loads(path.read_text()) for path in paths if path.exists()]
        return [script.figures(row["curve"])[figure] for row in rows]

    for game in script.GAMES:
        grounded = of(game, "samplr", "return")
        assert len(grounded) == 5 and min(grounded) > 2.6
    naive = "naive grounding (dr, true odds)"
    for arm in set(script.ARMS) - {"samplr", naive}:
        assert max(of("rooms", arm, "return")) < 1.4
    assert max(of("rooms", "dr", "reached")) < 0.05
    assert sorted(of("rooms", naive, "return"))[:-1] == [0.0] * 4
    oscillates = of("choice", "robust-plr, perfect regret", "late_apple")
    assert abs(sum(oscillates) / 5 - 3 / 13) < 0.03
