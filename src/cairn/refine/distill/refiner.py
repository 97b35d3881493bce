"""A small refiner, from the folder of its training: it finds what is to go, and writes without it.

from pathlib import Path
from cairn.refine.distill.refiner import Distilled

small = Distilled.open(Path("small"))
small.find("Ask Ana Paz, 555-0192")           # spans, as any detector gives them
small.found(texts)                            # the same of many texts, faster
small.rewrite("Ask Ana Paz, 555-0192")        # the text with pseudonyms in their place
cairn.refine.run.refine(..., replace(task, also=(small,)), players={"refiner": small.model()})
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, WeightsError
from cairn.lm.errors import RejectedError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel
from cairn.nn.language import weights
from cairn.nn.language.transformer import Transformer
from cairn.refine.checks.haystack import LONG
from cairn.refine.distill.directory import MODEL, DistilledRun
from cairn.refine.distill.pieces import BUCKETS, NOTHING, cut
from cairn.refine.distill.reading import NAME, spans, windows
from cairn.refine.distill.tagger import chances
from cairn.refine.pseudonyms import completed, pseudonymized
from cairn.refine.spans import Span, around, settled, standing
from cairn.refine.tasks.base import pseudonyms_in, text_in

ROWS, STEP = 16, 64
"""Windows read at once where there are many, and what their length is rounded up to."""


@dataclass(frozen=True)
class Distilled:
    """A detector, a way to rewrite and a player in one. Its weights are loaded when first asked."""

    folder: Path
    kinds: tuple[str, ...]
    """What it can take for private; also those that its teacher could not name."""
    threshold: float
    """Chance of having to go from which a word goes."""
    length: int
    """Pieces read at once."""
    digest: str
    """Of weights, kinds and threshold."""
    name: str = NAME
    _kept: list[Transformer] = field(default_factory=list, init=False, repr=False, compare=False)

    @staticmethod
    def open(folder: Path, *, threshold: float | None = None) -> "Distilled":
        """The refiner that `cairn refine distill` left in a folder.

        `threshold` in (0, 1), lower than its own, has it remove more. Raises RunError if there is
        no such folder or its training has not ended, ConfigError for a threshold that is none.
        """
        told = DistilledRun.open(folder).finished()
        chosen = told["threshold"] if threshold is None else threshold
        if not 0 < chosen < 1:
            raise ConfigError(f"threshold must lie in (0, 1), got {chosen}.")
        seen = hashlib.blake2b(repr((told["weights"], told["kinds"], chosen)).encode())
        return Distilled(
            folder, tuple(told["kinds"]), chosen, told["length"], seen.hexdigest()[:16]
        )

    def find(self, text: str) -> list[Span]:
        """What is to go, in order and without overlaps."""
        return list(_found(self, text))

    def found(self, texts: Sequence[str]) -> list[list[Span]]:
        """The same of each text; read in batches."""
        cuts = [cut(text) for text in texts]
        whole = [np.zeros((len(each.ids), 1 + len(self.kinds)), np.float32) for each in cuts]
        jobs = [
            (at, window) for at, each in enumerate(cuts)
            for window in windows(len(each.ids), self.length)
        ]  # fmt: skip
        jobs.sort(key=lambda job: job[1].end - job[1].start)
        for first in range(0, len(jobs), ROWS):
            batch = jobs[first : first + ROWS]
            read = self._read([cuts[at].ids[w.start : w.end] for at, w in batch])
            for (at, window), rows in zip(batch, read, strict=True):
                # Windows of a text come in any order, so each writes its own part alone.
                whole[at][window.used : window.until] = rows[
                    window.used - window.start : window.until - window.start
                ]
        return [
            spans(text, each, rows, self.kinds, self.threshold)
            for text, each, rows in zip(texts, cuts, whole, strict=True)
        ]

    def rewrite(
        self, text: str, table: Mapping[str, str] | None = None, *, key: bytes = b"distilled"
    ) -> str:
        """The text with a pseudonym for all that is to go: that of `table`, or one by `key`.

        Values of the table are taken for private wherever they stand as whole words. Of what is
        found around one the rest goes too.
        """
        given = table or {}
        places = settled(
            Span(*place, "", 1.0, NAME) for value in given for place in _places(text, value)
        )
        rest = [part for span in self.find(text) for part in around(text, span, places)]
        gone = [*places, *rest]
        return pseudonymized(text, gone, completed(given, text, gone, key))

    def model(self, seed: int = 0) -> ScriptedModel:
        """It as a model that plays the refiner, in this process or another."""
        return ScriptedModel(self.answer, f"{NAME}-{self.digest}", seed)

    def answer(self, request: Request, key: DrawKey) -> str:
        """The rewrite of the text in a request of `Task.prompt`.

        Raises RejectedError for a request without one.
        """
        asked = text_in(request.messages[-1].content)
        if asked is None:
            raise RejectedError("a distilled refiner rewrites the text of a refining task alone")
        # By the text and not by the request: at the next try the same value is called the same.
        own = hashlib.blake2b(asked.text.encode("utf-8", "replace"), key=self.digest.encode())
        return self.rewrite(asked.text, pseudonyms_in(asked.before), key=own.digest())

    def _read(self, windows: Sequence[np.ndarray]) -> list[np.ndarray]:
        longest = max(map(len, windows))
        length = max(STEP, -(-longest // STEP) * STEP)
        rows = 1 if len(windows) == 1 else ROWS
        ids = np.full((rows, length), NOTHING, np.int32)
        segments = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            segments[row, : len(window)] = 1
        places = np.broadcast_to(np.arange(length, dtype=np.int32), ids.shape)
        made = chances(self._model(), *map(jnp.asarray, (ids, segments, places)))
        return [np.asarray(made[row, : len(window)]) for row, window in enumerate(windows)]

    def _model(self) -> Transformer:
        if not self._kept:
            model = weights.load(self.folder / MODEL)
            if model.shape.vocabulary != BUCKETS + 1 + len(self.kinds):
                raise WeightsError(
                    f"{self.folder / MODEL} has {model.shape.vocabulary} rows of words and tags, "
                    f"expected {BUCKETS + 1 + len(self.kinds)}: it is of another refiner."
                )
            self._kept.append(model)
        return self._kept[0]

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_kept": []}  # another process loads its own


@lru_cache(maxsize=8)
def _found(small: Distilled, text: str) -> tuple[Span, ...]:
    """What is to go in a text: it is asked for the record's table, and then at each try."""
    return tuple(small.found([text])[0])


def _places(text: str, value: str) -> list[tuple[int, int]]:
    """Where a value stands; a long one, that is met nowhere by chance, inside words if it must."""
    whole = list(standing(text, value))
    if whole or len(value) < LONG:
        return whole
    return [found.span() for found in re.finditer(re.escape(value), text)]
