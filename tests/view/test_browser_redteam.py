"""A red-teaming run in a browser: the map, what is behind a cell, verdicts by keyboard."""

import json
import re

import pytest
from browsing import copy, run_page
from playwright.sync_api import expect
from shown_runs import IMAGE, REDTEAM

pytestmark = pytest.mark.slow

JUDGED = "judged"


def entries(folder):
    """The elites, as the run's table has them."""
    import csv

    with (folder / REDTEAM / "archive.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def red(page):
    """The run's page, at its report: a panel that is never in sight is never asked for."""
    page.set_default_timeout(60_000)
    page.goto(run_page(REDTEAM))
    page.locator(".later[data-panel*='panel=report']").scroll_into_view_if_needed()
    return page


def test_a_cell_of_the_map_opens_its_prompt_response_and_verdicts(red, shown_folder):
    main = red.get_by_role("main")
    expect(main).to_contain_text("simulated")
    expect(main).to_contain_text(IMAGE)
    links = red.get_by_role("navigation", name="Parts of this page")
    expect(links.get_by_role("link", name="Cells, one by one")).to_have_attribute(
        "href", "#cells", timeout=180_000
    )
    cell = main.locator("table.map a, td a[href^='#']").first
    cell.click()
    target = red.evaluate("location.hash") or ""
    opened = red.locator("details[open]")
    expect(opened.first).to_be_visible()
    row = entries(shown_folder)[0]
    assert target
    expect(opened.first).to_contain_text(row["prompt"][:40])
    expect(opened.first).to_contain_text(row["response"][:40])


def test_calls_are_listed_found_and_opened(page):
    page.goto(run_page(REDTEAM))
    main = page.get_by_role("main")
    for words in ("mutator", "target", "judge", "calls answered"):
        expect(main).to_contain_text(words)
    page.get_by_label("Search calls").fill("target")
    page.get_by_role("button", name="Show", exact=True).click()
    call = page.locator("a[href*='key=']").first
    label = call.inner_text()
    assert "target" in label
    call.click()
    page.wait_for_url("**/call/**")
    expect(page.get_by_role("main")).to_contain_text(label)
    expect(page.get_by_role("main")).to_contain_text(re.compile("answer", re.I))
    assert any(len(text) > 20 for text in page.locator("main pre").all_inner_texts())


def test_verdicts_are_given_by_keyboard_and_kept_with_the_run(page, shown_folder):
    path = copy(shown_folder / REDTEAM, shown_folder / JUDGED)
    page.goto(run_page(JUDGED))
    form = page.locator(".verdict-form").first
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.keyboard.press("s")  # nobody sees what it would be about
    form.scroll_into_view_if_needed()
    for key in ("u", "s", "k"):
        asked = page.locator(".verdict-form input[name=id]").input_value()
        sample = page.locator(".verdict-form input[name=sample]").input_value()
        page.keyboard.press(key)
        page.wait_for_function(
            "([id, sample]) => { const f = document.querySelector('.verdict-form');"
            " const i = f && f.querySelector('[name=id]');"
            " return !i || i.value !== id || f.querySelector('[name=sample]').value !== sample; }",
            arg=[asked, sample],
        )
    rows = [json.loads(line) for line in (path / "verdicts.jsonl").read_text().splitlines()]
    assert [row["unsafe"] for row in rows if row["unsafe"] is not None][:2] == [True, False]
    expect(page.locator("#verdicts")).to_contain_text("cairn redteam report")
