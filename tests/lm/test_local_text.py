"""Tokens as text: what is certain comes at once, what could be an end is held back."""

import itertools

import pytest

from cairn.lm.local_ask import read_ask
from cairn.lm.local_fields import RefusedError
from cairn.lm.local_prompt import prompt_tokens
from cairn.lm.local_text import Text, Token, word
from cairn.nn.language.spoken import Spoken
from cairn.nn.language.tokens import Characters

LETTERS = Characters.of("abcdefgh")


class Bytes:
    """A tokeniser of single bytes: a character may come in pieces."""

    size, pad, bos, eos = 256, 0, None, 255

    def encode(self, text):
        return list(text.encode())

    def decode(self, ids):
        return bytes(ids).decode(errors="replace")

    def save(self, folder):
        raise NotImplementedError


def told(tokenizer, ids, stop=(), at_once=1):
    """What comes out, round by round."""
    text, found = Text(tokenizer, stop), []
    tokens = [Token(id_, 0.0, 0.0) for id_ in ids]
    rounds = list(itertools.batched(tokens, at_once)) if hasattr(itertools, "batched") else [
        tokens[i : i + at_once] for i in range(0, len(tokens), at_once)
    ]  # fmt: skip
    for number, some in enumerate(rounds):
        found.append(text.add(some, last=number == len(rounds) - 1))
        if found[-1].ended:
            break
    return found


def test_a_character_comes_when_its_last_byte_has():
    pieces = told(Bytes(), [*"aé€".encode(), 0xE2])
    assert [piece.text for piece in pieces] == ["a", "", "é", "", "", "€", "�"]


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_what_could_be_an_end_is_held_back_and_an_end_is_cut_off(at_once):
    pieces = told(LETTERS, LETTERS.encode("abcabdefg"), ("abd", "h"), at_once)
    assert "".join(piece.text for piece in pieces) == "abc"
    assert pieces[-1].ended and sum(len(piece.tokens) for piece in pieces) == 6
    if at_once == 1:
        assert [piece.text for piece in pieces] == ["", "", "abc", "", "", ""]


def test_what_was_held_back_comes_at_the_end():
    assert [piece.text for piece in told(LETTERS, LETTERS.encode("gab"), ("abd",))] == [
        "g",
        "",
        "ab",
    ]


def test_special_tokens_have_names():
    assert [word(LETTERS, token) for token in (0, 2, 4, 40)] == ["<pad>", "<eos>", "a", "<40>"]


class Chatty(Characters):
    """Letters with a template, as a chat model has one."""

    chat = (
        "{%- for turn in messages %}{{ turn.role[0] if turn.role != 'tool' else "
        "raise_exception('no tools') }}{{ turn.content }}{% endfor %}"
        "{% if add_generation_prompt %}a{% endif %}"
    )


def asked(*turns, **fields):
    messages = [{"role": role, "content": content} for role, content in turns]
    return read_ask({"messages": messages, **fields}, "chat", frozenset({"m"}))


def tokens(tokenizer, ask):
    return prompt_tokens(Spoken(None, tokenizer), ask.prompts[0])


def test_a_conversation_is_put_as_its_template_says():
    letters = Chatty("".join(sorted(set("abcdefghsu"))))
    parts = [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]
    found = tokens(letters, asked(("system", "h"), ("user", parts)))
    assert found == (1, *letters.encode("shubca"))
    with pytest.raises(RefusedError, match="does not take these messages: no tools"):
        tokens(letters, asked(("tool", "a")))


def test_a_template_can_do_no_harm():
    class Evil(Chatty):
        chat = "{{ messages.__class__.__mro__[1].__subclasses__() }}"

    with pytest.raises(RefusedError, match="does not take"):
        tokens(Evil("ab"), asked(("user", "a")))


def test_without_a_template_a_lone_turn_is_the_prompt_itself():
    assert tokens(LETTERS, asked(("user", "abc"))) == (1, *LETTERS.encode("abc"))


def test_a_limit_has_two_names_and_one_value():
    assert asked(("user", "a"), max_tokens=3, max_completion_tokens=3).most == 3
    with pytest.raises(RefusedError, match="one limit, got 3 and 4"):
        asked(("user", "a"), max_tokens=3, max_completion_tokens=4)
