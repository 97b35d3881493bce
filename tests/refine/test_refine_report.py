"""The report: its funnel adds up, planted leaks are found, and no text is shown unasked."""

import json

import numpy as np
import pytest
from refine_job import TASK, Emails, config, rows, script, write_rows, writer

from cairn.cli import refine_report
from cairn.core.errors import ConfigError, RunError
from cairn.lm.scripted import ScriptedModel
from cairn.lm.spend import Spend
from cairn.refine import diversity
from cairn.refine.directory import open_run
from cairn.refine.figures import Asked, as_json, measure
from cairn.refine.leaks import Leaks
from cairn.refine.page import page
from cairn.refine.run import refine
from cairn.refine.tasks.base import Task
from cairn.report.render import document

UNCHECKED = Task("emails", "Remove e-mail addresses.", (), (Emails(),))


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """A finished run without checks: `once` and `stubborn` records leak."""
    folder = tmp_path_factory.mktemp("leaking")
    records = [row | {"from": f"by {row['text'][:5]}", "n": 0} for row in rows(60)]
    records[0]["cc"] = {"too": ["p0.private@mail.test"]}
    given = write_rows(folder / "in.jsonl", records)
    settings = config(given, folder / "out.jsonl", shard=7)
    refine(settings, folder / "run", UNCHECKED, players={"refiner": writer()}, show=False)
    return folder


def leaks(folder, **asked) -> Leaks:
    found = figures(folder, **asked).leaks
    assert found is not None
    return found


def figures(folder, **asked):
    return measure(folder / "run", Asked(**asked), TASK)


def test_leaks_are_found_after_the_fact_wherever_they_stand(leaking):
    found = leaks(leaking, canaries=("p3.private@mail.test", "p1 private", "nowhere"))
    assert found.records == 48, "12 of the 60 were silent"
    assert found.leaked == {"EMAIL_ADDRESS": 24} and found.beside == {"EMAIL_ADDRESS": 1}
    assert found.leaking == 25 and found.share.of == 48
    assert found.of_values.value == pytest.approx(24 / 48)
    assert (found.planted, found.surviving) == (2, 1)
    assert found.new.total() == 0


def test_the_terminal_says_what_leaked(leaking):
    told = refine_report.told(figures(leaking))
    assert told == [
        "  60 records, 48 accepted, 12 rejected: empty",
        "  leaks: 52.1% of 48 rows looked at",
        "    in refined fields: EMAIL_ADDRESS 24",
        "    in other fields: EMAIL_ADDRESS 1",
    ]


def test_the_funnel_adds_up_and_costs_are_per_what_came_of_it(leaking):
    found = figures(leaking)
    assert found.records == found.done == 60 and found.accepted == 48
    assert found.starting("rejected: ") == {"empty": 12}
    assert found.starting("turned down: ") == {"empty": 36}
    tokens = found.spent.tokens
    assert found.costs["tokens per accepted record"] == pytest.approx(tokens / 48)
    assert found.costs["tokens per private value removed"] == pytest.approx(tokens / 24)
    assert found.costs["tokens for the whole source"] == tokens


def test_a_report_shows_text_of_the_source_only_if_asked(leaking):
    run, settings = open_run(leaking / "run")
    plain = document(page(figures(leaking, by="from"), settings, run.versions))
    assert "private@" not in plain and "by plain" in plain and "simulated" in plain.lower()
    assert "private@" not in json.dumps(as_json(figures(leaking)))
    shown = document(page(figures(leaking, show=60), settings, run.versions))
    assert "p1.private@mail.test" in shown and "Treat it as you treat the source" in shown


def test_utility_and_embeddings_can_be_ones_own(leaking):
    def lengths(texts):
        return np.array([[1.0, len(text)] for text in texts])

    def kept(pairs):
        return {"ids kept": sum(source["id"] == row["id"] for source, row in pairs)}

    found = figures(leaking, utility=kept, embed=lengths, by="from")
    assert found.utility == {"words kept": 1.0, "numbers kept": 1.0, "ids kept": 48}
    assert found.diversity[0].name == "all records"
    assert len(found.diversity) == 4
    with pytest.raises(ConfigError, match="must return figures by name"):
        figures(leaking, utility=lambda pairs: list(pairs))


def test_what_was_changed_since_the_run_is_said(leaking, tmp_path):
    given = write_rows(tmp_path / "in.jsonl", rows(5))
    settings = config(given, tmp_path / "out.jsonl")
    refine(settings, tmp_path / "run", TASK, players={"refiner": writer()}, show=False)
    write_rows(tmp_path / "in.jsonl", rows(2))
    with pytest.raises(RunError, match="one of them was changed since the run"):
        figures(tmp_path)
    (tmp_path / "out.jsonl").unlink()
    assert "is gone" in figures(tmp_path).notes[0]


def test_an_unfinished_run_has_its_funnel_and_a_projection(tmp_path):
    given = write_rows(tmp_path / "in.jsonl", rows(40))
    settings = config(
        given, tmp_path / "out.jsonl", shard=5, workers=1, limits=Spend(calls=30)
    )  # fmt: skip
    refine(settings, tmp_path / "run", TASK, players={"refiner": writer()}, show=False)
    found = figures(tmp_path)
    assert not found.finished and 0 < found.done < found.records == 40 and found.leaks is None
    whole = found.costs["tokens for the whole source"]
    assert whole == pytest.approx(found.spent.tokens * 40 / found.done)


def test_rouge_2_of_a_pair_by_hand():
    assert diversity.rouge_2(["a", "b", "c", "d"], ["a", "b", "c", "x"]) == pytest.approx(2 * 2 / 6)
    assert diversity.rouge_2(["a", "b", "a", "b"], ["a", "b"]) == pytest.approx(2 * 1 / 4)
    assert diversity.rouge_2(["a"], ["a"]) == 0.0


def test_a_collapsed_set_is_less_diverse_by_every_measure():
    draw = np.random.default_rng(0)
    names = [" ".join(f"w{n}" for n in draw.integers(0, 400, 30)) for _ in range(80)]
    one = "the same few words again and again for each of them whatever it was"
    texts = [("", text, f"{one} {i % 3}") for i, text in enumerate(names)]
    (group,) = diversity.measured(texts)
    assert len(group.measures) == 6 and group.records == 80
    for each in group.measures:
        assert (each.after < each.before) == each.more, each.name
        if each.change is not None:
            assert (each.change.high < 0) == each.more and each.change.low < each.change.high
    (same,) = diversity.measured([("", text, text) for text in names])
    assert all(each.before == each.after for each in same.measures)


def test_length_does_not_pass_for_diversity():
    texts = [
        ("", f"a{i} b{i} c{i} " + "then more and more " * 9, f"a{i} b{i} c{i}") for i in range(9)
    ]
    (group,) = diversity.measured(texts)
    assert all(each.before == each.after for each in group.measures)


def test_what_a_simulated_model_leaks_is_found_at_its_rate(tmp_path):
    def sometimes(request, key):
        said = request.messages[-1].content
        return (
            script(request, key) if key.integer(8) >= 64 else said.split(">\n")[1].split("\n<")[0]
        )

    records = [{"id": i, "text": f"of p{i}@mail.test here"} for i in range(400)]
    given = write_rows(tmp_path / "in.jsonl", records)
    refine(
        config(given, tmp_path / "out.jsonl"), tmp_path / "run", UNCHECKED,
        players={"refiner": ScriptedModel(sometimes, name="sometimes")}, show=False,
    )  # fmt: skip
    found = leaks(tmp_path)
    assert found.share.low < 0.25 < found.share.high
