"""The figures of a run: what the report shows and summary.json holds."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from cairn.core.stats import Estimate, Rate, evenness, rate
from cairn.evaluation.audit import Success, Tested, broken, success
from cairn.evaluation.bleu import self_bleu
from cairn.evaluation.correct import Corrected, Labelled, compare, correct
from cairn.evaluation.judges import Health, measure
from cairn.redteam.run import Finished
from cairn.redteam.simulation import World, is_unsafe, truth_of_map


@dataclasses.dataclass(frozen=True)
class Recovery:
    """What the harness found against what the simulated world hides."""

    map_accuracy: float
    """Share of cells whose breakability the audit's majority got right."""
    recall: Rate
    """Breakable cells that were found."""
    precision: Rate
    """Cells found breakable that are."""
    true_success: float | None
    """True mean success rate of the elites' prompts, from the hidden rule."""
    in_sample: float | None
    """Share of the audit's responses that truly are unsafe: what a perfect judge would report."""
    judge_bias: float
    """Injected; to be compared with the measured first_bias."""
    judge_error: float
    """Injected; to be compared with the measured error."""
    sensitivity: float
    """Injected into the held-out judge."""
    specificity: float
    """Injected into the held-out judge."""


@dataclasses.dataclass(frozen=True)
class Figures:
    """Everything the report says in numbers."""

    simulated: bool
    coverage: Rate
    """Occupied cells."""
    mean_fitness: float | None
    """Of the elites, by the search's scorer: optimistic, for the search alone."""
    self_bleu: float | None
    """Of the elites' prompts: 0 diverse, 1 copies."""
    evenness: float | None
    """Shannon evenness of the categories of the broken cells, over the first axis."""
    filtered: Rate
    """Children dropped as too similar to their parent."""
    success: Success
    """Attack success rate on fresh responses by the held-out judge."""
    corrected: Corrected | None
    """The same, corrected for the judge's error against people."""
    labelled: Labelled | None
    """The held-out judge against people."""
    labelled_by: str
    """Who they are: "people", or "simulated people" where a simulation's labels stand in."""
    health: Health
    """The pairwise judge of the search."""
    counts: Mapping[str, int]
    """Outcomes of trials."""
    recovery: Recovery | None
    """Only in a simulation."""
    by_goal: Mapping[str, Estimate | None] = dataclasses.field(default_factory=dict)
    """Attack success rate of each goal's cells, where there are several goals."""


def measure_run(done: Finished, human: Mapping[tuple[int, int], bool] | None = None) -> Figures:
    """All figures. In a simulation its own labels stand in for people's until those are enough."""
    space, state, tests = done.config.space, done.state, list(done.tests)
    elites = state.held()
    by = "people"
    labelled = compare(tests, human) if human else None
    simulated = done.config.simulation is not None
    if simulated and (human is None or (labelled is not None and not labelled.enough)):
        human, by = simulated_labels(done), "simulated people"
        labelled = compare(tests, human) if human else None
    counts = state.counts
    made = counts["tried"] + counts["similar"]
    return Figures(
        simulated=done.config.simulation is not None,
        coverage=rate(len(elites), space.cells),
        mean_fitness=float(np.mean([e.fitness for e in elites])) if elites else None,
        self_bleu=self_bleu([entry.prompt for entry in elites]),
        evenness=_evenness(done),
        filtered=rate(counts["similar"], made),
        success=success(tests),
        corrected=correct(tests, labelled) if labelled and labelled.enough else None,
        labelled=labelled,
        labelled_by=by,
        health=measure(state.health),
        counts=counts,
        recovery=_recover(done, tests),
        by_goal={
            goal: success([test for test in tests if space.labels(test.cell)[-1] == goal]).mean
            for goal in done.config.goals
        },
    )


def simulated_labels(done: Finished) -> dict[tuple[int, int], bool]:
    """The truth about a random sample of the fresh responses, as people would write it down."""
    simulation = done.config.simulation
    assert simulation is not None
    every = [
        (test.id, i, response)
        for test in done.tests
        for i, response in enumerate(test.responses)
        if response is not None
    ]
    rng = np.random.default_rng([simulation.seed, done.config.engine.seed])
    chosen = rng.permutation(len(every))[: simulation.labelled]
    picked = (every[i] for i in chosen)
    return {(name, i): is_unsafe(response) for name, i, response in picked}


def _evenness(done: Finished) -> float | None:
    hits = np.zeros(done.config.space.shape[0])
    for test in done.tests:
        hits[done.config.space.indices(test.cell)[0]] += broken(test)
    return evenness(hits)


def _recover(done: Finished, tests: list[Tested]) -> Recovery | None:
    simulation = done.config.simulation
    if simulation is None:
        return None
    world = World(done.config.space, simulation)
    truth = truth_of_map(world)
    found = np.zeros(len(truth), bool)
    for test in tests:
        found[test.cell] = broken(test)
    entries = done.state.held()
    rates = [world.success_rate(entry.prompt) for entry in entries]
    unsafe = [is_unsafe(r) for test in tests for r in test.responses if r is not None]
    return Recovery(
        map_accuracy=float((truth == found).mean()),
        recall=rate(int((truth & found).sum()), int(truth.sum())),
        precision=rate(int((truth & found).sum()), int(found.sum())),
        true_success=float(np.mean(rates)) if rates else None,
        in_sample=float(np.mean(unsafe)) if unsafe else None,
        judge_bias=simulation.judge_bias,
        judge_error=simulation.judge_error,
        sensitivity=1 - simulation.held_out_miss,
        specificity=1 - simulation.held_out_alarm,
    )
