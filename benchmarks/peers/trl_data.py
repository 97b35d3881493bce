"""Every form of data set that `cairn lm data` writes, read and learned from by TRL's trainers.

    python benchmarks/peers/trl_data.py [--tasks repair addition] [--results FILE]

Runs in an environment of its own that has both: `pip install torch==2.13.0 transformers==5.24.0
trl==1.16.0 -e .` (of torch the build for the CPU). Nothing is fetched.

For each task a tiny model is trained on demonstrations and exported. Each form is written as JSON
lines and as Parquet, which `datasets` must load alike, and learned from for one step: prompt and
completion and conversations by SFTTrainer, pairs by DPOTrainer and by RewardTrainer, labelled
answers by KTOTrainer, prompts alone by GRPOTrainer with `cairn.improve.hand_off.trl.reward`. That
every step ends with a finite loss, and leaves other weights than it found, is asserted; nothing is
measured. verl's rows are loaded alone.
"""

# pyright: reportMissingImports=false

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "TQDM_DISABLE": "1"}
os.environ |= {"TRANSFORMERS_VERBOSITY": "error"}
# A driver of this folder is called as the package that it drives.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1] / "verify"))

import datasets
import torch
import transformers
import trl
from provenance import command, keep, source_hash, versions

import cairn
from cairn.cli.main import run as cairn_command
from cairn.improve.hand_off.trl import reward

RESULT = Path(__file__).parents[1] / "results" / "trl_data.json"
PARTS = ("improve/hand_off", "report")
TASKS: dict[str, dict[str, Any]] = {"repair": {}, "addition": {"digits": 1}}
TINY = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "inner": 32}
ROWS = 16
ARGS = {
    "bf16": False, "use_cpu": True, "gradient_checkpointing": False, "report_to": [],
    "disable_tqdm": True, "dataloader_pin_memory": False, "save_strategy": "no", "max_steps": 1,
    "per_device_train_batch_size": 4, "learning_rate": 1e-3, "logging_steps": 1,
}  # fmt: skip
CHAT = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
"""A model of a task's symbols has no conversations of its own: turns stand behind each other."""
TRAINERS = {
    "prompt-only": [("GRPOTrainer", trl.GRPOTrainer, trl.GRPOConfig)],
    "prompt-completion": [("SFTTrainer", trl.SFTTrainer, trl.SFTConfig)],
    "messages": [("SFTTrainer", trl.SFTTrainer, trl.SFTConfig)],
    "preference": [
        ("DPOTrainer", trl.DPOTrainer, trl.DPOConfig),
        ("RewardTrainer", trl.RewardTrainer, trl.RewardConfig),
    ],
    "unpaired-preference": [("KTOTrainer", trl.KTOTrainer, trl.KTOConfig)],
    "verl": [],
}
COLUMNS = ("prompt", "completion", "chosen", "rejected", "label", "messages")
"""What the trainers read; the verifier's columns stay only for GRPO's reward function."""


def exported(name: str, folder: Path) -> tuple[Path, Path]:
    """A run of a few updates on demonstrations, and its model in Hugging Face's form."""
    settings = {"steps": 100_000, "evaluate_every": 0, "behaviour_answers": 0}
    made = cairn.experiment(name, method="sft", **TINY, **TASKS[name], **settings)
    cairn.train(made, folder / "run")
    assert cairn_command(["lm", "export", str(folder / "run"), str(folder / "weights")]) == 0
    return folder / "run", folder / "weights"


def loaded(run: Path, form: str, folder: Path) -> datasets.Dataset:
    """The rows of a form, the same from both kinds of file."""
    words = ["--form", form, "--words", "symbols", "--count", str(ROWS), "--reward", "quality"]
    if form in ("prompt-completion", "messages"):  # this model is hardly ever right
        words += ["--answers", "demonstrations"]
    found = []
    for ending, kind in (("jsonl", "json"), ("parquet", "parquet")):
        file = folder / f"{form}.{ending}"
        assert cairn_command(["lm", "data", str(run), str(file), *words]) == 0
        cache = str(folder / "cache")
        rows = datasets.load_dataset(kind, data_files=str(file), split="train", cache_dir=cache)
        found.append(rows)
    lines, table = (rows.to_list() for rows in found)
    assert json.loads(json.dumps(lines)) == json.loads(json.dumps(table)) and lines
    return found[1]


def stepped(
    form: str, maker: Any, config: Any, rows: datasets.Dataset, weights: Path, folder: Path
) -> dict[str, float]:
    """One step of a trainer on rows of a form: its loss, and how far the weights went."""
    words = transformers.AutoTokenizer.from_pretrained(weights)
    if form == "messages":
        words.chat_template = CHAT
    kind, more = transformers.AutoModelForCausalLM, {}
    if maker is trl.RewardTrainer:
        kind, more = transformers.AutoModelForSequenceClassification, {"num_labels": 1}
    model = kind.from_pretrained(weights, dtype=torch.float32, **more)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    args = ARGS
    if form == "prompt-only":  # enough answers to one prompt that some are better than others
        args = args | {
            "num_generations": 32,
            "per_device_train_batch_size": 32,
            "max_completion_length": 8,
        }
    how = {"reward_funcs": reward} if form == "prompt-only" else {}
    if form != "prompt-only":
        rows = rows.select_columns([name for name in COLUMNS if name in rows.column_names])
    trainer = maker(
        model=model,
        args=config(output_dir=str(folder / "out"), **args),
        train_dataset=rows,
        processing_class=words,
        **how,
    )
    loss = float(trainer.train().training_loss)
    moved = max(
        float((value - before[name]).abs().max().detach())
        for name, value in trainer.model.named_parameters()
    )
    assert math.isfinite(loss) and 0 < moved < 1
    return {"loss": loss, "moved": moved}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--results", type=Path, default=RESULT)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    packages = {each.__name__: each.__version__ for each in (torch, transformers, trl, datasets)}
    result: dict[str, Any] = {
        "command": command(),
        "versions": versions(**packages),
        "sources": source_hash(Path(__file__), PARTS),
        "tasks": {},
    }
    for name in asked.tasks:
        with tempfile.TemporaryDirectory() as place:
            run, weights = exported(name, Path(place))
            found = result["tasks"][name] = {}
            for form, trainers in TRAINERS.items():
                rows = loaded(run, form, Path(place))
                told = found[form] = {"rows": len(rows), "columns": rows.column_names}
                for called, maker, config in trainers:
                    one = stepped(form, maker, config, rows, weights, Path(place))
                    told[called] = one
                    print(name, form, called, len(rows), one, flush=True)
    keep(asked.results, result)


if __name__ == "__main__":
    main()
