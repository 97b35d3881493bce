"""Several runs side by side: curves that share an axis, differences at equal spend, settings."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from made_runs import compiled, journaled

from cairn.core.errors import ConfigError
from cairn.core.stats import mean, paired_difference
from cairn.evaluation.equal import at_equal_steps
from cairn.report.data import Chart
from cairn.report.parts import Notes, Section, Table, Words
from cairn.view.compare import compare
from cairn.view.differences import Measured, differences
from cairn.view.index import Runs


def together(folder) -> dict[str, Section]:
    return {section.id: section for section in compare(Runs(folder).scan())}


def tables(section: Section) -> list[Table]:
    return [part for part in section.parts if isinstance(part, Table)]


def words(section: Section) -> str:
    texts = [part.text for part in section.parts if isinstance(part, Words)]
    notes = [line for part in section.parts if isinstance(part, Notes) for line in part.lines]
    return "\n".join(texts + notes)


def charts(section: Section) -> dict[str, Chart]:
    return {part.title: part for part in section.parts if isinstance(part, Chart)}


def measured(
    steps: Sequence[int], values: Sequence[Sequence[float]], seeds: Sequence[int]
) -> Measured:
    """Tests of one suite, a row each."""
    curve: dict[str, Any] = {
        "steps": np.repeat(np.array(steps)[:, None], len(seeds), axis=1),
        "measure": {"random": "solve_rate"},
        "values": {"random": np.array(values, np.float64)},
    }
    return Measured(curve, tuple(seeds))


def test_a_figure_of_several_runs_is_one_chart_with_a_line_of_each(tmp_path):
    compiled(tmp_path, "a", seeds=3, skill=0.4)
    compiled(tmp_path, "b", seeds=3, skill=0.8, metrics=("solve_rate", "coverage"))
    found = charts(together(tmp_path)["curves"])
    tests = found["Tests during the run: solve rate, named"]
    assert [line.label for line in tests.lines] == ["a", "b"] and tests.share
    assert tests.axis == "environment steps"
    first, second = (line.mean for line in tests.lines)
    assert second.value[-1] == pytest.approx(2 * first.value[-1])
    assert first.low[-1] < first.value[-1] < first.high[-1]
    # What one run alone has is on its own page.
    assert "Map of elites: coverage" not in found and "Archive: score, replayed" not in found


def test_runs_that_count_different_things_share_no_axis_and_no_difference(tmp_path):
    compiled(tmp_path, "a")
    run = compiled(tmp_path, "b")
    lines = (run / "metrics.jsonl").read_text()
    for name in ("training", "scoring", "mutation"):
        lines = lines.replace(f'"{name}"', f'"{name}_x"')
    (run / "metrics.jsonl").write_text(lines)
    found = together(tmp_path)
    assert found["curves"].title == "Over environment steps"
    assert found["curves-2"].title == "Over updates"
    said = "The runs do not count the same (a: environment steps; b: updates)."
    assert said in words(found["curves"])
    for name in ("curves", "curves-2"):
        assert all(len(chart.lines) == 1 for chart in charts(found[name]).values())
    assert "one counts environment steps, the other updates" in words(found["differences"])
    assert tables(found["differences"]) == []


def test_runs_on_different_tasks_are_not_subtracted(tmp_path):
    compiled(tmp_path, "a")
    compiled(tmp_path, "b", task="cartpole")
    section = together(tmp_path)["differences"]
    assert "one learns maze, the other cartpole" in words(section) and not tables(section)


def test_differences_are_at_the_most_that_both_had_spent_by_a_test(tmp_path):
    compiled(tmp_path, "a", seeds=3, skill=0.3, done=0.5)
    compiled(tmp_path, "b", seeds=3, skill=0.6, settings={"task": {"width": 9}})
    section = together(tmp_path)["differences"]
    (table,) = tables(section)
    # At half the budget a's seeds have half of 0.1, 0.2 and 0.3, and b's twice as much.
    assert table.rows[0] == ["b", "named", "solve rate", "4.0k", "0.100", "0.200", "+0.100",
                             "[+0.050, +0.150]"]  # fmt: skip
    assert "Seeds are paired, being the same in both." in words(section)
    assert "The 2 intervals are not corrected for their number" in words(section)
    assert "b and a differ in task.width: their tests may not be the same." in words(section)


def test_paired_differences_are_those_of_cairn_compare():
    rng = np.random.default_rng(1)
    ours = measured([90, 190], rng.random((2, 4)).tolist(), range(4))
    theirs = measured([140], rng.random((1, 4)).tolist(), range(4))
    (found,) = differences(theirs, ours)
    wanted = at_equal_steps(ours.curve, theirs.curve)
    assert wanted is not None
    assert found.spent == wanted["steps"] == 140 and found.paired
    figures = wanted["suites"]["random"]
    assert found.difference == pytest.approx(figures["difference"])
    assert found.interval == pytest.approx(figures["interval"])


def test_other_seeds_are_resampled_by_themselves_and_their_interval_is_wider():
    a, b = [[0.1, 0.5, 0.9]], [[0.2, 0.6, 1.0]]
    (paired,) = differences(measured([9], a, range(3)), measured([9], b, range(3)))
    (apart,) = differences(measured([9], a, range(3)), measured([9], b, range(5, 8)))
    assert paired.interval == pytest.approx((0.1, 0.1)) and not apart.paired
    assert apart.difference == pytest.approx(0.1)
    assert apart.interval is not None and apart.interval[0] < -0.3 < 0.5 < apart.interval[1]
    table = np.array(a).T, np.array(b).T
    assert paired_difference(table[1], table[0], mean).value == pytest.approx(paired.difference)


def test_one_seed_has_no_interval_and_an_earlier_end_no_difference():
    one = measured([9], [[0.5]], [0])
    (found,) = differences(one, measured([9], [[0.7, 0.9]], [0, 1]))
    assert found.interval is None and found.difference == pytest.approx(0.3)
    assert differences(one, measured([10], [[0.7]], [0])) == []


def test_pairs_that_are_all_alike_claim_no_certainty(tmp_path):
    for name in ("a", "b"):
        compiled(tmp_path, name, skill=0.0)
    (table,) = tables(together(tmp_path)["differences"])
    assert table.rows[0][-2:] == ["+0.000", "all seeds alike"]


def test_searches_are_compared_by_what_they_found(tmp_path):
    for name in ("a", "b"):
        compiled(tmp_path, name, every=0, metrics=("qd_score", "coverage", "best"))
    (table,) = tables(together(tmp_path)["differences"])
    assert [row[1] for row in table.rows] == ["QD score", "coverage"]


def test_settings_that_differ_come_first_and_apart(tmp_path):
    compiled(tmp_path, "a", settings={"run": {"quick": True}})
    compiled(tmp_path, "b", settings={"run": {"quick": 1}, "student": {"hidden": 16, "new": None}})
    differ, same = tables(together(tmp_path)["settings"])
    assert differ.head == ["setting", "a", "b"]
    assert differ.rows == [["student.hidden", 8, 16], ["run.quick", "true", 1],
                           ["student.new", None, "none"]]  # fmt: skip
    assert ["student.learning_rate", 0.001] in same.rows
    assert {row[0] for row in differ.rows}.isdisjoint(row[0] for row in same.rows)


def test_equal_settings_are_said_to_be_equal(tmp_path):
    for name in ("a", "b"):
        compiled(tmp_path, name)
    assert "Every setting is the same." in words(together(tmp_path)["settings"])


def test_red_teaming_runs_have_their_figures_side_by_side(tmp_path):
    journaled(tmp_path, "a", success=(0.5, 0.25, 0.75))
    journaled(tmp_path, "b", success=(0.2, 0.1, 0.3))
    journaled(tmp_path, "c", success=None)
    found = together(tmp_path)
    (table,) = tables(found["figures"])
    assert table.head == ["figure", "a", "b"]
    assert ["attack success rate", "0.500 [0.250, 0.750]", "0.200 [0.100, 0.300]"] in table.rows
    assert "c has no figures yet: summary.json is missing." in words(found["figures"])
    assert "curves" not in found and "differences" not in found


def test_runs_of_different_commands_are_set_differently(tmp_path):
    compiled(tmp_path, "a")
    journaled(tmp_path, "b")
    section = together(tmp_path)["settings"]
    assert tables(section) == [] and "a and b: made by a command of its own" in words(section)


def test_a_run_without_a_line_or_broken_is_told_beside_the_others(tmp_path):
    compiled(tmp_path, "a")
    compiled(tmp_path, "b", lines=0)
    (compiled(tmp_path, "c") / "config.json").write_text("{")
    found = together(tmp_path)
    (table,) = tables(found["runs"])
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert "c: config.json is no JSON, or half written." in words(found["runs"])
    assert all(len(chart.lines) == 1 for chart in charts(found["curves"]).values())


@pytest.mark.parametrize("number", [0, 1, 13])
def test_too_few_and_too_many_are_refused(tmp_path, number):
    for i in range(number):
        compiled(tmp_path, f"{i}", lines=1)
    with pytest.raises(ConfigError, match=rf"two to 12 different runs, got {number}\."):
        compare(Runs(tmp_path).scan())


def test_a_run_is_not_compared_with_itself(tmp_path):
    compiled(tmp_path, "a")
    with pytest.raises(ConfigError, match="got 2 with one of them twice"):
        compare(Runs(tmp_path).scan() * 2)


def test_comparing_imports_neither_jax_nor_matplotlib():
    script = "import sys, cairn.view.compare; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_curves_are_cut_to_what_all_have_and_another_run_can_be_compared_to(tmp_path):
    compiled(tmp_path, "a")
    compiled(tmp_path, "b", done=0.25)
    runs = Runs(tmp_path).scan()
    for cut, end in ((False, 8_000), (True, 2_000)):
        found = {section.id: section for section in compare(runs, cut=cut)}
        ends = [one.mean.steps[-1] for chart in charts(found["curves"]).values()
                for one in chart.lines]  # fmt: skip
        assert max(ends) == end and "at 2.0k environment steps" in words(found["curves"])
    (table,) = tables(found["runs"])
    assert table.rows[0][-1] == "this one" and table.rows[1][-1].href == "?run=b&run=a"


def test_an_odd_value_of_one_run_costs_its_section_and_not_the_page(tmp_path):
    compiled(tmp_path, "sound")
    compiled(tmp_path, "odd")
    runs = Runs(tmp_path).scan()
    sound = json.loads((tmp_path / "sound" / "metrics.jsonl").read_text().splitlines()[-1])
    odd = sound | {"ledger": {name: [10**400] * len(n) for name, n in sound["ledger"].items()}}
    found = compare(runs, lambda run: [odd if run.name == "odd" else sound])
    shown = {section.id: section for section in found}
    assert "cannot be shown: damaged (OverflowError)" in words(shown["curves"])
    assert tables(shown["settings"])
