"""How good were the scores of a run? At its newest checkpoint, and at those before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.engine.program import Program, Sample, Valuation
from cairn.envs.oracle import knows
from cairn.evaluation.score_audit import Looked, look
from cairn.evaluation.score_figures import KEPT, facts, figures
from cairn.runs.open import Run, one_seed, open_run
from cairn.runs.past import count, moments

RESULT = "audit.json"
"""Where a run's newest audit lies, for `cairn view` and `cairn show`."""

Advance = Callable[[str, int, int], None]
"""(what is looked at, how many such are behind, how many in all)."""


def audit(
    run: Run | Path | str,
    *,
    levels: int = 128,
    episodes: int = 32,
    checkpoints: int = 8,
    seed: int = 0,
    advance: Advance = lambda what, behind, total: None,
) -> dict[str, Any]:
    """Compare every score with the truth on `levels` levels of each source the run has.

    Sources: its `archive`, where it keeps one; what its teacher would have `designed`; `fresh`
    levels of its generator. Truths: `regret`, where the environment knows the best return of a
    level, and `learnability`, both from `episodes` first attempts at each level. Of the run's
    checkpoints at most so many are looked at, evenly spread, the newest among them. Returns plain
    values for JSON. Reading changes nothing.

    Raises ConfigError where there are no levels to score, or for numbers that cannot be.
    """
    run = run if isinstance(run, Run) else open_run(run)
    program = run.program
    how = valuation_of(run, program)
    for name, value, least in (("levels", levels, 8), ("episodes", episodes, 2)):
        if value < least:
            raise ConfigError(f"{name} must be at least {least}, got {value}.")
    if checkpoints < 1:
        raise ConfigError(f"checkpoints must be at least 1, got {checkpoints}.")
    root = stream(jax.random.key(seed), "score audit")
    samplers = {source: _sampler(how, source, levels) for source in how.sources}
    looker = _looker(program, how, episodes)
    total = count(run, checkpoints) * len(samplers) * len(run.seeds)
    behind, steps, rows = 0, 0, []
    for moment in moments(run, checkpoints):
        sources: dict[str, Any] = {}
        for source, sampler in samplers.items():
            seeds = []
            for place in range(len(run.seeds)):
                advance(source, behind, total)
                own, key = one_seed(moment.state, place), stream(root, source)
                sample = sampler(own, key)
                seen = looker(own, sample.levels, key)
                steps += int(seen.steps) + int(sample.steps or 0)
                seeds.append(facts(sample, seen, episodes))
                behind += 1
            sources[source] = figures(seeds)
        rows.append({"cycle": moment.cycle.tolist(), "steps": moment.steps, "sources": sources})
    return {
        "run": str(run.directory.path),
        "environment": run.experiment.task,
        "method": run.experiment.method,
        "seeds": run.seeds,
        "levels": levels,
        "episodes": episodes,
        "rollout_steps": how.steps,
        "audit_seed": seed,
        "oracle": knows(how.env),
        "kept_by": how.kept_by,
        "environment_steps": steps,
        "checkpoints": rows,
    }


def valuation_of(run: Run, program: Program) -> Valuation:
    """How the run's method values levels. Raises ConfigError if it has none."""
    if program.valuation is None:
        raise ConfigError(
            f"{run.directory.path} has no levels to score: {run.experiment.method} plays none. "
            f"Expected a run of environment design, such as cairn train maze --method plr makes."
        )
    return program.valuation


def newest(report: dict[str, Any]) -> dict[str, Any]:
    """The figures of the newest checkpoint by source; sources without any level are left out."""
    sources = report["checkpoints"][-1]["sources"]
    return {name: one for name, one in sources.items() if any(one["levels"])}


def score_name(name: str, report: dict[str, Any]) -> str:
    """A score in a table: of what the archive holds, which score that is."""
    return f"{report['kept_by']}, {KEPT}" if name == KEPT else name


def _sampler(how: Valuation, source: str, levels: int) -> Callable[[Any, Any], Sample]:
    """Levels of one seed's state."""
    sample = how.sources[source]
    return eqx.filter_jit(lambda state, key: sample(state, stream(key, "levels"), levels))


def _looker(program: Program, how: Valuation, episodes: int) -> Callable[[Any, Any, Any], Looked]:
    """The look at one seed's state: one program for all sources."""

    @eqx.filter_jit
    def looker(state: Any, levels: Any, key: Any) -> Looked:
        return look(how, program.actors(state), levels, stream(key, "play"), episodes=episodes)

    return looker
