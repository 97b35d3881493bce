"""A tiny random language model with a tokeniser of bytes, for a server to decode.

    python benchmarks/peers/tiny_model.py FOLDER

Runs in the server's environment; nothing is fetched. Its answers mean nothing, and never end.
"""

# pyright: reportMissingImports=false

import string
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<s>", "</s>", "<user>", "<assistant>"]
TEMPLATE = (
    "{% for m in messages %}<{{ 'assistant' if m.role == 'assistant' else 'user' }}>"
    "{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def main(folder: str) -> None:
    torch.manual_seed(0)
    bytes_of = Tokenizer(models.BPE())
    bytes_of.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_of.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet)
    bytes_of.train_from_iterator([string.printable], trainer)
    tokeniser = PreTrainedTokenizerFast(
        tokenizer_object=bytes_of, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    tokeniser.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokeniser),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        bos_token_id=tokeniser.bos_token_id,
        eos_token_id=tokeniser.eos_token_id,
        pad_token_id=tokeniser.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokeniser.save_pretrained(folder)


if __name__ == "__main__":
    main(sys.argv[1])
