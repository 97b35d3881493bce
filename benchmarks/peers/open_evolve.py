"""Runs openevolve's controller on an instant model and an instant evaluator.

    python -m pip install openevolve==0.4.1

Reads one request per line on stdin and answers with one line each, as JSON, so that
`search_speed.py` can alternate it with cairn in one run; nothing of cairn is imported. Requests:
{"task": "versions"}, and {"task": "evolve", "evaluations": n, "workers": w, "seed": s}.
"""

# pyright: reportMissingImports=false

import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from openevolve.config import Config, LLMConfig, LLMModelConfig
from openevolve.controller import OpenEvolve
from openevolve.llm.base import LLMInterface

EVALUATOR = """\
def evaluate(path):
    with open(path) as file:
        return {"combined_score": float(file.readline().split("=")[1])}
"""


class Instant(LLMInterface):
    """Answers at once with a program that states its quality."""

    def __init__(self, config):
        self.draws = random.Random(os.getpid())

    async def generate(self, prompt, **kwargs):
        """An answer."""
        return await self.generate_with_context("", [], **kwargs)

    async def generate_with_context(self, system_message, messages, **kwargs):
        """An answer."""
        lines = "\n".join(f"x{i} = {i}" for i in range(self.draws.randrange(5, 60)))
        return f"Try this.\n```python\nquality = {self.draws.random():.6f}\n{lines}\n```"


def clocks() -> list[float]:
    """Seconds on the wall, and of processors, those of processes that ended among them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return [time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)]


def evolve(evaluations: int, workers: int, seed: int) -> dict:
    """Seconds, wall and processor, of a whole run, and how many programs it evaluated."""
    model = LLMModelConfig(name="instant", init_client=Instant, weight=1.0)
    config = Config(max_iterations=evaluations, log_level="ERROR", random_seed=seed,
                    diff_based_evolution=False, checkpoint_interval=10 * evaluations)  # fmt: skip
    config.llm = LLMConfig(models=[model], evaluator_models=[model])
    config.evaluator.cascade_evaluation = False
    config.evaluator.parallel_evaluations = workers
    with tempfile.TemporaryDirectory() as folder:
        initial, judge = Path(folder) / "initial.py", Path(folder) / "judge.py"
        initial.write_text("quality = 0.1\n")
        judge.write_text(EVALUATOR)
        controller = OpenEvolve(str(initial), str(judge), config, output_dir=f"{folder}/out")
        began = clocks()
        asyncio.run(controller.run(iterations=evaluations))
        took = [now - then for now, then in zip(clocks(), began, strict=True)]
    return {"took": took, "kept": len(controller.database.programs),
            "last": controller.database.last_iteration}  # fmt: skip


def main() -> None:
    """Answer requests until stdin closes."""
    out, sys.stdout = sys.stdout, sys.stderr  # what the peer prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        if request["task"] == "versions":
            answer = {"openevolve": metadata.version("openevolve"), "cores": os.cpu_count()}
        else:
            answer = evolve(request["evaluations"], request["workers"], request["seed"])
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
