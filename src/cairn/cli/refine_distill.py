"""`cairn refine distill`: a small local refiner from what an expensive one removed."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from cairn.cli.arguments import Parser, positive
from cairn.cli.testing import check_json, give_json
from cairn.core.console import PatientProgress, count
from cairn.core.units import duration

ABOUT = """\
Train a small refiner that needs no server: a local transformer that says of each word whether it is
to go. It learns from what was removed before, by an expensive refiner or by patterns, and sees
texts with words and layout exchanged, so that it learns what private values look like and not only
where they stand. It takes words out and puts pseudonyms in; it cannot reword.

  cairn refine distill made small                 made documents, as our detectors remove (faker)
  cairn refine distill made small --labels labels as their own labels say
  cairn refine distill raw.jsonl.refine small     a finished run of cairn refine run: its input
                                                  beside what it accepted
  cairn refine distill pairs.jsonl small          JSON lines with "text" and "rewrite"
  cairn refine distill labelled.jsonl small       or a labelled file (cairn refine make)

  cairn refine run raw.jsonl clean.jsonl --task anonymize --distilled small
  cairn refine bench --distilled small            how well it finds what it was not trained on

Stopped or killed, the same command goes on and comes to the same weights.
"""


def refine_distill_command(argv: list[str]) -> int:
    """Train, or go on; the exit status. Raises CairnError for a foreseen mistake."""
    asked = _parser().parse_args(argv)
    check_json(asked.json, [])
    from cairn.nn.language.size import Size
    from cairn.refine.distill.config import Distillation
    from cairn.refine.distill.run import distill

    size = Size(width=asked.width, layers=asked.layers, inner=3 * asked.width)
    config = Distillation(
        asked.source, teacher=asked.labels, records=asked.records, formats=tuple(asked.formats),
        languages=tuple(asked.languages), updates=asked.updates, rows=asked.rows,
        length=asked.length, learning_rate=asked.learning_rate, noise=not asked.no_noise,
        threshold=asked.threshold, seed=asked.seed, size=size,
    )  # fmt: skip
    try:
        with _Watch() as watch:
            made = distill(config, asked.out, watch.told)
    except KeyboardInterrupt:
        print("stopped. The same command goes on.", file=sys.stderr)
        return 130
    give_json(asked.json, {"folder": str(asked.out), **made})
    if str(asked.json) != "-":
        print("\n".join(_lines(asked.out, made)))
    return 0


class _Watch(PatientProgress):
    def __init__(self) -> None:
        super().__init__()
        self._begun: tuple[float, int] | None = None

    def told(self, at: Any) -> None:
        """An update is done."""
        now = time.monotonic()
        first, done = self._begun = self._begun or (now, at.done)
        left = "-"
        if at.done > done:
            left = duration((now - first) / (at.done - done) * (at.of - at.done))
        self.show({
            "updates": f"{count(at.done)} of {count(at.of)}",
            "loss": f"{at.loss:.3f}",
            "left": left,
        })  # fmt: skip


def _lines(folder: Path, made: dict[str, Any]) -> list[str]:
    lines = [
        f"{folder}: {count(made['parameters'])} parameters, learned from {made['texts']:,} texts "
        f"of which {made['removed']:,} stretches were removed; {len(made['kinds'])} kinds; a word "
        f"goes from a chance of {made['threshold']:.2f} on"
    ]
    if made["rewritten"]:
        lines.append(f"{made['rewritten']:,} pairs were reworded, not removed from: left out")
    if made["added"]:
        lines.append(f"{made['added']:,} rewrites also added words, which it does not learn")
    lines.append(f"use: cairn refine run IN OUT --task anonymize --distilled {folder}")
    return lines


def _list(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _parser() -> Parser:
    from cairn.refine.distill.config import Distillation

    parser = Parser(
        prog="cairn refine distill",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Distillation("made")
    add = parser.add_argument
    add("source", metavar="SOURCE", help="made, a run's folder, or a file of pairs or labels")
    add("out", metavar="OUT", type=Path, help="the folder of the small refiner")
    add("--labels", choices=("patterns", "labels"), default=default.teacher,
        help="who says what goes, of made or labelled records: our detectors, or their own "
        "labels; patterns")  # fmt: skip
    add("--records", type=positive, default=default.records,
        help=f"documents that are made; {default.records}")  # fmt: skip
    add("--formats", type=_list, default=[], metavar="csv,chat", help="of made documents; all")
    add("--languages", type=_list, default=[], metavar="en,de", help="of made documents; all")
    add("--updates", type=positive, default=default.updates,
        help=f"steps of learning; {default.updates}, about eight minutes on one core")  # fmt: skip
    add("--rows", type=positive, default=default.rows, help=f"rows a step; {default.rows}")
    add("--length", type=positive, default=default.length,
        help=f"pieces (about three letters) a row; {default.length}")  # fmt: skip
    add("--learning-rate", type=float, default=default.learning_rate,
        help=f"at its highest; {default.learning_rate:g}")  # fmt: skip
    add("--width", type=positive, default=default.size.width, help=f"{default.size.width}")
    add("--layers", type=positive, default=default.size.layers, help=f"{default.size.layers}")
    add("--no-noise", action="store_true", help="see texts as clean as the teacher did")
    add("--threshold", type=float, help="chance from which a word goes; default estimated")
    add("--seed", type=int, default=0)
    add("--json", type=Path, help="what came of it, to this file; - for standard output alone")
    return parser
