"""What a checkout holds is what a clone gets."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_no_file_of_the_package_or_its_tests_is_ignored_by_git():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "status", "--porcelain", "--ignored", "src", "tests", "benchmarks"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ignored = [line[3:] for line in said.splitlines() if line.startswith("!!")]
    assert [path for path in ignored if "__pycache__" not in path and "egg-info" not in path] == []
