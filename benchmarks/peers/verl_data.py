"""Rows of `cairn lm data --form verl`, read and judged by verl itself.

    python benchmarks/peers/verl_data.py [--results FILE]

Runs in an environment of its own that has both: `pip install torch==2.13.0 transformers==5.24.0
datasets==5.2.0 verl==0.9.1 -e .` (of torch the build for the CPU). verl's trainers want a GPU and
an engine for inference; its data set and its reward function do not, and only these are run here:
`RLHFDataset` loads the Parquet, drops prompts that are too long for its tokeniser, and its batches
are collated; verl's own loader finds the reward function by its path and calls it as a reward
manager does. Asserted: no row is lost or changed, the task's own answer is paid, and what is no
answer 0. The tokeniser is of byte pairs, with a template of turns behind each other.
"""

# pyright: reportMissingImports=false

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1] / "verify"))

import datasets
import jax
import transformers
import verl
from omegaconf import OmegaConf
from provenance import command, keep, source_hash, versions
from verl.trainer.ppo.reward import get_custom_reward_fn
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

from cairn.cli.main import run as cairn_command
from cairn.improve.hand_off import verl as judge
from cairn.nn.language import bpe, weights
from cairn.nn.language.transformer import Shape, Transformer

RESULT = Path(__file__).parents[1] / "results" / "verl_data.json"
PARTS = ("improve/hand_off", "report")
TASKS = ("addition", "countdown", "repair")
CHAT = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
ROWS = 16


def tokenizer(folder: Path) -> Any:
    """One that reads any text; verl only counts its tokens here."""
    words = bpe.train(["Answer. 0 1 2 3 4 5 6 7 8 9"], 300)
    size = {"width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 4, "inner": 8}
    model = Transformer.init(jax.random.key(0), Shape(vocabulary=words.size, **size))
    weights.save(model, folder, tokenizer=words)
    read = transformers.AutoTokenizer.from_pretrained(folder)
    read.chat_template = CHAT
    return read


def judged(name: str, words: Any, folder: Path) -> dict[str, Any]:
    """What verl reads of a task's rows, and what it pays for answers to them."""
    file = folder / f"{name}.parquet"
    asked = ["lm", "data", name, str(file), "--form", "verl", "--count", str(ROWS)]
    assert cairn_command([*asked, "--instruction", "Answer."]) == 0
    settings = {"cache_dir": str(folder / "cache"), "filter_overlong_prompts_workers": 1}
    rows = RLHFDataset(str(file), words, OmegaConf.create(settings))
    written = datasets.load_dataset("parquet", data_files=str(file), split="train")
    assert len(rows) == len(written) == ROWS
    batch = collate_fn([rows[place] for place in range(ROWS)])
    assert [list(one) for one in batch["raw_prompt"]] == written["prompt"]
    where = {"path": judge.__file__, "name": "compute_score"}
    paid = get_custom_reward_fn(OmegaConf.create({"reward": {"custom_reward_function": where}}))
    assert paid is not None

    def reward(place: int, said: str) -> float:
        # As verl's naive reward manager calls it, with what it adds.
        row = rows[place]
        more = {**row["extra_info"], "num_turns": None, "rollout_reward_scores": {}}
        truth = row["reward_model"]["ground_truth"]
        answer = truth if said == "truth" else said
        return paid(
            data_source=row["data_source"], solution_str=answer, ground_truth=truth, extra_info=more
        )

    right = [reward(place, "truth") for place in range(ROWS)]
    wrong = [reward(place, "?") for place in range(ROWS)]
    # A demonstration of repair mends what two changes can, which need not be all.
    assert wrong == [0.0] * ROWS and min(right) > 0 and (name == "repair" or min(right) == 1.0)
    return {"rows": ROWS, "columns": written.column_names, "right": right, "wrong": wrong}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULT)
    asked = parser.parse_args()
    packages = {each.__name__: each.__version__ for each in (transformers, verl, datasets)}
    result: dict[str, Any] = {
        "command": command(),
        "versions": versions(**packages),
        "sources": source_hash(Path(__file__), PARTS),
    }
    with tempfile.TemporaryDirectory() as place:
        words = tokenizer(Path(place) / "words")
        result["tasks"] = {name: judged(name, words, Path(place)) for name in TASKS}
    keep(asked.results, result)
    print(result)


if __name__ == "__main__":
    main()
