"""Several runs on one page, and a run as a file: what is asked for, what is missing."""

import re
import shutil
from pathlib import Path

import made_runs
import pytest
from starlette.testclient import TestClient

from cairn.cli.main import run as command
from cairn.view import server, site
from cairn.view.worker import Made, PanelError

HOST = "http://127.0.0.1:8765"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    made_runs.compiled(runs, "one", skill=0.8)
    made_runs.compiled(runs, "sub/two", skill=0.2, settings={"student": {"hidden": 16}})
    made_runs.journaled(runs, "redteam")
    return runs


@pytest.fixture
def browser(folder: Path) -> TestClient:
    return TestClient(server.app(folder), base_url=HOST)


def test_selected_runs_stand_side_by_side(browser):
    page = browser.get("/compare?run=one&run=sub/two").text
    sections = re.findall(r'<section id="([\w-]+)"', page)
    assert {"runs", "curves", "differences", "settings"} <= set(sections)
    assert 'href="/run/sub/two"' in page and "student.hidden" in page and page.count("<svg") > 2


def test_a_chart_of_a_comparison_is_kept_like_any_other(browser):
    page = browser.get("/compare?run=one&run=sub/two").text
    links = re.findall(r'href="(/compare/\d+\.(?:svg|csv)\?[^"]*)"', page)
    assert links
    for link in links[:4]:
        kept = browser.get(link.replace("&amp;", "&"))
        assert kept.status_code == 200 and kept.text.startswith(("<?xml", "line,"))
        assert "sub/two" in kept.text
    assert browser.get("/compare/99.svg?run=one&run=sub/two").status_code == 404


@pytest.mark.parametrize("query", ["", "?run=one", "?run=one&run=one", "?run=one&run=nowhere"])
def test_fewer_than_two_runs_are_asked_for_again(browser, query):
    answer = browser.get(f"/compare{query}")
    assert answer.status_code == 400 and "Select two runs or more" in answer.text


def test_more_than_can_be_read_are_refused(browser):
    many = "&".join(f"run=r{i}" for i in range(13))
    assert "At most 12 runs" in browser.get(f"/compare?{many}").text


def test_a_run_that_is_gone_is_named_and_the_others_are_compared(browser, folder):
    made_runs.compiled(folder, "three")
    shutil.rmtree(folder / "three")
    page = browser.get("/compare?run=one&run=sub/two&run=three&run=../x").text
    assert "No longer here: three, ../x." in page and "differences" in page


def test_a_whole_run_is_one_file(folder, monkeypatch):
    class Hands:
        async def make(self, path, panel, arguments, at):
            assert (path.name, panel, at) == ("one", "export", None)
            return Made(f"<!DOCTYPE html><p>{path}</p>", {}, {}, "")

        async def close(self):
            pass

    monkeypatch.setattr(site, "Hands", Hands)
    browser = TestClient(server.app(folder), base_url=HOST)
    kept = browser.get("/export/one")
    assert "one.html" in kept.headers["content-disposition"]
    assert kept.text == "<!DOCTYPE html><p>runs/one</p>"
    assert browser.get("/export/nowhere").status_code == 404


def test_a_file_that_cannot_be_made_is_a_page_that_says_why(folder, monkeypatch):
    class Hands:
        async def make(self, path, panel, arguments, at):
            raise PanelError("The process ended.")

    monkeypatch.setattr(site, "Hands", Hands)
    answer = TestClient(server.app(folder), base_url=HOST).get("/export/one")
    assert answer.status_code == 400 and "The process ended." in answer.text


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--export", "nowhere/x.html"], "--export expects a file in an existing folder"),
        (["--export", "."], "--export expects a file in an existing folder"),
        (["--export", "data.csv"], "--export replaces no file but HTML, got data.csv"),
        (["--redact", "--json"], "--redact is about pages and --export"),
    ],
)
def test_an_export_that_cannot_be_is_refused_before_anything_is_made(
    folder, tmp_path, monkeypatch, capsys, flags, expected
):
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("kept")
    assert command(["view", str(folder / "one"), *flags]) == 2
    assert expected in capsys.readouterr().err
    assert Path("data.csv").read_text() == "kept"


@pytest.mark.slow
def test_the_command_writes_a_run_into_a_file(folder, tmp_path, capsys):
    target = tmp_path / "redteam.html"
    assert command(["view", str(folder / "one"), "--export", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    text = target.read_text()
    assert text.startswith("<!DOCTYPE html>") and "curves" in text
