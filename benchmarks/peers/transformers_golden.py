"""Tiny random checkpoints of `transformers` and the logits it computes from them.

    python benchmarks/peers/transformers_golden.py tests/nn/hugging

Runs in an environment of its own: `pip install torch==2.13.0 transformers==5.24.0 peft==0.21.2`.
Remakes one folder for each family, and an adapter for one; nothing is fetched. With
`--check FOLDER` it reads a folder that cairn wrote, and says how far its logits are from those in
the folder's `golden.npz`.
"""

# pyright: reportMissingImports=false

import shutil
import sys
from pathlib import Path

import numpy as np
import peft
import torch
import transformers

COMMON = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 100.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 2.0,
    "original_max_position_embeddings": 16,
}
MODELS = {
    "llama": (
        transformers.LlamaForCausalLM,
        transformers.LlamaConfig(**COMMON, head_dim=8, rope_parameters=LLAMA3),
    ),
    "qwen2": (transformers.Qwen2ForCausalLM, transformers.Qwen2Config(**COMMON)),
    "qwen3": (
        transformers.Qwen3ForCausalLM,
        transformers.Qwen3Config(**COMMON, head_dim=8, tie_word_embeddings=True),
    ),
}
ADAPTED = ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
SHARDED = {"qwen2": "10KB"}


def logits(model: torch.nn.Module, tokens: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(torch.from_numpy(tokens)).logits.numpy()


def make(folder: Path, name: str) -> None:
    kind, config = MODELS[name]
    torch.manual_seed(0)
    model = kind(config).to(torch.float32)
    for leaf in model.parameters():  # fresh norms are one and biases zero: they would test nothing
        torch.nn.init.normal_(leaf, 0.3, 0.4)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size=SHARDED.get(name, "1GB"))
    (folder / "generation_config.json").unlink()
    tokens = np.random.default_rng(0).integers(0, COMMON["vocab_size"], (2, 12))
    golden = {"tokens": tokens, "logits": logits(model, tokens)}
    if name == "llama":
        golden["adapted"] = adapt(model, folder / "adapter", tokens)
    np.savez(folder / "golden.npz", **golden)


def adapt(model: torch.nn.Module, folder: Path, tokens: np.ndarray) -> np.ndarray:
    config = peft.LoraConfig(r=2, lora_alpha=3, target_modules=ADAPTED, task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, config)
    for name, leaf in adapted.named_parameters():
        if "lora_" in name:  # fresh, B is zero
            torch.nn.init.normal_(leaf, 0.0, 0.5)
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    return logits(adapted, tokens)


def check(folder: Path) -> None:
    golden = np.load(folder / "golden.npz")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    print(f"{folder.name}: {np.abs(logits(model, golden['tokens']) - golden['logits']).max():.2g}")


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(Path(sys.argv[2]))
    else:
        for name in MODELS:
            make(Path(sys.argv[1]) / name, name)
