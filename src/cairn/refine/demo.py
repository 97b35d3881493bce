"""A simulated refiner for any text: it removes what the task's own detectors find, with errors.

No language model, and it is said wherever it plays: it shows how a run goes, and nothing about what
a model would make of the texts.
"""

from dataclasses import dataclass

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.request import Completion, Request
from cairn.lm.scripted import ScriptedModel
from cairn.lm.simulated import REFUSAL
from cairn.refine.pseudonyms import completed, pseudonymized
from cairn.refine.spans import settled
from cairn.refine.tasks.base import Task, pseudonyms_in, text_in


@dataclass(frozen=True)
class DemoRefiner:
    """Importable, so that other processes can have it."""

    task: Task
    error: float = 0.1
    """Chance that a private value stays; a tenth of it that a text is refused."""

    def __post_init__(self):
        if not 0 <= self.error <= 1:
            raise ConfigError(f"--demo: the error must lie in [0, 1], got {self.error}.")

    def model(self, seed: int = 0) -> ScriptedModel:
        """It as a model that plays the refiner."""
        return ScriptedModel(self.answer, f"simulated-refiner-{self.error:g}", seed)

    def answer(self, request: Request, key: DrawKey) -> str | Completion:
        """The text of a request of `Task.prompt` with what detectors find replaced."""
        asked = text_in(request.messages[-1].content)
        if asked is None:
            return REFUSAL
        draw = key.random()
        if draw.random() < self.error / 10:
            return REFUSAL
        text, table = asked.text, pseudonyms_in(asked.before)
        spans = settled(s for detector in self.task.detectors for s in detector.find(text))
        table = completed(table, text, spans, draw.randbytes(32))
        gone = [span for span in spans if draw.random() >= self.error]
        return pseudonymized(text, gone, table)
