"""Fills docs/hand-off.md with what TRL's trainer did under the curriculum.

    uv run benchmarks/hand_off_page.py

The figures are those of benchmarks/peers/trl_curriculum.py.
"""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "hand-off.md"
RESULT = HERE / "results" / "trl_curriculum.json"
MARK = re.compile(r"<!-- trl -->\n.*?<!-- end -->", re.DOTALL)
ARMS = {"curriculum": "the curriculum", "uniform": "new problems alone", "difference": "difference"}


def main() -> None:
    """Rewrite the table."""
    PAGE.write_text(filled(PAGE.read_text(), json.loads(RESULT.read_text())))


def filled(text: str, found: dict) -> str:
    """The page with what the file holds."""
    return MARK.sub(lambda _: f"<!-- trl -->\n{table(found)}\n<!-- end -->", text)


def table(found: dict) -> str:
    """Both arms on the held-out problems and what each took, and where that comes from."""
    lines = [
        "| task | prompts | held-out reward before | after | idle groups | came back | seconds |",
        "|---" * 7 + "|",
    ]
    for name, task in found["tasks"].items():
        for arm, said in ARMS.items():
            runs = task["arms"].get(arm)
            before = f"{_mean(runs, 'before'):.3f}" if arm == "curriculum" else ""
            back = f"{_mean(runs, 'came_back'):.2f}" if runs else ""
            sign = "" if runs else "+"
            cells = [
                _between(task["compared"][key][arm], sign, digits)
                for key, digits in (("after", 3), ("idle_groups", 2), ("train_seconds", 0))
            ]
            lines.append(
                f"| {name} | {said} | {before} | {cells[0]} | {cells[1]} | {back} | {cells[2]} |"
            )
    versions = ", ".join(
        f"{name} {found['versions'][name]}" for name in ("trl", "transformers", "torch")
    )
    start = ", without the start's own training" if found["start_kept"] else ""
    lines += [
        "",
        f"{found['seeds']} paired seeds, {found['steps']} updates of 16 prompts with 8 answers "
        f"each, one start a task; means with 95 % intervals over seeds; idle groups are those "
        f"without variance, of which nothing is learned. {versions}; `{found['command']}`, "
        f"{found['processor_seconds'] / 60:.0f} minutes of one processor in all{start} "
        f"(`benchmarks/results/{RESULT.name}`).",
    ]
    return "\n".join(lines)


def _mean(runs: list[dict], key: str) -> float:
    return sum(run[key] for run in runs) / len(runs)


def _between(told: dict, sign: str, digits: int) -> str:
    value, low, high = (f"{told[name]:{sign}.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


if __name__ == "__main__":
    main()
