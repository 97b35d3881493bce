"""The measuring of `cairn view` on a folder of many runs works; its figures are not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import browsers

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify" / "view_scale.py"


def test_pages_memory_and_processor_are_measured_on_a_tiny_folder(tmp_path):
    browsers.program()
    out = tmp_path / "result.json"
    words = [sys.executable, str(SCRIPT), "--tiny", "--folder", str(tmp_path), "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["sizes"] == {"runs": 10, "lines": 200, "events": 200, "levels": 8}
    assert all(page["cold"]["bytes"] > 1000 for page in found["pages"].values())
    assert all(0 < page["warm"]["whole_ms"] < 60_000 for page in found["pages"].values())
    assert set(found["in_a_browser"]) == set(found["pages"])
    assert 20 < found["memory_mb"]["server"] < 300
    beside = found["beside_training"]
    assert beside["page_open_in"] == "chromium" and beside["lines_meanwhile"] > 0
    made = [name for name in os.listdir(tmp_path / "runs") if not name.startswith(".")]
    assert len(made) >= 10
