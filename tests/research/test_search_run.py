"""`cairn search run`, resume, report and export, end to end."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cairn.cli.main import run as cairn
from cairn.research import directory, figures, look, run
from cairn.research.node import Tree
from cairn.research.shipped import catalogue
from cairn.view.kinds import told

HERE = Path(__file__).parent
CONFIG = """
task = "own_problem:toy"
[policy]
name = "greedy"
settings = {drafts = 3}
[engine]
trials = 24
lag = 4
[selection]
rule = "hidden"
top = 4
oracle = 5
[models.researcher]
kind = "function"
function = "own_problem:researcher"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG)
    arms = CONFIG.replace('"greedy"', '"shinka"').replace("{drafts = 3}", '{arms = ["second"]}')
    (tmp_path / "arms.toml").write_text(arms)
    return tmp_path


def tree_of(path):
    return run.read_back(path, directory.open_run(path))


def test_a_run_is_made_reported_gone_on_with_and_exported(place, capsys):
    assert cairn(["search", "run", "config.toml", "--run", "one", "--trials", "9"]) == 0
    assert "best search score" in capsys.readouterr().out
    first = tree_of(place / "one")
    assert cairn(["search", "resume", "one", "--trials", "24"]) == 0
    assert cairn(["search", "run", "config.toml", "--run", "two"]) == 0
    one, two = tree_of(place / "one"), tree_of(place / "two")
    assert one.tree == two.tree and len(first.tree) == 9
    assert list(one.tree)[:9] == list(first.tree)

    page = (place / "two" / "report.html").read_text()
    for words in ("Best score over evaluations", "Operators", "change from node", "oracle gap"):
        assert words in page
    summary = json.loads((place / "two" / "summary.json").read_text())
    assert summary["nodes"] == 24 and summary["chosen"] == two.chosen
    assert summary["scores"]["test"] == two.score(two.chosen, "test")
    assert list((place / "two" / "results").iterdir()) == []
    by_node = summary["costs"]  # what nodes cost is what the run cost
    assert [row["node"] for row in by_node] == list(range(24))
    assert sum(row["calls"] for row in by_node) == two.spent.calls
    assert sum(row["tokens"] for row in by_node) == two.spent.tokens > 0
    for name, spent in (("seconds", two.spent.wall_ms), ("cpu_seconds", two.spent.cpu_ms)):
        assert sum(row[name] for row in by_node) == pytest.approx(spent / 1000)
    assert f"1 call, {by_node[0]['tokens']:,} tokens" in page

    stands = told(place / "two", "cairn search run", directory.ResearchRun(place / "two").config)
    assert stands.title == "Search over programs" and stands.finished
    assert stands.named[2].name == "test score" and stands.progress[0][:3] == ("search", 24, 24)
    seen = look.report_page(place / "two", redact=True)
    assert "nodes" not in {section.id for section in seen.sections}
    assert [section.id for section in look.report(place / "two")][:3] == [
        "report", "result", "curves",
    ]  # fmt: skip

    before = (place / "two" / "report.html").read_bytes()
    assert cairn(["search", "report", "two"]) == 0
    assert (place / "two" / "report.html").read_bytes() == before

    assert cairn(["search", "export", "two", "best"]) == 0
    assert (place / "best" / "program.py").read_text() == two.tree[two.chosen].text
    assert Tree.load(json.loads((place / "best" / "tree.json").read_text())) == two.tree
    lineage = sorted((place / "best" / "lineage").glob("*.py"))
    assert len(lineage) == len(two.tree.lineage(two.chosen))
    assert lineage[-1].read_text() == two.tree[two.chosen].text


@pytest.mark.slow
def test_an_exported_program_scores_what_the_search_said(place):
    assert cairn(["search", "run", "config.toml", "--run", "one"]) == 0
    assert cairn(["search", "export", "one", "best"]) == 0
    assert "written by a language model" in (place / "best" / "README.txt").read_text()
    done = tree_of(place / "one")
    command = [sys.executable, "best/score.py", "test"]
    paths = f"{HERE}:{Path(run.__file__).parents[2]}"
    said = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": paths})
    assert said.stdout == f"ok {done.score(done.chosen, 'test')}\n", said.stderr


def test_a_choice_whose_evaluations_our_faults_kept_from_their_end_says_so(place, capsys):
    flags = ["--task", "own_problem:broken_later", "--run", "one"]
    assert cairn(["search", "run", "config.toml", *flags]) == 0
    said, done = capsys.readouterr().out, tree_of(place / "one")
    assert done.chosen == done.tree.best().id
    assert "no fresh evaluation gave a score (faults of ours)" in said
    assert "no fresh evaluation gave a score" in (place / "one" / "report.html").read_text()
    assert done.score(done.chosen, "selection") is None


def test_a_grader_that_raises_is_said_with_its_words(place, capsys):
    flags = ["--task", "own_problem:raising", "--trials", "3", "--selection.rule", "argmax"]
    assert cairn(["search", "run", "config.toml", "--run", "one", *flags]) == 0
    said = capsys.readouterr().out
    assert "no node has a score" in said and "grader_error: 3" in said
    assert "the first fault, of trial 0: the grader of raising raised KeyError: 'rows'" in said


def test_a_limit_stops_the_run_and_the_line_says_how_to_go_on(place, capsys):
    flags = ["--limits.calls", "5"]
    assert cairn(["search", "run", "config.toml", "--run", "one", *flags]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "Go on with: cairn search resume one --calls N, a higher limit" in said
    done = tree_of(place / "one")
    assert (done.spent.calls, done.chosen) == (5, None) and done.stopped.startswith("the search")
    assert cairn(["search", "export", "one", "best"]) == 0  # the best so far
    # What was spent is part of the run: the same limit allows nothing more.
    assert cairn(["search", "resume", "one"]) == 1
    assert tree_of(place / "one").spent == done.spent
    assert cairn(["search", "resume", "one", "--calls", "500"]) == 0
    assert tree_of(place / "one").chosen is not None


def test_the_budget_of_programs_holds(place, capsys):
    flags = ["--programs.wall-s", "3"]
    assert cairn(["search", "run", "config.toml", "--run", "one", *flags]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "cairn search resume one --programs.wall-s N, a hi" in said
    assert 0 < tree_of(place / "one").spent.wall_ms <= 3000
    assert cairn(["search", "resume", "one", "--programs.wall-s", "100"]) == 0
    whole = tree_of(place / "one")
    assert cairn(["search", "run", "config.toml", "--run", "two"]) == 0
    assert whole.tree == tree_of(place / "two").tree


def test_a_budget_of_programs_that_lets_none_run_is_refused_before_a_call_is_paid(place, capsys):
    flags = ["--programs.wall-s", "0.1"]
    assert cairn(["search", "run", "config.toml", "--run", "one", *flags]) == 2
    assert "programs.wall_s = 0.1 lets no program run: one of toy may" in capsys.readouterr().err
    assert not (place / "one").exists()


def test_a_task_is_looked_at_before_its_model_and_a_demo_plays_no_task_of_ones_own(place, capsys):
    assert cairn(["search", "run", "no_such_task", "--run", "one"]) == 2
    assert "no_such_task" in capsys.readouterr().err
    written = place / "written"
    assert cairn(["search", "run", "3-sat", "--demo", "--run", "two", "--trials", "1"]) == 0
    (place / "two" / "task").rename(written)
    settings = (written / "task.toml").read_text()
    (written / "task.toml").write_text(settings.replace('name = "3-sat"', 'name = "mine"'))
    capsys.readouterr()
    assert cairn(["search", "run", str(written), "--demo", "--run", "one"]) == 2
    said = capsys.readouterr().err
    assert "'mine'" in said and "--models.researcher.model" in said
    assert not (place / "one").exists()


def test_a_budget_that_allows_no_step_is_said_and_the_run_can_go_on(place, capsys):
    flags = ["--limits.tokens", "1"]
    assert cairn(["search", "run", "config.toml", "--run", "one", *flags]) == 1
    out, err = capsys.readouterr()
    assert "no node has a score" in out and "Go on with: cairn search resume one --" in err
    assert len(tree_of(place / "one").tree) == 0
    assert cairn(["search", "export", "one", "best"]) == 2
    assert "nothing to export" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "give a TASK or a CONFIG, or --demo"),
        (["run", "config.toml"], "give the run's directory by --run DIR"),
        (["run", "config.toml", "--run", "x", "--policy", "mtcs"], "Did you mean 'mcts'"),
        (["run", "frieman", "--demo"], "Did you mean 'friedman'"),
        (["run", "config.toml", "--demo"], "--demo plays a shipped task (demo, friedman, "),
        (["run", "frieman", "--run", "x"], "Did you mean 'friedman'"),
        (["run", "friedman", "--run", "x"], "models.researcher"),
        (["run", "config.toml", "--task", "frieman", "--run", "x"], "Did you mean 'friedman'"),
        (["run", "config.toml", "--run", "x", "--trials", "0"], "at least 1, got 0"),
        (["run", "config.toml", "--run", "x", "--asking.readings", "0"], "readings must be at"),
        (["run", "config.toml", "--run", "x", "--asking.novelty", "7"], "must be in [0, 1], got"),
        (["run", "config.toml", "--run", "x", "--asking.memory.imrpove", "none"],
         "Did you mean 'improve'"),
        (["run", "config.toml", "--run", "x", "--asking.operators.draft", "json:nothing"],
         "Module 'json' has no 'nothing'"),
        (["run", "arms.toml", "--run", "x"], "names the role 'second': name it in [asking] arms"),
        (["run", "config.toml", "--task", "own_problem:lower", "--run", "x"],
         "'hidden' needs a task with a selection split"),
        (["run", "config.toml", "--task", "json:loads", "--run", "x"], "json:loads"),
        (["resume", "nowhere"], "nowhere does not exist; expected the directory of a run"),
        (["report", "."], "is not a run of cairn"),
        (["runn"], "Did you mean 'run'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_leaves_nothing(place, capsys, words, said):
    assert cairn(["search", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0], lines
    assert {path.name for path in place.iterdir()} == {"config.toml", "arms.toml"}


def test_what_would_change_the_tree_is_refused_and_fewer_trials_are_too(place, capsys):
    assert cairn(["search", "run", "config.toml", "--run", "one", "--trials", "6"]) == 0
    for words, said in (
        (["--policy.name", "mcts"], "policy"),
        (["--trials", "3"], "fewer than the run is to have, 6"),
        (["--engine.trials", "3"], "fewer than the run is to have, 6"),
    ):
        before = (place / "one" / "config.json").read_bytes()
        assert cairn(["search", "resume", "one", *words]) == 2
        assert said in capsys.readouterr().err
        assert (place / "one" / "config.json").read_bytes() == before
    assert cairn(["search", "export", "one", "best", "--node", "99"]) == 2
    assert "nodes 0 to 5" in capsys.readouterr().err
    (place / "taken").mkdir()
    assert cairn(["search", "export", "one", "taken"]) == 2
    # Another choice is no other tree: it needs no new search, only its own evaluations.
    assert cairn(["search", "resume", "one", "--selection.rule", "argmax"]) == 0
    assert tree_of(place / "one").config.selection.rule == "argmax"


def test_operators_are_counted_by_hand(place):
    assert cairn(["search", "run", "config.toml", "--run", "one"]) == 0
    done = tree_of(place / "one")
    found = figures.measure(done)
    for one in found.operators:
        nodes = [node for node in done.tree if node.operator == one.name]
        assert one.nodes == len(nodes)
        assert one.valid.value == sum(not node.buggy for node in nodes) / len(nodes)
    assert sum(found.outcomes.values()) == 24
    best = max(done.score(id, "test") for id in {w.id for w in done.scores if w.split == "test"})
    assert found.gap == pytest.approx(best - done.score(done.chosen, "test"))


@pytest.mark.slow
def test_the_demo_needs_nothing_and_runs_in_the_jail(place, capsys):
    assert cairn(["search", "run", "--demo", "--trials", "12"]) == 0
    done = tree_of(place / "runs" / "search-demo-0")
    assert len(done.tree) == 12 and done.config.simulation is not None
    assert cairn(["search", "export", str(done.path), "best"]) == 0
    assert "written by a script (simulated)" in (place / "best" / "README.txt").read_text()
    assert done.spent.cpu_ms > 0 and any(node.outcome == "ok" for node in done.tree)
    page = (place / "runs" / "search-demo-0" / "report.html").read_text()
    assert re.search("imulated", page)
    assert cairn(["search", "run", "--demo", "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert "[simulation]" in printed


@pytest.mark.slow
def test_the_demo_plays_on_a_shipped_task_and_on_the_folder_of_one(place, capsys):
    few = ["--trials", "5", "--selection.top", "2", "--selection.oracle", "0", "--run", "one"]
    assert cairn(["search", "run", "friedman", "--demo", "--policy", "aide", *few]) == 0
    assert "aide on friedman by a scripted researcher (simulated)" in capsys.readouterr().out
    done = tree_of(place / "one")
    assert [node.operator for node in done.tree] == ["draft"] * 5
    assert any(node.outcome == "ok" and "# choices: " in node.text for node in done.tree)
    assert done.problem.name == "friedman" and done.score(done.chosen, "test") > 0.9
    assert "imulated" in (place / "one" / "report.html").read_text()
    catalogue.write("churn", place / "kept")  # the same data for every run
    assert cairn(["search", "run", "kept", "--demo", "--print-config"]) == 0
    assert 'task = "churn"' in capsys.readouterr().out
