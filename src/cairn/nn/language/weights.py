"""Models as folders in Hugging Face's form, for `transformers`, vLLM and TRL: loaded and saved.

Torch keeps the weights of a product as (out, in), so all are turned here. What is saved has the
bits that were loaded.
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core.errors import WeightsError
from cairn.core.files import writing
from cairn.nn.language import hugging, tensors
from cairn.nn.language.block import Block, Shape
from cairn.nn.language.tokens import Tokenizer, check_fit
from cairn.nn.language.transformer import Transformer

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BESIDE = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokens.json",
)
"""What else a model's folder may hold, and `like` takes over."""
Take = Callable[[str, tuple[int, ...]], np.ndarray]


def load(folder: Path, *, dtype: str | None = None) -> Transformer:
    """A model from its folder, in one file or several; its numbers as they lie, or as `dtype`.

    On a CPU ask for float32: products of bfloat16 are slow there.

    Raises WeightsError, which names the file and the tensor, if a file is missing or damaged, the
    family is another, or tensors do not have the shapes that the config says or are too many.
    """
    shape = hugging.shape(hugging.read(folder), folder / hugging.FILE)
    found, taken = _tensors(folder), set()

    def take(name: str, expected: tuple[int, ...]) -> np.ndarray:
        if name not in found:
            raise WeightsError(f"{folder} has no {name}; its config.json asks for {expected}.")
        if found[name].shape != expected:
            raise WeightsError(
                f"{folder}: {name} is {found[name].shape}, but config.json asks for {expected}."
            )
        taken.add(name)
        return found[name] if dtype is None else found[name].astype(jnp.dtype(dtype))

    model = _model(shape, take)
    left = {name for name in found if not name.endswith("rotary_emb.inv_freq")} - taken
    if shape.tied:
        left.discard("lm_head.weight")
    if left:
        raise WeightsError(
            f"{folder} holds {len(left)} tensors that a {shape.layers}-layer model of its family "
            f"does not have, such as {min(left)}."
        )
    return model


def save(
    model: Transformer,
    folder: Path,
    *,
    tokenizer: Tokenizer | None = None,
    closing: Sequence[int] = (),
    like: Path | None = None,
    shard_bytes: int = 5_000_000_000,
    private: bool = False,
) -> None:
    """Write a model's folder, whole or not at all; several files if it takes more than one.
    `private`, it is its owner's alone to read: weights may have kept texts that they learned from.

    With `like`, the folder of a model of the same shape, its config and tokeniser are taken over;
    else the config is written from the shape, and `tokenizer` beside it. `closing` are tokens that
    belong behind every prompt, as `Spoken` has them; they lie in the config.

    Raises WeightsError if `folder` is there already or `like` is of another shape, TokenError if
    the tokeniser does not fit, RunError if the disk refuses.
    """
    config = hugging.config(model.shape) if like is None else hugging.read(like)
    if like is not None and hugging.shape(config, like) != model.shape:
        raise WeightsError(
            f"The model is not of the shape that {like} is of: {model.shape}; "
            f"{hugging.shape(config, like)}."
        )
    if tokenizer is not None:
        check_fit(tokenizer, model.shape.vocabulary)
        ends = {"bos": tokenizer.bos, "eos": tokenizer.eos, "pad": tokenizer.pad}
        config |= {f"{name}_token_id": at for name, at in ends.items()}
    if closing:
        config |= {hugging.CLOSING: [int(token) for token in closing]}
    # Named anew in version 5 of transformers, which reads the old name too.
    config |= {"dtype" if "dtype" in config else "torch_dtype": str(model.embed.dtype)}
    with building(folder) as new:
        beside = [] if like is None else [like / file for file in BESIDE]
        for file in beside:
            if file.is_file():
                shutil.copyfile(file, new / file.name)
        if tokenizer is not None:
            tokenizer.save(new)
        (new / hugging.FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        _write(dict(_named(model)), new, shard_bytes)
        if private:
            new.chmod(0o700)
            for file in new.iterdir():
                file.chmod(0o600)


@contextlib.contextmanager
def building(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which is called `folder` at the end: whole or not at all."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WeightsError(f"{folder} is there already: give a new folder, nothing is overwritten.")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
        try:
            new.chmod(0o755)
            yield new
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _tensors(folder: Path) -> dict[str, np.ndarray]:
    index = folder / INDEX
    if not index.is_file():
        return tensors.read(folder / WHOLE)
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        shards = sorted({str(file) for file in places.values()})
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise WeightsError(f"{index} is no index of shards: {error}.") from None
    if outside := [file for file in shards if Path(file).name != file]:
        raise WeightsError(f"{index} names a file outside of its folder: {outside[0]}.")
    read = {file: tensors.read(folder / file) for file in shards}
    if lost := [name for name, file in places.items() if name not in read[file]]:
        raise WeightsError(f"{index} says that {places[lost[0]]} holds {lost[0]}, and it does not.")
    return {name: read[file][name] for name, file in places.items()}


def _write(named: dict[str, np.ndarray], folder: Path, limit: int) -> None:
    shards, room = [{}], limit
    for name, tensor in named.items():
        if tensor.nbytes > room and shards[-1]:
            shards.append({})
            room = limit
        shards[-1][name] = tensor
        room -= tensor.nbytes
    if len(shards) == 1:
        tensors.write(folder / WHOLE, named)
        return
    places: dict[str, str] = {}
    for at, shard in enumerate(shards, 1):
        file = f"model-{at:05d}-of-{len(shards):05d}.safetensors"
        tensors.write(folder / file, shard)
        places |= dict.fromkeys(shard, file)
    total = sum(tensor.nbytes for tensor in named.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _model(s: Shape, take: Take) -> Transformer:
    D, K, R, d, F = s.width, s.kv_heads, s.queries, s.head_width, s.inner

    def each(layer: Callable[[str], np.ndarray]) -> jax.Array:
        return jnp.asarray(np.stack([layer(f"model.layers.{at}") for at in range(s.layers)]))

    def qkv(at: str) -> np.ndarray:
        parts = (("q", R), ("k", 1), ("v", 1))
        rows = [
            take(f"{at}.self_attn.{name}_proj.weight", (K * count * d, D)).T.reshape(D, K, count, d)
            for name, count in parts
        ]
        return np.concatenate(rows, axis=2)

    def bias(at: str) -> np.ndarray:
        parts = (("q", R), ("k", 1), ("v", 1))
        rows = [
            take(f"{at}.self_attn.{name}_proj.bias", (K * count * d,)).reshape(K, count, d)
            for name, count in parts
        ]
        return np.concatenate(rows, axis=1)

    def norms(at: str) -> np.ndarray:
        return np.stack([take(f"{at}.self_attn.{name}_norm.weight", (d,)) for name in ("q", "k")])

    def out(at: str) -> np.ndarray:
        return take(f"{at}.self_attn.o_proj.weight", (D, K * R * d)).T.reshape(K, R, d, D)

    def gate_up(at: str) -> np.ndarray:
        both = [take(f"{at}.mlp.{name}_proj.weight", (F, D)).T for name in ("gate", "up")]
        return np.stack(both, axis=1)

    embed = jnp.asarray(take("model.embed_tokens.weight", (s.vocabulary, D)))
    blocks = Block(
        attention_norm=each(lambda at: take(f"{at}.input_layernorm.weight", (D,))),
        qkv=each(qkv),
        qkv_bias=each(bias) if s.attention_bias else None,
        qk_norm=each(norms) if s.head_norm else None,
        out=each(out),
        mlp_norm=each(lambda at: take(f"{at}.post_attention_layernorm.weight", (D,))),
        gate_up=each(gate_up),
        down=each(lambda at: take(f"{at}.mlp.down_proj.weight", (D, F)).T),
    )
    norm = jnp.asarray(take("model.norm.weight", (D,)))
    head = None if s.tied else jnp.asarray(take("lm_head.weight", (s.vocabulary, D)))
    return Transformer(embed, blocks, norm, head, s)


def _named(model: Transformer) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor under its Hugging Face name, as a view."""
    s = model.shape
    D, R = s.width, s.queries
    yield "model.embed_tokens.weight", np.asarray(model.embed)
    for number, block in enumerate(model.layers()):
        at, b = f"model.layers.{number}", jax.tree.map(np.asarray, block)
        yield f"{at}.input_layernorm.weight", b.attention_norm
        for name, rows in (("q", slice(R)), ("k", slice(R, R + 1)), ("v", slice(R + 1, R + 2))):
            yield f"{at}.self_attn.{name}_proj.weight", b.qkv[:, :, rows].reshape(D, -1).T
            if b.qkv_bias is not None:
                yield f"{at}.self_attn.{name}_proj.bias", b.qkv_bias[:, rows].reshape(-1)
        if b.qk_norm is not None:
            yield f"{at}.self_attn.q_norm.weight", b.qk_norm[0]
            yield f"{at}.self_attn.k_norm.weight", b.qk_norm[1]
        yield f"{at}.self_attn.o_proj.weight", b.out.reshape(-1, D).T
        yield f"{at}.post_attention_layernorm.weight", b.mlp_norm
        yield f"{at}.mlp.gate_proj.weight", b.gate_up[:, 0].T
        yield f"{at}.mlp.up_proj.weight", b.gate_up[:, 1].T
        yield f"{at}.mlp.down_proj.weight", b.down.T
    yield "model.norm.weight", np.asarray(model.norm)
    if model.head is not None:
        yield "lm_head.weight", np.asarray(model.head)
