"""Every page for everybody: by keyboard, by screen reader, dark and light, narrow and wide."""

import browsing
import pytest
from browsing import run_page
from playwright.sync_api import expect
from shown_runs import FIRST, HOSTILE_NAME, LIVE, REDTEAM, SECOND

pytestmark = pytest.mark.slow

PAGES = {
    "overview": "/",
    "nothing found": "/?q=nothing+is+called+so",
    "compare": f"/compare?run={FIRST}&run={SECOND}",
    "maze": run_page(LIVE),
    "redteam": run_page(REDTEAM),
    "search": run_page(HOSTILE_NAME),
    "broken": run_page("older"),
}
FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  return {tag: e.tagName, name: e.getAttribute("aria-label") || e.textContent.trim() || e.name,
          seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
            || style.boxShadow !== "none", size: box.width * box.height};
}"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_names_order_contrast_and_fits(page, name):
    page.goto(PAGES[name])
    settle(page)
    wrong = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        wrong[scheme] = browsing.faint(page)
    for width in (400, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        wrong[str(width)] = browsing.too_wide(page)
    wrong["names"] = browsing.unnamed(page)
    wrong["headings"] = browsing.disorder(browsing.headings(page))
    assert {what: found for what, found in wrong.items() if found} == {}


def settle(page):
    """Until panels that come later are there: they are part of the page."""
    for _ in range(30):
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        if page.locator(".later[aria-busy=true]").count() == 0:
            break
        page.wait_for_timeout(500)
    page.evaluate("window.scrollTo(0, 0)")


def test_dark_and_light_differ_and_can_be_chosen(page):
    page.goto("/")
    ground = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found[scheme] = ground()
    assert found["light"] != found["dark"]
    for _ in range(3):
        page.get_by_role("button", name="Theme").click()
        if "light" in page.get_by_role("button", name="Theme").inner_text():
            break
    assert ground() == found["light"], "what was chosen goes before the system's"
    page.reload()
    assert ground() == found["light"], "and is remembered"
    assert browsing.faint(page) == []


def test_every_control_of_the_overview_is_reached_by_tab_and_its_focus_is_seen(page):
    page.goto("/")
    stops = []
    for _ in range(200):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None:
            break
        stops.append(stop)
    assert stops[0]["name"].startswith("Skip"), "the way past what is the same on every page"
    assert [stop for stop in stops if not stop["seen"] or stop["size"] == 0] == []
    there = page.locator("a[href]:visible, button:visible, input:visible, select:visible").count()
    regions = page.locator("[tabindex='0']:visible").count()
    assert len(stops) == there + regions


def test_a_person_without_a_mouse_searches_selects_and_compares(page):
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("study")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("2 runs of 7")
    page.evaluate("document.activeElement.blur()")
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    page.wait_for_url("**/compare?*")
    for name in (FIRST, SECOND):
        expect(page.get_by_role("main")).to_contain_text(name)
    page.keyboard.press("g")
    page.wait_for_url(lambda url: url.endswith("/"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/run/*")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
