import numpy as np
import pytest
from PIL import Image

from cairn.core.errors import ConfigError
from cairn.envs.maze import draw, files

LEVEL = files.from_text("""
    >.#
    ..G
""")


def middle(image: np.ndarray, x: int, y: int, cell: int) -> tuple[int, ...]:
    """The colour in the middle of cell (x, y) of the inner grid."""
    return tuple(image[(y + 1) * cell + cell // 2, (x + 1) * cell + cell // 2].tolist())


@pytest.mark.parametrize("cell", [8, 16])
def test_every_cell_has_the_colour_of_what_stands_there(cell):
    image = draw.draw(LEVEL, cell=cell)
    assert image.shape == (4 * cell, 5 * cell, 3) and image.dtype == np.uint8
    assert middle(image, 2, 0, cell) == middle(image, -1, -1, cell) == draw.WALL
    assert middle(image, 3, 1, cell) == draw.WALL
    assert middle(image, 1, 0, cell) == draw.FLOOR
    assert middle(image, 2, 1, cell) == draw.GOAL
    assert middle(image, 0, 0, cell) == draw.AGENT


def test_the_agent_moves_and_turns_with_the_arguments():
    image = draw.draw(LEVEL, agent=(1, 1), heading=3, cell=16)
    assert middle(image, 0, 0, 16) == draw.FLOOR and middle(image, 1, 1, 16) == draw.AGENT
    # An arrow to the north has more of its colour in the lower half of its cell.
    red = (image[32:48, 32:48] == draw.AGENT).all(axis=2)
    assert red[:8].sum() < red[8:].sum()


def test_a_path_grows_stronger_towards_its_end():
    image = draw.draw(LEVEL, path=[(1, 0), (1, 1), (0, 1)], cell=16)
    assert middle(image, 0, 1, 16) == draw.PATH_END
    start, between, end = (middle(image, *c, 16)[2] for c in [(1, 0), (1, 1), (0, 1)])
    assert start > between > end


def test_a_sheet_keeps_every_picture_and_centres_small_ones():
    small, large = np.full((10, 10, 3), 7, np.uint8), np.full((20, 30, 3), 9, np.uint8)
    sheet = draw.grid_of_images([small, large, small], columns=2, gap=10)
    assert sheet.shape == (10 + 2 * 30, 10 + 2 * 40, 3)
    assert (sheet == 7).all(axis=2).sum() == 200 and (sheet == 9).all(axis=2).sum() == 600
    assert (sheet[15:25, 20:30] == 7).all()
    titled = draw.grid_of_images([small], titles=["a title too long for ten pixels"])
    assert titled.shape == (50, 30, 3)


def test_a_gif_keeps_its_frames_and_rests_on_the_last(tmp_path):
    path = tmp_path / "run.gif"
    draw.save_gif([draw.draw(LEVEL, agent=(x, 1)) for x in (0, 1, 2)], path, fps=10.0)
    with Image.open(path) as gif:
        assert gif.n_frames == 3 and gif.info["loop"] == 0
        durations = []
        for frame in range(3):
            gif.seek(frame)
            durations.append(gif.info["duration"])
        colour = np.asarray(gif.convert("RGB"))[2 * 16 + 8, 3 * 16 + 8]
    assert durations == [100, 100, 1_100]
    assert abs(colour.astype(int) - draw.AGENT).max() < 12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: draw.draw(LEVEL, cell=3), "4 pixels or more.*cell=3"),
        (lambda path: draw.grid_of_images([]), "got 0 images, 4 columns and no titles"),
        (lambda path: draw.grid_of_images([draw.draw(LEVEL)], ["a", "b"]), "1 images.* 2 titles"),
        (lambda path: draw.save_gif([], path), "got 0 frames at 8"),
        (lambda path: draw.save_gif([draw.draw(LEVEL)], path, fps=0.0), "1 frames at 0"),
    ],
)
def test_impossible_pictures_are_refused(call, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        call(tmp_path / "a.gif")
