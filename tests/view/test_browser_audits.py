"""What pages are audited for is noticed: each audit on a page that is wrong in one way."""

import browsing
import pytest
from browsing import Seen

pytestmark = pytest.mark.slow

GOOD = """<!DOCTYPE html><html lang="en"><style>body{color:#000;background:#fff}%s</style><body>
<main><h1>Title</h1><h2>Part</h2><p class="p">words</p><svg width="50" height="20"><text class="t"
y="15">in</text></svg><label>Name <input></label><button>Go</button>%s</main></body></html>"""


@pytest.fixture
def look(browser):
    context = browser.new_context(viewport={"width": 400, "height": 800})
    page = context.new_page()

    def shown(style="", more=""):
        page.set_content(GOOD % (style, more))
        return page

    yield shown
    context.close()


def test_a_good_page_passes_every_audit(look):
    page = look()
    assert browsing.faint(page) == [] and browsing.too_wide(page) == []
    assert browsing.unnamed(page) == []
    assert browsing.disorder(browsing.headings(page)) == []


@pytest.mark.parametrize(
    "style, found",
    [
        (".p{color:#999}", "2.8"),
        (".p{opacity:.5}", "3.9"),
        (".p{color:#fff;background:#aaa}", "2.3"),
        (".t{fill:#bbb}", "1.9"),
        ("main{background:#0000}.p{color:rgb(0 0 0 / 40%)}", "2.8"),
    ],
)
def test_faint_texts_are_found(look, style, found):
    (said,) = browsing.faint(look(style))
    assert f": {found}" in said


def test_faint_large_texts_may_be_fainter(look):
    assert browsing.faint(look(".p{color:#888;font-size:24px}")) == []
    assert browsing.faint(look(".p{color:#999;font-size:24px}")) != []


def test_a_page_that_scrolls_sideways_is_found(look):
    page = look(more='<div class="wide" style="width:500px">wide</div>')
    assert any("wide" in line for line in browsing.too_wide(page))
    inside = '<div style="overflow-x:auto"><div style="width:500px">wide</div></div>'
    assert browsing.too_wide(look(more=inside)) == []


@pytest.mark.parametrize(
    "more, found",
    [
        ("<button></button>", "button"),
        ("<input type=checkbox>", "checkbox"),
        ("<select><option>a</select>", "combobox"),
        ('<a href="/"></a>', "link"),
        ('<svg role="img" width="9" height="9"></svg>', "image"),
        ("</main><main>", "2 main landmarks"),
    ],
)
def test_what_a_screen_reader_cannot_name_is_found(look, more, found):
    assert browsing.unnamed(look(more=more)) == [found]


@pytest.mark.parametrize(
    "levels, wrong",
    [([1, 2, 3, 2], 0), ([1, 3], 1), ([2, 3], 2), ([1, 1], 1), ([], 1)],
)
def test_headings_out_of_order_are_found(levels, wrong):
    assert len(browsing.disorder(levels)) == wrong


def test_scripts_that_run_errors_and_requests_elsewhere_are_noticed(look):
    page = look()
    seen = Seen(page, "http://127.0.0.1:1")
    page.evaluate("console.error('broken')")
    page.evaluate("alert(1)")
    page.evaluate("new Image().src = 'http://192.0.2.1/x.png'")
    page.evaluate("setTimeout(() => { throw new Error('thrown'); })")
    page.wait_for_timeout(100)
    text = " ".join(seen.wrong)
    for part in ("broken", "a script ran: 1", "another host: http://192.0.2.1/x.png", "thrown"):
        assert part in text
