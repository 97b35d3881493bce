"""Hugging Face's `config.json` as a `Shape` and back: Llama 3, Qwen 2.5 and Qwen 3."""

import json
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, WeightsError
from cairn.nn.language.attention import Llama3Scaling
from cairn.nn.language.block import Shape

FILE = "config.json"
CLOSING = "closing_token_ids"
"""Ours: tokens that belong behind every prompt. Other readers pass over it."""
FAMILIES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def read(folder: Path) -> dict[str, Any]:
    """The config of a model's folder. Raises WeightsError if there is none that can be read."""
    path = folder / FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(
            f"{folder} is no folder of a Hugging Face model: {FILE}: {error.strerror}."
        ) from None
    except ValueError as error:
        raise WeightsError(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(told, dict):
        raise WeightsError(f"{path} must hold an object.")
    return told


def shape(config: dict[str, Any], where: Path | str = FILE) -> Shape:
    """What a config describes.

    Raises WeightsError for another family, and for what these families may have and cairn does
    not compute: other scalings of the rotary embedding, sliding windows, biases elsewhere,
    quantised weights.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise WeightsError(
            f"{where}: a model of the family {family!r}; cairn reads {', '.join(FAMILIES)}."
        )
    refused = {
        "hidden_act": config.get("hidden_act", "silu") != "silu",
        "mlp_bias": config.get("mlp_bias"),
        "attention_bias": config.get("attention_bias"),
        "use_sliding_window": config.get("use_sliding_window"),
        "layer_types": set(config.get("layer_types") or ()) - {"full_attention"},
        "quantization_config": config.get("quantization_config"),
    }
    for key, wrong in refused.items():
        if wrong:
            told = json.dumps(config[key])
            raise WeightsError(f"{where}: cairn computes no {family} with {key} = {told:.80}.")

    def number(key: str, default: Any = None, kind: type = int) -> Any:
        told = config.get(key)
        told = default if told is None else told
        if isinstance(told, bool) or not isinstance(told, int if kind is int else (int, float)):
            raise WeightsError(f"{where}: {key} must be a number, got {told!r}.")
        return kind(told)

    heads, width = number("num_attention_heads"), number("hidden_size")
    rope = _rope(config, where)
    try:
        return Shape(
            vocabulary=number("vocab_size"),
            width=width,
            layers=number("num_hidden_layers"),
            heads=heads,
            kv_heads=number("num_key_value_heads", heads),
            head_width=number("head_dim", width // max(heads, 1)),
            inner=number("intermediate_size"),
            norm_epsilon=number("rms_norm_eps", 1e-6, float),
            rope_theta=float(rope["rope_theta"]),
            rope_scaling=_scaling(rope, where),
            tied=bool(config.get("tie_word_embeddings", False)),
            attention_bias=family == "qwen2",
            head_norm=family == "qwen3",
            context=number("max_position_embeddings", 0) or None,
        )
    except ConfigError as error:
        raise WeightsError(f"{where}: {error}") from None


def config(shape: Shape) -> dict[str, Any]:
    """The config of a shape. Raises WeightsError if no family has both biases and head norms."""
    if shape.attention_bias and shape.head_norm:
        raise WeightsError(
            "A model with attention_bias and head_norm is of no Hugging Face family: set one."
        )
    family = "qwen2" if shape.attention_bias else "qwen3" if shape.head_norm else "llama"
    if family == "qwen2" and shape.head_width * shape.heads != shape.width:
        raise WeightsError(
            f"Qwen 2's head_width is width / heads = {shape.width / shape.heads:g}, "
            f"not {shape.head_width}."
        )
    scaling = shape.rope_scaling
    return {
        "architectures": [FAMILIES[family]],
        "model_type": family,
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_width,
        "intermediate_size": shape.inner,
        "hidden_act": "silu",
        "rms_norm_eps": shape.norm_epsilon,
        "rope_theta": shape.rope_theta,
        "rope_scaling": None
        if scaling is None
        else {
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low,
            "high_freq_factor": scaling.high,
            "original_max_position_embeddings": scaling.original,
        },
        "tie_word_embeddings": shape.tied,
    } | ({} if shape.context is None else {"max_position_embeddings": shape.context})


def closing(config: dict[str, Any], where: Path | str = FILE) -> tuple[int, ...]:
    """Tokens behind every prompt; none in a model of others. Raises WeightsError."""
    told, most = config.get(CLOSING) or [], config.get("vocab_size") or 0
    fits = isinstance(told, list) and all(
        isinstance(token, int) and not isinstance(token, bool) and 0 <= token < most
        for token in told
    )
    if not fits:
        raise WeightsError(
            f"{where}: {CLOSING} must be a list of tokens in [0, {most}), got "
            f"{json.dumps(told):.80}."
        )
    return tuple(told)


def _rope(config: dict[str, Any], where: Path | str) -> dict[str, Any]:
    """Of either way of writing it: all in `rope_parameters`, or two keys before version 5."""
    told = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(told, dict):
        raise WeightsError(f"{where}: the scaling of the rotary embedding must be an object.")
    theta = told.get("rope_theta", config.get("rope_theta")) or 10_000.0
    if not isinstance(theta, int | float):
        raise WeightsError(f"{where}: rope_theta must be a number, got {theta!r}.")
    return told | {"rope_theta": theta}


def _scaling(rope: dict[str, Any], where: Path | str) -> Llama3Scaling | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    keys = "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"
    if kind != "llama3" or any(not isinstance(rope.get(key), int | float) for key in keys):
        raise WeightsError(
            f"{where}: the rotary embedding is scaled by {json.dumps(rope):.200}; cairn computes "
            f"rope_type llama3 with {', '.join(keys)}, or none."
        )
    factor, low, high, original = (rope[key] for key in keys)
    return Llama3Scaling(float(factor), float(low), float(high), int(original))
