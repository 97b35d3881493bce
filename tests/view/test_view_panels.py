"""Panels, pictures and verdicts: asked of the process beside the server, shown in their place."""

import html
import re
from collections.abc import Mapping
from pathlib import Path

import made_runs
import pytest
from starlette.testclient import TestClient

from cairn.core.errors import ConfigError
from cairn.report.data import Chart
from cairn.view import server, site, verdicts
from cairn.view.verdicts import Question
from cairn.view.worker import Made, PanelError

HOST = "127.0.0.1:8765"
OURS = {"origin": f"http://{HOST}"}
QUIET = {"x-part": "1"}
MANY = "&".join(f"a{i}=1" for i in range(30))
PNG = b"\x89PNG picture"


class FakeHands:
    """Makes panels of what it was asked for, without JAX."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], str | None]] = []
        self.closed = False

    async def make(
        self,
        path: Path,
        panel: str,
        arguments: Mapping[str, str],
        at: str | None,
        *,
        first: bool = False,
    ) -> Made:
        self.first = first
        self.asked.append((panel, dict(arguments), at))
        if panel == "fails":
            raise PanelError(f"{path} has no checkpoint <yet>.")
        shown = "" if panel == "nothing" else f"<p>made {panel}</p>"
        return Made(shown, {"x": PNG}, {"y": "a,b\n1,2\n"}, panel.title())

    async def draw(self, chart: Chart) -> bytes:
        return PNG + chart.title.encode()

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def hands(monkeypatch) -> FakeHands:
    fake = FakeHands()
    monkeypatch.setattr(site, "Hands", lambda: fake)
    return fake


@pytest.fixture
def browser(tmp_path: Path, hands: FakeHands) -> TestClient:
    folder = tmp_path / "runs"
    made_runs.compiled(folder, "sub/maze")
    made_runs.journaled(folder, "redteam")
    base = f"http://{HOST}"
    return TestClient(server.app(folder), base_url=base, follow_redirects=False)


def test_a_page_links_to_its_panels_and_makes_none(browser, hands):
    page = browser.get("/run/sub/maze").text
    links = re.findall(r'<div class="later" data-panel="([^"]*)"><a href="\1">', page)
    assert "/panel/sub/maze?panel=archive" in links and "/panel/sub/maze?panel=mazes" in links
    assert hands.asked == []


def test_a_panel_is_a_page_or_for_a_script_its_part(browser, hands):
    whole = browser.get("/panel/sub/maze?panel=level&id=5")
    assert "<p>made level</p>" in whole.text and "<main" in whole.text and "Level" in whole.text
    part = browser.get("/panel/sub/maze?panel=level&id=5", headers=QUIET)
    assert part.text == "<p>made level</p>"
    assert hands.asked == [("level", {"id": "5"}, "sub/maze")] * 2


def test_pictures_and_tables_of_a_panel_are_found_under_their_digests(browser):
    browser.get("/panel/sub/maze?panel=level")
    import hashlib

    png, csv = (hashlib.sha256(x).hexdigest()[:32] for x in (PNG, b"a,b\n1,2\n"))
    assert browser.get(f"/image/sub/maze/{png}.png").content == PNG
    table = browser.get(f"/data/sub/maze/{csv}.csv")
    assert table.text == "a,b\n1,2\n" and table.headers["content-type"].startswith("text/csv")
    assert browser.get(f"/image/sub/maze/{csv}.png").status_code == 404


def test_a_panel_that_cannot_be_made_says_why_in_its_place(browser, tmp_path):
    for headers in (QUIET, {}):
        answer = browser.get("/panel/sub/maze?panel=fails", headers=headers)
        assert answer.status_code == 200 and "runs/sub/maze has no checkpoint" in answer.text
        assert "<yet>" not in answer.text and str(tmp_path) not in answer.text


def test_a_panel_with_nothing_to_show_is_taken_off_the_page(browser):
    assert browser.get("/panel/sub/maze?panel=nothing", headers=QUIET).status_code == 204
    assert "Nothing to show" in browser.get("/panel/sub/maze?panel=nothing").text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "panel=",
        "panel=export",
        "panel=" + "x" * 300,
        "panel=a&b=" + "x" * 300,
        f"panel=a&{MANY}",
    ],
)  # fmt: skip
def test_what_is_no_panel_is_not_asked_for(browser, hands, query):
    assert browser.get(f"/panel/sub/maze?{query}").status_code == 404
    assert hands.asked == []


def test_a_relative_link_of_a_panel_leads_to_its_page(browser):
    answer = browser.get("/run/sub/maze?panel=level&id=5")
    assert answer.headers["location"] == "/panel/sub/maze?panel=level&id=5"


def test_a_chart_is_kept_as_png(browser):
    kept = browser.get("/chart/sub/maze/1.png")
    assert kept.content.startswith(PNG) and kept.headers["content-type"] == "image/png"
    assert "solve-rate.png" in kept.headers["content-disposition"]


def test_the_process_beside_the_server_ends_with_it(browser, hands):
    with browser:
        assert not hands.closed
    assert hands.closed


@pytest.fixture
def judged(monkeypatch) -> list[tuple]:
    """What was kept of people's verdicts, where one question is open."""
    kept: list[tuple] = []
    question = Question(3, 1, "a <prompt>", "a response", 1, 2)
    found = site.Section("verdicts", "What people say", [site.Words("Is it?")])
    monkeypatch.setattr(verdicts, "section", lambda *_, **__: found)
    monkeypatch.setattr(verdicts, "taken", lambda _: verdicts.Taken(0, 0, 2, {}, ""))
    monkeypatch.setattr(verdicts, "next_to_judge", lambda _: question)
    monkeypatch.setattr(verdicts, "give", lambda *a, **more: kept.append((*a[1:], more["skip"])))
    monkeypatch.setattr(verdicts, "undo", lambda _: kept.append(("undo",)))
    return kept


def test_a_response_can_be_judged_on_the_page(browser, judged):
    page = browser.get("/run/redteam").text
    asked = page[page.index('<form class="verdict-form"') :]
    fields = dict(re.findall(r'name="(id|sample)" value="(\d+)"', asked))
    assert fields == {"id": "3", "sample": "1"}
    for said in ("unsafe", "safe", "skip", "undo"):
        answer = browser.post("/verdict/redteam", data=fields | {"say": said}, headers=OURS)
        assert answer.headers["location"] == "/run/redteam#verdicts"
    assert judged == [(3, 1, True, False), (3, 1, False, False), (3, 1, None, True), ("undo",)]


def test_a_script_gets_the_next_question_in_return(browser, judged):
    form = {"id": "3", "sample": "1", "say": "safe"}
    answer = browser.post("/verdict/redteam", data=form, headers=OURS | QUIET)
    assert answer.text.startswith('<section id="verdicts"') and "Is it?" in answer.text


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"x": "1"}, "say must be one of"),
        ({"say": "maybe"}, "say must be one of unsafe, safe, skip, undo, got 'maybe'"),
        ({"say": "safe"}, "id must be a count"),
        ({"say": "safe", "id": "1e9", "sample": "0"}, "id must be a count"),
        ({"say": "safe", "id": "3", "sample": "-1"}, "sample must be a count"),
        ({"say": "safe", "id": "3", "sample": "9" * 20}, "sample must be a count"),
        ({"say": "x" * 5000}, "longer than 4,096 bytes"),
    ],
)
def test_a_verdict_that_is_none_is_explained_and_not_kept(browser, judged, form, expected):
    for headers in (OURS, OURS | QUIET):
        answer = browser.post("/verdict/redteam", data=form, headers=headers)
        assert answer.status_code == 400 and expected in html.unescape(answer.text)
    assert judged == []


def test_a_verdict_that_the_run_refuses_is_explained(browser, judged, monkeypatch):
    def refuse(*_, **__):
        raise ConfigError("response 1 of prompt 3 is none of those to be judged.")

    monkeypatch.setattr(verdicts, "give", refuse)
    form = {"id": "3", "sample": "1", "say": "safe"}
    answer = browser.post("/verdict/redteam", data=form, headers=OURS | QUIET)
    assert answer.status_code == 400 and "none of those" in answer.text


def test_only_forms_of_our_pages_are_verdicts(browser, judged):
    form = {"id": "3", "sample": "1", "say": "safe"}
    assert browser.post("/verdict/redteam", data=form).status_code == 403
    assert judged == []
