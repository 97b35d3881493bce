"""Tokenisers of the `tokenizers` library: byte pairs trained here, and Hugging Face's files.

The only file that imports it, and only when one is used.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cairn.core.errors import MissingExtraError, TokenError
from cairn.core.files import replacing
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED
from cairn.nn.language.tokens import Ids

if TYPE_CHECKING:
    import tokenizers

FILE, CONFIG, GENERATION = "tokenizer.json", "tokenizer_config.json", "generation_config.json"


class Pieces:
    """A tokeniser of `tokenizers`, with its special tokens by what they are for."""

    def __init__(
        self,
        inside: "tokenizers.Tokenizer",
        *,
        pad: int,
        bos: int | None,
        eos: int,
        stops: tuple[int, ...] = (),
        chat: str | None = None,
    ) -> None:
        self.inside = inside
        self.pad, self.bos, self.eos = pad, bos, eos
        self.stops = stops or (eos,)
        """All tokens that end an answer: a chat model may have several."""
        self.chat = chat
        """Jinja template of a conversation, where the model has one."""
        self.size = max(inside.get_vocab(with_added_tokens=True).values()) + 1
        """How many ids there are: one more than the largest, since some leave gaps."""

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without a beginning. Special tokens in the text are read as such."""
        return self.inside.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Ids) -> str:
        """The text; special tokens say nothing, bytes that are no text are shown as �."""
        return self.inside.decode([int(at) for at in ids], skip_special_tokens=True)

    def save(self, folder: Path) -> None:
        """Write the tokeniser as Hugging Face's files, which `load` and `transformers` read."""

        def name(at: int | None) -> str | None:
            return None if at is None else self.inside.id_to_token(at)

        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": name(self.pad),
            "bos_token": name(self.bos),
            "eos_token": name(self.eos),
        }
        if self.chat is not None:
            config["chat_template"] = self.chat
        texts = {FILE: self.inside.to_str(), CONFIG: json.dumps(config, indent=1)}
        if self.stops != (self.eos,):
            texts[GENERATION] = json.dumps({"eos_token_id": list(self.stops)}, indent=1)
        for file, text in texts.items():
            with replacing(folder / file, private=False) as part:
                part.write_text(text, encoding="utf-8")


def train(texts: Iterable[str], size: int) -> Pieces:
    """Byte-pair encoding of `size` tokens (at least 260), most frequent pairs first.

    The four reserved tokens come first, then the 256 bytes, so any text can be written. Sennrich
    et al. 2016, arXiv:1508.07909, on bytes as GPT-2 has it.
    """
    library = _library()
    if size < len(RESERVED) + 256:
        raise TokenError(f"Byte pairs need at least 260 tokens (4 reserved, 256 bytes): {size}.")
    inside = library.Tokenizer(library.models.BPE())
    inside.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inside.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(RESERVED),
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inside.train_from_iterator(texts, trainer)
    return Pieces(inside, pad=PAD, bos=BOS, eos=EOS)


def load(folder: Path) -> Pieces:
    """The tokeniser of a Hugging Face folder: `tokenizer.json` and what stands beside it.

    Its padding is kept if it is not what ends a text, else one of its unused special tokens is.
    Raises TokenError if it cannot be read or does not say what ends a text.
    """
    library = _library()
    path = folder / FILE
    if not path.is_file():
        raise TokenError(f"{folder} has no {FILE} (and no tokens.json): is it a model's folder?")
    try:
        inside = library.Tokenizer.from_file(str(path))
    except Exception as error:
        raise TokenError(f"{path} is no tokeniser: {' '.join(str(error).split())}.") from None
    config, generation = _json(folder / CONFIG), _json(folder / GENERATION)
    special = {at: told.content for at, told in inside.get_added_tokens_decoder().items()}
    ids = {name: at for at, name in special.items()} | inside.get_vocab()

    def named(key: str) -> int | None:
        token = config.get(key)
        name = token.get("content") if isinstance(token, dict) else token
        return None if name is None else ids.get(name)

    told = generation.get("eos_token_id")
    ends = [named("eos_token"), *(told if isinstance(told, list) else [told])]
    stops = tuple(dict.fromkeys(int(at) for at in ends if at is not None))
    if not stops:
        raise TokenError(f"{folder}: neither {CONFIG} nor {GENERATION} says which token ends.")
    bos = named("bos_token")
    taken = {*stops, bos}
    spare = [at for at, name in special.items() if at not in taken]
    spare.sort(key=lambda at: ("pad" not in special[at].lower(), at))
    pad = next((at for at in (named("pad_token"), *spare, bos) if at not in (None, *stops)), None)
    if pad is None:
        raise TokenError(f"{path} has no token for padding besides those that end a text.")
    chat = config.get("chat_template")
    return Pieces(inside, pad=pad, bos=bos, eos=stops[0], stops=stops, chat=_chat(chat, folder))


def _chat(told: Any, folder: Path) -> str | None:
    """A template as the config has it: a text, or several by name; newer models keep a file."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    if isinstance(told, list):
        told = {one.get("name"): one.get("template") for one in told}.get("default")
    return told if isinstance(told, str) else None


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TokenError(f"{path} is not valid JSON: {error}.") from None
    return told if isinstance(told, dict) else {}


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError:
        raise MissingExtraError(
            'This tokeniser needs the package tokenizers, which is missing: pip install "cairn[lm]"'
        ) from None
    return tokenizers
