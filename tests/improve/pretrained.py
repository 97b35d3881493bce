"""A folder of a pretrained model as Qwen 2.5 has them, tiny, with random weights."""

from pathlib import Path

import jax
import numpy as np
import tokenizers

from cairn.nn.language import bpe, weights
from cairn.nn.language.block import Shape
from cairn.nn.language.transformer import Transformer

END, START, ENDS = "<|im_end|>", "<|im_start|>", "<|endoftext|>"


def tokenizer(pairs: tuple[str, ...] = ("10", "11", "12"), without: str = "") -> bpe.Pieces:
    """Bytes, `pairs` of them, and three special tokens. No token begins a text; two end one."""
    letters = sorted(set(tokenizers.pre_tokenizers.ByteLevel.alphabet()) - set(without))
    table = {name: at for at, name in enumerate([*letters, *pairs])}
    inside = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab=table, merges=[(pair[0], pair[1]) for pair in pairs])
    )
    inside.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    inside.decoder = tokenizers.decoders.ByteLevel()
    inside.add_special_tokens([ENDS, START, END])
    end, start, ends = map(inside.token_to_id, (END, START, ENDS))
    return bpe.Pieces(inside, pad=start, bos=None, eos=end, stops=(end, ends))


def folder(path: Path, words: bpe.Pieces | None = None, **shape: int) -> Path:
    """A model's folder. It has room for more tokens than there are, as many have."""
    words = words or tokenizer()
    size = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 1, "head_width": 8, "inner": 24}
    made = Shape(words.size + 5, **(size | {"context": 64} | shape), attention_bias=True)
    shapes = jax.eval_shape(lambda: Transformer.init(jax.random.key(0), made))
    chance = np.random.default_rng(0)
    model = jax.tree.map(
        lambda leaf: chance.normal(0.3, 0.4, leaf.shape).astype(np.float32), shapes
    )
    weights.save(model, path, tokenizer=words)
    return path
