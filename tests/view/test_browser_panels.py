"""Panels in a browser: what is asked for last is shown, stands in the address, is never replaced
by itself. What makes them is played here."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from browsing import run_page
from playwright.sync_api import expect
from shown_runs import FIRST

pytestmark = pytest.mark.slow

SHELF = "#panel-shelf"


@pytest.fixture
def made(page):
    """Every panel is its address and links to two levels; level 1 is held until it is let go."""
    held = []

    def answer(route):
        query = dict(parse_qsl(urlsplit(route.request.url).query))
        said = " ".join(f"{name} {value}" for name, value in query.items())
        html = f"<section><h2>made: {said}</h2>" + "".join(
            f'<a href="?panel=level&amp;id={id}">open {id}</a> ' for id in (1, 2)
        )
        fulfil = {"body": html, "content_type": "text/html", "headers": {"x-newest": "8 8 steps"}}
        if query.get("id") == "1":
            held.append(lambda: route.fulfill(**fulfil))
        else:
            route.fulfill(**fulfil)

    page.route("**/panel/**", answer)
    page.goto(run_page(FIRST))
    page.locator(SHELF).scroll_into_view_if_needed()
    expect(page.locator(f"{SHELF} h2")).to_have_text("made: panel shelf")
    return held


def test_a_panel_in_place_stands_in_the_address(page, made):
    head = page.locator(f"{SHELF} h2")
    page.locator(SHELF).get_by_role("link", name="open 2").click()
    expect(head).to_have_text("made: panel level id 2")
    assert page.url.endswith("#panel-shelf?panel=level&id=2")
    page.go_back()
    expect(head).to_have_text("made: panel shelf")
    page.go_forward()
    expect(head).to_have_text("made: panel level id 2")
    page.reload()
    expect(head).to_have_text("made: panel level id 2")
    top = head.evaluate("head => head.getBoundingClientRect().top")
    below = page.locator(".within").evaluate("nav => nav.getBoundingClientRect().bottom")
    assert top >= below, "its heading hides below what stays on top"


def test_what_is_chosen_last_wins_and_waiting_says_how_long(page, made):
    page.locator(SHELF).get_by_role("link", name="open 1").click()
    expect(page.locator(f"{SHELF} .being")).to_contain_text("s so far")
    page.locator(SHELF).get_by_role("link", name="open 2").click()
    expect(page.locator(f"{SHELF} h2")).to_have_text("made: panel level id 2")
    assert page.locator(".being").count() == 0
    for answer in made:
        answer()
    page.wait_for_timeout(100)
    expect(page.locator(f"{SHELF} h2")).to_have_text("made: panel level id 2")


def test_a_newer_state_is_offered_and_not_put_in_place(page, made):
    page.evaluate("put('live-head', '<span data-newest=\"8 8 steps\"></span>')")
    assert page.locator(".newer").count() == 0
    page.evaluate("put('live-head', '<span data-newest=\"16 16 steps\"></span>')")
    line = page.locator(f"{SHELF} .newer")
    expect(line).to_contain_text("Made at 8 steps; the run has gone on since.")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    line.get_by_role("button").click()
    expect(page.locator(f"{SHELF} h2")).to_have_text("made: panel shelf")
    assert [url.rpartition("?")[2] for url in asked if "/panel/" in url] == ["panel=shelf"]
