"""Parts as HTML: safe whatever a model wrote, and readable without JavaScript."""

import io
import re
from typing import get_args

import numpy as np
import pytest
from every import CARD, CHART, EVERY, EVIL, clip, fragment, page
from PIL import Image

from cairn.report import data, parts, render
from cairn.report.pages import provenance
from cairn.report.words import Row
from markup import Read, inert

RIGHT_TO_LEFT = "\u0634\u0644\u0648\u0645 abc"
LINES = "one\n  two\n\nthree"


def test_every_part_that_there_is_is_tested():
    assert set(EVERY) == set(get_args(parts.Part))


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_nothing_a_model_wrote_becomes_markup_or_reaches_a_terminal(kind):
    text = str(fragment(EVERY[kind]))
    found = inert(text)
    assert "script" not in found.tags
    if kind is not parts.Animation:
        assert "\N{SYMBOL FOR ESCAPE}" in text, "it is shown, and made visible"
    if kind is not parts.Later:
        inert(fragment(EVERY[kind], live=False))


def test_a_page_of_every_part_is_sound_and_asks_for_nothing():
    shown = [part for part in EVERY.values() if not isinstance(part, parts.Later)]
    found = inert(render.document(page(*shown, notes=[EVIL], simulated=True, facts={EVIL: EVIL})))
    assert found.tags.count("script") == found.tags.count("style") == 1
    assert found.tags.count("main") == found.tags.count("h1") == 1
    assert "#main" in found.values("href") and found.values("lang") == ["en"]
    assert not {"form", "select"} & set(found.tags), "a file can be asked for nothing"


def test_the_page_allows_its_own_style_and_script_and_nothing_else():
    found = Read(render.document(page(parts.Words("1"))))
    policy = next(value for value in found.values("content") if "default-src" in value)
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    assert "img-src data:;" in policy
    for tag, source in (("style", "style-src"), ("script", "script-src")):
        (held,) = found.texts[tag]
        assert f"{source} '{render._digest(held)}'" in policy
    # What stands between the tags is what the browser hashes: no character more or less.
    assert found.texts["script"] == [render.script()]
    assert "</script" not in render.script() and "</style" not in render.style()


@pytest.mark.parametrize(
    "href, live, file",
    [
        ("#cell-1", "#cell-1", "#cell-1"),
        ("?panel=tree&id=5", "?panel=tree&amp;id=5", ""),
        ("/run/a%20b?x=1:2", "/run/a%20b?x=1:2", ""),
        ("javascript:alert(1)", "", ""),
        ("JaVaScript:alert(1)", "", ""),
        ("java\nscript:alert(1)", "", ""),
        (" javascript:alert(1)", "", ""),
        ("data:text/html,x", "", ""),
        ("https://elsewhere", "", ""),
        ("//elsewhere", "", ""),
        ("/\\elsewhere", "", ""),
        ("\\\\elsewhere", "", ""),
        ("/\t/elsewhere", "", ""),
    ],
)
def test_a_link_never_leads_out_of_the_page_and_in_a_file_not_to_the_site(href, live, file):
    for lives, expected in ((True, live), (False, file)):
        text = str(fragment(parts.Link("words", href), live=lives))
        assert "words" in text
        assert re.findall('href="([^"]*)"', text) == ([expected] if expected else [])


def test_lines_of_a_prompt_stay_lines_and_right_to_left_text_stands_apart():
    # HTML drops one newline after <pre>.
    assert f'<pre dir="auto">\n{LINES}</pre>' in fragment(parts.Text(LINES))
    assert f'<pre dir="auto">\n{RIGHT_TO_LEFT}</pre>' in fragment(parts.Text(RIGHT_TO_LEFT))
    assert f"<bdi>{RIGHT_TO_LEFT}</bdi>" in fragment(parts.Link(RIGHT_TO_LEFT, "#a"))
    assert f'<td dir="auto">{RIGHT_TO_LEFT}</td>' in fragment(parts.Table(["a"], [[RIGHT_TO_LEFT]]))
    assert re.search(r"bdi, [^{]*pre \{ unicode-bidi: isolate; \}", render.style())


@pytest.mark.parametrize(
    "shown",
    [
        lambda text: parts.Text(text, text),
        lambda text: parts.Words(text, link=parts.Link(text, "#a")),
        lambda text: parts.Table([text], [[text]], text),
        lambda text: parts.Notes([text]),
        lambda text: parts.Items([parts.Item("a", text, text, None, [])], text),
        lambda text: parts.Figures([Row(text, text, text)]),
        lambda text: parts.Tree([parts.Node("a", None, text, text)]),
        lambda text: CHART._replace(title=text),
        lambda text: data.Sheet("", "", (data.Row("", (CARD._replace(facts={"a": text}),)),)),
        lambda text: parts.Provenance({"a": text}, text),
    ],
    ids=[
        "text",
        "words",
        "table",
        "notes",
        "items",
        "figures",
        "tree",
        "chart",
        "sheet",
        "provenance",
    ],
)
def test_of_an_answer_of_ten_megabytes_a_page_shows_the_beginning_and_says_the_rest(shown):
    text = str(render.fragment(shown("<a>" * 3_500_000), image=render.png_uri))
    assert len(text) < 200_000
    assert re.search(r"… 10,4\d\d,\d\d\d more characters, not shown here", text)
    assert "not shown" not in fragment(shown("short"))


def test_every_table_scrolls_by_itself_and_labels_of_a_map_stay_in_sight():
    shown = [part for part in EVERY.values() if not isinstance(part, parts.Later)]
    found = Read(render.document(page(*shown)))
    tables = found.tags.count("table")
    scrolls = found.values("class").count("scroll")
    # The facts of the provenance wrap instead, and so does what a run spent.
    assert tables >= 5 and scrolls >= tables - 2
    style = render.style()
    assert re.search(r"\.scroll \{ overflow-x: auto", style)
    assert re.search(r"\.map tbody th \{[^}]*min-width: 5\.5rem; position: sticky; left: 0", style)
    assert not re.search(r"\.map th \{[^}]*anywhere", style), "labels would be a letter wide"
    assert re.search(r"@media \(max-width: 44rem\).*writing-mode: vertical-rl", style, re.S)


def test_values_of_a_table_are_in_words_and_its_sum_stays_below():
    rows = [["a", 1234567, 0.123456, float("nan")], ["b", 1, 2.0, None], ["all", 2, 3.0, 4.0]]
    text = str(fragment(parts.Table(["x", "n", "share", "?"], rows, "things", True, "my things")))
    body, foot = text.split("</tbody>")
    assert ">1,234,567<" in body and ">0.1235<" in body and body.count("–") == 2
    assert "<tfoot>" in foot and ">all<" in foot, "sorting leaves it where it is"
    (href,) = re.findall('href="([^"]*)"', text)
    assert 'download="my-things.csv"' in text and href.startswith("data:text/csv;base64,")
    assert "data-search" not in text, "three rows are seen at once"
    long = fragment(parts.Table(["x"], [["a"]] * 9, "failed trials"))
    assert 'data-search="failed trials"' in long
    assert "href" not in render.fragment(parts.Table(["x"], [], name="x"), image=render.png_uri)


def test_a_page_names_target_date_versions_and_config():
    made = provenance(
        {"target": "m at http://h"},
        {"format": 2, "created": "2026-01-02T03:04:05+00:00", "cairn": "0.2", "python": "3.11"},
        {"engine": {"trials": 7}},
    )
    text = fragment(made)
    for part in ("m at http://h", "2026-01-02T03:04:05+00:00", "cairn 0.2, python 3.11"):
        assert part in text
    assert "[engine]\ntrials = 7" in text


def test_all_frames_are_there_without_a_script_the_first_and_the_last_in_sight():
    text = str(fragment(parts.Animation([clip(5)])))
    before, between, after = re.split("<details>|</details>", text)
    assert [part.count("<img") for part in (before, between, after)] == [1, 3, 1]
    assert "step 0" in before and "the 3 frames between" in between and "step 4" in after
    assert "not solved in 4 steps" in before
    assert 'width="2" height="2"' in before and 'step 4"' in after
    two = str(fragment(parts.Animation([clip(2)])))
    assert two.count("<img") == 2 and "<details>" not in two
    assert "<img" not in fragment(parts.Animation([clip(0)]))


def test_pictures_are_small_and_look_as_they_were():
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 255, (40, 3), np.uint8)
    pixels = np.kron(palette[rng.integers(0, 40, (13, 13))], np.ones((25, 25, 1), np.uint8))
    seen = []
    fragment(data.Sheet("", "", (data.Row("", (CARD._replace(pixels=pixels),)),)))
    render.fragment(
        data.Sheet("", "", (data.Row("", (CARD._replace(pixels=pixels),)),)),
        image=lambda body: seen.append(body) or "/image/x.png",
    )
    (body,) = seen
    assert len(body) < pixels.size / 100
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(body)).convert("RGB")), pixels)


def test_what_is_made_later_has_a_place_on_a_live_page_and_is_made_before_a_file():
    later = parts.Later("archive", "The archive is being read.")
    live = fragment(later)
    assert 'data-panel="archive"' in live and "The archive is being read." in live
    with pytest.raises(ValueError, match="'archive' is to be made before the file"):
        render.document(page(later))


def test_a_part_that_a_template_misspells_is_an_error():
    with pytest.raises(Exception, match="has no attribute 'nobody'"):
        render.environment("cairn.report").from_string("{{ a.nobody }}").render(a=object())
