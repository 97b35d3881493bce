"""Maps over the axes of an archive of texts."""

from cairn.archive.text_axes import Categories, Space
from cairn.report.pages import Square, heats


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
