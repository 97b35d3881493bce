"""The page of a run while it trains, its notes, and the file it is exported to."""

import json

import browsing
import pytest
import shown_runs
from browsing import run_page
from playwright.sync_api import expect
from shown_runs import FIRST, LIVE, REDTEAM

from cairn.core.rundir import RunDir

pytestmark = pytest.mark.slow

CURVES = "#live-figures svg[role=img]"


def test_curves_of_a_run_that_trains_grow_without_a_reload(page, shown_folder):
    path = shown_folder / LIVE
    with RunDir(path).lock():
        page.goto(run_page(LIVE))
        expect(page.locator("#live-head")).to_contain_text("running")
        page.evaluate("window.same = true")
        page.get_by_role("textbox", name="Note", exact=True).fill("half a thought")
        before = page.locator(CURVES).first.evaluate("svg => svg.outerHTML")
        for steps in range(20_000, 60_000, 10_000):
            shown_runs.grow(path, steps)
        page.wait_for_function(
            f"was => document.querySelector('{CURVES}').outerHTML !== was",
            arg=before,
            timeout=20_000,
        )
        expect(page.locator("#live-head")).to_contain_text("50k")
    expect(page.locator("#live-head")).to_contain_text("stopped", timeout=20_000)
    assert page.evaluate("window.same")
    expect(page.get_by_role("textbox", name="Note", exact=True)).to_have_value("half a thought")


def test_a_run_tells_how_it_was_made_and_what_it_cost(page):
    page.goto(run_page(FIRST))
    main = page.get_by_role("main")
    for words in ("accel", "maze", "cairn train --config", "cairn train --resume", "training",
                  "scoring", "capacity = 8", "jaxlib", "solve rate"):  # fmt: skip
        expect(main).to_contain_text(words)
    assert page.locator(CURVES).count() >= 3
    told = page.locator(CURVES).first.get_attribute("aria-label")
    assert told and len(told) > 10, "who cannot see a curve is told of it"


def test_every_chart_is_offered_as_svg_and_csv(page):
    page.goto(run_page(FIRST))
    plot = page.locator(".plot").first
    with page.expect_download() as given:
        plot.get_by_role("link", name="CSV").click()
    text = given.value.path().read_text()
    assert text.startswith(("steps", "line")) or "," in text.splitlines()[0]
    assert len(text.splitlines()) > 10
    with page.expect_download() as given:
        plot.get_by_role("link", name="SVG").click()
    drawn = given.value.path().read_text()
    assert drawn.startswith("<svg") or "<svg" in drawn[:300]
    assert "script" not in drawn


def test_stars_tags_and_notes_are_kept_with_the_run(page, shown_folder):
    page.goto(run_page(FIRST))
    page.get_by_label("Tags, separated").fill("good, to publish")
    page.get_by_role("textbox", name="Note", exact=True).fill("The best so far.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("button", name="Star").first.click()
    expect(page.get_by_role("button", name="Star").first).to_have_attribute("aria-pressed", "true")
    page.goto("/?q=publish")
    expect(page.locator("#rows tr")).to_have_count(1)
    page.goto(run_page(FIRST))
    expect(page.get_by_role("textbox", name="Note", exact=True)).to_have_value("The best so far.")
    kept = [
        f
        for f in (shown_folder / FIRST).iterdir()
        if f.is_file() and "best so far" in f.read_text("utf-8", "replace")
    ]
    assert len(kept) == 1 and json.loads(kept[0].read_text())["note"] == "The best so far."


@pytest.mark.parametrize("name", [FIRST, REDTEAM])
def test_an_exported_run_is_read_without_script_and_without_network(page, browser, tmp_path, name):
    page.goto(run_page(name))
    page.set_default_timeout(60_000)
    with page.expect_download() as given:
        page.get_by_role("link", name="The whole run as one HTML file").click()
    file = tmp_path / "run.html"
    given.value.save_as(file)
    context = browser.new_context(java_script_enabled=False, offline=True)
    alone = context.new_page()
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    main = alone.locator("body")
    words = ("capacity", "solve rate") if name == FIRST else ("risk", "plain seed")
    for text in words:
        expect(main).to_contain_text(text)
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    assert alone.locator("svg, img, table").count() > 0
    context.close()
    context = browser.new_context(viewport={"width": 400, "height": 900})
    alone = context.new_page()
    seen = browsing.Seen(alone, "file://")
    alone.goto(file.as_uri())
    assert browsing.too_wide(alone) == [] and browsing.faint(alone) == []
    alone.emulate_media(color_scheme="dark")
    assert browsing.faint(alone) == [] and browsing.unnamed(alone) == []
    assert alone.evaluate("window.hacked") is None
    assert [line for line in seen.wrong if not line.endswith(file.as_uri())] == []
    context.close()


def test_a_tab_that_nobody_sees_follows_nothing(page):
    # A browser has six connections to a server: a tab that kept one would keep a seventh waiting.
    page.add_init_script(
        "window.sources = []; const Real = EventSource;"
        "window.EventSource = class extends Real {"
        " constructor(address) { super(address); window.sources.push(this); } };"
        "Object.defineProperty(document, 'visibilityState',"
        " { get: () => window.away ? 'hidden' : 'visible' });"
    )
    page.goto(run_page(FIRST))
    seen = "away => { window.away = away; document.dispatchEvent(new Event('visibilitychange'));"
    states = "return window.sources.map(one => one.readyState === EventSource.CLOSED); }"
    assert page.evaluate(seen + states, False) == [False]
    assert page.evaluate(seen + states, True) == [True]
    assert page.evaluate(seen + states, False) == [True, False]
