"""Stand-ins for a rehearsal: models that answer at full length in the form a method expects.

What a rehearsal on them assumes: a token of an answer is at most four characters, each verdict can
be read at once (`worst` takes that back), and no request is sent twice.
"""

from collections.abc import Callable, Container, Mapping

from cairn.core.draws import DrawKey
from cairn.engine.journal_price import Quote
from cairn.lm.request import Completion, Request
from cairn.lm.scripted import ScriptedModel

CHARACTERS_PER_TOKEN = 4
"""Of a stand-in's answer: what English takes."""


def filler(max_tokens: int, key: DrawKey) -> str:
    """Words of their own for each draw, as long as the longest answer."""
    words = max(max_tokens * CHARACTERS_PER_TOKEN // 8, 1)
    digits = f"{key.random().getrandbits(28 * words):0{7 * words}x}"
    return " ".join(digits[start : start + 7] for start in range(0, 7 * words, 7))


def stand_in(
    role: str, max_tokens: int, form: Callable[[Request, str], str | Completion]
) -> ScriptedModel:
    """A model whose answer is `form(request, text)` with the longest text there can be."""
    return ScriptedModel(
        lambda request, key: form(request, filler(max_tokens, key)), f"stand-in-{role}"
    )


def worst(quotes: Mapping[str, Quote], read: Container[str], readings: int) -> dict[str, Quote]:
    """The quotes if every answer of the roles `read` took all the samples that may be asked."""
    return {
        name: quote.times(readings) if name in read else quote for name, quote in quotes.items()
    }
