"""The overview and the comparison, looked at in a browser."""

import pytest
from playwright.sync_api import expect
from shown_runs import FIRST, HOSTILE_NAME, LIVE, REDTEAM, SECOND

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
