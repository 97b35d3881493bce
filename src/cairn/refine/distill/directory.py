"""The folder of a distillation: settings, checkpoints while it trains, then a refiner."""

from typing import Any

from cairn.core.directory import read_object
from cairn.core.errors import RunError
from cairn.runs.directory import LanguageRun

MODEL, TOLD, CHECKPOINTS = "model", "refiner.json", "checkpoints"


class DistilledRun(LanguageRun):
    """A distillation on disk."""

    FORMAT = 1
    COMMAND = "cairn refine distill"
    RESUME = "the same command again"
    README = """\
A small refiner by cairn: a transformer that says of each piece of a text whether it is to go.
Readable by its owner alone: the weights were learned from texts that held private values, and may
have kept some of them. No text lies here.

config.json      every setting
versions.json    format of this folder, when it was begun, and with which versions
checkpoints/     the newest states, while it trains
model/           the weights, once it has ended: model.safetensors, config.json
refiner.json     kinds, threshold, and what it was trained on: written last
lock             held by the process that trains it

    cairn refine run IN OUT --task anonymize --distilled THIS_FOLDER
    cairn refine bench --distilled THIS_FOLDER
"""

    def finished(self) -> dict[str, Any]:
        """What refiner.json holds. Raises RunError while there is none."""
        path = self.path / TOLD
        if not path.is_file():
            raise RunError(
                f"{self.path} is a distillation that has not ended: give its command again."
            )
        return read_object(path)
