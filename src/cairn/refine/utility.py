"""What is kept of what was not private: the plain figure of a report's utility.

Of the original's words and numbers outside of what the detectors find, the share that the refined
text still holds, each as often as it stood there. It shows what is dropped or put in other words,
not whether it is still true: for that name a function of your own (`--utility`), or ask questions
(`cairn refine bench`, the check `facts`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from cairn.refine.detectors.base import Detector
from cairn.refine.pairs import Both
from cairn.refine.refining import How
from cairn.refine.spans import replaced, settled

CONTENT = 4
"""Letters from which a word counts: shorter ones are articles and the like."""
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def kept(pairs: Iterable[Both], how: How, detectors: Sequence[Detector]) -> dict[str, float]:
    """Shares by name, of all words and of all numbers together; without those there are none of."""
    before, after = Counter[str](), Counter[str]()
    for both in pairs:
        for name in how.text:
            text, refined = str(both.source.get(name, "")), str(both.row.get(name, ""))
            spans = settled(span for detector in detectors for span in detector.find(text))
            public, now = _counted(replaced(text, spans, lambda span: " ")), _counted(refined)
            for what, counts in public.items():
                before[what] += counts.total()
                after[what] += (counts & now[what]).total()
    return {f"{what} kept": after[what] / of for what, of in before.items() if of}


def _counted(text: str) -> dict[str, Counter[str]]:
    words = (word for word in _WORD.findall(text.casefold()) if len(word) >= CONTENT)
    return {"words": Counter(words), "numbers": Counter(_NUMBER.findall(text))}
