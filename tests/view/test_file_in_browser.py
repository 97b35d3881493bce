"""A page in a file as people meet it: without a script, by keyboard, narrow, wide, dark, light."""

import browsing
import numpy as np
import pytest
from browsing import Seen
from playwright.sync_api import sync_playwright

import browsers
from cairn.report import parts, render
from cairn.report.data import Card, Clip, Row, Sheet
from cairn.report.pages import Heat, Square, provenance
from cairn.report.pieces import grown
from cairn.report.words import Row as Figure

pytestmark = pytest.mark.slow

FRAMES = 6


def pixels(step):
    """A square that goes its way."""
    shown = np.full((60, 60, 3), 240, np.uint8)
    shown[10 * step : 10 * step + 10, 20:40] = (30, 90, 200)
    return shown


CLIP = Clip(
    "Sixteen rooms", np.stack([pixels(i) for i in range(FRAMES)]), 2 * np.arange(FRAMES), True
)
CARDS = tuple(
    Card(f"score 0.{i}", "generation 2", "good", pixels(i), {"id": "7"}) for i in range(4)
)
NODES = [parts.Node(str(i), str(i - 1) if i else None, f"cell {i}", "0.50 unsafe", "#cell-1")
         for i in range(12)]  # fmt: skip
ITEM = parts.Item("cell-1", "risk a × style b", "0.50 unsafe", 0.5,
                  [parts.Text("a prompt of many words " * 20, "Prompt"),
                   parts.Bullets([[parts.Words("unsafe", "bad"), parts.Text("an answer")]],
                                 title="Fresh responses")], (1, 0.5))  # fmt: skip
HEAT = Heat("", "risk \\ style", [f"style {i}" for i in range(8)],
            [("a", [Square("0.50", "a cell", i / 8, "#cell-1") for i in range(8)])])  # fmt: skip
SHOWN = (
    parts.Section("curve", "Curves", [grown("Cells filled", (1, 50, 90), (1, 2, 4), "calls")] * 2),
    parts.Section("attempt", "An attempt", [parts.Animation([CLIP])]),
    parts.Section("levels", "Levels", [Sheet("Best", "of all", (Row("", CARDS),), descent=True)]),
    parts.Section("map", "Map", [HEAT, parts.Key("share", ("F", "not tested"), ("–", "empty"))]),
    parts.Section("descent", "Descent", [parts.Tree(NODES)]),
    parts.Section("cells", "Cells", [parts.Items([ITEM], "cells", ("cell", "share"))]),
    parts.Section("table", "Table", [
        parts.Table(["run", "figure"], [[f"a-long-name-of-a-run-{i}", i / 7] for i in range(12)],
                    "runs", name="runs"),
        parts.Figures([Figure("attack success rate", "0.50 [0.40, 0.60] of 12", "fresh ones")]),
        parts.Notes(["Take care."]), parts.Words("muted words", "muted"),
    ]),
    parts.Section("made", "How it was made", [provenance({"target": "m"}, {}, {"a": 1})]),
)  # fmt: skip
PAGE = parts.Page("Everything", "in a file", SHOWN, notes=["A note."], simulated=True)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a file that has every part."""
    file = tmp_path_factory.mktemp("file") / "page.html"
    file.write_text(render.document(PAGE))
    return file.as_uri()


@pytest.fixture(scope="module")
def browser():
    """Headless chromium; no server stands behind it."""
    with sync_playwright() as play:
        options = {"executable_path": browsers.program(), "args": list(browsers.OPTIONS)}
        chromium = play.chromium.launch(**options)
        yield chromium
        chromium.close()


@pytest.fixture
def look(browser, address):
    """Opens the file; an error of the console or a request fails the test."""
    opened, seen = [], []

    def shown(width=1280, scheme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        opened.append(context)
        page = context.new_page()
        seen.append(Seen(page, address))
        page.goto(address)
        return page

    yield shown
    for context in opened:
        context.close()
    assert [line for one in seen for line in one.wrong] == []


def test_without_a_script_everything_can_be_seen(look):
    page = look(scripts=False)
    film = page.locator(".film")
    steps = [f"step {2 * i}" for i in range(FRAMES)]
    assert film.locator("figcaption:visible").all_inner_texts() == [steps[0], steps[-1]]
    film.get_by_text("the 4 frames between").click()
    assert film.locator("figcaption:visible").all_inner_texts() == steps
    assert page.locator("button, input").count() == 0
    page.get_by_text("risk a × style b").last.click()
    assert page.get_by_text("an answer").is_visible()


def test_pictures_and_style_are_allowed_by_the_pages_own_policy(look):
    page = look()
    widths = page.evaluate("[...document.images].map((i) => i.naturalWidth)")
    assert widths == [60] * (FRAMES + 1 + len(CARDS))  # the frames, their stage, the levels
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.cards, .sheet')).display")
        == "flex"
    )


def test_what_moves_is_stepped_by_keyboard_and_its_step_is_said(look):
    page = look()
    said = page.locator(".film output")
    assert said.inner_text() == "step 0 of 10" and said.get_attribute("aria-live") == "polite"
    page.get_by_role("button", name="play").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert said.inner_text() == "step 4 of 10"
    first = page.locator(".stage").get_attribute("src")
    page.get_by_role("slider", name="frame").focus()
    page.keyboard.press("ArrowRight")
    assert said.inner_text() == "step 6 of 10"
    assert page.locator(".stage").get_attribute("src") != first
    page.get_by_role("button", name="play").press("Enter")
    page.locator(".film output", has_text="step 10 of 10").wait_for()
    page.get_by_role("button", name="play").wait_for()


def test_the_first_tab_leads_past_the_contents(look):
    page = look()
    page.keyboard.press("Tab")
    link = page.locator("a:focus")
    assert link.inner_text() == "To the content"
    assert link.bounding_box()["x"] >= 0, "it comes into sight"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 2560])
def test_it_can_be_read_narrow_and_wide_dark_and_light(look, scheme, width):
    page = look(width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert browsing.too_wide(page) == []
    assert browsing.faint(page) == []
    assert browsing.unnamed(page) == []
    assert browsing.disorder(browsing.headings(page)) == []
