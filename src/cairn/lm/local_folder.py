"""A model's folder, ready to be spoken with: weights, config and tokeniser."""

from pathlib import Path

from cairn.core.errors import ConfigError
from cairn.nn.language import hugging, tokens, weights
from cairn.nn.language.spoken import Spoken


def open_folder(folder: Path, dtype: str = "float32") -> Spoken:
    """The model in a folder of Hugging Face's form, or of ours.

    Raises ConfigError if there is no such folder, WeightsError or TokenError for what is in it.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ConfigError(
            f"{folder} {what}; expected a run, or a model's folder with config.json, weights in "
            f"safetensors files and a tokeniser."
        )
    model = weights.load(folder, dtype=dtype)
    tokenizer = tokens.load(folder)
    tokens.check_fit(tokenizer, model.shape.vocabulary)
    closing = hugging.closing(hugging.read(folder), folder / hugging.FILE)
    return Spoken(model, tokenizer, closing)
