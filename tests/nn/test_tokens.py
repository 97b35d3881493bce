"""Tokenisers: what goes in comes out, reserved ids stay apart, and misfits are named."""

import json
import sys

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from cairn.core.errors import MissingExtraError, TokenError
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED, SEP
from cairn.nn.language import bpe, hugging_table, tokens
from cairn.nn.language.tokens import Characters, Symbols

DIGITS = Symbols((*RESERVED, "0", "1", "+"))
WORDS = Symbols((*RESERVED, "1", "10", "node", "->"))
CORPUS = ["the cat sat on the mat, the cat ate", "naïve → 日本", "the the the cat"]


@pytest.fixture(scope="module")
def pieces():
    return bpe.train(CORPUS, 280)


def test_symbols_of_one_character_stand_side_by_side_and_words_apart():
    assert DIGITS.encode("1 0+<sep>1") == [5, 4, 6, SEP, 5]
    assert DIGITS.decode(np.asarray([BOS, 5, 4, SEP, 6, EOS, PAD])) == "10<sep>+"
    assert WORDS.encode("node10->1 10") == [6, 5, 7, 4, 5], "the longest symbol that fits"
    assert WORDS.encode(WORDS.decode([4, 5, 6, 7])) == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("call", "wording"),
    [
        (lambda: DIGITS.encode("10 x1"), r"No symbol of this vocabulary fits 'x1', at character 3"),
        (lambda: DIGITS.decode([4, 7]), "Token 7 is not in a vocabulary of 7"),
        (lambda: DIGITS.decode([-1]), "Token -1 is not"),
        (lambda: Symbols(("<pad>", "<eos>", "a")), "must begin with"),
        (lambda: Symbols((*RESERVED, "a", "a")), "'a' is there twice"),
        (lambda: Symbols((*RESERVED, "a ")), "no space around it: 'a '"),
        (lambda: Characters.of("abc").encode("abxc"), r"Character 'x' \(number 2 of the text\)"),
        (lambda: Characters.of("abc").decode([4, 7]), "Token 7"),
        (lambda: Characters.of(""), "each of its characters once"),
        (lambda: bpe.train(CORPUS, 259), "at least 260 tokens .*: 259"),
        (lambda: tokens.check_fit(DIGITS, 6), "has 7 tokens, but the model a vocabulary of 6"),
    ],
)
def test_what_cannot_be_written_is_named_in_one_line(call, wording):
    with pytest.raises(TokenError, match=wording) as caught:
        call()
    assert "\n" not in str(caught.value)


SPACED = Symbols((*RESERVED, "a", " ", "\n", "b", "<good>"))


def test_a_space_can_be_a_symbol_and_a_told_condition_moves_nothing_apart():
    assert SPACED.encode("a b\n<good>") == [4, 5, 7, 6, 8]
    assert SPACED.decode([4, 5, 7, 6]) == "a b\n"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (DIGITS, "<bos>1 0+1<sep>"),
        (WORDS, "<bos> node 10 ->1 <sep>"),
        (SPACED, "<bos>a b\n<good><sep>"),
        (Characters.of("ab .\n"), "a b.\nba"),
        (Characters.of("<pad> <bos> <eos> <sep>"), "a <eos><pad> <sep>b<bos>"),
        (Characters.of("<eos>"), "<eos>se"),
    ],
)
def test_a_saved_table_reads_a_text_in_other_libraries_as_here(table, text, tmp_path):
    table.save(tmp_path)
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ids = other.encode(text, add_special_tokens=False).ids
    assert ids == table.encode(text) and tokens.load(tmp_path) == table
    assert other.decode(ids[1:-1]) == table.decode(ids[1:-1])
    with pytest.raises(Exception, match="UNK"):
        other.encode("☃")
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    named = {config[f"{name}_token"]: at for name, at in (("pad", PAD), ("bos", BOS), ("eos", EOS))}
    assert {other.token_to_id(name): name for name in named} == {at: n for n, at in named.items()}
    assert not any(name in text for name in (config["pad_token"], config["eos_token"]))


@given(st.text(), st.sampled_from(RESERVED), st.text())
def test_no_text_of_characters_holds_a_special_token_to_other_libraries(before, name, after):
    text = before + name + after
    table = Characters.of(text)
    names = hugging_table.of_characters(table.alphabet)
    other = tokenizers.Tokenizer.from_str(json.dumps(hugging_table.table(names, "", False)))
    assert other.encode(text, add_special_tokens=False).ids == table.encode(text)


def test_a_space_that_is_no_character_of_an_alphabet_is_an_error_elsewhere_too(tmp_path):
    table = Characters.of("ab")
    table.save(tmp_path)
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for encode, error in ((table.encode, TokenError), (other.encode, Exception)):
        with pytest.raises(error):
            encode("a b")


@given(st.text(min_size=1))
def test_characters_give_back_their_text(text):
    characters = Characters.of(text)
    ids = characters.encode(text)
    assert min(ids) >= len(RESERVED) and max(ids) < characters.size
    assert characters.decode([BOS, *ids, EOS, PAD]) == text


@given(st.text())
def test_byte_pairs_give_back_any_text_but_the_names_of_reserved_tokens(pieces, text):
    ids = pieces.encode(text)
    if not any(name in text for name in RESERVED):
        assert pieces.decode(ids) == text and not set(ids) & {PAD, BOS, EOS, SEP}


def test_byte_pairs_are_trained_on_the_corpus_after_the_reserved_ids(pieces):
    assert (pieces.pad, pieces.bos, pieces.eos, pieces.size) == (PAD, BOS, EOS, 280)
    assert len(pieces.encode("the cat")) < len(pieces.encode("eht tac"))
    assert pieces.encode("<eos>") == [EOS]


def test_a_tokeniser_comes_back_from_its_folder(tmp_path, pieces):
    odd = Characters.of('a"\\\n\u2028é')
    for at, one in enumerate((WORDS, odd, pieces)):
        folder = tmp_path / str(at)
        folder.mkdir()
        one.save(folder)
        back = tokens.load(folder)
        told = ("size", "pad", "bos", "eos")
        assert [getattr(back, name) for name in told] == [getattr(one, name) for name in told]
    assert tokens.load(tmp_path / "0") == WORDS and tokens.load(tmp_path / "1") == odd
    assert tokens.load(tmp_path / "2").encode(CORPUS[1]) == pieces.encode(CORPUS[1])


def hugging(folder, pieces, config, generation=None):
    pieces.save(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    return tokens.load(folder)


def test_padding_that_ends_texts_is_replaced_by_another_special_token(tmp_path, pieces):
    """Qwen's base models pad with the token that ends a text, and Llama 3 has no padding."""
    same = {"eos_token": "<eos>", "pad_token": "<eos>"}
    back = hugging(tmp_path, pieces, same)
    assert (back.pad, back.eos, back.bos) == (PAD, EOS, None)
    none = {"eos_token": {"content": "<pad>", "special": True}, "bos_token": "<bos>"}
    back = hugging(tmp_path, pieces, none)
    assert (back.pad, back.eos, back.bos) == (EOS, PAD, BOS)
    tokens.check_fit(back, 512)


def test_a_chat_model_s_several_ends_and_template_are_kept(tmp_path, pieces):
    config = {"eos_token": "<eos>", "pad_token": "<pad>", "chat_template": "{{ messages }}"}
    back = hugging(tmp_path, pieces, config, {"eos_token_id": [SEP, EOS]})
    assert back.stops == (EOS, SEP) and back.chat == "{{ messages }}"
    again = tmp_path / "again"
    again.mkdir()
    back.save(again)
    assert tokens.load(again).stops == (EOS, SEP) and tokens.load(again).chat == back.chat
    (tmp_path / "chat_template.jinja").write_text("newer")
    assert tokens.load(tmp_path).chat == "newer"


@pytest.mark.parametrize(
    ("file", "content", "wording"),
    [
        ("tokens.json", "{", "is no table of tokens"),
        ("tokens.json", '{"kind": "symbols", "table": "abc"}', "must hold symbols or characters"),
        ("tokenizer.json", "{}", "is no tokeniser"),
        ("else.txt", "", "has no tokenizer.json"),
    ],
)
def test_a_folder_without_a_tokeniser_is_named(tmp_path, file, content, wording):
    (tmp_path / file).write_text(content)
    with pytest.raises(TokenError, match=wording):
        tokens.load(tmp_path)


def test_a_tokeniser_that_does_not_say_what_ends_a_text_is_refused(tmp_path, pieces):
    with pytest.raises(TokenError, match="which token ends"):
        hugging(tmp_path, pieces, {})


def test_without_the_library_the_install_line_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r'pip install "cairn\[lm\]"'):
        tokens.load(tmp_path)
