"""TRL's own trainers on what cairn hands on: a curriculum of prompts, weights, data sets.

    python benchmarks/peers/trl_curriculum.py [--steps 40] [--tiny] [--results FILE]

Runs in an environment of its own that has both: `pip install torch==2.13.0 transformers==5.24.0
trl==1.16.0 -e .` (of torch the build for the CPU). Nothing is fetched.

For each task: cairn trains a small model on demonstrations and exports it; `transformers` must read
prompts as the same tokens and compute the same logits; TRL's GRPOTrainer then trains it with
prompts of `cairn.Prompts`, every prompt told once, some of them places that came back. Then one
step each of TRL's SFTTrainer, DPOTrainer and KTOTrainer on data that `cairn lm data` wrote.
"""

# pyright: reportMissingImports=false

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
# A driver of this folder is called as the package that it drives.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1] / "verify"))

import datasets
import jax
import jax.numpy as jnp
import numpy as np
import torch
import transformers
import trl
from provenance import command, keep, source_hash, versions

import cairn
from cairn.archive import replay
from cairn.cli.main import run as cairn_command
from cairn.improve.hand_off.source import Prompts
from cairn.improve.hand_off.trl import grpo_trainer, held_out
from cairn.nn.language.attention import left_padded
from cairn.runs.language import language

RESULT = Path(__file__).parents[1] / "results" / "trl_curriculum.json"
PARTS = ("improve", "archive", "envs/tokens", "nn/language")
TASKS = {"addition": {"digits": 2}, "repair": {}}
MODEL = {"width": 64, "layers": 2, "heads": 4, "kv_heads": 4, "head_width": 16, "inner": 192}
TINY = {"width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 4, "inner": 8}


def prepared(name: str, folder: Path, tiny: bool) -> tuple[Path, Path]:
    """A run on demonstrations, and its model in Hugging Face's form."""
    model, tokens = (TINY, 2_000) if tiny else (MODEL, 400_000)
    made = cairn.experiment(
        name, method="sft", **model, **TASKS[name], steps=tokens, evaluate_every=0
    )
    run, weights = folder / "run", folder / "weights"
    cairn.train(made, run)
    assert cairn_command(["lm", "export", str(run), str(weights)]) == 0
    return run, weights


def same(run: Path, weights: Path, source: Prompts) -> dict:
    """Whether transformers reads and computes what cairn does."""
    ours = language(run).model
    theirs = transformers.AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()
    words = transformers.AutoTokenizer.from_pretrained(weights)
    keys = jax.random.split(jax.random.key(7), 4)
    made = jax.vmap(lambda key: source.task.problem(key, "test"))(keys)
    prompt = jax.vmap(source.task.prompt)(made)
    off, equal = 0.0, True
    for row, length in zip(np.asarray(prompt.ids), np.asarray(prompt.length), strict=True):
        ids = row[-length:]
        equal &= words(source.wording.prompt(row))["input_ids"] == ids.tolist()
        hidden = ours.hidden(ids[None], *left_padded(jnp.array([length]), int(length)))
        with torch.no_grad():
            other = theirs(torch.from_numpy(ids[None].astype(np.int64))).logits.numpy()
        off = max(off, float(np.abs(np.asarray(ours.logits(hidden)) - other).max()))
    return {"tokens_equal": bool(equal), "logits_differ_by": off}


def arguments(folder: Path, source: Prompts, group: int, steps: int) -> trl.GRPOConfig:
    return trl.GRPOConfig(
        output_dir=str(folder / "out"),
        per_device_train_batch_size=source.config.prompts * group,
        steps_per_generation=1,
        num_generations=group,
        max_completion_length=source.task.answer_length,
        max_steps=steps,
        temperature=1.0,
        top_k=0,
        beta=0.0,
        learning_rate=3e-4,
        lr_scheduler_type="constant",
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def curriculum(name: str, run: Path, weights: Path, folder: Path, tiny: bool, steps: int) -> dict:
    """TRL's GRPO with prompts of the source, and what the source heard of them."""
    batch, group = (2, 2) if tiny else (16, 8)
    about = {"reward": "quality"} if name == "repair" else {}
    source = Prompts.of_run(
        run, batch=batch, words="symbols", capacity=16 if tiny else 256, minimum_fill=0.125, **about
    )
    facts = {"transformers": same(run, weights, source)}
    trainer = grpo_trainer(
        source,
        str(weights),
        arguments(folder, source, group, steps),
        eval_dataset=held_out(source, 4 if tiny else 128),
    )
    trainer.args.per_device_eval_batch_size = group * 2
    before = trainer.evaluate()["eval_reward"]
    asked, depths, beliefs = [], [], []
    ask = source.ask

    def watched() -> list:
        rows = ask()
        stored = [bool(source._open[row.id].start.stored) for row in rows]
        asked.append(sum(stored) / len(rows))
        depths.append(max(row.depth for row in rows))
        beliefs.append([row.solved for row in rows])
        return rows

    source.ask = watched  # what it was asked for, in order
    begun = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - begun
    log = [each for each in trainer.state.log_history if "reward" in each and "loss" in each]
    archive = source.archive
    mass = np.asarray(replay.probabilities(archive, source.config.replay))
    known = archive.memory.successes + archive.memory.failures
    chance = np.asarray((1 + archive.memory.successes) / (2 + known))
    return facts | {
        "steps": len(log),
        "seconds": seconds,
        "rewards": [each["reward"] for each in log],
        "reward_first_quarter": float(np.mean([e["reward"] for e in log[: len(log) // 4 or 1]])),
        "reward_last_quarter": float(np.mean([e["reward"] for e in log[-(len(log) // 4) or -1 :]])),
        "held_out_before": before,
        "held_out_after": trainer.evaluate()["eval_reward"],
        "asked": source._next,
        "told": source._next - len(source.open),
        "asked_ahead": len(source.open),
        "came_back": asked,
        "deepest": max(depths),
        "places": int(archive.count),
        "mean_distance_from_half": {
            "of_draws": float((mass * np.abs(chance - 0.5)).sum()),
            "of_places": float(np.abs(chance - 0.5)[: int(archive.count)].mean()),
        },
    }


def written(run: Path, weights: Path, folder: Path, tiny: bool) -> dict:
    """One step of TRL's trainers on files that `cairn lm data` wrote."""
    found = {}
    count = "4" if tiny else "64"
    forms = {
        "prompt-completion": (trl.SFTTrainer, trl.SFTConfig, {}),
        "preference": (trl.DPOTrainer, trl.DPOConfig, {}),
        "unpaired-preference": (trl.KTOTrainer, trl.KTOConfig, {}),
    }
    for form, (trainer, config, more) in forms.items():
        file = folder / f"{form}.jsonl"
        words = ["lm", "data", str(run), str(file), "--form", form, "--words", "symbols"]
        status = cairn_command([*words, "--count", count, "--problems", "new"])
        if status:  # a model that is never right has no pairs
            found[form] = {"rows": 0}
            continue
        rows = datasets.load_dataset(
            "json", data_files=str(file), split="train", cache_dir=str(folder / "cache")
        )
        columns = ("prompt", "completion", "chosen", "rejected", "label")
        args = config(
            output_dir=str(folder / form),
            per_device_train_batch_size=4,
            max_steps=1,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **more,
        )
        made = trainer(
            model=transformers.AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32),
            args=args,
            train_dataset=rows.select_columns([n for n in columns if n in rows.column_names]),
            processing_class=transformers.AutoTokenizer.from_pretrained(weights),
        )
        found[form] = {"rows": len(rows), "loss": float(made.train().training_loss)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--results", type=Path, default=RESULT)
    asked = parser.parse_args()
    packages = {each.__name__: each.__version__ for each in (torch, transformers, trl, datasets)}
    result = {
        "command": command(),
        "versions": versions(**packages),
        "sources": source_hash(
            Path(__file__), ("improve", "archive", "envs/tokens", "nn/language")
        ),
        "tasks": {},
    }
    for name in asked.tasks:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            run, weights = prepared(name, folder, asked.tiny)
            steps = 3 if asked.tiny else asked.steps
            found = curriculum(name, run, weights, folder, asked.tiny, steps)
            found["data"] = written(run, weights, folder, asked.tiny)
        result["tasks"][name] = found
        print(name, {k: v for k, v in found.items() if k not in ("rewards", "came_back")})
        keep(asked.results, result)


if __name__ == "__main__":
    main()
