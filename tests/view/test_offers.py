"""Panels that are offered before a run is opened."""

import pytest

from cairn.core.resolve import function_at
from cairn.runs import catalogue
from cairn.runs.presets import experiment
from cairn.show.panels import MAPS, NO_ARCHIVE, NO_EDITS, NO_PLACES, PANELS, PLAYED
from cairn.view.kinds import KINDS
from cairn.view.offers import offers, panel_of
from cairn.view.summaries import flat

MODELS = catalogue.WINGS["self-improvement"].keys()
GAMES = catalogue.WINGS["games"].keys()
ACTED = ["mazes", "attempt", "archive", "shelf", "ancestry"]


@pytest.mark.parametrize(
    ("method", "task", "expected"),
    [
        ("lola", "ipd", ["payoffs"]),
        ("dr", "maze", ["mazes", "attempt", "audit", "regret", "levels"]),
        ("robust-plr", "maze", [*ACTED[:-1], "progress", "audit", "regret", "levels"]),
        ("accel", "maze", [*ACTED, "progress", "audit", "regret", "levels"]),
        ("paired", "maze", ["mazes", "attempt", "designed", "audit", "regret", "levels"]),
        ("map-elites", "sphere", ["map"]),
        ("exit", "repair", ["shelf", "behaviour"]),
        ("grpo", "addition", ["behaviour"]),
    ],
)
def test_a_config_says_what_is_worth_asking_for(method, task, expected):
    config = experiment(task, method=method).to_dict()
    nested = offers("compiled", config)
    assert [offer.panel for offer in nested] == expected
    assert all(offer.title and offer.words for offer in nested)
    assert offers("compiled", flat(config)) == nested
    begun = config | {"init_from": {"run": "runs/other"}, "dataset": {"digest": "0"}}
    assert offers("compiled", begun) == nested, "nobody acts for having learned from something"


@pytest.mark.parametrize("method", sorted(catalogue.METHODS.keys() - MAPS - MODELS - GAMES))
def test_methods_that_never_keep_an_archive_are_those_without_room_for_one(method):
    algorithm = experiment("maze", method=method).to_dict()["algorithm"]
    assert (method in NO_ARCHIVE) == ("capacity" not in algorithm)
    assert method not in NO_EDITS or "mutation_probability" not in algorithm


def test_no_game_is_asked_for_a_map():
    assert PLAYED == GAMES


def test_of_language_models_only_those_with_room_for_an_archive_of_starts_are_asked():
    for method in MODELS:
        algorithm = experiment("repair", method=method).to_dict()["algorithm"]
        assert (method in NO_PLACES) == ("capacity" not in algorithm), method


def test_a_method_with_sections_of_its_own_is_asked_for_everything():
    names = {offer.panel for offer in offers("compiled", {"task": {}, "run": {}, "hero": {}})}
    shown = {panel.name for panel in PANELS if panel.title and not panel.asked}
    assert names == shown


def test_kinds_of_journaled_runs_offer_their_own():
    for command, kind in KINDS.items():
        found = offers("journaled", {}, command)
        assert [offer.panel for offer in found] == [panel_of(one) for one in kind.panels]
        assert {offer.title for offer in found} <= {kind.title}
        assert all(callable(function_at(address)) for address in kind.panels)
    assert [offer.panel for offer in offers("journaled", {}, "cairn redteam run")] == ["report"]
    assert offers("journaled", {}, "cairn dream") == []
