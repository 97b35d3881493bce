"""Whether an artefact says anything new: sketches that tell how much two texts share.

ShinkaEvolve refuses a program whose embedding is too close to another one's; a sketch needs no
model: the least hashes of a text's runs of three words, whose equal share estimates the Jaccard
similarity of the two sets (MinHash, Broder 1997).
"""

import hashlib
import re
from collections.abc import Sequence

from cairn.research.parsing import NoArtefactError, Proposed

HASHES = 64
KNOWN = 40
"""Artefacts of an island that are remembered: the newest."""
_WORD = re.compile(r"\w+|[^\w\s]")
_MASK = (1 << 32) - 1


def sketch(text: str) -> list[int]:
    """HASHES numbers of 32 bits. Blanks and comments of Python do not count."""
    words = _WORD.findall(re.sub(r"#[^\n]*", "", text))
    runs = {" ".join(words[at : at + 3]) for at in range(max(len(words) - 2, 1))}
    least = [_MASK] * HASHES
    for run in runs:
        stream = hashlib.shake_128(run.encode(errors="replace")).digest(4 * HASHES)
        for at in range(HASHES):
            value = int.from_bytes(stream[4 * at : 4 * at + 4], "little")
            least[at] = min(least[at], value)
    return least


def alike(one: Sequence[int], other: Sequence[int]) -> float:
    """The share of two sketches that is equal, in [0, 1]."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def check(found: Proposed, known: Sequence[Sequence[int]], most: float) -> None:
    """Raises NoArtefactError ("not-novel") for a text that shares more than `most` with one."""
    if not known:
        return
    own = sketch(found.text)
    if max(alike(own, other) for other in known) > most:
        raise NoArtefactError(
            "it says what another artefact of this search says already", "not-novel",
            plan=found.plan,
        )  # fmt: skip
