"""What a request says to the local model, as tokens: texts, conversations, its own template."""

import json
from collections.abc import Mapping
from typing import Any, cast

from cairn.core.errors import TokenError
from cairn.lm.local_ask import Ask, Prompt
from cairn.lm.local_fields import RefusedError
from cairn.lm.openai import transcript
from cairn.lm.request import Message, Request, Speaker
from cairn.nn.language.spoken import Spoken


def prompt_tokens(spoken: Spoken, prompt: Prompt) -> tuple[int, ...]:
    """A prompt's tokens: its beginning, itself, and what the model wants behind it.

    A list of tokens is taken as it is. Raises RefusedError for a text that cannot be written, a
    token that does not exist, or nothing at all.
    """
    where = "prompt" if isinstance(prompt, str) or _are_tokens(prompt) else "messages"
    try:
        ids = _tokens(spoken, prompt)
    except TokenError as error:
        raise RefusedError(str(error), param=where) from None
    except UnicodeError:
        raise RefusedError("The text holds half a character (a surrogate).", param=where) from None
    if not ids:
        raise RefusedError("The prompt is empty, and this model has no beginning.", param=where)
    return ids


def room_for(ask: Ask, prompt: tuple[int, ...], context: int) -> int:
    """Most tokens of the answer. Raises RefusedError if prompt and answer do not fit."""
    left = context - len(prompt)
    if left < 1 or (ask.most or 0) > left:
        asked = f" and {ask.most} in the answer" if ask.most else ""
        raise RefusedError(
            f"This model's maximum context length is {context} tokens, but {len(prompt)} came in "
            f"the prompt{asked}. Shorten one or the other.",
            param="prompt" if ask.api == "completions" else "messages",
            code="context_length_exceeded",
        )
    return left if ask.most is None else ask.most


def _tokens(spoken: Spoken, prompt: Prompt) -> tuple[int, ...]:
    tokenizer = spoken.tokenizer
    if isinstance(prompt, str):
        text = prompt
    elif _are_tokens(prompt):
        ids = cast(tuple[int, ...], prompt)
        if not all(0 <= token < tokenizer.size for token in ids):
            raise TokenError(f"Token ids must lie in [0, {tokenizer.size}).")
        return ids
    else:
        turns = cast(tuple[Mapping[str, Any], ...], prompt)
        if spoken.chat is not None:
            # The template says where an answer begins.
            return _begun(tokenizer.bos, tokenizer.encode(_rendered(spoken, turns)))
        text = _spoken_by_turns(turns)
    return _begun(tokenizer.bos, tokenizer.encode(text)) + spoken.closing


def _are_tokens(prompt: Prompt) -> bool:
    return not isinstance(prompt, str) and isinstance(prompt[0], int)


def _begun(bos: int | None, ids: list[int]) -> tuple[int, ...]:
    return tuple(ids) if bos is None or ids[:1] == [bos] else (bos, *ids)


def _spoken_by_turns(turns: tuple[Mapping[str, Any], ...]) -> str:
    """For a model that knows no conversations: a lone turn as it is, else one line a speaker."""
    messages = tuple(Message(cast(Speaker, turn["role"]), turn["content"]) for turn in turns)
    return transcript(Request(messages))


def _rendered(spoken: Spoken, turns: tuple[Mapping[str, Any], ...]) -> str:
    """By the model's template, in a sandbox: it comes with the weights, from whoever made them."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> str:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    sandbox = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    sandbox.filters["tojson"] = tojson
    sandbox.globals |= {"raise_exception": refuse}
    try:
        return sandbox.from_string(spoken.chat or "").render(
            messages=[dict(turn) for turn in turns],
            add_generation_prompt=True,
            bos_token=_named(spoken, spoken.tokenizer.bos),
            eos_token=_named(spoken, spoken.tokenizer.eos),
        )
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise RefusedError(
            f"The model's chat template does not take these messages: {error}", param="messages"
        ) from None


def _named(spoken: Spoken, token: int | None) -> str:
    inside = getattr(spoken.tokenizer, "inside", None)
    return "" if token is None or inside is None else inside.id_to_token(token) or ""
