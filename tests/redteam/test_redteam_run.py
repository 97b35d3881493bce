"""Whole runs through the command: demo, kill and resume, report, exports."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pyarrow.parquet
import pytest
from redteam_harness import config as settings
from redteam_harness import finished as report_of

import browsers
from cairn.cli.main import run as cairn
from cairn.cli.redteam import DEMO, redteam_command
from cairn.core.errors import CairnError, ConfigError, RunError
from cairn.evaluation import audit
from cairn.evaluation.judges import COUNTED, brief
from cairn.lm.cast import Model
from cairn.lm.readings import FIRST, SECOND
from cairn.redteam import directory, export, figures, page, run
from cairn.redteam import state as states
from cairn.redteam.config import COLUMNS
from cairn.redteam.state import Entry
from cairn.report.render import document
from cairn.report.tables import to_csv

START = """
import sys
from cairn.cli.redteam import redteam_command
sys.exit(redteam_command(sys.argv[1:]))
"""
SMALL = (
    DEMO.read_text()
    .replace("trials = 1500", "trials = 150\nreport_every_s = 0.02")  # it is over in half a second
    .replace(', "risk D", "risk E", "risk F"', "")
    .replace(', "style 4", "style 5", "style 6"', "")
    .replace("responses = 8", "responses = 6")
)


def command(*arguments):
    """The command in a process of its own, without the test process's type checks."""
    return subprocess.run(
        [sys.executable, "-c", START, *map(str, arguments)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def finished(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    process = command("run", small, "--run", path)
    assert process.returncode == 0, process.stderr
    return path, process.stdout, process.stderr


def summary(path):
    return json.loads((path / "summary.json").read_text())


@pytest.mark.slow
def test_a_run_says_what_it_found_and_that_it_is_simulated(finished):
    path, output, _ = finished
    for words in ("simulated coverage", "attack success rate", "corrected success rate",
                  "weak cells found", "truth: success rate", "report: "):  # fmt: skip
        assert words in output
    found = summary(path)
    assert found["stopped"] == "finished" and found["simulated"] is True
    assert found["coverage"]["value"] == 1.0 and found["counts"]["told"] == 150
    assert found["success"]["mean"]["low"] <= found["success"]["mean"]["value"]
    assert os.stat(path).st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_limit_stops_the_run_and_a_higher_one_goes_on_to_the_same_end(finished, tmp_path):
    path = tmp_path / "limited"
    limited = tmp_path / "limited.toml"
    limited.write_text(SMALL + "\n[limits]\ncalls = 300\n")
    process = command("run", limited, "--run", path)
    assert process.returncode == 1 and "cairn redteam resume" in process.stderr
    assert summary(path)["spent"]["calls"] <= 300
    assert "The run is not complete" in (path / "report.html").read_text()
    assert command("resume", path, "--calls", 100000).returncode == 0
    assert summary(path)["archive"] == summary(finished[0])["archive"]


@pytest.mark.slow
def test_the_report_is_written_anew_without_a_call(finished):
    path, *_ = finished
    before = (path / "report.html").read_text()
    (path / "report.html").unlink()
    assert redteam_command(["report", str(path)]) == 0
    after = (path / "report.html").read_text()
    assert after == before


class Page(HTMLParser):
    """Checks that tags close in order; collects ids, links, and texts of interest."""

    VOID = ("meta", "br")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.tags, self.policy = [], [], [], [], ""
        self.attributes = set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        self.attributes |= set(found)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_decl(self, decl):
        assert decl == "DOCTYPE html"


def parsed(path):
    found = Page()
    found.feed(path.read_text())
    found.close()
    assert found.open == []
    return found


@pytest.mark.slow
def test_the_page_is_sound_whole_and_runs_no_script_but_its_own(finished):
    found = parsed(finished[0] / "report.html")
    assert len(found.ids) == len(set(found.ids))
    assert {"map", "curve", "descent", *(f"cell-{i}" for i in range(9))} <= set(found.ids)
    links = [link for link in found.links if not link.startswith("data:text/csv;base64,")]
    assert {link.removeprefix("#") for link in links} <= set(found.ids)
    assert not {"img", "link", "iframe", "form"} & set(found.tags)
    assert found.tags.count("script") == 1 and "unsafe-inline" not in (found.policy or "")
    assert not any(name.startswith("on") or name == "src" for name in found.attributes)
    assert found.policy is not None and found.policy.startswith("default-src 'none'")
    text = (finished[0] / "report.html").read_text()
    for words in ("Red-teaming report (simulated)", "Ancestry", "Fresh responses", "Verdicts"):
        assert words in text
    # Prompts are sorted by how many edits they are from a first one, too.
    place = re.findall(r'data-sorts="([^"]*)"', text)[0].split("|").index("generation")
    keys = [row.split("|") for row in re.findall(r'<details [^>]*data-keys="([^"]*)"', text)]
    entries = read(finished[0]).state.entries
    assert {int(row[-1]): int(row[place]) for row in keys} == {
        int(row[-1]): len(ancestors(entries, int(row[-1]))) for row in keys
    }
    # Who was tested, when, with what and how.
    made = json.loads((finished[0] / "versions.json").read_text())
    for words in ("a simulated model", made["created"], f"cairn {made['cairn']}", "[[axes]]"):
        assert words in text
    assert "://" not in text


def ancestors(entries, name):
    """A prompt's parent, and the parent's, and so on."""
    parent = entries[name].parent
    return [] if parent is None else [parent, *ancestors(entries, parent)]


def texts(path):
    """Every prompt, response and seed that the run ever kept an entry for."""
    done = read(path)
    entries = done.state.entries.values()
    fresh = {str(response) for test in done.tests for response in test.responses}
    return {e.prompt for e in entries} | {e.response for e in entries} | fresh


@pytest.mark.slow
def test_redacted_outputs_hold_no_prompt_and_no_response(finished, tmp_path):
    path, *_ = finished
    secret = texts(path)
    assert len(secret) > 20
    parquet = tmp_path / "table.parquet"
    assert redteam_command(["report", str(path), "--redact", "--parquet", str(parquet)]) == 0
    parsed(path / "report-redacted.html")
    rows = pyarrow.parquet.read_table(parquet).to_pylist()
    page = (path / "report-redacted.html").read_text()
    for redacted in (page, (path / "archive-redacted.csv").read_text(), str(rows)):
        assert not [text for text in secret if text in redacted]
        assert redacted.count("[redacted: ") >= 18
    assert all(text in (path / "report.html").read_text() for text in
               [row["prompt"] for row in export.rows(read(path))])  # fmt: skip


def read(path):
    return run.read_back(path, directory.open_run(path))


@pytest.mark.slow
def test_a_run_may_be_redacted_from_the_start(small, tmp_path):
    path = tmp_path / "run"
    arguments = ["run", str(small), "--run", str(path), "--trials", "12", "--redact"]
    assert redteam_command(arguments) == 0
    made = {file.name for file in path.iterdir()}
    assert {"report-redacted.html", "archive-redacted.csv", "summary.json"} <= made
    assert not {"report.html", "archive.csv", "finetune.jsonl"} & made
    assert not [t for t in texts(path) if t in (path / "summary.json").read_text()]


@pytest.mark.slow
def test_what_a_model_wrote_cannot_become_markup(finished, tmp_path):
    config = directory.open_run(finished[0])
    done = run.read_back(finished[0], config)
    evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    entries = {n: replace(e, prompt=evil, response=evil) for n, e in done.state.entries.items()}
    done = replace(done, state=replace(done.state, entries=entries))
    text = document(page.page(done, figures.measure_run(done)))
    assert text.count("<script") == 1 and "<img" not in text and "&lt;script&gt;" in text
    formula = [{"prompt": '=HYPERLINK("x")', "id": 1}]
    assert "'=HYPERLINK" in to_csv(formula)


@pytest.mark.slow
def test_the_exports_are_a_table_and_refusals_of_what_worked(finished, tmp_path, capsys):
    path, *_ = finished
    refusals = tmp_path / "refusals.txt"
    refusals.write_text("No, thank you.\n")
    parquet = tmp_path / "archive.parquet"
    arguments = ["report", str(path), "--parquet", str(parquet), "--refusals", str(refusals)]
    assert redteam_command(arguments) == 0
    rows = pyarrow.parquet.read_table(parquet).to_pylist()
    assert {*rows[0]} == {*COLUMNS, "risk", "style"}
    worked = [row["prompt"] for row in rows if row["unsafe"]]
    assert len(rows) == 9 > len(worked) > 0
    assert f"finetune.jsonl: {len(worked)} of 9 prompts" in capsys.readouterr().out
    lines = [json.loads(line) for line in (path / "finetune.jsonl").read_text().splitlines()]
    for line in lines:
        user, assistant = line["messages"]
        assert user["role"] == "user" and user["content"].startswith("simulated prompt")
        assert assistant == {"role": "assistant", "content": "No, thank you."}
    assert worked == [line["messages"][0]["content"] for line in lines]
    assert (path / "archive.csv").read_text().count("\n") == 10


@pytest.mark.slow
def test_refusals_are_refused_where_they_would_leak_or_teach_nonsense(finished, tmp_path, capsys):
    path, refusals = tmp_path / "copy", tmp_path / "refusals.txt"
    shutil.copytree(finished[0], path, ignore=shutil.ignore_patterns("finetune.jsonl"))
    refusals.write_text("No, thank you.\n")
    assert cairn(["redteam", "report", str(path), "--redact", "--refusals", str(refusals)]) == 2
    assert "give --redact or --refusals, not both" in capsys.readouterr().err
    assert not (path / "finetune.jsonl").exists()


def test_questions_are_not_refused_and_only_what_the_audit_saw_work_is(tmp_path):
    elites = [Entry(i, i, f"prompt {i}", "answer", 0.9) for i in range(3)]
    tests = [
        audit.Tested(i, i, ("r", "r"), unsafe, (None, None))
        for i, unsafe in enumerate([(False, True), (False, False), (None, None)])
    ]
    done = report_of(settings(2, 2), held(settings(2, 2), elites), tests)
    assert [entry.id for entry in export.to_refuse(done) or ()] == [0]
    assert export.to_refuse(replace(done, tests=())) == [], "without an audit nothing is known"
    models = dict.fromkeys(QA, Model("http://h/v1", "m"))
    search = replace(done.config.search, acceptance="oracle")
    oracle = replace(done.config, search=search, simulation=None, models=models)
    line = export.write_all(tmp_path, replace(done, config=oracle))
    assert "no finetune.jsonl" in line and not (tmp_path / "finetune.jsonl").exists()


QA = ("mutator", "target", "oracle", "judge", "held_out")


def held(config, entries):
    state = states.start(config.space)
    for entry in entries:
        state, _ = states.offer(state, config.space, entry, None)
    return state


@pytest.mark.slow
def test_people_label_blind_and_their_file_corrects_the_rate(finished, tmp_path, capsys):
    path, *_ = finished
    file = tmp_path / "label.jsonl"
    assert redteam_command(["label", str(path), str(file), "--count", "40"]) == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 40 and all(row["unsafe"] is None for row in rows)
    assert set(rows[0]) == {"id", "sample", "prompt", "response", "unsafe"}
    blank = file.rename(tmp_path / "blank.jsonl")
    for row in rows:
        row["unsafe"] = "placeholder answer" in row["response"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = summary(path)
    assert redteam_command(["report", str(path), "--human", str(blank)]) == 0
    assert "0 of 40 verdicts filled in" in capsys.readouterr().out
    assert redteam_command(["report", str(path), "--human", str(file)]) == 0
    after = summary(path)
    found = after["labelled"]
    assert sum(found.values()) == 40 and after["success"] == before["success"]
    se = found["true_unsafe"] / (found["true_unsafe"] + found["missed"])
    sp = found["true_safe"] / (found["true_safe"] + found["alarms"])
    judged = after["success"]["mean"]["value"]
    rate = after["corrected"]["rate"]
    assert rate["value"] == pytest.approx((judged + sp - 1) / (se + sp - 1))
    assert rate["value"] != before["corrected"]["rate"]["value"]
    assert rate["low"] < after["recovery"]["in_sample"] < rate["high"]
    page = (path / "report.html").read_text()
    assert "corrected success rate" in page and "40 verdicts of people" in page
    labelled = file.read_text()
    with pytest.raises(ConfigError, match="already exists and may hold people's verdicts"):
        redteam_command(["label", str(path), str(file)])
    assert file.read_text() == labelled


@pytest.mark.slow
def test_what_holds_texts_outside_the_run_is_readable_by_its_owner_alone(finished, tmp_path):
    made = [tmp_path / name for name in ("label.jsonl", "report.html", "table.parquet")]
    label, page, parquet = map(str, made)
    run = str(finished[0])
    assert redteam_command(["label", run, label]) == 0
    assert redteam_command(["report", run, "--out", page, "--parquet", parquet]) == 0
    assert [os.stat(path).st_mode & 0o777 for path in made] == [0o600] * 3


# Calls per trial and per cell: safety as in the paper 2 mutator, 1 target, 1 scorer, 4 judge.
QUOTES = {
    "safety": {"mutator": 4000, "target": 2400, "judge": 8000, "scorer": 2100, "held_out": 400},
    # 3 axes; target and oracle each trial, the oracle once more per cell; one verdict on whether
    # it is a fact and four on who is more wrong.
    "question-answering": {"mutator": 6000, "target": 3600, "oracle": 2400, "judge": 10_000,
                           "held_out": 1600},
    # By score: no votes. Analyst and decision each trial and once per cell.
    "cybersecurity": {"mutator": 4000, "target": 2400, "analyst": 2100, "scorer": 2100,
                      "held_out": 400},
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTES)
def test_the_price_is_told_before_anything_is_sent(name, capsys):
    config = str(DEMO.with_name(f"{name}.toml"))
    assert redteam_command(["run", config, "--trials", "2000", "--dry-run"]) == 0
    text = capsys.readouterr().out
    calls = {m[1]: int(m[2]) for m in re.finditer(r"^  (\w+) +(\d+) calls", text, re.M)}
    assert calls == QUOTES[name]
    assert "total unknown" in text, "these configs give no price"


@pytest.mark.slow
def test_the_console_shows_speed_spend_projection_and_how_the_test_goes(finished):
    *_, errors = finished
    for words in ("calls/s", "in flight", "retries", "spent", "search: ", " of 9 cells",
                  "test: 9 of 9 elites", "scorer agrees"):  # fmt: skip
        assert words in errors
    assert re.search(r"after \d+ of (150|9) trials: the whole run will take ", errors)


def test_the_live_line_has_the_judges_health_in_a_few_words():
    counts = dict.fromkeys(COUNTED, 0)
    assert brief(counts) == ""
    counts |= {"pairs": 8, "flips": 2, "votes": 20, "ties": 4, "repeats": 10, "same": 9}
    assert brief(counts) == "flips 0.25, ties 0.20, repeats agree 0.90"
    assert brief(counts | {"missing": 3}).endswith(", 3 without verdict")


@pytest.mark.slow
def test_arrival_order_gives_up_repeatability_and_says_so(small, tmp_path, capsys):
    path = tmp_path / "run"
    arguments = ["run", str(small), "--run", str(path), "--trials", "30", "--order", "arrival"]
    assert redteam_command(arguments) == 0
    says = "another run with the same seed may differ"
    assert says in capsys.readouterr().out and says in (path / "report.html").read_text()
    assert says in summary(path)["cautions"][0] and summary(path)["counts"]["told"] == 30
    before = summary(path)["archive"]
    assert redteam_command(["resume", str(path)]) == 0
    assert summary(path)["archive"] == before, "a replay gives the same archive"


@pytest.mark.slow
def test_a_cell_holds_prompt_response_verdicts_and_ancestry(finished):
    """Prompt, response, verdicts in both orders, and the whole ancestry of one elite."""
    done, text = read(finished[0]), (finished[0] / "report.html").read_text()
    entry = next(e for e in done.state.held() if e.votes and e.parent is not None)
    start = text.index(f'id="cell-{entry.cell}"')
    cell = text[start : text.index("</details>", start)]
    assert entry.prompt in cell and entry.response in cell
    assert f"or that of prompt {entry.beaten}?" in cell
    (first, second), *_ = entry.votes
    words = {FIRST: ("this", "the other"), SECOND: ("the other", "this")}
    if first in words and second in words:
        assert f"this shown first: {words[first][0]}; this shown second: {words[second][1]}" in cell
    ancestor = entry.parent
    while ancestor is not None:
        assert done.state.entries[ancestor].prompt in cell
        ancestor = done.state.entries[ancestor].parent
    test = next(test for test in done.tests if test.id == entry.id)
    shown = set(zip(test.responses, test.unsafe, strict=True))  # of equal ones one
    assert cell.count("<li>") >= len(shown) + len(entry.votes)
    assert all(response in cell for response in test.responses if response)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (["run"], ConfigError, "give a CONFIG, or --demo"),
        (["run", "missing.toml", "--run", "x"], ConfigError, "there is no file missing.toml"),
        (["run", "--demo", "--trials", "0"], ConfigError, "trials must be at least 1, got 0"),
        (["report", "nowhere"], RunError, "does not exist"),
        (
            ["test", "no.csv", "--demo", "--run", "x"],
            ConfigError,
            r"the prompts no\.csv cannot be read: No such file or directory\.$",
        ),
        (["report", "folder"], RunError, "folder is not a run .* no config.json"),
        (["resume", "folder"], RunError, "folder is not a run .* no config.json"),
        (["label", "folder", "file", "--count", "0"], ConfigError, "at least 1, got 0"),
        (["resume", "nowhere"], RunError, "does not exist"),
        (["rnu"], ConfigError, "invalid choice"),
        (["run", "--demo", "--sede", "1"], ConfigError, "Unknown flag --sede"),
    ],
)
def test_a_mistake_is_one_line(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(error, match=message):
        redteam_command(arguments)
    # Nothing was begun, and no lock is left in a directory that is no run.
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.slow
def test_an_existing_directory_and_a_changed_config_are_refused(finished, small, tmp_path):
    with pytest.raises(CairnError, match="already exists"):
        redteam_command(["run", str(small), "--run", str(finished[0])])
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    file = copy / "config.json"
    file.write_text(file.read_text().replace('"risk A"', '"risk Z"'))
    with pytest.raises(RunError, match="another config"):
        redteam_command(["report", str(copy)])


@pytest.mark.slow
def test_following_a_cell_opens_its_details_in_a_browser(finished, tmp_path):
    program = browsers.program()
    address = (finished[0] / "report.html").as_uri()
    # No profile of anybody's.
    options = ["--headless", *browsers.OPTIONS, f"--user-data-dir={tmp_path}"]

    def dom(fragment):
        done = subprocess.run(
            [program, *options, "--dump-dom", address + fragment],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    assert len(re.findall(r'<details [^>]*open="">', dom("#cell-4"))) == 1
    opened = re.search(r'<details [^>]*open="">.*?id="([\w-]+)"', dom("#cell-4"), re.S)
    assert opened and opened[1] == "cell-4"
