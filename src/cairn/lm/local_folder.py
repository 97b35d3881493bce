"""A model's folder, ready to be spoken with: weights, config and tokeniser."""

from pathlib import Path

from cairn.nn.language import weights
from cairn.nn.language.folder import described
from cairn.nn.language.spoken import Spoken


def open_folder(folder: Path, dtype: str = "float32") -> Spoken:
    """The model in a folder of Hugging Face's form, or of ours.

    Raises ConfigError if there is no such folder, WeightsError or TokenError for what is in it.
    """
    told = described(folder)
    return Spoken(weights.load(folder, dtype=dtype), told.tokenizer, told.closing, folder)
