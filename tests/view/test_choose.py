"""Runs by words, by their settings, and in an order."""

import pytest
from made_runs import compiled, journaled

from cairn.core.errors import ConfigError
from cairn.view import notes
from cairn.view.choose import order, search, where
from cairn.view.index import Runs, Summary


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Summary]:
    folder = tmp_path_factory.mktemp("runs")
    compiled(folder, "a", seeds=1, skill=0.2)
    compiled(folder, "b", seeds=4, skill=0.9, settings={"student": {"learning_rate": 0.01}})
    compiled(folder, "c-half", seeds=4, method="dr", done=0.5, every=0, metrics=("loss",))
    journaled(folder, "d")
    notes.write(folder / "b", star=True, tags=["best", "paper"], note="the One to show")
    return Runs(folder).scan()


def names(found: list[Summary]) -> str:
    return "".join(run.name[0] for run in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "abcd"), ("ACCEL", "ab"), ("one show", "b"), ("rainbow", "d"), ("half dr", "c"),
     ("paper", "b"), ("half rainbow", "")],
)  # fmt: skip
def test_words_are_looked_for_in_names_methods_tags_and_notes(runs, text, expected):
    assert names(search(runs, text)) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("", "abcd"),
        ("method=accel", "ab"),
        ("method=Accel, run.seeds>3", "b"),
        ("student.learning_rate=1e-2", "b"),
        ("learning_rate=0.01", "b"),
        ("learning_rate <= 0.001", "ac"),
        ("seeds>=4 state=finished", "b"),
        ("seeds!=4", "ad"),
        ("state!=finished", "c"),
        ("tag=best", "b"),
        ("tag!=best", "acd"),
        ("star=true", "b"),
        ("name~HALF", "c"),
        ("kind=journaled", "d"),
        ("spent.calls>10", "d"),
        ("spent<0", ""),
        ("run=a", "a"),
        ("run.steps=8_000", "abc"),
        ('task="maze"', "abc"),
        ("headline>0.3", "bd"),
        ("method>1", ""),
    ],
)
def test_filters_go_by_a_runs_own_fields_and_its_settings(runs, filters, expected):
    assert names(where(runs, filters)) == expected


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ("method", "expected filters like method=accel, run.seeds>3 (signs: = != < <= > >= ~), "
                   "got 'method'."),
        ("method=", "got 'method='."),
        ("seeds>3 and more", "got 'and more'."),
        ("method=accel; x", "got 'x'."),
        ('note="open', "got 'note=\"open'."),
        ("learnin_rate=1", "no run has a field 'learnin_rate'. Did you mean"),
        ("=3", "got '=3'."),
        ("spend>3", "no run has a field 'spend'. Did you mean 'spent'? Fields are name, state,"),
        ("learning_rat=1", "Did you mean"),
        ("steps>3", "write spent or run.steps."),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_in_one_line(runs, filters, said):
    with pytest.raises(ConfigError) as raised:
        where(runs, filters)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_an_empty_list_has_no_unknown_fields():
    assert where([], "anything=1") == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [("headline", "adbc"), ("-headline", "bdac"), ("-name", "dcba"), ("learning_rate", "acbd"),
     ("-seeds", "bcad"), ("method", "abcd"), ("nothing", "abcd")],
)  # fmt: skip
def test_runs_are_ordered_by_a_field_and_those_without_it_are_last(runs, key, expected):
    assert names(order(runs, key)) == expected
