"""Fill docs/jail.md: what the hostile suite holds by tier, and the overhead on file.

uv run benchmarks/jail_page.py
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "jail.md"
RESULTS = ROOT / "benchmarks" / "results" / "jail.json"
sys.path.append(str(ROOT / "tests" / "jail"))

from hostile import CASES  # noqa: E402


def hostile() -> str:
    """The programs, by the first tier that holds them."""
    by_tier: dict[int, list[str]] = {}
    for case in CASES:
        by_tier.setdefault(case.held_from, []).append(case.name)
    return "".join(f"- From {tier}: {'; '.join(by_tier[tier])}.\n" for tier in sorted(by_tier))


def overhead() -> str:
    """The table of the benchmark, in ms."""
    found = json.loads(RESULTS.read_text())
    head = "| tier | without the jail | in it | overhead | of it processor time |\n"
    head += "|---|---|---|---|---|\n"
    names = ("bare_s", "jailed_s", "overhead_s", "overhead_cpu_s")
    rows = [
        f"| {row['tier']} | " + " | ".join(_ms(row[name]) for name in names) + " |\n"
        for row in found["rows"]
    ]
    machine = found["machine"]
    foot = (
        f"\nMilliseconds: median (least to greatest) of {found['repeats']} rounds, measured on "
        f"{found['date']}, {machine['cores']} cores, load {machine['load']:.1f}.\n"
    )
    return head + "".join(rows) + foot


def _ms(values: dict[str, float]) -> str:
    median, low, high = (1000 * values[name] for name in ("median", "low", "high"))
    return f"{median:.0f} ({low:.0f} to {high:.0f})"


def filled(page: str) -> str:
    """The page with both blocks as they are now."""
    for name, text in (("hostile", hostile()), ("overhead", overhead())):
        block = f"<!-- {name} -->\n{text}<!-- end -->"
        page = re.sub(rf"<!-- {name} -->\n.*?<!-- end -->", lambda _, b=block: b, page, flags=re.S)
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
