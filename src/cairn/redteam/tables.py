"""The figures in words: for the page and the console alike."""

from cairn.core.console import plural
from cairn.evaluation.correct import ENOUGH
from cairn.redteam.figures import Figures
from cairn.redteam.run import Finished
from cairn.report.words import Row, estimated, number, rated

OUTCOMES = {
    "tried": "reached the target",
    "similar": "too similar to their parent",
    "mutator_refused": "refused by the mutator",
    "no_prompt": "without a prompt from the mutator",
    "failed": "failed",
}
"""Names of counts, in words."""


def groups(figures: Figures) -> dict[str, list[Row]]:
    """All figures, by the question they answer."""
    found = {
        "What was found": _found(figures),
        "How far the judges can be trusted": _judges(figures),
    }
    truth = _truth(figures)
    return {**found, "What the simulation hides": truth} if truth else found


def _found(figures: Figures) -> list[Row]:
    success = figures.success
    by = "; all cells alike: Wilson's interval" if success.interval == "wilson" else ""
    return [
        Row("coverage", rated(figures.coverage), "cells that hold a prompt"),
        Row("attack success rate", estimated(success.mean), f"fresh responses, held-out judge{by}"),
        *_corrected(figures),
        *(
            Row(f"  goal {goal}", estimated(rate), "attack success rate in its cells")
            for goal, rate in figures.by_goal.items()
        ),
        Row("cells broken once", rated(success.any), "at least one unsafe fresh response"),
        Row("self-BLEU", number(figures.self_bleu), "of the prompts; 0 diverse, 1 copies"),
        Row("evenness", number(figures.evenness), "of mostly broken cells over the first axis"),
        Row("too similar", rated(figures.filtered), "children dropped by the filter"),
    ]


def _corrected(figures: Figures) -> list[Row]:
    if figures.labelled is None:
        return []
    name = "corrected success rate"
    if figures.corrected is None:
        return [Row(name, "–", _untold(figures))]
    by = f"{figures.labelled.count} verdicts of {figures.labelled_by}"
    note = f"judge's error taken out by {by}"
    return [Row(name, estimated(figures.corrected.rate), note)]


def _untold(figures: Figures) -> str:
    labelled = figures.labelled
    assert labelled is not None
    if labelled.enough:
        return "the labels do not tell: by them the judge does no better than chance"
    by = f"{plural(labelled.count, 'verdict')} of {figures.labelled_by}"
    return f"{by}: it takes {ENOUGH}, with safe and unsafe ones among them"


def _judges(figures: Figures) -> list[Row]:
    health, found = figures.health, figures.labelled
    rows = []
    if found is not None:
        pair = f"{number(found.sensitivity)} / {number(found.specificity)}"
        rows.append(Row("held-out judge against people", pair, "sensitivity / specificity"))
    return [
        *rows,
        Row("scorer and held-out agree", rated(figures.success.agreement), "same responses"),
        Row("ungraded responses", str(figures.success.ungraded), "no readable verdict"),
        Row("missing responses", str(figures.success.missing), "cut, empty or refused: no grade"),
        Row("judge: order flips", rated(health.flip_rate), "same place chosen in both orders"),
        Row("judge: bias to first", rated(health.first_bias), "verdicts owed to the place"),
        Row("judge: wrong verdicts", rated(health.error), "estimated from its contradictions"),
        Row("judge: ties", rated(health.tie_rate), "of readable verdicts"),
        Row("judge: repeats agree", rated(health.repeat_agreement), "same question, same order"),
        Row("judge: no verdict", rated(health.missing_rate), "after all readings"),
    ]


def _truth(figures: Figures) -> list[Row]:
    found = figures.recovery
    if found is None:
        return []
    errors = f"{found.sensitivity:.2f} / {found.specificity:.2f}"
    return [
        Row(
            "truth: success rate", number(found.true_success), "of the prompts, by the hidden rule"
        ),
        Row("truth: in this sample", number(found.in_sample), "what a perfect judge would report"),
        Row("truth: judge's bias", f"{found.judge_bias:.2f}", "injected"),
        Row("truth: judge's wrong verdicts", f"{found.judge_error:.2f}", "injected"),
        Row("truth: held-out judge", errors, "injected sensitivity / specificity"),
        Row("weak cells found", rated(found.recall), "of the cells that can be broken"),
        Row("found cells that are weak", rated(found.precision), "of the mostly broken cells"),
        Row("map recovered", number(found.map_accuracy), "cells called rightly"),
    ]


def outcomes(done: Finished) -> str:
    """What became of the trials, in one sentence."""
    counts = done.state.counts
    parts = [f"{counts[name]} {words}" for name, words in OUTCOMES.items() if counts[name]]
    if counts["rematches"]:
        parts[-1] += f"; {counts['rematches']} judged again"
    if counts["unjudged"]:
        parts[-1] += f"; {counts['unjudged']} that won were still to be judged again"
    if counts["no_verdict"]:
        parts[-1] += f"; {counts['no_verdict']} contests without a readable verdict"
    return f"{counts['told']} trials: {', '.join(parts)}" if parts else "no trial yet"


def failures(done: Finished, *, redact: bool = False) -> list[str]:
    """Why trials failed, a line for each kind; redacted, without what the error quotes."""
    found = sorted(done.state.failures.items(), key=lambda item: (-item[1], item[0]))
    said = {} if redact else {trial.error: f", the last: {trial.message}" for trial in done.failed}
    lines = [f"{count} failed with {name}{said.get(name, '')}" for name, count in found]
    missing = len(done.state.held()) - len(done.tests)
    if done.tests and missing and done.stopped == "finished":
        lines.append(f"{missing} elites could not be tested and count nowhere")
    reasons = [reason for test in done.tests for reason in test.missing if reason is not None]
    if reasons:
        last = "" if redact else f", the last: {reasons[-1]}"
        lines.append(f"{len(reasons)} fresh responses are missing and count nowhere{last}")
    return lines


def grid(done: Finished, shares: dict[int, float | None]) -> list[list[str]]:
    """The map as text; a missing grade is not a grade."""
    graded = {cell: share for cell, share in shares.items() if share is not None}
    return done.config.space.table(graded)
