"""Whether an id occurs twice, among any number of ids, at eight bytes an id."""

import hashlib

import numpy as np


class SeenIds:
    """Digests of ids, in sorted arrays of which each is longer than those after it.

    New ids are looked up in every array; then arrays of like length are merged into one, so that
    there are few, as in a log-structured merge tree (O'Neil et al. 1996).
    """

    def __init__(self):
        self._levels: list[np.ndarray] = []

    def __len__(self) -> int:
        return sum(len(level) for level in self._levels)

    def add(self, ids: list[str]) -> list[str]:
        """Take in some ids; returns those that may have occurred before, here or among `ids`.

        64 bits can collide (once in 10⁷ runs over 10⁶ ids): whoever is told looks again.
        """
        digests = np.array([_digest(name) for name in ids], np.uint64)
        order = np.argsort(digests, kind="stable")
        new = digests[order]
        twice = np.zeros(len(new), bool)
        twice[1:] = new[1:] == new[:-1]
        for level in self._levels:
            at = np.searchsorted(level, new)
            twice |= level[np.minimum(at, len(level) - 1)] == new
        if len(new):
            self._levels.append(new)
        while len(self._levels) > 1 and len(self._levels[-2]) <= 2 * len(self._levels[-1]):
            last = self._levels.pop()
            self._levels[-1] = np.sort(np.concatenate([self._levels[-1], last]), kind="stable")
        return [ids[i] for i in sorted(order[twice])]


def _digest(name: str) -> int:
    text = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
