"""Pictures in a browser: nothing refused, nothing faint, read by pointing and by arrow keys."""

import xml.etree.ElementTree as ET

import browsing
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

import browsers
from cairn.report import render
from cairn.report.data import Curves
from cairn.report.parts import Map, Node, Page, Section, Tree
from cairn.report.series import Curve
from cairn.show import charts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    steps = np.tile(np.arange(0.0, 1e6, 5e4)[:, None], (1, 3))
    curve = Curve(steps, np.linspace(0, 1, 20)[:, None] * np.array([[0.7, 0.8, 0.9]]))
    values = np.arange(9.0).reshape(3, 3)
    values[1, 1] = np.nan
    hrefs = [f"#cell-{i}" for i in range(9)]
    shown = Map("Elites", ("up", "along"), ((0, 3), (0, 3)), values / 8, values, hrefs)
    tree = Tree([Node(str(i), str(i - 1) if i else None, f"level {i}", "solved", f"#{i}",
                      ("plain", "good", "bad")[i % 3]) for i in range(9)])  # fmt: skip
    chart = charts.chart("Solve rate", {f"run {i}": curve for i in range(7)}, share=True)
    curves = Curves("Learned", "Caption.", (chart,), {"training": 3.0, "scoring": 1.0}, "steps")
    page = Page("Pictures", "all of them", [Section("all", "All", [curves, shown, tree])])
    path = tmp_path_factory.mktemp("pictures") / "page.html"
    path.write_text(render.document(page))
    return path


@pytest.fixture(scope="module")
def chromium():
    program = browsers.program()
    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=program, args=list(browsers.OPTIONS))
        yield made
        made.close()


@pytest.fixture(params=["light", "dark"])
def look(request, chromium, file):
    page = chromium.new_page(color_scheme=request.param, viewport={"width": 400, "height": 800})
    seen = browsing.Seen(page, "")
    page.goto(file.as_uri())
    yield page
    page.close()
    assert seen.wrong == []


def test_pictures_are_named_in_colours_that_stand_out_and_no_wider_than_a_telephone(look):
    assert browsing.faint(look) == [] and browsing.unnamed(look) == []
    assert browsing.too_wide(look) == []
    assert look.locator(".chart .strip title").first.text_content().startswith("steps: ")


def test_arrow_keys_go_over_a_map_that_the_tab_key_stops_at_once(look):
    cells = look.locator("[data-cells] a")
    assert cells.count() == 8, "the empty one is none"
    assert [cells.nth(i).get_attribute("tabindex") for i in range(8)] == ["0"] + ["-1"] * 7
    cells.first.focus()
    visited = []
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowDown"):
        look.keyboard.press(key)
        visited.append(look.evaluate("document.activeElement.getAttribute('href')"))
    # From 0, the lowest at the left. Above 1 nobody lives: the next in that direction is taken.
    assert visited == [f"#cell-{i}" for i in (1, 7, 7, 6, 6, 3)]
    look.keyboard.press("Enter")
    assert look.url.endswith("#cell-3")


def test_every_chart_can_be_taken_away_as_svg_and_png_in_the_colours_it_has(look, tmp_path):
    taken = []
    for figure in look.locator("figure.chart").all():
        for ending in ("SVG", "PNG"):
            with look.expect_download() as download:
                figure.get_by_role("button", name=f"as {ending}").click()
            taken.append(tmp_path / download.value.suggested_filename)
            download.value.save_as(taken[-1])
    assert [path.name for path in taken if path.suffix == ".svg"] == [
        "Solve-rate.svg", "Ledger-what-the-steps-were-for.svg", "Elites.svg",
    ]  # fmt: skip
    root = ET.fromstring(taken[0].read_text())
    drawn = [part for part in root.iter() if part.get("class") == "s0"]
    paper = root.find("{http://www.w3.org/2000/svg}rect").get("fill")
    assert root.get("width") == "420" and drawn and paper.startswith("rgb(")
    assert drawn[0].get("color") != root.get("color")
    image = np.asarray(Image.open(taken[1]).convert("RGB"))
    assert image.shape[1] == 840 and len(np.unique(image.reshape(-1, 3), axis=0)) > 20
    assert f"rgb({', '.join(map(str, image[0, 0]))})" == paper
