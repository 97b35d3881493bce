"""The pictures of `cairn view` in docs/images: of real runs, taken in a real browser.

    uv run python benchmarks/view_images.py [--folder FOLDER] [--out docs/images]

Trains mazes by two methods (minutes on two cores) and runs the red-teaming demo, whose models are
simulated, unless FOLDER has them; then serves FOLDER and takes pictures of the overview, a run, a
comparison and the red-teaming map, in light and one in dark. Needs chromium and playwright.
"""

import argparse
import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "verify"))
from view_scale_server import Server, browser

OUT = Path(__file__).parents[1] / "docs" / "images"
START = "from cairn.cli.main import main; main()"
TRAINING = (
    "--seeds", "3", "--steps", "3000000", "--batch", "16", "--hidden", "32", "--log-every", "8",
    "--evaluate-every", "4",
)  # fmt: skip
RUNS = {
    "maze-accel": ("train", "maze", "--method", "accel", "--generator", "walls", *TRAINING),
    "maze-dr": ("train", "maze", "--method", "dr", *TRAINING),
    "redteam-demo": ("redteam", "run", "--demo"),
}
MOST = 200_000
"""Bytes of a picture."""
WAIT_S = 180
"""For panels that are made when they are looked at."""


def make(folder: Path) -> None:
    """The runs that are not there yet."""
    for name, words in RUNS.items():
        if not (folder / name).exists():
            command = [sys.executable, "-c", START, *words, "--run", str(folder / name)]
            subprocess.run(command, check=True)


def ready(page: Any, height: int) -> None:
    """Wait until everything that comes into sight has come: panels are made when they are seen."""
    for place in (0, height, 0):
        page.evaluate(f"window.scrollTo(0, {place})")
        page.wait_for_timeout(700)
        page.wait_for_function(
            "() => !document.querySelector('[aria-busy=true]')", timeout=WAIT_S * 1000
        )
    page.wait_for_timeout(500)


def save(png: bytes, path: Path) -> int:
    """With as many colours as fit into MOST bytes; returns how many bytes it has."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        kept = io.BytesIO()
        few = picture.quantize(colours, dither=Image.Dither.NONE)
        few.save(kept, "PNG", optimize=True)
        if kept.tell() < MOST:
            break
    path.write_bytes(kept.getvalue())
    return kept.tell()


def pictures(server: Server, page: Any, out: Path) -> None:
    """All of them."""
    both = "run=maze-accel&run=maze-dr"
    for name, path, scheme, height in (
        ("view-overview", "/", "light", 520),
        ("view-run", "/run/maze-dr", "light", 1640),
        ("view-run-dark", "/run/maze-accel", "dark", 1640),
        ("view-compare", f"/compare?{both}", "light", 1300),
        ("view-redteam", "/run/redteam-demo", "light", 1400),
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": 1280, "height": height})
        page.goto(server.url + path)
        ready(page, height)
        size = save(page.screenshot(), out / f"{name}.png")
        print(f"{out / name}.png: {size:,} bytes")


def main() -> None:
    """Make the runs and take the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary) / "runs"
        make(folder)
        with Server(folder) as server, browser() as page:
            if page is None:
                raise SystemExit("chromium is needed for pictures, and none works here")
            pictures(server, page, asked.out)


if __name__ == "__main__":
    main()
