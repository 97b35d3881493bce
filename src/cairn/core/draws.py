"""Random draws outside JAX, keyed by what they are for: (seed, trial id, purpose).

The plain-Python sibling of `cairn.core.keys`: no state is carried from draw to draw, so a resumed
run draws what the uninterrupted run would have drawn, in whatever order its answers arrive.
"""

import hashlib
import random
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class DrawKey:
    """128 bits that name a draw; make one with `root`, narrow it with `child`."""

    digest: bytes
    """16 bytes."""

    @staticmethod
    @lru_cache(64)
    def root(seed: int) -> "DrawKey":
        """The key every draw of a run descends from."""
        return DrawKey(hashlib.blake2b(f"seed:{seed}".encode(), digest_size=16).digest())

    def child(self, *names: str | int) -> "DrawKey":
        """The key for a purpose: `key.child(trial_id, "mutate")`."""
        # repr and not str: child(1) and child("1") are different draws.
        path = repr(names).encode()
        return DrawKey(hashlib.blake2b(path, key=self.digest, digest_size=16).digest())

    def random(self) -> random.Random:
        """A generator of its own for this key; two calls give two equal generators."""
        return random.Random(int.from_bytes(self.digest, "big"))

    def integer(self, bits: int = 32) -> int:
        """An integer in [0, 2**bits), bits <= 128, e.g. to seed NumPy or `jax.random.key`."""
        return int.from_bytes(self.digest, "big") >> (128 - bits)
