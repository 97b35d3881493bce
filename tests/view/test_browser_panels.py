"""Panels in a browser: what is asked for last is shown, stands in the address, is never replaced
by itself. What makes them is played here."""

import base64
import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from browsing import run_page
from playwright.sync_api import expect
from shown_runs import FIRST

pytestmark = pytest.mark.slow

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
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
    expect(page).to_have_url(re.compile(re.escape("#panel-shelf?panel=level&id=2") + "$"))
    page.go_back()
    expect(head).to_have_text("made: panel shelf")
    page.go_forward()
    expect(head).to_have_text("made: panel level id 2")
    page.reload()
    expect(head).to_have_text("made: panel level id 2")
    # Its heading does not hide below what stays on top, once the page has been scrolled there.
    page.wait_for_function(
        """selector => document.querySelector(selector).getBoundingClientRect().top >=
        document.querySelector('.within').getBoundingClientRect().bottom""",
        arg=f"{SHELF} h2",
    )


def test_what_is_chosen_last_wins_and_waiting_says_how_long(page, made):
    page.locator(SHELF).get_by_role("link", name="open 1").click()
    expect(page.locator(f"{SHELF} .being")).to_contain_text("s so far")
    page.locator(SHELF).get_by_role("link", name="open 2").click()
    expect(page.locator(f"{SHELF} h2")).to_have_text("made: panel level id 2")
    expect(page.locator(f"{SHELF} .being")).to_have_count(0)
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
    # Others may come into sight meanwhile.
    panels = [url.rpartition("?")[2] for url in asked if "/panel/" in url]
    assert panels.count("panel=shelf") == 1


def test_a_film_waits_for_the_picture_of_its_step(page):
    held = []

    def picture(route):
        if route.request.url.endswith("/1.png"):
            held.append(route)
        else:
            route.fulfill(body=DOT, content_type="image/png")

    frames = "".join(
        f'<figure><img src="/image/x/{i}.png" alt="step {i}" loading="lazy">'
        f"<figcaption>step {i}</figcaption></figure>"
        for i in range(3)
    )
    film = (
        f'<section><h2>Film</h2><div data-film><div class="frames">{frames}</div></div></section>'
    )
    page.route("**/panel/**", lambda route: route.fulfill(body=film, content_type="text/html"))
    page.route("**/image/**", picture)
    page.goto(run_page(FIRST))
    page.locator("#panel-attempt").scroll_into_view_if_needed()
    said = page.locator("#panel-attempt output")
    expect(said).to_have_text("step 0 of 2")
    page.locator("#panel-attempt").get_by_role("button", name="play").click()
    expect(said).to_have_text("step 1 of 2: loading")
    page.wait_for_timeout(500)
    expect(said).to_have_text("step 1 of 2: loading")
    assert page.locator("#panel-attempt .stage").get_attribute("src") == "/image/x/0.png"
    held[0].fulfill(body=DOT, content_type="image/png")
    expect(said).to_have_text("step 2 of 2")
