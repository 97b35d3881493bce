"""A map shows each cell where it lies, in a colour that orders as fitness does, and leads to it."""

import base64
import re
import struct
import time
import zlib
from io import BytesIO

import numpy as np
import pytest
from drawing import EVIL, parsed, texts
from PIL import Image

from cairn.report import shades, svg
from cairn.report.parts import Map

NAN = float("nan")


def map_of(values, **more):
    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    shares = (values - low) / ((high - low) or 1.0)
    hrefs = [f"?cell={i}" for i in range(values.size)]
    given = {"hrefs": hrefs, "extent": ((0.0, 2.0), (0.0, 4.0)), "axes": ("up", "along"), **more}
    return Map("Map", shares=shares, values=values, **given)


def links(tree):
    return {a.get("href"): a for a in tree.iter("a")}


def lightness(colour):
    """Relative luminance, as contrast is measured."""
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (r, g, b)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def test_better_cells_are_lighter_and_lie_in_their_row_and_column():
    values = np.arange(12.0).reshape(3, 4) * 3 - 7
    found = links(parsed(svg.heat(map_of(values))))
    rects = [found[f"?cell={i}"].find("rect") for i in range(12)]
    light = [lightness(rect.get("fill")) for rect in rects]
    assert (np.diff(light) > 0).all()
    x, y = (np.array([float(r.get(axis)) for r in rects]).reshape(3, 4) for axis in "xy")
    assert (np.diff(x, axis=1) > 0).all() and np.ptp(x, axis=0).max() == 0
    assert (np.diff(y, axis=0) < 0).all(), "the first row is the lowest"
    assert found["?cell=5"].findtext("title") == "8\nalong: 1 to 2\nup: 0.667 to 1.33"


def test_shades_grow_lighter_from_end_to_end():
    light = np.array([lightness(shade) for shade in shades.HEX])
    assert (light[4:] > light[:-4]).all(), "whole numbers of a colour can hide a single step"
    assert shades.shade_of(np.array([-1.0, 0.0, 1.0, 2.0, NAN])).tolist() == [0, 0, 254, 254, -1]


def test_the_scale_says_what_colours_are_worth_whatever_the_shares_are():
    values = np.linspace(0, 8, 9)[None]
    shown = map_of(values)._replace(shares=(values / 8) ** 2)
    tree = parsed(svg.heat(shown))
    scale = next(g for g in tree.iter("g") if len(g.findall("rect")) == 32)
    marks = [(float(text.get("y")) - 4, float(text.text)) for text in scale.iter("text")]
    edges = [float(rect.get("y")) for rect in scale.iter("rect")]
    bottom, top = edges[0] + edges[0] - edges[1], edges[-1]
    assert len(marks) > 1
    for y, value in marks:
        np.testing.assert_allclose((bottom - y) / (bottom - top), (value / 8) ** 2, atol=0.01)


def test_empty_cells_are_neither_drawn_nor_links_and_a_map_may_be_empty():
    tree = parsed(svg.heat(map_of([[1.0, NAN], [NAN, 2.0]])))
    assert sorted(links(tree)) == ["?cell=0", "?cell=3"]
    assert "2 of 4 cells hold an elite, from 1 to 2; grey: nobody." in texts(tree)
    empty = parsed(svg.heat(map_of(np.full((2, 2), NAN))))
    assert "None of 4 cells holds an elite yet." in texts(empty) and not links(empty)
    assert "7" in texts(parsed(svg.heat(map_of([[7.0, NAN]]))))


def test_single_precision_is_drawn_as_double():
    values = np.array([[0.25, 0.5], [1.0, NAN]])
    single = map_of(values)._replace(values=values.astype(np.float32))
    assert svg.heat(single) == svg.heat(map_of(values))


def test_a_map_of_one_axis_is_one_row_without_an_upright_axis():
    tree = parsed(svg.heat(map_of([[1.0, 2.0, 3.0]], axes=("", "along"))))
    assert len({a.find("rect").get("y") for a in tree.iter("a")}) == 1
    assert not [text for text in tree.iter("text") if text.get("text-anchor") == "end"]
    assert links(tree)["?cell=0"].findtext("title") == "1\nalong: 0 to 1.33"


def test_a_cell_that_spans_places_is_one_link_by_its_number():
    cells = np.array([[0, 0, 2], [0, 2, 2]])
    shown = map_of([[1.0, 1, 5], [1, 5, 5]], cells=cells, hrefs=["?a", "?b", "?c"])
    found = links(parsed(svg.heat(shown)))
    assert sorted(found) == ["?a", "?c"]
    assert [found[name].find("path").get("d").count("M") for name in ("?a", "?c")] == [2, 2]
    assert found["?c"].findtext("title") == "5\ncell 2"


def test_outlines_are_drawn_in_units_of_the_axes():
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    squares = [square, square + np.array([2.0, 0.0])]
    found = links(parsed(svg.heat(map_of([[1.0, 2.0]], outlines=squares))))
    corners = [
        np.array([pair.split(",") for pair in a.find("polygon").get("points").split()], float)
        for a in found.values()
    ]
    assert np.ptp(corners[0][:, 0]) == pytest.approx(np.ptp(corners[1][:, 0]), abs=0.11)
    assert corners[0][:, 0].max() == pytest.approx(corners[1][:, 0].min(), abs=0.11)


def pixels(uri):
    """The numbers of the colours of an image of 8 bits."""
    data = base64.b64decode(uri.split(",")[1])
    columns, rows = struct.unpack(">II", data[16:24])
    at = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[at - 4 : at])
    raw = zlib.decompress(data[at + 4 : at + 4 + length])
    return np.frombuffer(raw, np.uint8).reshape(rows, columns + 1)[:, 1:]


def test_65_536_cells_are_an_image_with_a_grid_that_leads_to_the_best():
    values = np.random.default_rng(0).normal(size=(256, 256))
    values[:8, :8] = NAN
    shown = map_of(values)
    begun = time.process_time()
    drawn = svg.heat(shown)
    assert len(drawn) < 3e6 and time.process_time() - begun < 2  # 0.15 s on a quiet machine
    tree = parsed(drawn)
    image = pixels(tree.find("image").get("href"))
    np.testing.assert_array_equal(image[::-1], shades.shade_of(shown.shares) + 1)
    found = links(tree)
    assert len(found) == 64 * 64 - 4
    best = 12 + int(values[0:4, 12:16].max(axis=0).argmax())
    best += 256 * int(values[0:4, best].argmax())
    assert f"?cell={best}" in found
    said = "A click opens the best of 4 × 4 places: there are too many to aim at."
    assert said in " ".join(texts(tree))
    assert found[f"?cell={best}"].get("tabindex") == "-1"


def test_an_image_is_one_that_other_programs_read():
    shares = np.array([[0.0, 1.0], [NAN, 0.5]])
    image = Image.open(BytesIO(shades.png(shares))).convert("RGBA")
    found = [image.getpixel((x, y)) for y in (0, 1) for x in (0, 1)]
    assert [pixel[3] for pixel in found] == [255, 255, 0, 255]
    assert "#{:02x}{:02x}{:02x}".format(*found[1][:3]) == shades.HEX[-1]


def test_what_somebody_wrote_is_text_in_a_map_too():
    shown = map_of([[1.0, 2.0]], axes=(EVIL, EVIL), note=EVIL, hrefs=[EVIL, ""])
    drawn = svg.heat(shown._replace(title=EVIL))
    names = {part.tag for part in parsed(drawn).iter()}
    assert names <= {"svg", "g", "a", "path", "text", "title", "desc", "rect"}
    assert not re.search("[\x1b\u202e]|<img", drawn) and parsed(drawn).get("role") == "group"
    assert parsed(svg.heat(shown._replace(hrefs=()))).get("role") == "img"
