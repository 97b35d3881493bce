"""Test a run on mazes it has never seen, and compare two runs."""

import sys
from pathlib import Path

import cairn


def main(run: Path, other: Path, attempts: int = 20) -> None:
    report = cairn.evaluate(run, ["named"], attempts=attempts)
    named = report["suites"]["named"]
    print(f"Solved: {named['solve_rate']:.2f}, interval {named['interval']}")
    difference = cairn.compare(run, other, ["named"], attempts=attempts)
    print("Better than the other by:", difference["suites"]["named"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
