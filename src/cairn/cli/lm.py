"""`cairn lm`: language models of one's own: trained from text files, served, handed on."""

from cairn.cli.groups import hand_over

PARTS = {
    "train": "Train a small language model from nothing, on text files.",
    "serve": "Answer over HTTP, as an OpenAI-compatible server, from a run or a model's folder.",
    "export": "Write the model of a run as a folder in Hugging Face's form.",
    "data": "Write problems and answers as a data set for TRL or verl.",
}
USAGE = """\
Language models of one's own.

usage: cairn lm PART [...]

{parts}

  cairn lm train texts/                        train a small model on a folder of text files
  cairn lm serve runs/text-pretrain-1          and speak with it: http://127.0.0.1:8000/v1
  cairn lm serve models/Qwen2.5-0.5B           a model of Hugging Face's, Llama 3 or Qwen 2.5/3
  cairn lm export runs/text-pretrain-1 mine    for transformers, vLLM or TRL
  cairn lm data addition prompts.jsonl         problems and answers for other trainers

`cairn lm PART --help` explains each.
"""


def lm_command(arguments: list[str]) -> int:
    """Hand over to the part."""
    return hand_over("lm", PARTS, USAGE, arguments)
