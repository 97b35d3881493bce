"""The pages of `cairn view` as a program asks for them: no browser, no port."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import made_runs
import pytest
from starlette.testclient import TestClient

from cairn.view import server
from cairn.view.live import Feeds

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two training runs, one in a folder of its own, and a language run."""
    runs = tmp_path / "runs"
    made_runs.compiled(runs, "maze-accel-1", skill=0.8)
    made_runs.compiled(runs, "sub/maze-dr-2", method="dr", skill=0.2, done=0.5)
    made_runs.journaled(runs, "redteam-1")
    return runs


def client(folder: Path, **settings) -> TestClient:
    return TestClient(server.app(folder, **settings), base_url="http://127.0.0.1:8765")


def names(html: str) -> list[str]:
    """The runs of an overview, in its order."""
    return re.findall(r'<th scope="row" class="of-name"><a href="/run/([^"]*)"', html)


def test_the_overview_lists_every_run_with_its_state_in_words(folder):
    shown = client(folder).get("/")
    assert shown.status_code == 200
    assert sorted(names(shown.text)) == ["maze-accel-1", "redteam-1", "sub/maze-dr-2"]
    assert re.findall(r'<span class="state state-(\w+)">', shown.text).count("finished") == 2
    assert "stopped" in shown.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=accel", ["maze-accel-1"]),
        ("state=stopped", ["sub/maze-dr-2"]),
        ("where=method%3Ddr", ["sub/maze-dr-2"]),
        ("q=maze&sort=-headline", ["maze-accel-1", "sub/maze-dr-2"]),
        ("q=maze&sort=headline", ["sub/maze-dr-2", "maze-accel-1"]),
        ("sort=name", ["maze-accel-1", "redteam-1", "sub/maze-dr-2"]),
        ("sort=-name", ["sub/maze-dr-2", "redteam-1", "maze-accel-1"]),
        ("q=nothing+like+it", []),
    ],
)
def test_the_address_searches_filters_and_sorts(folder, query, expected):
    assert names(client(folder).get(f"/?{query}").text) == expected


def test_run_10_comes_after_run_9(tmp_path):
    for number in (10, 9, 1):
        made_runs.compiled(tmp_path, f"run-{number}", lines=2)
    assert names(client(tmp_path).get("/?sort=name").text) == ["run-1", "run-9", "run-10"]


def test_a_filter_that_cannot_be_read_is_explained_and_escaped(folder):
    shown = client(folder).get("/", params={"where": f"{HOSTILE}=1"})
    assert shown.status_code == 200 and HOSTILE not in shown.text
    assert "expected filters like" in shown.text and names(shown.text) == []


def test_nonsense_in_the_address_is_as_if_it_were_not_there(folder):
    shown = client(folder).get("/?page=-1&sort=salary&state=lost&page=99999999999")
    assert len(names(shown.text)) == 3


def test_a_folder_without_runs_says_what_to_do_next(tmp_path):
    shown = client(tmp_path).get("/")
    assert shown.status_code == 200 and "cairn train maze" in shown.text


def test_a_damaged_run_has_a_row_that_says_so_and_the_rest_goes_on(folder):
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text('{"experiment": ')
    (folder / "broken" / "versions.json").write_text("{}")
    old = made_runs.compiled(folder, "old")
    (old / "versions.json").write_text(json.dumps({"format": 1, "cairn": "0.0.9"}))
    shown = client(folder).get("/").text
    assert len(names(shown)) == 5
    assert "half written" in shown and "older cairn" in shown
    assert shown.count("state-unreadable") == 2


@pytest.mark.parametrize("name", ["maze-<b>accel", "a&b", 'quo"te', "sp ace", "per%2fcent", "ünï"])
def test_a_run_may_have_any_name(tmp_path, name):
    made_runs.compiled(tmp_path, name, lines=2)
    shown = client(tmp_path).get("/").text
    assert name in html.unescape(shown) and "<b>accel" not in shown
    assert names(shown) == [quote(name)]
    if "%" not in name:  # the client takes it for an escape, as no browser does
        page = client(tmp_path).get(f"/run/{quote(name)}")
        assert name in html.unescape(page.text) and "<b>accel" not in page.text


def test_no_page_says_where_the_folder_lies(folder):
    for address in ("/", "/?q=x", "/nowhere"):
        assert str(folder.parent) not in client(folder).get(address).text


@pytest.mark.parametrize(
    "address",
    ["/nowhere", "/static/secret.txt", "/static/..%2f..%2fserver.py", "/%00", "/" + "x" * 5000],
)
def test_what_is_not_there_is_a_page_that_says_so(folder, address):
    assert client(folder).get(address).status_code == 404


def test_static_files_are_named_by_their_content_and_kept(folder):
    page = client(folder).get("/").text
    for address in re.findall(r'(?:href|src)="(/static/[^"]*)"', page):
        answer = client(folder).get(address)
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
        assert re.search(r"\?v=[0-9a-f]{12}$", address)


def test_head_answers_like_get_without_a_body(folder):
    for address in ("/", "/live", "/nowhere", "/static/view.css"):
        answer = client(folder).head(address)
        assert answer.status_code == (404 if address == "/nowhere" else 200) and not answer.content


def test_a_page_that_cannot_be_made_says_so_and_others_go_on(folder, monkeypatch, caplog):
    monkeypatch.setattr(server.pages, "overview_page", lambda *_: 1 / 0)
    with client(folder) as browser:
        answer = browser.get("/")
        assert answer.status_code == 500 and "ZeroDivisionError" in answer.text
        assert "content-security-policy" in answer.headers
        assert browser.get("/static/view.css").status_code == 200
    assert "could not be shown" in caplog.text


def test_nothing_is_looked_up_for_a_live_page_that_nobody_has_open(folder):
    feeds = Feeds()
    client(folder, feeds=feeds).get("/")
    assert feeds.followed == 0


def test_the_server_needs_neither_jax_nor_matplotlib():
    code = (
        "import sys; import cairn.view.server, cairn.cli.view; "
        "print({'jax', 'jaxlib', 'matplotlib', 'equinox'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_folder_that_cannot_be_looked_into_is_named_on_the_overview(folder):
    os.mkdir(os.fsencode(folder) + b"/bad\xff")
    page = client(folder).get("/").text
    assert "has no name in UTF-8" in page and str(folder) not in page and "runs" in page


@pytest.mark.parametrize("seeds", [None, "x", [], {}, True])
def test_settings_of_another_type_spoil_their_own_row_alone(folder, seeds):
    config = json.loads((folder / "maze-accel-1/config.json").read_text())
    config["run"]["seeds"] = seeds
    (folder / "maze-accel-1/config.json").write_text(json.dumps(config))
    for sort in ("-updated", "seeds"):
        page = client(folder).get(f"/?sort={sort}")
        assert page.status_code == 200 and "run.seeds must be a count" in page.text
        assert "sub/maze-dr-2" in page.text
