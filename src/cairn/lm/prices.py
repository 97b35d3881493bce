"""What calls cost: integer micro-units of a currency, rounded up, never down."""

import functools
import json
import math
from dataclasses import dataclass
from fractions import Fraction

from cairn.core.budget import Amount, Limits
from cairn.core.errors import ConfigError
from cairn.lm.completion import Usage
from cairn.lm.request import Request

TOKENS_PER_MESSAGE = 16
"""Allowance for what a chat template adds around each message, and to the whole."""


@dataclass(frozen=True)
class Price:
    """Currency units per million tokens, which is the same number as micro-units per token."""

    prompt: float
    """Per million prompt tokens."""
    completion: float
    """Per million tokens of the answer."""
    cached: float | None = None
    """Per million prompt tokens that the server had cached; None: as `prompt`."""

    def __post_init__(self):
        for name in ("prompt", "completion", "cached"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"Price.{name} must be at least 0, got {value}")

    def micros(self, usage: Usage) -> int:
        """Cost in micro-units, exact in the decimal digits of the price and rounded up."""
        cached = min(usage.cached, usage.prompt)
        (prompt, again, completion), of = _exact(self.prompt, self.cached, self.completion)
        total = (usage.prompt - cached) * prompt + cached * again + usage.completion * completion
        return -(-total // of)

    def most(self, usage: Usage) -> int:
        """The most that usage can cost, whatever part of the prompt is cached."""
        dearest = max(self.prompt, self.cached or 0.0)
        return Price(dearest, self.completion).micros(usage)


@functools.lru_cache(1024)
def _exact(
    prompt: float, cached: float | None, completion: float
) -> tuple[tuple[int, int, int], int]:
    """The three prices as whole numbers of one fraction of a micro-unit, and its denominator."""
    # 0.15 means fifteen hundredths, not the binary number beside it.
    prices = [Fraction(str(price)) for price in (prompt, prompt if cached is None else cached)]
    prices.append(Fraction(str(completion)))
    of = math.lcm(*(price.denominator for price in prices))
    one, two, three = (int(price * of) for price in prices)
    return (one, two, three), of


def most_usage(request: Request) -> Usage:
    """An upper bound on a call's tokens, without knowing the tokeniser.

    A token of a byte-level tokeniser covers at least one byte of UTF-8, so the number of bytes
    bounds the prompt; in English it is about four times too high until the call is settled.
    """
    text, frames = 0, len(request.messages) + 1
    for message in request.messages:
        text += len(message.content.encode())
        if not message.tool_calls:
            continue
        text += sum(len(call.arguments.encode()) + len(call.name) for call in message.tool_calls)
        frames += len(message.tool_calls)
    forms = [(tool.name, tool.description, tool.parameters) for tool in request.tools]
    if request.schema is not None:
        forms.append((request.schema.name, "", request.schema.body))
    for name, description, body in forms:
        # A template may write a schema out with spaces and line breaks of its own.
        text += len((name + description).encode()) + 2 * len(json.dumps(dict(body)).encode())
        frames += 1
    prompt = text + TOKENS_PER_MESSAGE * frames
    return Usage(prompt=prompt, completion=request.sampling.max_tokens)


def reservation(request: Request, price: Price | None) -> Amount:
    """What a budget holds while the call is in flight."""
    most = most_usage(request)
    micros = 0 if price is None else price.most(most)
    return Amount(calls=1, tokens=most.prompt + most.completion, micros=micros)


def check_prices(limits: Limits, prices: dict[str, Price | None], *, scope: str) -> None:
    """Raises ConfigError if money is limited but a price is missing."""
    missing = sorted(name for name, price in prices.items() if price is None)
    if limits.micros is not None and missing:
        raise ConfigError(
            f"{scope} limits money, but there is no price for {', '.join(missing)}: give its price "
            f"per million tokens (0 for a model that costs nothing), or drop the money limit."
        )
