"""A table of symbols as Hugging Face's files: `transformers`, TRL and vLLM read texts so too.

A word of its model is a symbol. What no symbol fits is an error there as here: there is no token
for the unknown.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cairn.core.files import replacing
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED

FILE, CONFIG = "tokenizer.json", "tokenizer_config.json"
_UNKNOWN = "<nothing is unknown>"
"""Asked for where no symbol fits; it is in no table, and so that is an error."""


def of_characters(alphabet: str) -> tuple[str, ...]:
    """Names of reserved ids, and the characters; no text over the alphabet holds such a name.

    Readers find special tokens in any text. So one that could be written in it gets another first
    letter, of those that are kept for private use.
    """
    free = next(chr(at) for at in range(0xE000, 0xF900) if chr(at) not in alphabet)
    kept = set(alphabet)
    told = tuple(free + name[1:] if set(name) <= kept else name for name in RESERVED)
    return *told, *alphabet


def write(folder: Path, names: Sequence[str], between: str, *, blanks: bool = True) -> None:
    """`tokenizer.json` and its config; `between` stands between two symbols of a text.

    `blanks`: whether spaces that are no symbols are passed over.
    """
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": names[PAD],
        "bos_token": names[BOS],
        "eos_token": names[EOS],
        "clean_up_tokenization_spaces": False,
        "padding_side": "left",
    }
    for file, told in ((FILE, table(names, between, blanks)), (CONFIG, config)):
        with replacing(folder / file, private=False) as part:
            part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def table(names: Sequence[str], between: str, blanks: bool = True) -> dict[str, Any]:
    """What `tokenizers` reads."""
    words = sorted(names, key=len, reverse=True)  # the longest that fits comes first
    pieces = {"type": "Split", "behavior": "Isolated", "invert": False}
    pieces["pattern"] = {"Regex": "|".join(map(re.escape, words))}
    blank = {"type": "Split", "behavior": "Removed", "invert": False, "pattern": {"Regex": r"\s+"}}
    spaced = not blanks or any(name.isspace() for name in names)
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": at, "content": names[at], **special, "special": True}
            for at in range(len(RESERVED))
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [pieces] if spaced else [blank, pieces],
        },
        "post_processor": None,
        "decoder": None if between else {"type": "Fuse"},
        "model": {
            "type": "WordLevel",
            "vocab": {name: at for at, name in enumerate(names)},
            "unk_token": _UNKNOWN,
        },
    }
