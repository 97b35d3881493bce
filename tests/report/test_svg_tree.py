"""A tree shows every task once, to the right of its parent, and two tasks in no place."""

import re

from drawing import EVIL, parsed, texts
from hypothesis import given
from hypothesis import strategies as st

from cairn.report import svg
from cairn.report.parts import Node, Tree
from cairn.report.svg_tree import MOST


def node(number, parent, **more):
    return Node(str(number), None if parent is None else str(parent), f"task {number}", "", **more)


def boxes(drawn):
    """Left and top of each task, by its title."""
    found = {}
    for group in parsed(drawn).iter():
        if group.tag in ("a", "g") and group.find("rect") is not None:
            rect = group.find("rect")
            found[group.find("text").text] = float(rect.get("x")), float(rect.get("y"))
    return found


# Any parents: unknown ones, a task itself, circles.
@given(st.lists(st.one_of(st.none(), st.integers(0, 12)), min_size=1, max_size=12))
def test_whatever_the_parents_are_each_task_is_drawn_in_a_place_of_its_own(parents):
    drawn = svg.tree(Tree([node(i, parent) for i, parent in enumerate(parents)]))
    found = boxes(drawn)
    assert len(found) == len(parents) == len(set(found.values()))
    path = next(path.get("d") for path in parsed(drawn).iter("path"))
    assert path.count("M") <= sum(parent is not None for parent in parents)


def test_children_stand_to_the_right_and_a_parent_in_their_middle():
    drawn = svg.tree(Tree([node(0, None), node(1, 0), node(2, 0), node(3, 2), node(4, 2)]))
    found = {title.split()[1]: place for title, place in boxes(drawn).items()}
    for parent, child in ("01", "02", "23", "24"):
        assert found[parent][0] < found[child][0]
    assert found["0"][1] == (found["1"][1] + found["2"][1]) / 2
    assert found["2"][1] == (found["3"][1] + found["4"][1]) / 2
    ends = re.findall(r"M([\d.]+) ([\d.]+)C[\d. ]+ ([\d.]+) ([\d.]+)(?=M|$)", next(
        path.get("d") for path in parsed(drawn).iter("path")
    ))  # fmt: skip
    starts = {(float(x), float(y)) for x, y, _, _ in ends}
    assert (found["0"][0] + 168, found["0"][1] + 21) in starts and len(ends) == 4


def test_a_line_of_10_000_is_cut_with_a_word_and_no_recursion():
    drawn = svg.tree(Tree([node(i, i - 1 if i else None) for i in range(10_000)]))
    assert f"{10_000 - MOST:,} more are not drawn" in texts(parsed(drawn).find("svg"))
    assert len(boxes(drawn)) == MOST


def test_a_task_is_a_link_that_says_what_it_came_from_in_the_colour_of_its_tone():
    nodes = [node(0, None), node(1, 0, href="?id=1", tone="bad")]
    tree = parsed(svg.tree(Tree(nodes)))
    (link,) = tree.iter("a")
    assert (link.get("href"), link.findtext("title")) == ("?id=1", "task 1, from task 0")
    assert link.findall("rect")[-1].get("class") == "bad"
    assert tree.get("class") == "scroll" and tree.get("tabindex") == "0"
    assert tree.get("aria-label") == "2 tasks in 2 generations, oldest first"


def test_what_somebody_wrote_is_text_in_a_tree_too():
    drawn = svg.tree(Tree([Node(EVIL, None, EVIL, EVIL, EVIL), Node("b", EVIL, EVIL, EVIL)]))
    names = {part.tag for part in parsed(drawn).iter()}
    assert names <= {"div", "svg", "g", "a", "path", "text", "title", "desc", "rect"}
    assert not re.search("[\x1b\u202e]|<img", drawn)
    assert parsed(svg.standalone(drawn)).get("width") == parsed(drawn).find("svg").get("width")


def test_an_empty_tree_is_a_picture_too():
    assert "0 tasks" in svg.tree(Tree([]))
