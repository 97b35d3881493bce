"""Scores against the truth: figures by hand, and one small run audited by the command."""

import io
import json
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import house
import written_runs
from cairn.cli import audit as command
from cairn.cli.main import run as cairn_command
from cairn.core.agreement import agreement
from cairn.core.errors import ConfigError
from cairn.core.rundir import config_hash
from cairn.engine import loop
from cairn.engine.program import Sample
from cairn.evaluation.score_audit import Looked, audited
from cairn.evaluation.score_during import auditing
from cairn.evaluation.score_figures import KEPT, correlations, facts, figures, flat
from cairn.runs import catalogue
from cairn.runs.audit import audit, newest, score_name
from cairn.runs.digest import digest
from cairn.runs.open import open_run
from cairn.runs.past import moments
from cairn.runs.presets import experiment
from cairn.show import audit as panel
from cairn.show.charts import charts
from cairn.show.subject import read

N = 12


def looked(seed, optimal=True):
    """Twelve levels, of which the last is none; and a score that is valid for all but the first."""
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 5, N) / 4
    valid = np.arange(N) > 0
    return Sample(None, np.arange(N) < N - 1, rng.normal(size=N)), Looked(
        scores={"maxmc": (rng.normal(size=N), valid)},
        mean_return=0.5 * p,
        success_rate=p,
        optimal=np.full(N, 0.9) if optimal else None,
        steps=np.int32(7),
    )


def test_regret_and_unbiased_learnability_of_the_levels_that_are_there():
    sample, seen = looked(0)
    one = facts(sample, seen, 4)
    p = seen.success_rate[:-1]
    assert list(one.truths) == ["regret", "learnability"]
    assert one.truths["regret"].tolist() == pytest.approx((0.9 - 0.5 * p).tolist())
    assert one.truths["learnability"].tolist() == pytest.approx((p * (1 - p) * 4 / 3).tolist())
    assert np.isnan(one.scores["maxmc"][0]) and len(one.scores["maxmc"]) == N - 1
    assert one.scores[KEPT].tolist() == sample.kept[:-1].tolist()
    assert list(facts(*looked(0, optimal=False), 4).truths) == ["learnability"]


def test_figures_are_means_over_seeds_and_of_one_seed_have_intervals_over_its_levels():
    seeds = [facts(*looked(seed), 4) for seed in (0, 1)]
    rho = [
        agreement(one.scores["maxmc"][1:], one.truths["regret"][1:]).spearman[0] for one in seeds
    ]
    both = figures(seeds)
    assert both["levels"] == [N - 1] * 2 and both["scores"]["maxmc"]["scored"] == [N - 2] * 2
    found = both["scores"]["maxmc"]["regret"]["spearman"]
    assert found["by_seed"] == pytest.approx(rho) and found["value"] == pytest.approx(np.mean(rho))
    assert found["interval_over"] == "seeds" and sorted(rho) == pytest.approx(found["interval"])
    alone = figures(seeds[:1])["scores"]["maxmc"]["regret"]["spearman"]
    assert alone["interval_over"] == "levels" and alone["value"] == pytest.approx(rho[0])
    assert -1 <= alone["interval"][0] < rho[0] < alone["interval"][1] <= 1
    metrics = flat(correlations(seeds[0]), "archive")
    assert metrics["audit_archive_maxmc_regret"] == pytest.approx(rho[0])
    assert "audit_archive_as_kept_learnability" in metrics


def test_of_few_levels_and_of_levels_all_alike_nothing_is_told():
    sample, seen = looked(0)
    few = facts(sample._replace(there=np.arange(N) < 5), seen, 4)
    alike = facts(sample, seen._replace(success_rate=np.ones(N), mean_return=np.ones(N)), 4)
    for one in (few, alike):
        for measure in ("spearman", "kendall", "top"):
            found = figures([one])["scores"]["maxmc"]["learnability"][measure]
            assert found["value"] is None and found["interval"] == [None, None]
        assert np.isnan(correlations(one)["maxmc", "learnability"])


def test_only_scores_that_can_be_asked_are():
    def scores_of(task, method, **chosen):
        one = experiment(task, method=method, **chosen)
        return set(audited(one.how.program(one.setup(None)).valuation))

    estimates = {"positive-value-loss", "l1-value-loss", "one-step-td", "maxmc", "learnability"}
    estimates |= {"negative-return"}
    asked = {"perfect-regret", "regret"}
    for task, method, beside in (
        ("cartpole", "plr", set()),  # no oracle, one player
        ("maze", "dr", {"perfect-regret"}),
        ("maze", "paired", asked),
    ):
        found = scores_of(task, method)
        assert estimates <= found and found & asked == beside


@pytest.mark.parametrize("method", sorted(catalogue.WINGS["environment design"]))
def test_every_method_of_the_wing_tells_where_its_levels_are(method):
    """Shapes alone: as many levels as asked, of the kind that its environment plays."""
    task = "fruit" if method == "samplr" else "maze"
    one = experiment(task, method=method, **house.settings(method, task))
    program = one.how.program(one.setup(None))
    state = jax.eval_shape(program.init, jax.random.key(0))
    level = jax.eval_shape(program.valuation.env.space.sample, jax.random.key(0))
    for name, source in program.valuation.sources.items():
        sample = jax.eval_shape(lambda state, s=source: s(state, jax.random.key(1), 3), state)
        assert jax.tree.structure(sample.levels) == jax.tree.structure(level)
        shapes = jax.tree.map(lambda many, one: many.shape == (3, *one.shape), sample.levels, level)
        assert all(jax.tree.leaves(shapes)) and sample.there.shape == (3,)
        # A teacher's steps in its editor are steps.
        assert (sample.steps is not None) == (name == "designed")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return written_runs.write_accel(tmp_path_factory.mktemp("audits") / "accel")


@pytest.mark.slow
def test_the_command_audits_a_run_and_keeps_the_result_in_it(path, capsys):
    before = digest(path)
    arguments = ["audit", str(path), "--levels", "8", "--episodes", "2", "--json", "-"]
    assert cairn_command(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert digest(path) == before
    # Where the run lies is nobody's who only looks at it.
    kept = (path / "audit.json").read_text()
    assert str(path) not in kept and {"run": str(path), **json.loads(kept)} == report
    assert (path / "pictures" / "audit.png").stat().st_size > 10_000
    assert report["oracle"] and report["seeds"] == [0, 1] and report["kept_by"] == "maxmc"
    sources = newest(report)
    assert sources["archive"]["levels"] == [5, 5] and sources["fresh"]["levels"] == [8, 8]
    # Nobody does better than the solver; here nobody does well.
    assert all(0 < mean <= 1 for mean in sources["fresh"]["truth"]["regret"]["by_seed"])
    perfect = sources["fresh"]["scores"]["perfect-regret"]["regret"]["spearman"]
    assert perfect["value"] is None or perfect["value"] > 0
    assert sources["archive"]["scores"][KEPT]["regret"]["spearman"]["value"] is None
    assert report["environment_steps"] >= 2 * (13 * 16 + 13 * 2)

    subject = read(path)
    assert panel.applies(subject) is None
    section = panel.section(subject, {})
    assert [part.caption for part in section.parts[1:]] == ["archive levels", "fresh levels"]
    console = Console(width=80, record=True, file=io.StringIO())
    command.show(report | {"oracle": False}, console)
    text = console.export_text()
    assert "maxmc, as kept" in text and "learnability is the only truth" in text
    assert score_name("maxmc", report) == "maxmc"


@pytest.mark.slow
def test_an_audit_while_training_repeats_and_says_nothing_of_what_there_is_too_little_of(path):
    run = open_run(path)
    look = auditing(run.program, levels=8, episodes=2)
    (metrics, steps), again = look(run.state), look(run.state)
    assert again[0] == metrics and again[1].tolist() == steps.tolist()
    assert steps.shape == (2,) and (steps >= 2 * 8 * (16 + 2)).all()
    assert all(0 < mean <= 1 for mean in metrics["audit_fresh_regret"])
    assert metrics["audit_archive_maxmc_regret"] == [None, None]  # of five levels
    assert {f"audit_fresh_{name}_regret" for name in ("maxmc", "perfect_regret")} < set(metrics)
    lines = [{**written_runs.line(share), "metrics": metrics} for share in (0.25, 0.5)]
    titles = [one.title for one in charts(lines)]
    assert [t for t in titles if "Audit" in t] == [
        title
        for truth in ("regret", "learnability")
        if any(
            name.startswith("audit_fresh_") and name.endswith(f"_{truth}")
            for name, values in metrics.items()
            if name != f"audit_fresh_{truth}" and any(value is not None for value in values)
        )
        for title in [f"Audit: Spearman with {truth}, fresh levels"]
    ]


def test_checkpoints_that_a_run_prunes_while_it_is_looked_at_are_left_out(path, tmp_path):
    copy = shutil.copytree(path, tmp_path / "run")
    run = open_run(copy)
    for chunk, cycle in enumerate((0, 20, 30)):
        state = eqx.tree_at(lambda s: s.cycle, run.state, jnp.full(2, cycle, jnp.int32))
        loop.save(run.directory, state, config_hash(run.directory.config), chunk, None)
    assert [one.cycle.tolist() for one in moments(run, 3)] == [[0, 0], [30, 30], [40, 40]]
    assert [one.cycle.tolist() for one in moments(run, 1)] == [[40, 40]]
    looks = moments(run, 4)
    next(looks)
    for old in sorted(run.directory.checkpoints.glob("step-*"))[1:]:
        old.unlink()
    # What was read when the run was opened is there whatever happens.
    assert [one.cycle.tolist() for one in looks] == [[40, 40]]


def test_audits_are_refused_where_there_are_no_levels():
    with pytest.raises(ConfigError, match="audit_every must be 0 here, got 5: map-elites has no"):
        experiment("sphere", method="map-elites", audit_every=5)
    with pytest.raises(ConfigError, match="audit_every must not be negative, got -1"):
        experiment("maze", method="dr", audit_every=-1)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Expected a run directory first"),
        (["nowhere"], "nowhere"),
        (["{run}", "--levels", "7"], "levels must be at least 8, got 7"),
        (["{run}", "--episodes", "1"], "episodes must be at least 2, got 1"),
        (["{run}", "--checkpoints", "0"], "checkpoints must be at least 1, got 0"),
        (["{run}", "--json", "{run}/x.json"], "must not write into the run"),
    ],
)
def test_what_cannot_be_audited_is_refused_in_one_line(path, capsys, arguments, complaint):
    assert cairn_command(["audit", *(word.format(run=path) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_a_run_without_levels_is_refused(path):
    sphere = experiment("sphere", method="map-elites")
    with pytest.raises(ConfigError, match=r"no levels to score: map-elites plays none"):
        audit(open_run(path)._replace(experiment=sphere))
