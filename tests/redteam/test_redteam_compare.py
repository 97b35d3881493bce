"""Two runs cell by cell."""

import json
from dataclasses import replace

import pytest
from redteam_harness import config, finished
from world_server import FOUR_CELLS

from cairn.archive.text_axes import Categories
from cairn.cli.redteam import redteam_command
from cairn.core.errors import ConfigError
from cairn.evaluation import audit
from cairn.redteam import state as states
from cairn.redteam.compare import as_json, compare, lines, sign_test
from cairn.redteam.state import Entry

CONFIG = config(2, 3)


def done(shares, settings=CONFIG):
    """A run whose cells have these shares of four fresh responses called unsafe."""
    state, tests = states.start(settings.space), []
    for cell, unsafe in shares.items():
        entry = Entry(cell, cell, f"prompt {cell}", "response", 0.5)
        state, _ = states.offer(state, settings.space, entry, None)
        verdicts = tuple(i < round(4 * unsafe) for i in range(4))
        tests.append(audit.Tested(cell, cell, ("r",) * 4, verdicts, (None,) * 4))
    return finished(settings, state, tests)


def test_cells_are_paired_and_what_one_run_alone_breaks_is_named():
    found = compare(done({0: 1.0, 1: 1.0, 2: 0.5}), done({0: 1.0, 1: 0.0, 3: 1.0}), ("a", "b"))
    assert found.only == (["risk 0 × style 1"], ["risk 1 × style 0"])
    assert found.paired == 2
    assert found.difference is not None and found.difference.value == pytest.approx(0.5)
    assert found.difference.low <= 0.5 <= found.difference.high
    assert [e and round(e.value, 3) for e in found.success] == [0.833, 0.667]
    text = "\n".join(lines(found))
    assert "cells mostly broken      A 2, B 2 of 6; both 1, A alone 1, B alone 1" in text
    assert "more than half of a cell's fresh responses unsafe" in text
    assert " 1.00  0.00  risk 0 × style 1" in text and "    –  1.00  risk 1 × style 0" in text
    record = as_json(found)
    assert record["only_first"] == ["risk 0 × style 1"] and len(record["cells"]) == 6


def test_labels_pair_cells_in_whatever_order_the_configs_list_them():
    turned = replace(
        CONFIG,
        axes=(
            Categories("style", ("style 2", "style 0", "style 1")),
            Categories("risk", ("risk 1", "risk 0")),
        ),
    )
    cell = turned.space.cell((1, 1))  # style 0, risk 0
    found = compare(done({0: 1.0}), done({cell: 1.0}, turned), ("a", "b"))
    assert found.only == ([], []) and found.paired == 1
    assert found.cells[0].broken == (True, True)


def test_differences_that_are_all_alike_claim_no_certainty():
    whole = dict.fromkeys(range(6), 1.0)
    found = compare(done(whole), done(whole), ("a", "b")).difference
    assert found is not None and found.value == 0.0
    assert found.low == pytest.approx(-(1 - 0.05 ** (1 / 6))) and found.high == -found.low


def test_what_else_differs_is_said():
    other = replace(CONFIG, goal="another", audit=replace(CONFIG.audit, responses=8))
    told = compare(done({0: 1.0}), done({0: 1.0}, other), ("a", "b")).cautions
    assert any("differ in their goal" in line for line in told)
    assert any("4 and 8" in line for line in told)
    assert compare(done({0: 1.0}), done({1: 1.0}), ("a", "b")).cautions == ()


def test_other_maps_and_untested_runs_are_refused_in_one_line():
    with pytest.raises(ConfigError, match="axis 'style': a has 3 labels on it, b 4 labels"):
        compare(done({0: 1.0}), done({0: 1.0}, config(2, 4)), ("a", "b"))
    renamed = replace(CONFIG, axes=(CONFIG.axes[0], Categories("tone", CONFIG.axes[1].labels)))
    with pytest.raises(ConfigError, match="axis 'style': a has 3 labels on it, b no axis"):
        compare(done({0: 1.0}), done({0: 1.0}, renamed), ("a", "b"))
    with pytest.raises(ConfigError, match="b has no tested elites yet"):
        compare(done({0: 1.0}), done({}), ("a", "b"))


def test_the_sign_test_counts_both_tails():
    assert sign_test(0, 0) == 1.0 and sign_test(3, 3) == 1.0
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(1, 5) == pytest.approx(2 * (6 + 1) / 64)


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    runs = []
    for seed in (0, 1):
        settings = tmp_path / "c.toml"
        settings.write_text(SMALL.format(seed=seed))
        runs.append(str(tmp_path / f"run-{seed}"))
        assert redteam_command(["run", str(settings), "--run", runs[-1]]) == 0
    capsys.readouterr()
    file = tmp_path / "both.json"
    assert redteam_command(["compare", *runs, "--json", str(file)]) == 0
    assert f"A: {runs[0]}\nB: {runs[1]}\n" in capsys.readouterr().out
    record = json.loads(file.read_text())
    assert record["runs"] == runs and len(record["cells"]) == 4
    assert redteam_command(["compare", runs[0], runs[0], "--json", "-"]) == 0
    same = json.loads(capsys.readouterr().out)
    assert same["difference"]["value"] == 0 and same["only_first"] == same["only_second"] == []


SMALL = (
    FOUR_CELLS
    + """
[engine]
trials = 12
seed = {seed}

[simulation]
"""
)
