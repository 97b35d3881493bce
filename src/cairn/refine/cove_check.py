"""Chain-of-Verification as a check of a rewrite: what the rewrite says must be what the original
says.

Questions are planned from the rewrite, and each is answered from the original and from the rewrite
in prompts of their own (factored). What the rewrite invents, the original does not answer; what it
leaves out is a matter of the check `facts`, whose questions are those of the original.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cairn.core.draws import DrawKey
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.cove import UNKNOWN, Asking, Verification, read_answer
from cairn.refine.source2synth.reading import holds, normal


@dataclass(frozen=True)
class CoveCheck:
    """Fails a rewrite of which more than `allowed` answers differ from the original's.

    A pseudonym stands for the value that it replaces. Calls: 1 + 2 n.
    """

    role: str = "verifier"
    most: int = 5
    """Questions."""
    allowed: int = 0
    """Answers that may differ."""
    name: ClassVar[str] = "cove"

    @property
    def roles(self) -> tuple[str, ...]:
        """Who must play, which is looked at before a run is made."""
        return (self.role,)

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """None for a pass."""
        how = Verification("factored", self.most, role=self.role)
        key = DrawKey.root(0).child(pair.original, pair.rewrite)
        questions = await how.questions(clients, "Rewrite a text.", pair.rewrite, key=key)
        run = Asking(how, clients, key, "cove")
        asked = [
            run.ask(self.role, how.told(run, question, text), f"{side}/{n}", read_answer)
            for n, question in enumerate(questions)
            for side, text in (("rewrite", pair.rewrite), ("original", pair.original))
        ]
        answers = await asyncio.gather(*asked)
        pairs = zip(answers[::2], answers[1::2], strict=True)
        differ = sum(not self._agree(new, old, pair.pseudonyms) for new, old in pairs)
        if differ <= self.allowed:
            return None
        return Failure(
            self.name,
            f"{differ} of {len(questions)} facts that it states are not what the original says. "
            f"Keep every fact as it is, and add none.",
        )

    def _agree(self, new: str, old: str, pseudonyms: Mapping[str, str]) -> bool:
        for value, pseudonym in pseudonyms.items():
            old = old.replace(value, pseudonym)
        if UNKNOWN in (new.upper(), old.upper()):
            return new.upper() == UNKNOWN
        return normal(new) == normal(old) or holds(new, old) or holds(old, new)
