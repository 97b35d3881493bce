"""The overview and the comparison, looked at in a browser."""

import pytest
import shown_runs
from playwright.sync_api import expect
from shown_runs import FIRST, HOSTILE_NAME, LIVE, REDTEAM, SECOND

from cairn.core.rundir import RunDir

pytestmark = pytest.mark.slow

ALL = {FIRST, SECOND, LIVE, REDTEAM, HOSTILE_NAME, "older", "half-written"}


def names(page):
    """Of the runs that the table shows, in its order."""
    return page.locator("#rows th.of-name bdi").all_inner_texts()


def row(page, name):
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_every_run_is_there_and_what_cannot_be_read_says_so(page):
    page.goto("/")
    assert set(names(page)) == ALL
    expect(row(page, FIRST)).to_contain_text("accel")
    expect(row(page, FIRST)).to_contain_text("finished")
    expect(row(page, REDTEAM)).to_contain_text("rainbow")
    expect(row(page, "older")).to_contain_text("older")
    expect(row(page, "half-written")).to_contain_text("config.json")


def test_searching_filtering_and_sorting(page):
    page.goto("/")
    page.get_by_label("Search").fill("study")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("2 runs of 7")
    page.get_by_role("link", name="Run", exact=True).click()
    assert names(page) == [FIRST, SECOND]
    page.get_by_role("link", name="Run", exact=True).click()
    assert names(page) == [SECOND, FIRST]
    page.get_by_role("link", name="Headline").click()
    assert names(page) == [FIRST, SECOND], "the best first"
    page.get_by_role("link", name="all runs", exact=True).click()
    page.get_by_label("Config").fill("run.steps>9000")
    page.get_by_role("button", name="Show", exact=True).click()
    assert names(page) == [LIVE]
    page.get_by_label("Config").fill("run.stepz>9000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Did you mean")


def test_two_runs_are_selected_and_compared(page):
    page.goto("/?q=study&sort=name")
    for name in (FIRST, SECOND):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.get_by_role("button", name="Compare selected").click()
    page.wait_for_url("**/compare?*")
    main = page.get_by_role("main")
    for name in (FIRST, SECOND):
        expect(main).to_contain_text(name)
    curves = main.locator("svg[role=img]")
    assert curves.count() > 0
    drawn = curves.first.evaluate(
        "svg => [...svg.querySelectorAll('[class]')].map(e => e.classList[0])"
    )
    assert {"s0", "s1"} <= set(drawn), "a colour for each run"


def test_a_run_that_begins_is_there_and_its_figures_follow_without_a_reload(
    page, server, shown_folder
):
    page.goto("/?sort=name")
    page.evaluate("window.same = true")
    path = shown_folder / "begun"
    try:
        shown_runs.maze(path, steps=80_000, skill=0.4, lines=2)
        with RunDir(path).lock():
            expect(row(page, "begun")).to_contain_text("running", timeout=15_000)
            for steps in (20_000, 40_000):
                shown_runs.grow(path, steps)
            expect(row(page, "begun").locator(".of-cost")).to_contain_text("40", timeout=15_000)
        expect(row(page, "begun")).to_contain_text("stopped", timeout=15_000)
    finally:
        path.rename(shown_folder.parent / "begun")
    expect(row(page, "begun")).to_have_count(0, timeout=15_000)
    assert page.evaluate("window.same")
