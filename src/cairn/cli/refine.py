"""`cairn refine`: text and code made fit to train on, record by record, with nothing lost."""

from cairn.cli.groups import hand_over

PARTS = {
    "run": "Rewrite every record of a source: anonymise text or code, detoxify, or your own task.",
    "report": "What became of the records, what leaked, what it cost: a page and JSON.",
    "purge": "Remove from a run whatever may hold text of the source.",
    "export": "Write the output of a run as a dataset that Hugging Face's `datasets` loads.",
    "bench": "Score detectors and refiners on documents whose private spans are known.",
    "distill": "Train a small local refiner from what a detector or an expensive refiner removed.",
    "make": "Write documents whose private spans are known.",
    "synth": "Make questions with answers out of documents and tables, and curate them.",
    "verify": "Have a model check its own answers by questions (Chain-of-Verification).",
}
USAGE = """\
Text and code made fit to train on: rewritten record by record by a language model, checked, and
either accepted or rejected with a reason.

usage: cairn refine PART [...]

{parts}

  cairn refine run raw.jsonl clean.jsonl --task anonymize --base-url http://127.0.0.1:8000/v1 \\
      --model my-model
  cairn refine report raw.jsonl.refine       the funnel: accepted, rejected and why, leaks, cost

`cairn refine PART --help` explains each.
"""


def refine_command(arguments: list[str]) -> int:
    """Hand over to the part."""
    return hand_over("refine", PARTS, USAGE, arguments)
