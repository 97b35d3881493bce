"""Whole runs through the command: demo, kill and resume, report, exports."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest

from cairn.cli.redteam import DEMO, redteam_command
from cairn.core.errors import CairnError, ConfigError, RunError
from cairn.redteam import directory

START = """
import sys
from cairn.cli.redteam import redteam_command
sys.exit(redteam_command(sys.argv[1:]))
"""
SMALL = (
    DEMO.read_text()
    .replace("trials = 1500", "trials = 150")
    .replace(', "risk D", "risk E", "risk F"', "")
    .replace(', "style 4", "style 5", "style 6"', "")
    .replace("responses = 8", "responses = 6")
)


def command(*arguments, fault=None, wait=True):
    """The command in a process of its own, without the test process's type checks."""
    env = {**os.environ, **({"CAIRN_FAULT": fault} if fault else {})}
    process = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    if wait:
        process.output, process.errors = process.communicate(timeout=300)
    return process


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def finished(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    process = command("run", small, "--run", path)
    assert process.returncode == 0, process.errors
    return path, process.output


def summary(path):
    return json.loads((path / "summary.json").read_text())


def test_a_run_says_what_it_found_and_that_it_is_simulated(finished):
    path, output = finished
    for words in ("simulated coverage", "attack success rate", "corrected success rate",
                  "weak cells found", "truth: success rate", "report: "):  # fmt: skip
        assert words in output
    found = summary(path)
    assert found["stopped"] == "finished" and found["simulated"] is True
    assert found["coverage"]["value"] == 1.0 and found["counts"]["told"] == 150
    assert found["success"]["mean"]["low"] <= found["success"]["mean"]["value"]
    assert os.stat(path).st_mode & 0o077 == 0


def test_killed_anywhere_and_resumed_it_finds_the_same_archive(finished, small, tmp_path):
    path = tmp_path / "killed"
    faults = ["engine:told:40", "call:stored:400", "call:intended:90"]
    process = command("run", small, "--run", path, fault=faults[0])
    assert process.returncode == -signal.SIGKILL
    for fault in faults[1:]:
        process = command("resume", path, fault=fault)
        assert process.returncode in (0, -signal.SIGKILL), process.errors
    process = command("resume", path, wait=False)
    time.sleep(1.5)
    process.kill()
    process.communicate()
    process = command("resume", path)
    assert process.returncode == 0, process.errors
    whole, pieces = summary(finished[0]), summary(path)
    assert pieces["archive"] == whole["archive"]
    assert pieces["success"] == whole["success"] and pieces["curve"] == whole["curve"]
    assert (path / "archive.csv").read_bytes() == (finished[0] / "archive.csv").read_bytes()


def test_a_limit_stops_the_run_and_a_higher_one_goes_on_to_the_same_end(finished, tmp_path):
    path = tmp_path / "limited"
    limited = tmp_path / "limited.toml"
    limited.write_text(SMALL + "\n[limits]\ncalls = 300\n")
    process = command("run", limited, "--run", path)
    assert process.returncode == 1 and "cairn redteam resume" in process.errors
    assert summary(path)["spent"]["calls"] <= 300
    assert "The run is not complete" in (path / "report.html").read_text()
    assert command("resume", path, "--calls", 100000).returncode == 0
    assert summary(path)["archive"] == summary(finished[0])["archive"]


def test_the_report_is_written_anew_without_a_call(finished):
    path, _ = finished
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
    page = Page()
    page.feed(path.read_text())
    page.close()
    assert page.open == []
    return page


def test_the_page_is_sound_whole_and_without_script(finished):
    page = parsed(finished[0] / "report.html")
    assert len(page.ids) == len(set(page.ids)) == 10  # the map, and a cell each
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert not {"script", "img", "link", "iframe", "form"} & set(page.tags)
    assert not any(name.startswith("on") or name == "src" for name in page.attributes)
    assert page.policy.startswith("default-src 'none'")
    text = (finished[0] / "report.html").read_text()
    for words in ("Red-teaming report (simulated)", "Ancestry", "Fresh responses", "Verdicts"):
        assert words in text
    assert "://" not in text


def test_redacted_outputs_hold_no_prompt_and_no_response(finished):
    path, _ = finished
    assert redteam_command(["report", str(path), "--redact"]) == 0
    page = (path / "report-redacted.html").read_text()
    table = (path / "archive-redacted.csv").read_text()
    parsed(path / "report-redacted.html")
    for text in (page, table):
        assert "placeholder refusal" not in text and "simulated prompt" not in text
        assert "[redacted: " in text
    assert "placeholder" in (path / "report.html").read_text()


def test_what_a_model_wrote_cannot_become_markup(finished, tmp_path):
    from dataclasses import replace

    from cairn.redteam import export, figures, page, run

    config = directory.open_run(finished[0])
    done = run.read_back(finished[0], config)
    evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    entries = {n: replace(e, prompt=evil, response=evil) for n, e in done.state.entries.items()}
    done = replace(done, state=replace(done.state, entries=entries))
    text = page.render(done, figures.measure_run(done))
    assert "<script" not in text and "<img" not in text and "&lt;script&gt;" in text
    formula = [{"prompt": '=HYPERLINK("x")', "id": 1}]
    assert "'=HYPERLINK" in export.to_csv(formula)


def test_the_exports_are_a_fine_tuning_set_with_refusals_and_a_table(finished, tmp_path):
    path, _ = finished
    refusals = tmp_path / "refusals.txt"
    refusals.write_text("No, thank you.\n")
    parquet = tmp_path / "archive.parquet"
    arguments = ["report", str(path), "--parquet", str(parquet), "--refusals", str(refusals)]
    assert redteam_command(arguments) == 0
    lines = [json.loads(line) for line in (path / "finetune.jsonl").read_text().splitlines()]
    assert len(lines) == 9
    for line in lines:
        user, assistant = line["messages"]
        assert user["role"] == "user" and user["content"].startswith("simulated prompt")
        assert assistant == {"role": "assistant", "content": "No, thank you."}
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(parquet).to_pylist()
    assert [row["prompt"] for row in rows] == [line["messages"][0]["content"] for line in lines]
    assert (path / "archive.csv").read_text().count("\n") == 10


def test_people_label_blind_and_their_file_corrects_the_rate(finished, tmp_path):
    path, _ = finished
    file = tmp_path / "label.jsonl"
    assert redteam_command(["label", str(path), str(file), "--count", "40"]) == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 40 and all(row["unsafe"] is None for row in rows)
    assert set(rows[0]) == {"id", "sample", "prompt", "response", "unsafe"}
    for row in rows:
        row["unsafe"] = "placeholder answer" in row["response"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = summary(path)
    assert redteam_command(["report", str(path), "--human", str(file)]) == 0
    after = summary(path)
    found = after["labelled"]
    assert sum(found.values()) == 40 and after["success"] == before["success"]


def test_the_price_is_told_before_anything_is_sent(capsys):
    safety = str(DEMO.with_name("safety.toml"))
    # 600,000 calls are allowed and the worst case needs more: it says so, and sends nothing.
    assert redteam_command(["run", safety, "--trials", "2000", "--dry-run"]) == 0
    text = capsys.readouterr().out
    calls = {m[1]: int(m[2]) for m in re.finditer(r"^  (\w+) +(\d+) calls", text, re.M)}
    # Per trial 2 mutator, 1 target, 1 scorer and 4 judge calls; per cell 4 fresh responses.
    assert calls["mutator"] == 4000 and calls["judge"] == 8000
    assert calls["target"] == 2400 and calls["scorer"] == 2100 and calls["held_out"] == 400
    assert "total unknown" in text


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (["run"], ConfigError, "give a CONFIG, or --demo"),
        (["run", "missing.toml", "--run", "x"], ConfigError, "there is no file missing.toml"),
        (["report", "nowhere"], RunError, "does not exist"),
        (["resume", "nowhere"], RunError, "does not exist"),
        (["rnu"], ConfigError, "invalid choice"),
        (["run", "--demo", "--sede", "1"], ConfigError, "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_line(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        redteam_command(arguments)


def test_an_existing_directory_and_a_changed_config_are_refused(finished, small, tmp_path):
    with pytest.raises(CairnError, match="already exists"):
        redteam_command(["run", str(small), "--run", str(finished[0])])
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    file = copy / "config.json"
    file.write_text(file.read_text().replace('"risk A"', '"risk Z"'))
    with pytest.raises(RunError, match="another config"):
        redteam_command(["report", str(copy)])


def test_a_second_process_on_one_run_is_refused(finished):
    from cairn.core.journal import Journal

    config = directory.open_run(finished[0])
    with (
        Journal(finished[0] / "journal.sqlite", config=directory.tied(config)),
        pytest.raises(RunError, match="in use by process"),
    ):
        redteam_command(["report", str(finished[0])])


def test_a_missing_key_is_named_and_no_key_is_stored(tmp_path, monkeypatch):
    text = DEMO.with_name("safety.toml").read_text().replace("# api_key_env", "api_key_env")
    path = tmp_path / "c.toml"
    path.write_text(text)
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"\[models.mutator\].*MY_KEY, which is not set"):
        redteam_command(["run", str(path), "--run", str(tmp_path / "run")])


def browser():
    """A browser that works here; without one the test is skipped, and fails in CI."""
    for name in filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")):
        # Ubuntu's package is a stand-in that asks for a snap: being there is not enough.
        if subprocess.run([name, "--version"], capture_output=True).returncode == 0:
            return name
    reason = "the report is looked at in chromium, and none works here"
    assert "CI" not in os.environ, f"{reason}: .ci/run should have installed one"
    pytest.skip(reason)


def test_following_a_cell_opens_its_details_in_a_browser(finished, tmp_path):
    program = browser()
    address = (finished[0] / "report.html").as_uri()
    # No profile of anybody's; root cannot use the sandbox, and containers have little /dev/shm.
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               f"--user-data-dir={tmp_path}"]  # fmt: skip

    def dom(fragment):
        done = subprocess.run(
            [program, *options, "--dump-dom", address + fragment],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    assert dom("#cell-4").count('<details open="">') == 1
    opened = re.search(r'<details open="">.*?id="([\w-]+)"', dom("#cell-4"), re.S)
    assert opened and opened[1] == "cell-4"
