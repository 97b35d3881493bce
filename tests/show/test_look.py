"""Panels as sections of a page."""

import types

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import elites as el
from cairn.core.errors import ConfigError, RunError
from cairn.core.resolve import function_at
from cairn.core.rundir import RunDir
from cairn.envs.tokens.repair import Colouring, Repair
from cairn.improve.histories import Node
from cairn.qd.tasks import Sphere
from cairn.report.data import Card, Chart, Sheet
from cairn.report.parts import Animation, Choices, Figures, Map, Table, Text, Tree, Words
from cairn.report.render import fragment
from cairn.runs.presets import experiment
from cairn.show import look, look_archive, look_map, panels
from cairn.show.facts import described
from cairn.show.panels import PANELS
from cairn.show.subject import Subject
from house import settings
from written_runs import FAMILY


@pytest.fixture(scope="module")
def opened(accel_run):
    return look.Opened(accel_run)


def of(section, kind):
    return [part for part in section.parts if isinstance(part, kind)]


def chosen(section):
    (choices,) = of(section, Choices)
    return {choice.name: choice.chosen for choice in choices.settings}


def cards(section):
    return [card for sheet in of(section, Sheet) for row in sheet.rows for card in row.cards]


def test_every_panel_of_the_list_can_be_found_and_has_a_name_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(panels, "function_at", lambda address: asked.append(address) or str)
    for panel in PANELS:
        for one in (panel.applies, panel.data, panel.draw, panel.section):
            if one is not None:
                one(types.SimpleNamespace(once=lambda look: None)) if one is panel.data else one("")
    assert len(asked) >= 2 * len(PANELS)
    assert all(callable(function_at(address)) for address in asked)
    assert len({panel.name for panel in PANELS}) == len(PANELS)


@pytest.mark.slow
def test_every_panel_of_a_run_is_a_section_that_can_be_shown(opened):
    told = {}
    for panel in PANELS:
        if panel.title:
            arguments = {"id": "4", "seed": "1"} if panel.name == "level" else {}
            section = look.look(opened, panel.name, arguments)
            told[panel.name] = section and section.title
            if section is not None:
                html = fragment(section, image=lambda png: "/image/x.png")
                assert html.count("<h2") == 1 and f'id="{panel.name}"' in html
                assert "<h3" not in html or "<h3></h3>" not in html
    nothing = {name for name, title in told.items() if title is None}
    # And nobody would miss them.
    assert nothing == {
        "designed", "map", "elite", "progress", "audit", "regret", "behaviour", "levels",
            "payoffs",
    }  # fmt: skip
    assert told["level"] == "Level 4 and its ancestors"


@pytest.mark.slow
def test_seeds_and_settings_can_be_chosen_and_subjects_are_kept(opened):
    first = look.look(opened, "shelf", {})
    second = look.look(opened, "shelf", {"seed": "1", "sort": "oldest"})
    assert chosen(first) == {"seed": "0", "sort": "highest score", "page": "1"}
    assert chosen(second) == {"seed": "1", "sort": "oldest", "page": "1"}
    assert opened.subject({"seed": "1"}) is opened.subject({"seed": "1"})
    with pytest.raises(ConfigError, match=r"seeds \[0, 1\], got seed=2"):
        look.look(opened, "shelf", {"seed": "2"})
    for wrong in ("-1", "one", "", "9" * 19, "²"):
        if wrong:
            with pytest.raises(ConfigError, match="seed must be a whole number"):
                look.look(opened, "shelf", {"seed": wrong})
    with pytest.raises(ConfigError, match="has no role 'teacher'"):
        look.look(opened, "mazes", {"role": "teacher"})
    with pytest.raises(ConfigError, match="No panel 'curves'"):
        look.look(opened, "curves", {})


@pytest.mark.slow
@pytest.mark.parametrize("order", look_archive.ORDERS)
def test_pages_of_an_archive_are_in_order_and_leave_nobody_out(opened, order, monkeypatch):
    monkeypatch.setattr(look_archive, "PAGE", 2)
    archive = opened.subject({}).archive
    held = int(archive.count)
    pages = [
        look.look(opened, "shelf", {"sort": order, "page": str(page)})
        for page in range(1, -(-held // 2) + 1)
    ]
    found = [int(card.facts["id"]) for page in pages for card in cards(page)]
    assert sorted(found) == sorted(np.asarray(archive.ids)[:held].tolist())
    by_id = {int(i): slot for slot, i in enumerate(np.asarray(archive.ids)[:held])}
    slots = [by_id[i] for i in found]
    # The oracle: plain arrays of the archive, sorted by hand.
    value = {
        "highest score": -np.asarray(archive.scores),
        "lowest score": np.asarray(archive.scores),
        "longest not played": np.asarray(archive.stamps),
        "oldest": np.asarray(archive.ids).astype(int),
        "newest": -np.asarray(archive.ids).astype(int),
        "most edits": -np.asarray(archive.generation),
    }.get(order)
    if value is not None:
        assert (np.diff(value[slots].astype(float)) >= 0).all()
    else:
        shares = [float(card.facts["chance"].rstrip("%")) for page in pages for card in cards(page)]
        assert shares == sorted(shares, reverse=True) and 99 < sum(shares) < 101
    links = [[link.text for link in of(page, Choices)[0].links] for page in pages]
    assert links[0] == ["next", "last"] and links[-1] == ["first", "previous"]
    assert of(pages[0], Choices)[0].links[0].href.endswith("&page=2")
    beyond = look.look(opened, "shelf", {"sort": order, "page": "99"})
    assert cards(beyond)[0].facts == cards(pages[-1])[0].facts


@pytest.mark.slow
def test_a_level_of_the_archive_leads_back_to_the_level_drawn_new(opened):
    shelf = look.look(opened, "shelf", {})
    (card,) = (card for card in cards(shelf) if card.facts["id"] == str(FAMILY - 1))
    mazes = look.look(opened, "mazes", {"seed": "1"})
    assert "green square: the goal. Bar above: green if" in of(mazes, Sheet)[0].caption
    held_out = cards(mazes)[0]
    assert held_out.href == f"?panel=attempt&seed=1&level={held_out.title}"
    assert card.href == f"?panel=level&seed=0&id={FAMILY - 1}" and card.facts["age"] == "26"
    section = look.look(opened, "level", {"id": str(FAMILY - 1)})
    assert of(section, Tree) == []  # nothing was made from it
    # The level itself with the score that the archive shows; then the line in one row of pictures.
    large, *line = cards(section)
    now = f"score {card.facts['score']} now, {(FAMILY - 1) / 10:.3f} on entering"
    assert large.note.startswith(now) and line[-1].note == large.note
    assert of(section, Figures)[0].rows[0][:2] == ("score now", card.facts["score"])
    assert [card.facts["id"] for card in line] == [str(i) for i in range(FAMILY)]
    assert line[0].title == f"1 of {FAMILY}: drawn new"
    assert line[1].title == f"2 of {FAMILY}"
    assert line[-1].title == f"{FAMILY} of {FAMILY}: in the archive now"
    (chart,) = of(section, Chart)
    np.testing.assert_allclose(chart.lines[0].seeds.values[:, 0], np.arange(FAMILY) / 10, rtol=1e-6)
    assert chart.lines[0].seeds.steps[:, 0].tolist() == [10 + i for i in range(FAMILY)]
    first = look.look(opened, "level", {"id": "0"})
    (tree,) = of(first, Tree)
    assert [node.note for node in tree.nodes][1:] == ["made from it"]
    (middle,) = of(look.look(opened, "level", {"id": "2"}), Tree)
    assert [node.id for node in middle.nodes] == ["1", "2", "3"]
    assert [node.parent for node in middle.nodes] == [None, "1", "2"]
    assert [node.tone for node in middle.nodes] == ["plain", "good", "plain"]
    ancestry = look.look(opened, "ancestry", {})
    assert of(ancestry, Sheet)[0].rows[0].label == (
        f"line 1: from level 0 to level {FAMILY - 1}, {FAMILY - 1} edits"
    )
    assert any("drawn new" in words.text for words in of(first, Words))
    with pytest.raises(RunError, match="no level 77"):
        look.look(opened, "level", {"id": "77"})
    with pytest.raises(ConfigError, match="Which level"):
        look.look(opened, "level", {})


@pytest.mark.slow
def test_an_attempt_has_a_frame_for_every_step_and_levels_can_be_chosen(opened):
    section = look.look(opened, "attempt", {"level": "Labyrinth"})
    ((clip,),) = (part.clips for part in of(section, Animation))
    assert clip.title == "Labyrinth" and chosen(section)["level"] == "Labyrinth"
    assert clip.steps.tolist() == list(range(len(clip.frames)))
    with pytest.raises(ConfigError, match="level must be one of"):
        look.look(opened, "attempt", {"level": "nowhere"})


@pytest.mark.slow
def test_an_empty_archive_says_so(opened):
    one = opened.subject({})
    archive = eqx.tree_at(lambda a: a.count, one.state.archive, jnp.int32(0))
    state = eqx.tree_at(lambda s: s.archive, one.state, archive)
    empty = object.__new__(look.Opened)
    empty.run = opened.run
    empty.subject = lambda arguments: Subject(one.experiment, one.directory, state, 0, one.lines)
    for name in ("shelf", "level", "archive", "ancestry"):
        section = look.look(empty, name, {"id": "1"})
        assert section.parts == (Words("The archive is still empty: no pictures of it.", "muted"),)


def test_cards_without_pictures_become_tables():
    plain = [Card("a", "", "plain", None, {"id": str(i), "walls": "3"}) for i in range(2)]
    from cairn.report.data import Row

    sheet = Sheet("Levels", "a caption", (Row("best", tuple(plain)), Row("none", ())))
    words, table = look.parts([sheet])
    assert words.text == "a caption"
    assert (table.caption, table.head) == ("best", ["id", "walls"])
    assert table.rows == [["0", "3"], ["1", "3"]]
    with pytest.raises(TypeError, match="cannot show dict"):
        look.parts({})


@pytest.mark.parametrize(
    ("content", "newest"),
    [(b'{"a": 1}\n{"a": 2}\n', 2), (b'{"a": 1}\n{"a"', 1), (b'{"a": 1}\n', 1)],
)
def test_the_newest_whole_line_is_read(tmp_path, content, newest, monkeypatch):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(content)
    assert look.last_line(file) == {"a": newest}
    monkeypatch.setattr(look, "TAIL", 1)
    assert look.last_line(file) == {"a": newest}


@pytest.mark.parametrize("content", [b"", b'{"a": 1}', b"not JSON\n"])
def test_metrics_without_a_whole_line_are_refused(tmp_path, content):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(content)
    with pytest.raises(RunError):
        look.last_line(file)


# --- maps of elites


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A run whose map holds three elites."""
    search = experiment("sphere", method="map-elites", **settings("map-elites"))
    assert isinstance(search.env, Sphere)
    fitness = np.full(64, -np.inf, np.float32)
    fitness[[0, 9, 63]] = [1.0, 3.0, 2.0]
    filled = np.zeros(64, np.int32)
    filled[:3] = [0, 9, 63]
    zeros = np.zeros(64, np.uint32)
    elites = el.Elites(
        ids=jnp.asarray(zeros).at[9].set(1234),
        fitness=jnp.asarray(fitness),
        descriptors=jnp.tile(jnp.arange(64.0)[:, None], (1, 2)),
        solutions=jnp.tile(jnp.arange(64.0)[:, None], (1, 6)),
        filled=jnp.asarray(filled),
        count=jnp.int32(3),
    )
    lines = [{"cycle": [3], "ledger": {"evaluations": [4096]}, "metrics": {}}]
    ledger = types.SimpleNamespace(totals=lambda: {"evaluations": 4096})
    state = types.SimpleNamespace(elites=elites, ledger=ledger)
    return Subject(search, RunDir(tmp_path_factory.mktemp("sphere")), state, 0, lines)


def test_each_elite_of_a_map_can_be_opened(mapped):
    section = look_map.section(mapped, {})
    (shown,) = of(section, Map)
    filled = np.argwhere(np.isfinite(shown.values)).tolist()
    assert filled == [[0, 0], [1, 1], [7, 7]]
    assert [shown.values[i, j] for i, j in filled] == [1, 3, 2]
    assert [shown.shares[i, j] for i, j in filled] == [0, 1, 0.5]
    hrefs = np.array(shown.hrefs).reshape(shown.values.shape)
    assert [hrefs[i, j] for i, j in filled] == [
        f"?panel=elite&seed=0&cell={cell}" for cell in (0, 9, 63)
    ]
    assert sum(map(bool, shown.hrefs)) == 3
    (table,) = of(section, Table)  # the best, for the keyboard
    best = [(link.text, *numbers) for link, *numbers in table.rows]
    assert best == [("9", 3, 9, 9), ("63", 2, 63, 63), ("0", 1, 0, 0)]
    assert fragment(section, image=lambda png: "/image/x.png").count("panel=elite") == 6


def test_an_elite_is_told_with_its_place_among_the_others(mapped):
    section = look_map.elite(mapped, {"cell": "63"})
    rows = {row.name: row for row in of(section, Figures)[0].rows}
    assert rows["fitness"].value == "2" and rows["fitness"].note == "1 of 3 are better"
    assert (rows["descriptor 1"].value, rows["descriptor 2"].value) == ("63", "63")
    assert of(section, Text)[0].text == " ".join(["63"] * 6)
    best = {row.name: row for row in of(look_map.elite(mapped, {"cell": "9"}), Figures)[0].rows}
    assert best["number"].value == "1,234" and best["fitness"].note.startswith("0 of 3")
    (words,) = look_map.elite(mapped, {"cell": "1"}).parts
    assert words.text == "The cell holds nobody." and words.link.href == "?panel=map&seed=0"
    with pytest.raises(ConfigError, match=r"cell must lie in \[0, 64\), got 64"):
        look_map.elite(mapped, {"cell": "64"})
    with pytest.raises(ConfigError, match="Which cell"):
        look_map.elite(mapped, {})


def test_an_empty_map_is_shown_as_one(mapped):
    nobody = np.full(64, -np.inf, np.float32)
    elites = eqx.tree_at(
        lambda e: (e.fitness, e.count), mapped.state.elites, (jnp.asarray(nobody), jnp.int32(0))
    )
    state = types.SimpleNamespace(elites=elites, ledger=mapped.state.ledger)
    empty = Subject(mapped.experiment, mapped.directory, state, 0, mapped.lines)
    section = look_map.section(empty, {})
    (shown,) = of(section, Map)
    assert np.isnan(shown.shares).all() and not any(shown.hrefs)


def test_a_place_where_answers_start_is_described_by_what_is_shown_there():
    task = Repair(nodes=3, edges=2)
    edges, five = jnp.array([[0, 1], [1, 2], [0, 0]], jnp.int32), jnp.arange(5, dtype=jnp.int32)
    colours = jnp.where(five == 1, 1, 0)
    graph = Colouring(edges, five[:3] < 2, five < 3, colours, 0 * five, jnp.int32(0))
    assert described(task, Node(graph, jnp.int32(2))) == {
        "answers before": "2",
        "quality": "1",
        "prompt": "<bos> base A B B C <sep> A 1 B 2 C 1 <sep>",
    }
