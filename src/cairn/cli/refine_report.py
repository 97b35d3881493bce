"""`cairn refine report`: what became of the records of a run, what leaked, what it cost."""

import argparse
from pathlib import Path
from typing import Any

from cairn.cli.arguments import Parser
from cairn.cli.main import leaving_at_once
from cairn.core import files
from cairn.core.errors import ConfigError

ABOUT = """\
Write RUN/report.html and RUN/report.json: records in, accepted at which try, rejected by which
check; private values and canaries that stand in accepted rows all the same; tokens and money per
accepted record and per value removed; diversity before and after. Reads the run's input and output
again, and shows no text of the source unless --show-source is given.
"""


def refine_report_command(argv: list[str]) -> int:
    """Write it; the exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.sample < 0 or (arguments.show_source is not None and arguments.show_source < 1):
        raise ConfigError("cairn refine report: --sample and --show-source count records.")
    with leaving_at_once():
        return _report(arguments)


def _report(arguments: argparse.Namespace) -> int:
    from cairn.cli.testing import give_json
    from cairn.refine.casting import task_of
    from cairn.refine.directory import FIGURES, REPORT, SHOWN, RefineRun, open_run
    from cairn.refine.figures import as_json, measure
    from cairn.refine.page import page
    from cairn.report.render import document

    path: Path = arguments.run
    run, config = open_run(path)
    found = measure(path, _asked(arguments), task_of(config))
    versions = RefineRun.open(run.path).versions
    name = SHOWN if arguments.show_source else REPORT
    target = arguments.out or path / name
    files.write_private(target, document(page(found, config, versions)))
    files.write_private(path / FIGURES, files.to_json(as_json(found), indent=2) + "\n")
    give_json(arguments.json, as_json(found))
    if str(arguments.json) != "-":
        print("\n".join([str(target), *told(found)]))
    return 0


def told(found: Any) -> list[str]:
    """The funnel and the leaks in two lines: nobody should need a browser to see a leak."""
    funnel, leaks = found.funnel, found.leaks
    lost = [f"{count:,} {name}" for name, count in sorted(funnel.items())
            if name.startswith("rejected")]  # fmt: skip
    lines = [f"  {found.records:,} records, {funnel.get('accepted', 0):,} accepted"
            + "".join(f", {part}" for part in lost)]  # fmt: skip
    if leaks is None or leaks.share.value is None:
        return [*lines, "  leaks: no row was looked at"]
    lines.append(f"  leaks: {leaks.share.value:.1%} of {leaks.records:,} rows looked at")
    for where, kinds in (("refined", leaks.leaked), ("other", leaks.beside)):
        if any(kinds.values()):
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()) if count)
            lines.append(f"    in {where} fields: {kinds}")
    return lines


def _asked(arguments: argparse.Namespace) -> Any:
    from cairn.core.resolve import resolve
    from cairn.refine.diversity import hashed
    from cairn.refine.figures import Asked

    canaries = ()
    if arguments.canaries is not None:
        canaries = tuple(files.read_lines(arguments.canaries, "--canaries"))
    return Asked(
        sample=arguments.sample,
        by=arguments.by,
        canaries=canaries,
        embed=resolve(arguments.embed, {}, "--embed") if arguments.embed else hashed,
        utility=resolve(arguments.utility, {}, "--utility") if arguments.utility else None,
        show=arguments.show_source or 0,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="cairn refine report",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("run", type=Path)
    add("--sample", type=int, default=10_000,
        help="accepted records that leaks are looked for in; 0: all; 10000")  # fmt: skip
    add("--by", metavar="FIELD", help="measure diversity for each value of a field apart")
    add("--canaries", type=Path, metavar="FILE", help="strings that must not be left, one a line")
    add("--embed", metavar="MODULE:FUNCTION", help="embeds texts; default hashed n-grams")
    add("--utility", metavar="MODULE:FUNCTION",
        help="from pairs (source, row) to figures by name; beside words kept")  # fmt: skip
    add("--show-source", type=int, nargs="?", const=50, metavar="RECORDS",
        help="show so many records before and after, in a file of its own; 50")  # fmt: skip
    add("--out", type=Path, help="where the page goes")
    add("--json", type=Path, help="the figures, to this file as well; - for standard output alone")
    return parser
