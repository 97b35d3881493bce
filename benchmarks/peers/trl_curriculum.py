"""TRL's own trainer on what cairn hands on: a curriculum of prompts, and weights.

    python benchmarks/peers/trl_curriculum.py [--steps 32] [--seeds 5] [--tiny] [--results FILE]

Runs in an environment of its own that has both: `pip install torch==2.13.0 transformers==5.24.0
trl==1.16.0 -e .` (of torch the build for the CPU). Nothing is fetched.

For each task: cairn trains a small model on demonstrations and exports it; `transformers` must read
prompts as the same tokens and compute the same logits. From that one start TRL's GRPOTrainer trains
twice for every seed, as long and with as many prompts: with those of `cairn.Prompts`, half of them
places that come back by what is to be learned there (curriculum), and with new problems alone
(uniform). A trainer is stopped at a checkpoint and another goes on from it, with the prompts that
were chosen and not yet answered. What must hold is asserted; which arm learns more is not. Data
sets that `cairn lm data` writes are the matter of trl_data.py.
Without `--tasks` only addition is run, which takes minutes; `repair` takes several times as long.
"""

# pyright: reportMissingImports=false

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "TQDM_DISABLE": "1"}
# A source's programs are the same for all seeds.
os.environ |= {"JAX_COMPILATION_CACHE_DIR": tempfile.mkdtemp(), "TRANSFORMERS_VERBOSITY": "error"}
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
from cairn.cli.main import run as cairn_command
from cairn.core.errors import ConfigError
from cairn.core.stats import bootstrap, mean, paired_difference
from cairn.improve.hand_off.source import Prompts
from cairn.improve.hand_off.trl import SAVED, grpo_trainer, held_out
from cairn.nn.language.attention import left_padded
from cairn.runs.language import language

RESULT = Path(__file__).parents[1] / "results" / "trl_curriculum.json"
PARTS = ("improve", "archive", "envs/tokens", "nn/language")
TASKS = {"addition": {"digits": 2}, "repair": {}}
MODEL = {"width": 64, "layers": 2, "heads": 4, "kv_heads": 4, "head_width": 16, "inner": 192}
TINY = {"width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 4, "inner": 8}


def prepared(name: str, folder: Path, tiny: bool) -> tuple[Path, Path]:
    """A run on demonstrations, and its model in Hugging Face's form."""
    model, tokens = (TINY, 2_000) if tiny else (MODEL, 140_000)
    run, weights = folder / "run", folder / "weights"
    if weights.exists():
        return run, weights
    made = cairn.experiment(
        name,
        method="sft",
        **model,
        **TASKS[name],
        steps=tokens,
        evaluate_every=0,
        behaviour_answers=0,
    )
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


def arguments(folder: Path, source: Prompts, steps: int, seed: int, **more) -> trl.GRPOConfig:
    return trl.GRPOConfig(
        output_dir=str(folder),
        per_device_train_batch_size=source.config.prompts * source.config.group,
        steps_per_generation=1,
        num_generations=source.config.group,
        max_completion_length=source.task.answer_length,
        max_steps=steps,
        temperature=1.0,
        beta=0.0,
        learning_rate=1e-4,
        lr_scheduler_type="constant",
        seed=seed,
        **QUIET | {"save_strategy": "no"} | more,
    )


QUIET = {
    "bf16": False, "use_cpu": True, "gradient_checkpointing": False, "logging_steps": 1,
    "report_to": [], "disable_tqdm": True, "dataloader_pin_memory": False,
}  # fmt: skip


class Watched(Prompts):
    """A source that remembers what it was asked for, in order."""

    def ask(self) -> list:
        rows = super().ask()
        self.rows = [*getattr(self, "rows", []), *rows]
        stored = [bool(self._open[row.id].start.stored) for row in rows]
        self.back = [*getattr(self, "back", []), *stored]
        return rows


def source_of(name: str, run: Path, arm: str, seed: int, tiny: bool) -> Watched:
    """Prompts of an arm, as the model that was trained here reads them."""
    batch, group = (2, 2) if tiny else (16, 8)
    return Watched.of_run(
        run,
        batch=batch,
        group=group,
        seed=seed,
        words="symbols",
        reward="quality" if name == "repair" else "correct",
        capacity=16 if tiny else 256,
        minimum_fill=0.125,
        replays={"curriculum": 0.5, "uniform": 0.0}[arm],
    )


def learned(
    name: str, run: Path, weights: Path, folder: Path, arm: str, seed: int, tiny: bool, steps: int
) -> dict:
    """TRL's GRPO with prompts of one arm."""
    source = source_of(name, run, arm, seed, tiny)
    test = held_out(source, 4 if tiny else 128)
    args = arguments(folder / f"{arm}-{seed}", source, steps, seed)
    args.per_device_eval_batch_size = 8 if tiny else 512
    begun = time.monotonic()
    trainer = grpo_trainer(source, str(weights), args, eval_dataset=test)
    before = trainer.evaluate()["eval_reward"] if arm == "curriculum" else None  # one start
    trained = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - trained
    log = [each for each in trainer.state.log_history if "reward" in each and "loss" in each]
    rewards = [each["reward"] for each in log]
    assert len(log) == steps and np.isfinite(rewards).all()
    # The loader is one batch ahead; all else was told.
    assert len(source.open) == source.config.prompts and len(source.rows) == source._next
    return {
        "before": before,
        "after": trainer.evaluate()["eval_reward"],
        "rewards": rewards,
        "idle_groups": float(np.mean([each["frac_reward_zero_std"] for each in log])),
        "came_back": float(np.mean(source.back)),
        "deepest": max(row.depth for row in source.rows),
        "asked": len(source.rows),
        "told": len(source.rows) - len(source.open),
        "places": int(source.archive.count),
        "train_seconds": seconds,
        "seconds": time.monotonic() - begun,
    }


def resumed(name: str, run: Path, weights: Path, folder: Path, tiny: bool) -> dict:
    """A trainer that ends at a checkpoint, and another that goes on from there."""
    saving = {"save_strategy": "steps", "save_steps": 2}
    source = source_of(name, run, "curriculum", 0, tiny)
    grpo_trainer(source, str(weights), arguments(folder / "saved", source, 2, 0, **saving)).train()
    checkpoint = folder / "saved" / "checkpoint-2"
    ahead = source.pending()
    again = Watched.load(checkpoint / SAVED)
    assert again.pending() == ahead and len(ahead) == source.config.prompts
    refused = grpo_trainer(again, str(weights), arguments(folder / "no", again, 4, 0))
    try:
        refused.train(resume_from_checkpoint=str(checkpoint))
        raise AssertionError("rows were skipped")
    except ConfigError as error:
        line = str(error)
    args = arguments(folder / "on", again, 4, 0, ignore_data_skip=True)
    trainer = grpo_trainer(again, str(weights), args)
    told, tell = [], again.tell
    again.tell = lambda ids, *more: (told.append(sorted(ids)), tell(ids, *more))[1]
    trainer.train(resume_from_checkpoint=str(checkpoint))
    assert trainer.state.global_step == 4
    assert told[0] == [row.id for row in ahead], "the prompts that were under way"
    return {"prompts_under_way": len(ahead), "came_first": True, "refused": line}


def refused(name: str, run: Path, weights: Path, folder: Path, tiny: bool) -> dict:
    """What TRL would take and the trainer is not built with."""
    lines, source = {}, source_of(name, run, "curriculum", 0, tiny)
    for change in (
        {"top_p": 0.9},
        {"top_k": 5},
        {"generation_kwargs": {"temperature": 0.7}},
        {"loss_type": "bnpo", "gradient_accumulation_steps": 2},
        {"num_generations": 2 * source.config.group},
    ):
        args = arguments(folder / "refused", source, 2, 0)
        for key, value in change.items():
            setattr(args, key, value)
        try:
            grpo_trainer(source, str(weights), args)
            raise AssertionError(f"{change} was taken")
        except ConfigError as error:
            lines[", ".join(map(str, change))] = str(error)
    return lines


def compared(arms: dict[str, list[dict]]) -> dict:
    """Both arms on the held-out problems, and the difference of pairs, over seeds."""
    column = lambda arm, key: np.array([[one[key]] for one in arms[arm]])  # noqa: E731
    told = {}
    for key in ("after", "idle_groups", "train_seconds"):
        told[key] = {arm: bootstrap(column(arm, key), mean)._asdict() for arm in arms}
        pair = paired_difference(column("curriculum", key), column("uniform", key), mean)
        told[key]["difference"] = pair._asdict()
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--tasks", nargs="+", default=["addition"], choices=TASKS)
    parser.add_argument("--starts", type=Path, help="where models that begin are kept")
    parser.add_argument("--results", type=Path, default=RESULT)
    asked = parser.parse_args()
    steps, seeds = (3, 1) if asked.tiny else (asked.steps, asked.seeds)
    torch.set_num_threads(1)
    packages = {each.__name__: each.__version__ for each in (torch, transformers, trl, datasets)}
    result = {
        "command": command(),
        "versions": versions(**packages),
        "sources": source_hash(Path(__file__), PARTS),
        "steps": steps,
        "seeds": seeds,
        "tasks": {},
    }
    begun = time.monotonic()
    for name in asked.tasks:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            start = (asked.starts or folder) / name
            start.mkdir(parents=True, exist_ok=True)
            result["start_kept"] = (start / "weights").exists()  # its training is not counted then
            shape = name, *prepared(name, start, asked.tiny)
            source = source_of(name, shape[1], "uniform", 0, asked.tiny)
            found: dict = {"transformers": same(*shape[1:], source)}
            assert found["transformers"]["tokens_equal"]
            assert found["transformers"]["logits_differ_by"] < 1e-3
            found["refused"] = refused(*shape, folder, asked.tiny)
            found["resumed"] = resumed(*shape, folder, asked.tiny)
            arms: dict[str, list[dict]] = {"curriculum": [], "uniform": []}
            for seed in range(seeds):
                for arm, runs in arms.items():
                    with contextlib.redirect_stdout(io.StringIO()):  # a line of TRL's a step
                        one = learned(*shape, folder, arm, seed, asked.tiny, steps)
                    runs.append(one)
                    print(name, arm, seed, one, flush=True)
        result["tasks"][name] = found | {"compared": compared(arms), "arms": arms}
        result["seconds"] = time.monotonic() - begun
        result["processor_seconds"] = time.process_time()
        print(name, found, result["tasks"][name]["compared"], sep="\n")
        keep(asked.results, result)
    shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"])


if __name__ == "__main__":
    main()
