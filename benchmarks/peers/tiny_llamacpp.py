"""A tiny random language model as a GGUF file, served by llama.cpp's own HTTP server.

    python benchmarks/peers/tiny_llamacpp.py FILE PORT

Runs in the server's environment (xllamacpp has that server inside, gguf writes the file); nothing
is fetched. Its answers mean nothing.
"""

# pyright: reportMissingImports=false

import sys
import time
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

SPECIAL = ["<s>", "</s>"]
WIDTH, HEADS, LAYERS, INNER, CONTEXT = 64, 4, 2, 128, 8192
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def alphabet() -> list[str]:
    """The letter that stands for each byte in byte-level tokenisers, as GPT-2 has them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(byte if byte in plain else next(rest)) for byte in range(256)]


def write(path: Path) -> None:
    letters = alphabet()
    pair = letters[ord("t")] + letters[ord("h")]
    tokens = [*SPECIAL, *letters, pair]
    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(CONTEXT)
    file.add_embedding_length(WIDTH)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(INNER)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(WIDTH // HEADS)
    file.add_vocab_size(len(tokens))
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("gpt-2")
    file.add_token_list(tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    file.add_token_types([control] * len(SPECIAL) + [normal] * (len(tokens) - len(SPECIAL)))
    file.add_token_merges([f"{letters[ord('t')]} {letters[ord('h')]}"])
    file.add_bos_token_id(0)
    file.add_eos_token_id(1)
    file.add_chat_template(TEMPLATE)
    for name, shape in shapes(len(tokens)).items():
        file.add_tensor(name, weights(name, shape))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (vocabulary, WIDTH),
        "output_norm.weight": (WIDTH,),
        "output.weight": (vocabulary, WIDTH),
    }
    for layer in range(LAYERS):
        square = {f"attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
        inner = {"ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
        norms = {"attn_norm": (WIDTH,), "ffn_norm": (WIDTH,)}
        for name, shape in (square | inner | norms).items():
            found[f"blk.{layer}.{name}.weight"] = shape
    return found


def weights(name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("norm.weight"):
        return np.ones(shape, np.float32)
    draw = np.random.default_rng(sum(name.encode()))
    drawn = (draw.normal(size=shape) / np.sqrt(shape[-1]) * 2).astype(np.float32)
    if name == "output.weight":
        # Says printable ASCII alone: half a character of UTF-8 has no place in a token list.
        drawn *= 3
        drawn[: len(SPECIAL) + 32] = drawn[len(SPECIAL) + 127 :] = 0
    return drawn


def main(path: Path, port: int) -> None:
    write(path)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.model_alias = ["tiny"]
    settings.hostnames, settings.port = ["127.0.0.1"], port
    settings.n_ctx, settings.n_parallel, settings.warmup = CONTEXT, 2, False
    settings.cpuparams.n_threads = 1
    server = xllamacpp.Server(settings)  # ends with this name
    print(server.listening_address, flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
