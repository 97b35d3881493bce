"""Adapters as PEFT's folders: `adapter_config.json` and `adapter_model.safetensors`."""

import json
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from cairn.core.errors import WeightsError
from cairn.nn.language import tensors
from cairn.nn.language.block import Shape
from cairn.nn.language.lora import TARGETS, Lora, axes
from cairn.nn.language.weights import building

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MODULES = {f"{target}_proj": target for target in TARGETS}
OTHER = (
    "use_dora",
    "use_rslora",
    "use_qalora",
    "lora_bias",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "layer_replication",
    "modules_to_save",
    "trainable_token_indices",
)
"""Settings that make another kind of adapter: none may be set."""


def save(lora: Lora, folder: Path, base: str | None = None) -> None:
    """Write an adapter's folder, whole or not at all; `base` is where its model lies.

    Raises WeightsError if `folder` is there already, RunError if the disk refuses.
    """
    rank = next(iter(lora.a.values())).shape[-1]
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": lora.scale * rank,
        "lora_dropout": 0.0,
        "target_modules": [f"{target}_proj" for target in lora.a],
        "bias": "none",
        "inference_mode": True,
    }
    named = {}
    for target, a in lora.a.items():
        for at in range(lora.shape.layers):
            name = f"base_model.model.{_module(at, target)}"
            named[f"{name}.lora_A.weight"] = np.asarray(a[at]).reshape(-1, rank).T
            named[f"{name}.lora_B.weight"] = np.asarray(lora.b[target][at]).reshape(rank, -1).T
    with building(folder) as new:
        (new / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        tensors.write(new / WEIGHTS, named)


def load(folder: Path, shape: Shape) -> Lora:
    """An adapter for a model of `shape`.

    Raises WeightsError if it is missing or damaged, of another kind than plain LoRA on all layers,
    or made for a model of another shape.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        rank, alpha, modules = config["r"], float(config["lora_alpha"]), config["target_modules"]
        targets = [MODULES[module] for module in sorted(modules, key=list(MODULES).index)]
    except OSError as error:
        raise WeightsError(f"{folder} is no folder of an adapter: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{folder / CONFIG} must hold r, lora_alpha and target_modules among "
            f"{', '.join(MODULES)}: {error!r}."
        ) from None
    others = [key for key in OTHER if config.get(key)]
    others += ["bias"] if config.get("bias", "none") != "none" else []
    if others:
        told = f"{others[0]} = {json.dumps(config[others[0]]):.80}"
        raise WeightsError(f"{folder / CONFIG}: cairn reads no adapter with {told}.")
    found, taken, a, b = tensors.read(folder / WEIGHTS), set(), {}, {}

    def take(name: str, expected: tuple[int, ...]) -> np.ndarray:
        if name not in found or found[name].shape != expected:
            came = found[name].shape if name in found else "missing"
            raise WeightsError(f"{folder / WEIGHTS}: {name} is {came}; expected {expected}.")
        taken.add(name)
        return found[name]

    for target in targets:
        enters, leaves = axes(shape, target)
        names = [f"base_model.model.{_module(at, target)}" for at in range(shape.layers)]
        first, last = (rank, math.prod(enters)), (math.prod(leaves), rank)
        of_a = [take(f"{name}.lora_A.weight", first).T.reshape(*enters, rank) for name in names]
        of_b = [take(f"{name}.lora_B.weight", last).T.reshape(rank, *leaves) for name in names]
        a[target], b[target] = jnp.asarray(np.stack(of_a)), jnp.asarray(np.stack(of_b))
    if left := set(found) - taken:
        raise WeightsError(f"{folder / WEIGHTS} holds what its config does not name: {min(left)}.")
    return Lora(a, b, alpha / rank, shape)


def _module(layer: int, target: str) -> str:
    part = "mlp" if target in ("gate", "up", "down") else "self_attn"
    return f"model.layers.{layer}.{part}.{target}_proj"
