"""Between the halves: what the solver learns from is written down, and it is trained, once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.errors import RunError, reason
from cairn.core.journal import canonical, digest_of
from cairn.lm.cast import Player
from cairn.refine.source2synth.config import Curation, Trainer
from cairn.refine.source2synth.curate import solving, wanted
from cairn.runs.speaking import local_model

Train = Callable[[Path, Path], Player]
"""Fine-tunes: given the file of conversations and the place for the model, gives who answers."""
JSONL, TEXTS, MODEL, LOG, DONE = "learn.jsonl", "texts", "model", "trainer.log", "trained.json"


def write_half(folder: Path, half: Iterable[Mapping[str, Any]], config: Curation) -> str:
    """Write the half that is learned from as conversations and as texts; its digest."""
    texts = folder / TEXTS
    with files.writing(folder):
        shutil.rmtree(texts, ignore_errors=True)
        texts.mkdir(parents=True, mode=0o700)
    lines = []
    for made in half:
        told, said = solving(made, config), wanted(made, config)
        turns = [{"role": "user", "content": told}, {"role": "assistant", "content": said}]
        lines.append(json.dumps({"id": made["id"], "messages": turns}, ensure_ascii=False))
        files.write_private(texts / f"{made['id']}.txt", f"{told} {said}")
    body = "".join(f"{line}\n" for line in lines)
    files.write_private(folder / JSONL, body)
    return digest_of(body).hex()[:16]


def trained(folder: Path, digest: str, trainer: Trainer) -> None:
    """Run the command, unless it has been run on this half already.

    A model that is there without the word that it is finished was left by a kill: it is removed.
    Raises RunError for a command that cannot be run or fails.
    """
    done, model = folder / DONE, folder / MODEL
    told = canonical({"half": digest, "command": list(trainer.command)})
    if done.is_file():
        if done.read_text(encoding="utf-8") == told:
            return
        raise RunError(
            f"{model} was trained on another half or by another command: begin another run."
        )
    shutil.rmtree(model, ignore_errors=True)
    place = {"jsonl": folder / JSONL, "texts": folder / TEXTS, "model": model, "folder": folder}
    words = [_filled(word, place) for word in trainer.command]
    log = folder / LOG
    try:
        with files.writing(log), log.open("w", encoding="utf-8") as out:
            log.chmod(0o600)
            ended = subprocess.run(words, stdout=out, stderr=out, check=False, env=_environment())
            status = ended.returncode
    except (OSError, RunError) as error:
        raise RunError(f"trainer.command cannot be run: {words[0]}: {reason(error)}.") from None
    if status:
        raise RunError(f"trainer.command ended with status {status}; what it said is in {log}.")
    files.write_private(done, told)


def _environment() -> dict[str, str]:
    """This process's, with the programs that lie beside its Python first: cairn among them."""
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{path}"}


def _filled(word: str, place: Mapping[str, Path]) -> str:
    for name, path in place.items():
        word = word.replace("{" + name + "}", str(path.resolve()))
    return word


def left_by(folder: Path, trainer: Trainer) -> Player:
    """Who answers after the command: the model that it left, if cairn can load it.

    Raises RunError if it left none.
    """
    model = folder / MODEL
    if not model.is_dir():
        raise RunError(
            f"trainer.command left no folder {model}: let it write to {{model}} a run of cairn lm "
            f"train or a folder of Hugging Face's form, or say by [models.solver] which server "
            f"answers by now."
        )
    return local_model(model)
