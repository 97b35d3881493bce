"""Which browser there is to look at pages with."""

import os
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
"""Root cannot use the sandbox, and containers have little /dev/shm."""


def program() -> str:
    """A browser that works here; without one the test is skipped, and fails in CI."""
    for name in filter(None, map(shutil.which, NAMES)):
        # Ubuntu's package is a stand-in that asks for a snap: being there is not enough.
        if subprocess.run([name, "--version"], capture_output=True).returncode == 0:
            return name
    reason = "pages are looked at in chromium, and none works here"
    assert "CI" not in os.environ, f"{reason}: .ci/run should have installed one"
    pytest.skip(reason)
