"""The rewrite is not abusive: by a list of words, or by a classifier of one's own."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.detectors.patterns import words

_STRONG = words(
    "asshole assholes arsehole bastard bastards bitch bitches bullshit cunt cunts dickhead fuck "
    "fucked fucker fuckers fucking motherfucker motherfuckers prick pricks retard retarded scumbag "
    "scumbags shithead slut sluts twat wanker wankers whore whores subhuman subhumans vermin "
    "arschloch fotze hurensohn wichser missgeburt connard connasse enculé salope cabrón "
    "gilipollas puta hijueputa stronzo stronza puttana klootzak kurwa"
)
_MILD = words(
    "shit shitty crap dumb idiot idiots idiotic imbecile imbeciles moron morons moronic stupid "
    "stupidity loser losers pathetic disgusting scum filth filthy liar liars clown clowns fool "
    "fools coward cowards creep creeps jerk jerks ugly worthless brainless braindead halfwit "
    "dimwit dipshit parasite parasites degenerate degenerates dumm dummkopf trottel vollidiot "
    "depp idiote imbécile crétin débile estúpido idiota imbécil stupido cretino scemo sukkel"
)
_THREATS = re.compile(
    r"(?i)\b(?:(?:i|we)(?:'ll| will|'m going to| am going to| are going to| gonna)? "
    r"(?:kill|hurt|beat|stab|shoot|hunt|find|destroy|rape) (?:you|him|her|them|all)|"
    r"(?:kill|hang|shoot|drown) (?:yourself|urself|themselves|them all)|kys|"
    r"(?:hope|wish) (?:you|they|he|she) (?:die|dies|rot|burn|suffer)|go (?:die|to hell)|"
    r"(?:should|deserves? to|need to) (?:die|be (?:shot|hanged|killed|beaten|gassed)))\b"
)
_LEET = str.maketrans("013457@$!", "oieastasi")
_WORD = re.compile(r"[^\W_](?:[\w'@$!*]*[^\W_])?")


def lexicon_score(text: str) -> float:
    """Abuse in [0, 1): 1 - 2^-w, w the sum over what is met: 1 for a strong word or a threat, a
    half for a mild one; words with digits or signs for letters count as well.

    A list of words sees neither irony nor context, and misses most languages and most slurs. It is
    made to order texts of one kind among themselves, not to be compared with a classifier's score.
    """
    weight = float(len(_THREATS.findall(text)))
    for word in _WORD.findall(text.lower()):
        plain = word.translate(_LEET) if not word.isalpha() else word
        weight += (plain in _STRONG) + 0.5 * (plain in _MILD and plain not in _STRONG)
    return 1.0 - 2.0**-weight


Scorer = Callable[[str], Any]


@cache
def scorer(name: str) -> Scorer:
    """The list of words (`lexicon`), or a function of one's own at `package.module:Name`: a text
    to a number in [0, 1], plain or async."""
    return resolve(name, {"lexicon": f"{__name__}:lexicon_score"}, "scorer of toxicity")


@dataclass(frozen=True)
class Toxicity:
    """The rewrite scores at most `most`."""

    name: str = "toxicity"
    most: float = 0.2
    """Highest score that passes; 0.2 lets through nothing that the lexicon lists."""
    scorer: str = "lexicon"

    def __post_init__(self):
        if not 0 <= self.most <= 1:
            raise ConfigError(f"most must lie in [0, 1], got {self.most}.")
        scorer(self.scorer)

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Raises ConfigError where a scorer gives no number in [0, 1]."""
        score = scorer(self.scorer)(pair.rewrite)
        score = await score if inspect.isawaitable(score) else score
        if not isinstance(score, int | float) or not 0 <= score <= 1:
            raise ConfigError(
                f"the scorer {self.scorer!r} must give a number in [0, 1], got {score!r:.40}."
            )
        if score <= self.most:
            return None
        return Failure(
            self.name,
            f"It is still abusive (toxicity {score:.2f}, at most {self.most:g} is allowed). Say "
            "the same without insults, slurs, threats and obscenities.",
        )
