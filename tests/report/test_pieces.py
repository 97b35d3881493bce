"""What the pages of several wings have."""

from cairn.report.parts import Node, Table, Tree, Words
from cairn.report.pieces import MOST_FAILED, answer, descent, failed, grown


def line(name, length):
    """A line of ancestors, its tip the last."""
    ids = [f"{name}{i}" for i in range(length)]
    return [Node(one, ids[i - 1] if i else None, one, "") for i, one in enumerate(ids)]


def test_of_a_tree_whole_lines_are_drawn_the_most_telling_first():
    nodes = {node.id: node for node in [*line("a", 3), *line("b", 4), *line("c", 1)]}
    (tree,) = descent(nodes, ["b3", "a2", "c0"], most=8)
    assert isinstance(tree, Tree) and [node.id for node in tree.nodes] == list(nodes)
    said, tree = descent(nodes, ["b3", "a2", "c0"], most=5)
    assert isinstance(tree, Tree)
    assert [node.id for node in tree.nodes] == ["b0", "b1", "b2", "b3", "c0"]
    assert isinstance(said, Words) and "1 of 3 lines are left out" in said.text


def test_what_no_tip_descends_from_is_not_drawn():
    nodes = {node.id: node for node in [*line("a", 2), *line("b", 2)]}
    (tree,) = descent(nodes, ["a1"])
    assert isinstance(tree, Tree) and [node.id for node in tree.nodes] == ["a0", "a1"]


def test_every_failed_trial_counts_and_the_first_are_shown():
    assert failed([]) == []
    (section,) = failed([(str(i), "E", "said", "tried") for i in range(MOST_FAILED + 1)])
    said, table = section.parts
    assert isinstance(said, Words) and said.text.startswith("501 without a result; the first 500")
    assert isinstance(table, Table) and len(table.rows) == MOST_FAILED


def test_a_figure_that_grew_is_a_chart_of_one_run():
    chart = grown("Cells filled", (1, 5, 9), (1, 2, 2), "calls")
    ((_, curve, band),) = chart.lines
    assert chart.axis == "calls" and curve.steps.shape == curve.values.shape == (3, 1)
    assert band.steps.tolist() == [1, 5, 9] and (band.low == band.high).all()


def test_a_missing_answer_is_said_to_be_missing():
    assert answer(None, "no response: cut") == [Words("no response: cut")]
    said, text = answer("words", "unsafe", bad=True)
    assert said == Words("unsafe", "bad") and text.text == "words"
