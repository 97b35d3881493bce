"""Stars, tags and a note of a run: kept whole, checked, private where the run is, and apart."""

import json
import threading

import pytest
from made_runs import compiled, journaled

import house
from cairn.core.errors import ConfigError, RunError
from cairn.core.rundir import README
from cairn.redteam import testing
from cairn.redteam.directory import RedteamRun
from cairn.runs.digest import digest
from cairn.runs.directory import LanguageRun
from cairn.runs.presets import experiment
from cairn.runs.train import resume, train
from cairn.view import notes
from cairn.view.index import Runs
from cairn.view.notes import Notes


@pytest.fixture
def run(tmp_path):
    return compiled(tmp_path, "one")


def test_what_is_left_out_stays_and_each_change_has_a_number(run):
    assert notes.read(run) == Notes()
    assert notes.write(run, star=True) == Notes(True, (), "", 1)
    notes.write(run, tags=["best", " so  far ", "best", ""])
    notes.write(run, note="seen\r\nagain")
    assert notes.read(run) == Notes(True, ("best", "so far"), "seen\nagain", 3)
    assert notes.write(run, star=False, tags=[], note="") == Notes(False, (), "", 4)


def test_notes_are_in_the_list_of_runs(run):
    runs = Runs(run.parent)
    assert runs.get("one").star is False
    notes.write(run, star=True, tags=["best"], note="seen")
    (found,) = runs.scan()
    assert (found.star, found.tags, found.note) == (True, ("best",), "seen")


def test_a_change_made_on_old_notes_is_refused_and_changes_nothing(run):
    notes.write(run, note="mine", revision=0)
    with pytest.raises(RunError, match="the notes of one were changed meanwhile, elsewhere: load"):
        notes.write(run, note="theirs", revision=0)
    assert notes.read(run).note == "mine"
    assert notes.write(run, note="theirs", revision=1).revision == 2


def test_writers_at_once_lose_nothing(run):
    def star(number: int) -> None:
        for _ in range(10):
            notes.write(run, tags=[f"tag-{number}"])

    threads = [threading.Thread(target=star, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes.read(run).revision == 40


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"note": "x" * 10_001}, "note must have at most 10,000 characters, got 10,001"),
        ({"note": 3}, "note must be a text, got int"),
        ({"tags": ["x" * 41]}, "a tag must have at most 40 characters and no comma, got 41"),
        ({"tags": ["a,b"]}, "no comma"),
        ({"tags": [f"tag-{i}" for i in range(21)]}, "at most 20 tags, got 21"),
        ({"tags": "best"}, "tags must be a list of words, got str"),
        ({"tags": [3]}, "a tag must be a text, got int"),
        ({"star": 1}, "star must be true or false, got 1"),
    ],
)
def test_what_is_too_long_or_of_another_type_is_refused(run, wrong, said):
    # Past the types of the signature, as a form or a file may give it.
    with pytest.raises(ConfigError, match=said):
        notes._checked(wrong.get("star", False), wrong.get("tags", []), wrong.get("note", ""))


def test_half_an_emoji_is_written_as_a_question_mark(run):
    assert notes.write(run, tags=["\ud83d"], note="a\udcff").note == "a?"
    assert notes.read(run).tags == ("?",)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"star": 1}', '{"tags": "a"}', '{"revision": -1}', '{"note": null}']
)
def test_damaged_notes_are_said_and_never_written_over(run, content):
    (run / "notes.json").write_text(content)
    with pytest.raises(RunError, match=r"notes\.json"):
        notes.write(run, star=True)
    assert (run / "notes.json").read_text() == content
    (found,) = Runs(run.parent).scan()
    assert "notes.json" in found.problem and found.state == "finished" and not found.star


def test_notes_are_as_private_as_their_run(tmp_path):
    public, private = compiled(tmp_path, "public"), journaled(tmp_path, "private")
    for path in (public, private):
        notes.write(path, star=True)
    modes = [(path / "notes.json").stat().st_mode & 0o777 for path in (public, private)]
    assert modes[0] & 0o044 and modes[1] == 0o600


def test_a_folder_that_cannot_be_written_gives_one_line(run, tmp_path, monkeypatch):
    (run / "notes.json").mkdir()  # in the way, also of a superuser
    with pytest.raises(RunError, match=r"notes\.json is no file"):
        notes.write(run, star=True)
    (run / "notes.json").rmdir()
    (tmp_path / "elsewhere").write_text("{}")
    (run / "notes.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        notes.write(run, star=True)
    assert (tmp_path / "elsewhere").read_text() == "{}"
    (run / "notes.json").unlink()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(RunError) as raised:
        notes.write(run, star=True)
    assert str(raised.value) == (
        "the notes of one cannot be kept: Permission denied. Nothing was changed."
    )
    with pytest.raises(RunError, match="gone cannot be opened: No such file"):
        notes.write(tmp_path / "gone", star=True)


class KilledHere(BaseException):
    """In the place of a kill: nothing after it is done."""


def test_a_kill_in_mid_write_leaves_the_old_notes(run, monkeypatch):
    notes.write(run, note="old")

    def die(*_: object) -> None:
        raise KilledHere

    monkeypatch.setattr("pathlib.Path.replace", die)
    with pytest.raises(KilledHere):
        notes.write(run, note="new")
    assert notes.read(run).note == "old" and json.loads((run / "notes.json").read_text())


@pytest.mark.parametrize(
    "readme", [README, LanguageRun.README, RedteamRun.README, testing.TestRun.README]
)
def test_every_run_directory_says_what_the_notes_are(readme):
    assert "notes.json       stars" in readme


@pytest.mark.slow
def test_notes_change_neither_digest_nor_what_a_resumed_run_does(tmp_path):
    made = experiment("sphere", method="map-elites", **house.settings("map-elites"))
    runs = [train(made, tmp_path / name).directory.path for name in ("with", "without")]
    before = digest(runs[0])
    notes.write(runs[0], star=True, tags=["best"], note="seen")
    assert digest(runs[0]) == before
    for path in runs:
        resume(path, steps=512)
    assert digest(runs[0]) == digest(runs[1]) != before
    assert notes.read(runs[0]).note == "seen"


def test_a_form_s_line_ends_count_once(run):
    assert notes.write(run, note="a\r\n" * 5_000).note == "a\n" * 5_000
