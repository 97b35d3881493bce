"""An agent's prompt optimised on DiscoGen-like tasks, tested on a held-out domain. SIMULATED.

    uv run python benchmarks/verify/search_prompts.py [--tiny] [--page] [--kept DIR]
        [--results FILE]

Tasks are drawn by DiscoGen's sampler from the domains `optimiser` (six families) and `acquisition`
(eight functions): which data sets are for meta-training, which for meta-testing, and whether the
agent begins from a working base. A prompt is what the agent is told of how to work. Its score: the
agent works on TASKS tasks of one domain, EVALUATIONS programs each; the share of the way from the
starter to a reference, on average. Programs are run in this process instead of the jail, since the
grammar that writes them is ours: a test compares both. The Pareto policy improves the prompt
(one part a task); the selection split (other tasks of that domain) picks one of the best; it is
tested on tasks of the other domain, on the data sets of meta-testing.

Agent and writer are scripts. The agent's habits truly follow its prompt: each sentence of GENERAL
changes how it works, the one of SPECIFIC tells an answer of one domain, those of IDLE do nothing.
A prompt has at most LONGEST sentences. The writer adds, drops and swaps sentences blindly.
"""

import argparse
import asyncio
import importlib.util
import json
import random
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from provenance import ROOT, command, keep, source_hash, versions
from shipped_study import AIDE, Remembering, gain, into_page, mean_of, run_search, told

from cairn.core.draws import DrawKey
from cairn.lm.fences import mark
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel
from cairn.research import operators, parsing
from cairn.research.evaluation import Graded, Problem
from cairn.research.memory import recall
from cairn.research.metrics.discovery import Domain, Odds, sample
from cairn.research.node import Node, Tree, utility_of
from cairn.research.policies.greedy import Greedy
from cairn.research.selection import Selection, candidates
from cairn.research.shipped import acquisition, catalogue, optimiser
from cairn.research.shipped.researcher import ShippedResearcher, grammar_of, moves
from cairn.research.tasks.evaluator import described
from cairn.research.tasks.folder import read_folder

DOMAINS = {
    "optimiser": Domain(tuple(optimiser.FAMILIES), ("update",)),
    "acquisition": Domain(tuple(acquisition.FUNCTIONS), ("acq_fn",)),
}
WRITERS = {"optimiser": optimiser.writer, "acquisition": acquisition.writer}
TASKS, HELD_OUT, EVALUATIONS, PROMPTS, SEEDS = 2, 4, 5, 12, 5
READ = "Read your program once more before you hand it in."
CAUSE = "When a program failed, find the cause before you change anything."
ONE = "Change one thing at a time."
FRESH = "Do not try again what was tried."
GENERAL = (READ, CAUSE, ONE, FRESH)
SPECIFIC = {
    "optimiser": ("scaling", "coordinate", "Scale every coordinate by the size of its gradients."),
    "acquisition": ("kind", "improvement", "Look where the expected improvement is largest."),
}
IDLE = ("You are a world-class researcher.", "Think step by step.", "Be brief.")
ADVICE = (*GENERAL, *(said for *_, said in SPECIFIC.values()), *IDLE)
LONGEST = 4
BEGIN = f"{IDLE[0]}\n{IDLE[1]}"


def agent(request: Request, key: DrawKey) -> str:
    """Works as its prompt says: without advice it is careless, hasty and forgetful."""
    prompt = request.messages[-1].content
    domain = "acquisition" if "acquire(mean" in prompt else "optimiser"
    researcher = ShippedResearcher(
        domain, p_bug=0.1 if READ in prompt else 0.5, p_mend=0.9 if CAUSE in prompt else 0.3
    )
    programs = [found[1] + "\n" for found in parents(prompt)]
    draws, memory = key.random(), prompt if FRESH in prompt else ""
    failed, bold = "\n\nIt failed: " in prompt, 1 if ONE in prompt else 4
    plan, program = researcher.move(programs, failed, draws, memory, bold)
    name, value, said = SPECIFIC[domain]
    if said in prompt and (chosen := grammar_of(domain).read(program)) is not None:
        program = grammar_of(domain).text({**chosen, name: value})
    return f"{plan}\n\n```python\n{program}```\n"


def parents(prompt: str) -> list[tuple[str, str]]:
    """The artefacts of a prompt, as the researcher finds them."""
    from cairn.research.shipped import researcher

    return researcher._ARTEFACT.findall(prompt)


def writer(request: Request, key: DrawKey) -> str:
    """A prompt with a sentence more, less or other; of two prompts, sentences of both."""
    draws, found = key.random(), parents(request.messages[-1].content)
    said = list(dict.fromkeys(line for _, text in found for line in text.splitlines() if line))
    if len(found) > 1:
        said = draws.sample(said, min(len(said), LONGEST))
    else:
        other = [sentence for sentence in ADVICE if sentence not in said]
        roll = draws.random()
        if said and (roll < 0.5 or len(said) >= LONGEST):
            said.remove(draws.choice(said))
        if not said or roll > 0.25:
            said.append(draws.choice(other))
    return "Another way to work.\n```\n" + "\n".join(said) + "\n```"


@dataclass(frozen=True)
class Sampled:
    """A task that was drawn."""

    task: Any
    grader: Remembering
    based: bool
    """Whether the agent begins from the starter."""
    low: dict[str, float]
    """The starter's scores, by split ..."""
    high: dict[str, float]
    """... and those of the best of twelve programs of a climb: the reference."""

    def share(self, score: float | None, split: str) -> float:
        """Of the way from the starter to the reference; no program, or a worse one, is the starter
        handed in."""
        if score is None:
            return 0.0
        low, high = self.low[split], self.high[split]
        return min(max((score - low) / (high - low), 0.0), 1.0)


class Here:
    """The grader of a task of the two domains, of programs that are run in this process."""

    def __init__(self, task: Any, folder: Path):
        self.task, self.folder = task, folder
        self.files = catalogue.FILES / task.name

    async def __call__(self, text: str, split: str) -> Graded:
        space: dict[str, Any] = {"print": lambda *words: None}
        try:
            exec(compile(text, "program.py", "exec"), space)
            answers = json.loads((self.folder / "answers" / split / "problems.json").read_text())
            said = SimpleNamespace(json=lambda name: answers)
            play = self._looks if self.task.name == "acquisition" else self._steps
            found = play(space, said, split)
        except Exception as error:
            return Graded(None, "failed", f"{type(error).__name__}: {error}")
        score = found["score"] if isinstance(found, dict) else found
        return Graded(score, "ok", "")

    def _looks(self, space: dict[str, Any], answers: Any, split: str) -> Any:
        grade, rounds = loaded(self.files / "grade.py").grade, []
        while "ask" in (found := grade(SimpleNamespace(rounds=rounds), answers)):
            asked = json.loads(found["ask"]["questions.json"])
            scores = [
                [float(s) for s in space["acquire"](q["mean"], q["std"], q["best"], q["left"])]
                for q in asked
            ]
            assert np.isfinite(scores).all()
            rounds.append(SimpleNamespace(numbers=lambda *shape, scores=scores: scores))
        return found

    def _steps(self, space: dict[str, Any], answers: Any, split: str) -> Any:
        problems = loaded(self.files / "problems.py")
        given = json.loads((self.folder / "data" / split / "problems.json").read_text())
        ends = []
        with np.errstate(all="ignore"):
            for problem in given:
                w = np.array(problem["start"], float)
                state = space["init"](len(w))
                for step in range(80):
                    gradient = problems.value(problem, w)[1]
                    change, state = space["update"](gradient.copy(), state, step, 80)
                    w = w + np.asarray(change, float)
                ends.append(w.tolist())
            assert all(np.isfinite(end).all() for end in ends)
            sys.modules["problems"] = problems  # the grader imports it
            results = SimpleNamespace(numbers=lambda *shape: ends)
            return loaded(self.files / "grade.py").grade(results, answers)


@cache
def loaded(path: Path) -> Any:
    """A file of a task as a module."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(domain: str, count: int, seed: int, kept: Path) -> list[Sampled]:
    """So many tasks of a domain."""
    draw, found, number = random.Random(f"{domain} {seed}"), [], 0
    while len(found) < count:
        one = sample({domain: DOMAINS[domain]}, draw, Odds(edit=1.0))
        folder = kept / "tasks" / f"{domain}-{seed}-{number}"
        if not folder.exists():
            partial = folder.with_name(folder.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(catalogue.FILES / domain, partial)
            settings = partial / "task.toml"
            settings.write_text(f'name = "{domain}"\n{settings.read_text()}')
            rng = np.random.default_rng([seed, number])
            WRITERS[domain](one.train, one.test)(partial, rng)
            partial.rename(folder)
        number += 1
        task = read_folder(folder)
        grader = Remembering(task, kept / f"{folder.name}.jsonl")
        grader.inner = Here(task, folder)  # type: ignore
        best = climbed(task, grader)
        low, high = ({split: grader.score(text, split) for split in ("search", "test")}
                     for text in (task.starter, best))  # fmt: skip
        sign = 1 if task.larger_is_better else -1
        if all(sign * (high[split] - low[split]) > 0.05 for split in low):
            found.append(Sampled(task, grader, one.based, low, high))
    return found


def climbed(task: Any, grader: Remembering) -> str:
    """The best of twelve programs without bugs, on the search split."""
    known, draws, best, value = moves(task.name), random.Random(0), task.starter, None
    known = type(known)(known.grammar, p_bug=0.0)
    sign = 1 if task.larger_is_better else -1
    for step in range(12):
        text = known.draft(draws) if step < 4 else known.improve(best, draws)
        score = asyncio.run(grader(text, "search")).score
        if score is not None and (value is None or sign * score > value):
            best, value = text, sign * score
    return best


async def worked(one: Sampled, prompt: str, ask: Any, key: DrawKey) -> str | None:
    """The best program that the agent finds on a task: a greedy search; None if none has a
    score."""
    tree, policy, task = Tree(), Greedy(drafts=2), one.task
    for step in range(EVALUATIONS):
        proposal = policy.propose(None, tree, (), key.child("policy", step).random())
        if step == 0 and one.based:
            plan, text = "The base.", task.starter
        else:
            shown = tuple(
                operators.Shown(n.text, n.plan, n.score, n.outcome, n.feedback)
                for n in (tree[parent] for parent in proposal.parents)
            )
            told_of = recall("simple", tree, proposal)
            texts = [said for n in shown for said in (n.text, n.feedback)]
            context = operators.Context(
                f"{described(task)}\n\nHow to work:\n{prompt}", "python", task.larger_is_better,
                shown, told_of, "", (), mark(key.child("mark", step), told_of, *texts),
            )  # fmt: skip
            request = operators.operators_of()[proposal.operator](context)
            plan, text = _read(await ask(request, step))
        graded = await one.grader(text, "search") if text else Graded(None, "syntax", "")
        tree = tree.grown(Node(
            step, proposal.parents, proposal.operator, text, plan,
            utility_of(graded.score, larger_is_better=task.larger_is_better), graded.score,
            outcome=graded.outcome, feedback=graded.feedback,
        ))  # fmt: skip
    best = tree.best()
    return best.text if best else None


def _read(answer: str) -> tuple[str, str]:
    try:
        found = parsing.read(answer)
    except parsing.NoArtefactError as error:
        return error.plan, ""
    return found.plan, found.text


@dataclass(frozen=True)
class Agents:
    """The evaluator of prompts: the agent at work on the tasks of a split."""

    tasks: dict[str, list[Sampled]]
    seed: int
    larger_is_better: bool = True

    async def __call__(self, text: str, split: str, clients: Any = None) -> Graded:
        said = [line for line in text.splitlines() if line.strip()]
        if len(said) > LONGEST:
            return Graded(None, "too-long", f"{len(said)} sentences; at most {LONGEST}")
        parts = []
        for number, one in enumerate(self.tasks[split]):
            key = DrawKey.root(self.seed).child("alone", split, number)
            if clients is not None:
                key = clients.key.child("agent", number)

            async def ask(request: str, step: int, number: int = number, key: DrawKey = key) -> str:
                if clients is None:
                    return agent(Request.of(request), key.child("answer", step))
                asked = clients["agent"].request(request)
                return (await clients["agent"].complete(asked, purpose=f"{number}-{step}")).text

            found = await worked(one, "\n".join(said), ask, key)
            # The search sees the meta-training data; other tasks are scored on meta-testing.
            where = "search" if split == "search" else "test"
            graded = None if found is None else (await one.grader(found, where)).score
            parts.append(one.share(graded, where))
        mean = sum(parts) / len(parts)
        told_of = ", ".join(f"task {i}: {part:.2f}" for i, part in enumerate(parts))
        return Graded(mean, "ok", told_of, parts=parts)


def optimised(train: str, seed: int, kept: Path, prompts: int, held_out: int) -> dict[str, Any]:
    """A prompt optimised on one domain, and what it is worth on the other."""
    (test,) = DOMAINS.keys() - {train}
    # The same tasks for every seed, which is the writer's and the agent's luck.
    tasks = {
        "search": drawn(train, TASKS, 10, kept),
        "selection": drawn(train, TASKS, 20, kept),
        "test": drawn(test, held_out, 30, kept),
    }
    grader = Agents(tasks, seed)
    problem = Problem(
        f"prompt-{train}", "Advice for a research agent, a sentence a line.", grader,
        language="text", initial=BEGIN, splits=tuple(tasks), fingerprint=f"{train}-{seed}",
    )  # fmt: skip
    tree = run_search(
        problem, ScriptedModel(writer, "simulated-writer", seed), "pareto", {}, AIDE,
        trials=prompts, seed=seed, agent=ScriptedModel(agent, "simulated-agent", seed),
    )  # fmt: skip
    rule, measured, pool = Selection("hidden", top=5), {}, candidates(tree)
    for want in rule.wanted(pool, measured, "selection"):
        measured[want] = asyncio.run(grader(tree[want.id].text, "selection")).score
    chosen = rule.choose(pool, measured)
    assert chosen is not None
    row: dict[str, Any] = {}
    for name, text in (("begin", BEGIN), ("chosen", tree[chosen].text)):
        scores = {s: asyncio.run(grader(text, s)).score for s in ("search", "selection", "test")}
        row[name] = {"text": text.splitlines(), **scores}
    return row


def measured(out: Path, kept: Path, *, tiny: bool) -> Any:
    """Fill what is missing."""
    seeds, prompts, held_out = (1, 3, 1) if tiny else (SEEDS, PROMPTS, HELD_OUT)
    record = json.loads(out.read_text()) if out.exists() else {"rows": {}}
    record |= {
        "simulated": True, "seeds": seeds, "prompts": prompts, "command": command(),
        "versions": versions(), "sources": source_hash(Path(__file__), ("research",)),
    }  # fmt: skip
    for train in ("optimiser",) if tiny else DOMAINS:
        for seed in range(seeds):
            if f"{train} | {seed}" not in record["rows"]:
                row = optimised(train, seed, kept, prompts, held_out)
                record["rows"][f"{train} | {seed}"] = row
                keep(out, record)
    return record


def table(record: Any) -> str:
    """What prompts are worth before and after, and which sentences they came to hold."""
    heads = ("optimised on", "tested on", "begin", "optimised", "better by", "sentences of the "
             "optimised: general", "of its own domain", "idle")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for train in DOMAINS:
        names = [f"{train} | {seed}" for seed in range(record["seeds"])]
        if not all(name in record["rows"] for name in names):
            continue
        rows = [record["rows"][name] for name in names]
        (other,) = DOMAINS.keys() - {train}
        for split, name in (("selection", f"other tasks of {train}"), ("test", other)):
            begin, chosen = ([row[which][split] for row in rows] for which in ("begin", "chosen"))
            kinds = (GENERAL, (SPECIFIC[train][2],), IDLE)
            counts = [
                sum(said in kind for row in rows for said in row["chosen"]["text"]) / len(rows)
                for kind in kinds
            ]
            cells = [f"{mean_of(begin)[0]:.2f}", f"{mean_of(chosen)[0]:.2f}"]
            cells += [told(gain(chosen, begin, larger=True)), *(f"{n:.1f}" for n in counts)]
            lines.append(f"| {train} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what is missing, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="to see that it runs")
    parser.add_argument("--page", action="store_true", help="of what is on file, measure nothing")
    parser.add_argument("--kept", type=Path, default=ROOT / "runs" / "search_prompts",
                        help="where data and outcomes of programs lie")  # fmt: skip
    default = ROOT / "benchmarks" / "results" / "search_prompts.json"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    (given.kept / "tasks").mkdir(parents=True, exist_ok=True)
    found = json.loads(given.results.read_text()) if given.page else measured(
        given.results, given.kept, tiny=given.tiny
    )  # fmt: skip
    if given.page:
        print(table(found))
        into_page("prompts", table(found))


if __name__ == "__main__":
    main()
