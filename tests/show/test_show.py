import dataclasses
import io
import json
import os
import types
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from cairn.cli.main import run as command
from cairn.cli.show import Drawing
from cairn.core.errors import ConfigError, RunError
from cairn.core.rundir import RunDir
from cairn.runs.experiment import Experiment
from cairn.runs.presets import experiment
from cairn.show import cards, make, subject, tables
from cairn.show.panels import PANELS, Panel
from cairn.show.subject import Subject

PICTURES = {"curves.png", "mazes.png", "attempt.gif", "archive.png", "ancestry.png", "hero.png"}


@pytest.fixture(scope="module")
def shown(accel_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("pictures")
    report = out / "report.json"
    before = contents(accel_run)
    arguments = [str(accel_run), "--out", str(out / "made"), "--json", str(report)]
    assert command(["show", *arguments, "--seed-index", "1"]) == 0
    assert contents(accel_run) == before  # showing only reads
    return out / "made", json.loads(report.read_text())


def contents(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_every_picture_is_made_and_named(shown):
    folder, report = shown
    assert {os.path.basename(file) for file in report["files"]} == PICTURES
    assert {file.name for file in folder.iterdir()} == PICTURES
    assert report["remarks"] == []


@pytest.mark.slow
def test_pictures_can_be_read_and_have_sane_sizes(shown):
    folder, _ = shown
    for name in PICTURES - {"attempt.gif"}:
        with Image.open(folder / name) as image:
            image.load()
            assert 800 < image.width < 4000 and 400 < image.height < 4000
            assert len(set(image.convert("L").resize((64, 64)).tobytes())) > 10  # not blank
        assert 10_000 < (folder / name).stat().st_size < 2_000_000


@pytest.mark.slow
def test_the_animation_moves_and_stays_below_two_megabytes(shown):
    file = shown[0] / "attempt.gif"
    assert file.stat().st_size < 2_000_000
    with Image.open(file) as animation:
        assert animation.n_frames > 10
        first = np.asarray(animation.convert("RGB"))
        animation.seek(animation.n_frames // 2)
        assert (np.asarray(animation.convert("RGB")) != first).any()


@pytest.mark.slow
def test_the_report_holds_the_headline_numbers(shown):
    _, report = shown
    assert (report["method"], report["seeds"], report["seed_shown"]) == ("accel", 2, 1)
    assert report["steps"] == 8_000
    spent = report["ledger"]
    assert spent["training"] + spent["scoring"] + spent["mutation"] == report["steps"]
    assert set(report["tests"]) == {"random", "named"}
    assert len(report["held_out"]) == 10
    assert report["tests"]["named"] == {
        "value": pytest.approx(0.3),
        "low": pytest.approx(0.2),
        "high": pytest.approx(0.4),
        "over": "seeds",
    }


@pytest.mark.slow
def test_levels_that_cannot_be_drawn_are_listed(tmp_path):
    carts = experiment(
        "cartpole", method="dr", batch=4, steps_per_cycle=16, hidden=8, steps=64, minibatches=1,
        limit=20,
    )  # fmt: skip
    state = jax.tree.map(lambda leaf: leaf[0], carts.compiled().init())
    names = ("training", "scoring", "mutation", "evaluation", "updates")
    lines = [
        {
            "cycle": [i],
            "ledger": {name: [64 * i] for name in names},
            "metrics": {"solve_rate": [0.5], "entropy": [0.6]},
        }
        for i in (1, 2, 3)
    ]
    made = make.draw(Subject(carts, RunDir(tmp_path), state, 0, lines), tmp_path)
    assert [file.name for file in made.files] == ["curves.png", "levels.txt"]
    table = (tmp_path / "levels.txt").read_text().splitlines()
    assert table[1].split() == ["level", "solved", "steps", *carts.env.space.describe(cart())]
    assert len(table) == 2 + 10
    assert any("keeps no archive" in remark for remark in made.remarks)
    assert any("no `picture` method" in remark for remark in made.remarks)


def cart():
    return experiment("cartpole").env.space.sample(jax.random.key(0))


@pytest.mark.slow
def test_an_empty_archive_is_no_failure(accel_run):
    one = subject.read(accel_run)
    archive = eqx.tree_at(lambda a: a.count, one.state.archive, np.int32(0))
    state = eqx.tree_at(lambda s: s.archive, one.state, archive)
    empty = dataclasses.replace(one, state=state)
    for panel in PANELS:
        if panel.name in ("archive", "ancestry"):
            assert panel.applies(empty) == "The archive is still empty: no pictures of it."
    assert cards.ancestry(empty).rows == ()


@pytest.mark.slow
def test_panels_give_plain_data_that_anybody_can_draw(accel_run):
    one = subject.read(accel_run, 1)
    drawn = [panel for panel in PANELS if panel.data and panel.applies(one) is None]
    found = {panel.name: panel.data(one) for panel in drawn}
    assert set(found) == {os.path.splitext(name)[0] for name in PICTURES}
    leaves = jax.tree.leaves(found, is_leaf=lambda leaf: leaf is None)
    assert {type(leaf) for leaf in leaves} <= {np.ndarray, str, bool, float, int}
    sheet = found["mazes"]
    assert [len(row.cards) for row in sheet.rows] == [5, 5] and not sheet.descent
    assert found["ancestry"].descent and found["hero"].ancestors
    assert all(card.pixels.dtype == np.uint8 for row in sheet.rows for card in row.cards)
    # The pictures of the front page are those of the sheets: nothing is played or drawn twice.
    assert found["hero"].cards[0] is sheet.rows[0].cards[0]


class Bare(Experiment):
    """Of a wing without environments."""

    def __post_init__(self) -> None:
        pass


@pytest.mark.slow
def test_a_task_without_levels_shows_its_curves_alone(accel_run, tmp_path):
    one = subject.read(accel_run)
    sphere = Bare("sphere", "cma-me", {"task": object()}, one.experiment.run)
    lines = [
        {
            "cycle": [i, i],
            "ledger": {"evaluations": [64 * i, 64 * i]},
            "metrics": {"coverage": [0.1 * i, None]},
        }
        for i in (1, 2)
    ]
    state = types.SimpleNamespace(ledger=one.state.ledger)
    found = dataclasses.replace(one, experiment=sphere, lines=lines, state=state)
    made = make.draw(found, tmp_path)
    assert [file.name for file in made.files] == ["curves.png"]
    assert made.remarks == [
        "sphere has no levels to act in: no pictures of attempts.",
        "cma-me keeps no archive of levels: no pictures of one.",
    ]
    assert made.figures["held_out"] == {} and made.figures["steps"] == 128
    assert "sphere, 2 seeds" in tables.summary(made.figures)


@pytest.mark.parametrize("patience_s", [0.0, 60.0])
def test_what_is_drawn_is_told_once_it_takes_longer_than_a_moment(patience_s, monkeypatch):
    told = io.StringIO()
    nothing = Panel(
        "nothing.png", lambda subject: "", lambda subject: None, lambda data, path: path
    )
    last = dataclasses.replace(nothing, file="last.png")
    monkeypatch.setattr(make, "PANELS", (nothing, last))
    monkeypatch.setattr(make, "played", lambda subject: "")
    monkeypatch.setattr(make.tables, "headline", lambda subject, shown: {})
    drawing = Drawing(patience_s, Console(file=told))
    drawing("nothing.png", 0, 2)
    with drawing:
        if patience_s == 0:
            drawing._clock.join()  # it speaks, though nothing new has begun
            assert told.getvalue() == "drawing nothing.png  pictures 0 of 2\n"
        make.draw(object.__new__(Subject), Path(), drawing)
    silent = patience_s > 0
    assert told.getvalue().endswith("" if silent else "drawing last.png  pictures 1 of 2\n")
    assert (told.getvalue() == "") == silent


def test_what_is_no_run_is_refused_in_one_line(tmp_path, capsys):
    assert command(["show", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "is not a run of cairn" in captured.err
    assert command(["show"]) == 2
    assert "Expected a run directory" in capsys.readouterr().err


def test_a_run_without_checkpoint_or_figures_is_refused(tmp_path):
    run = RunDir.create(tmp_path / "new", experiment("maze").to_dict())
    with pytest.raises(RunError, match="no checkpoint yet"):
        make.show(run.path)


@pytest.mark.slow
def test_a_seed_that_was_not_trained_is_refused(accel_run, tmp_path):
    with pytest.raises(ConfigError, match=r"--seed-index must lie in \[0, 2\), got 2"):
        make.show(accel_run, tmp_path, 2)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_refused(accel_run, tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RunError, match=r"Cannot write pictures to .*file: .* --out"):
        make.show(accel_run, file)
