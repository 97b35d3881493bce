"""transformers and TRL, timed from outside by `cairn bench lm`.

Needs an environment of its own: `pip install torch==2.13.0 transformers==5.24.0 trl==1.16.0`, of
torch the build for the CPU. Nothing is fetched.

A Llama of the shape asked for, random weights, float32. `sample` is `generate` with its usual
cache, on prompts repeated for their group as TRL repeats them; nothing ends an answer. `grpo` is
TRL's GRPOTrainer in its own loop, in a thread that waits between steps: `generate`, reward, loss,
AdamW; no reference model, no checkpointing of activations, nothing logged. An answer may end early,
on cairn's side too; the batch goes on until all have.
"""

import os
import tempfile
import threading

PACKAGES = ("torch", "transformers", "trl")
SHAPES = {
    "0.4M": {"hidden_size": 128, "num_hidden_layers": 2, "heads": 4, "head_dim": 32, "inner": 384},
    "10M": {"hidden_size": 384, "num_hidden_layers": 6, "heads": 6, "head_dim": 64, "inner": 1024},
    "tiny": {"hidden_size": 8, "num_hidden_layers": 1, "heads": 2, "head_dim": 4, "inner": 8},
}
"""As in cairn's bench/language_work.py."""
PAD, BOS, EOS, SEP, WORDS = 0, 1, 2, 3, 60
VOCABULARY = WORDS + 4 + 2


def setup(checkout):
    """Nothing is to be fetched, and nothing said."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


def prepare(request):
    """The work of a request."""
    return sampling(request) if request["work"] == "sample" else stepping(request)


def llama(size):
    """A model with random weights."""
    import torch
    import transformers

    torch.manual_seed(0)
    shape = dict(SHAPES[size])
    heads = shape.pop("heads")
    config = transformers.LlamaConfig(
        **{name: shape[name] for name in ("hidden_size", "num_hidden_layers", "head_dim")},
        intermediate_size=shape["inner"],
        num_attention_heads=heads,
        num_key_value_heads=heads,
        vocab_size=VOCABULARY,
        tie_word_embeddings=True,
        max_position_embeddings=512,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return transformers.LlamaForCausalLM(config)


def parameters(model):
    """How many numbers it is made of; the head is the embedding."""
    return sum(weight.numel() for weight in model.parameters())


def prompts(request, number, seed):
    """So many prompts of random words, as rows of ids."""
    import numpy as np

    rng = np.random.default_rng(seed)
    words = rng.integers(SEP + 1, WORDS // 2 + SEP + 1, (number, request["shown"]))
    edge = np.ones((number, 1), words.dtype)
    return np.concatenate([BOS * edge, words, SEP * edge], axis=1)


def sampling(request):
    """Answers of exactly `longest` tokens."""
    import torch

    model = llama(request["size"]).eval()
    rows = torch.from_numpy(prompts(request, request["prompts"], 0))
    rows = rows.repeat_interleave(request["group"], dim=0)
    done = {"tokens": 0}

    def run():
        for _ in range(request["amount"]):
            with torch.no_grad():
                said = model.generate(
                    rows,
                    attention_mask=torch.ones_like(rows),
                    max_new_tokens=request["longest"],
                    do_sample=True,
                    temperature=1.0,
                    top_k=0,
                    top_p=1.0,
                    eos_token_id=None,
                    pad_token_id=PAD,
                )
            new = said[:, rows.shape[1] :]
            done["tokens"] += new.numel()

    return {"parameters": parameters(model), "run": run, "count": lambda: dict(done)}


def tokenizer():
    """Words that stand apart by spaces."""
    import tokenizers
    import transformers

    names = ["<pad>", "<bos>", "<eos>", "<sep>"] + [f"w{at}" for at in range(WORDS + 2)]
    inside = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({name: at for at, name in enumerate(names)}, unk_token="<pad>")
    )
    inside.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return names, transformers.PreTrainedTokenizerFast(
        tokenizer_object=inside,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        padding_side="left",
    )


def stepping(request):
    """Steps of TRL's own trainer, let through one by one."""
    import datasets
    import transformers
    import trl

    names, words = tokenizer()
    rows = prompts(request, 4096, 1)
    texts = [" ".join(names[at] for at in row) for row in rows]
    batch = request["prompts"] * request["group"]
    tokens = {"tokens": 0}

    def reward(completion_ids, **others):
        tokens["tokens"] += sum(map(len, completion_ids))
        return [ids.count(SEP + 1) / (request["longest"] - 1) for ids in completion_ids]

    may, did = threading.Semaphore(0), threading.Semaphore(0)

    class Gate(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, **others):
            may.acquire()

        def on_step_end(self, args, state, control, **others):
            did.release()

    args = trl.GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=1,
        steps_per_generation=1,
        num_generations=request["group"],
        max_completion_length=request["longest"],
        max_steps=10**6,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        beta=0.0,
        loss_type="grpo",
        learning_rate=3e-4,
        lr_scheduler_type="constant",
        max_grad_norm=1.0,
        bf16=False,
        fp16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = trl.GRPOTrainer(
        model=llama(request["size"]),
        args=args,
        reward_funcs=reward,
        train_dataset=datasets.Dataset.from_dict({"prompt": texts}),
        processing_class=words,
        callbacks=[Gate()],
    )
    failed = []

    def loop():
        try:
            trainer.train()
        except BaseException as error:
            failed.append(error)
            did.release()

    threading.Thread(target=loop, daemon=True).start()
    done = {"answers": 0}

    def run():
        for _ in range(request["amount"]):
            may.release()
        for _ in range(request["amount"]):
            did.acquire()
            if failed:
                raise RuntimeError(f"the trainer stopped: {failed[0]!r}") from failed[0]
            done["answers"] += batch

    return {
        "parameters": parameters(trainer.model),
        "run": run,
        "count": lambda: dict(done),
        "outcome": lambda: {name: float(value) for name, value in tokens.items()},
    }
