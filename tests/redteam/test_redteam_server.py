"""Runs against a real HTTP server: troubles, limits, keys. The models behind it are simulated."""

import itertools
import json
import re
import sqlite3
import sys
from contextlib import closing

import pytest
from world_server import ROLES, toml, write

from cairn.cli.main import run as cairn
from cairn.cli.redteam import redteam_command
from cairn.core.errors import CairnError, ConfigError, RunError

SEARCH = "search"
KEY = "sk-test-0123456789-abcdefgh"


def summary(path):
    return json.loads((path / "summary.json").read_text())


def test_a_troubled_server_is_met_with_patience_and_no_key_is_kept(
    server, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("MY_KEY", KEY)

    def trouble(number, role):
        if number % 7 == 3:
            return 429, {"Retry-After": "0.01"}, f"slow down, owner of {KEY}"
        return (500, {}, f"Authorization: Bearer {KEY}") if number % 11 == 5 else None

    server.trouble = trouble
    server.say = lambda role, text: f"{KEY} {text}" if role == "target" else text
    path = tmp_path / "run"
    config = write(tmp_path, toml(server.url, more='api_key_env = "MY_KEY"'))
    assert redteam_command(["run", config, "--run", str(path)]) == 0
    found = summary(path)
    assert found["stopped"] == "finished" and found["counts"]["told"] == 20
    assert found["counts"]["failed"] == 0 and found["coverage"]["value"] > 0.5
    assert server.keys == {f"Bearer {KEY}"}
    ledger = {line["role"]: line["spent"]["calls"] for line in found["ledger"]}
    assert sum(ledger.values()) == found["spent"]["calls"] > 100 and len(ledger) == 5
    monkeypatch.delenv("MY_KEY")
    assert redteam_command(["report", str(path)]) == 0, "reporting needs no key"
    assert redteam_command(["label", str(path), str(path / "label.jsonl")]) == 0
    out = capfd.readouterr()
    for text in (out.out, out.err):
        assert "0123456789" not in text
    for file in path.rglob("*"):
        assert b"0123456789" not in file.read_bytes(), file
    assert "[redacted]" in (path / "report.html").read_text(), "the answers did hold the key"


def test_a_key_that_is_refused_or_misplaced_is_never_repeated(server, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MY_KEY", KEY)
    server.trouble = lambda number, role: (401, {}, f"bad key {KEY}")
    config = write(tmp_path, toml(server.url, more='api_key_env = "MY_KEY"'))
    assert cairn(["redteam", "run", config, "--run", str(tmp_path / "a")]) == 2
    for more in (f'api_key_env = "{KEY}"', f'api_key = "{KEY}"'):
        config = write(tmp_path, toml(server.url, more=more))
        assert cairn(["redteam", "run", config, "--run", str(tmp_path / "b")]) == 2
    text = capfd.readouterr().err
    assert "answered 401" in text and "what came is not shown" in text
    assert "no field 'api_key'. Did you mean 'api_key_env'?" in text
    assert "0123456789" not in text and not (tmp_path / "b").exists()
    for file in (tmp_path / "a").rglob("*"):
        assert b"0123456789" not in file.read_bytes(), file


def test_a_missing_key_is_named_before_anything_is_made(server, tmp_path, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    config = write(tmp_path, toml(server.url, more='api_key_env = "MY_KEY"'))
    with pytest.raises(ConfigError, match=r"\[models.mutator\].*MY_KEY, which is not set"):
        redteam_command(["run", config, "--run", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists() and server.requests == 0


def test_an_unknown_model_stops_the_run_and_a_mended_server_finishes_it(server, tmp_path):
    server.trouble = lambda number, role: (404, {}, "no such model") if number > 60 else None
    path = tmp_path / "run"
    with pytest.raises(CairnError, match="answered 404: no such model"):
        redteam_command(["run", write(tmp_path, toml(server.url)), "--run", str(path)])
    refused = server.requests - 60
    server.trouble = lambda number, role: None
    assert redteam_command(["resume", str(path)]) == 0
    found = summary(path)
    assert found["counts"]["told"] == 20 and found["possibly_paid_twice"] == 0
    assert server.requests == found["spent"]["calls"]
    assert server.requests - refused == answers(path), "no answer was asked for again"


def answers(path):
    """How many answers the run's journal holds."""
    with closing(sqlite3.connect(path / "journal.sqlite")) as db:
        return db.execute("SELECT COUNT(*) FROM answers").fetchone()[0]


def test_a_wrong_address_is_named(server, tmp_path):
    text = toml(server.url.rpartition(":")[0] + ":9")
    with pytest.raises(CairnError, match=r"127\.0\.0\.1:9/v1.*base_url right.*Nothing is lost"):
        redteam_command(["run", write(tmp_path, text), "--run", str(tmp_path / "run")])


def corrected(path, old, new):
    file = path / "config.json"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def kept(path, stage):
    """How often each role was answered in a stage, from the journal's books."""
    with closing(sqlite3.connect(path / "journal.sqlite")) as db:
        query = "SELECT role, sends FROM spent WHERE outcome = 'answered' AND stage = ?"
        return dict(db.execute(query, (stage,)).fetchall())


def test_a_wrong_held_out_model_is_corrected_without_a_search_paid_again(server, tmp_path, capsys):
    server.trouble = lambda number, role: (404, {}, "no such model") if role == "wrong" else None
    text = toml(server.url).replace('model = "held_out"', 'model = "wrong"')
    path = tmp_path / "run"
    with pytest.raises(CairnError, match=r"no such model.*held_out\? Correct it in .*config\.json"):
        redteam_command(["run", write(tmp_path, text), "--run", str(path)])
    before = kept(path, SEARCH), kept(path, "audit")
    corrected(path, '"wrong"', '"held_out"')
    assert redteam_command(["report", str(path)]) == 0
    assert summary(path)["stopped"] == "unfinished", "the search is whole, the test is to come"
    assert redteam_command(["resume", str(path)]) == 0
    found = summary(path)
    assert found["stopped"] == "finished" and found["success"]["mean"] is not None
    assert kept(path, SEARCH) == before[0]
    answered = kept(path, "audit")
    assert before[1]["target"] > 0 == before[1].get("held_out", 0)
    assert answered["held_out"] == answered["target"] == 2 * found["counts"]["filled"]
    requests = server.requests
    assert redteam_command(["report", str(path)]) == 0 and server.requests == requests


def test_another_held_out_model_judges_the_responses_that_are_there(server, tmp_path):
    path = tmp_path / "run"
    config = write(tmp_path, toml(server.url))
    assert redteam_command(["run", config, "--run", str(path)]) == 0
    first, requests = summary(path), server.requests
    server.models["second"] = server.models["held_out"]
    corrected(path, '"model": "held_out"', '"model": "second"')
    assert redteam_command(["resume", str(path)]) == 0
    second = summary(path)
    assert server.requests == requests + 2 * first["counts"]["filled"], "verdicts alone"
    assert second["archive"] == first["archive"]
    corrected(path, '"model": "second"', '"model": "held_out"')
    requests = server.requests
    assert redteam_command(["resume", str(path)]) == 0
    assert server.requests == requests and summary(path)["success"] == first["success"]


def test_a_model_that_never_answered_is_corrected_and_one_that_did_is_not(server, tmp_path):
    server.trouble = lambda number, role: (404, {}, "no such model") if role == "wrong" else None
    text = toml(server.url).replace('model = "target"', 'model = "wrong"')
    path = tmp_path / "run"
    with pytest.raises(CairnError, match="no such model"):
        redteam_command(["run", write(tmp_path, text), "--run", str(path)])
    mutations = kept(path, SEARCH)["mutator"]
    corrected(path, '"wrong"', '"target"')
    assert redteam_command(["resume", str(path)]) == 0
    assert summary(path)["counts"]["told"] == 20 and mutations > 0
    asked = [name for name in server.seen if '"model": "mutator"' in name]
    assert sum(server.seen[name] for name in asked) == kept(path, SEARCH)["mutator"]
    corrected(path, '"model": "target"', '"model": "another"')
    with pytest.raises(RunError, match=r"another config: models\.target\.model"):
        redteam_command(["resume", str(path)])


def test_a_correction_that_takes_more_along_names_what_may_not_change(server, tmp_path):
    server.trouble = lambda number, role: (404, {}, "no such model") if role == "wrong" else None
    text = toml(server.url).replace('model = "judge"', 'model = "wrong"')
    path = tmp_path / "run"
    with pytest.raises(CairnError, match="no such model"):
        redteam_command(["run", write(tmp_path, text), "--run", str(path)])
    corrected(path, '"wrong"', '"judge"')
    corrected(path, '"goal": "(simulated)"', '"goal": "another"')
    with pytest.raises(
        RunError, match=r"follow a change of models\.judge\.model, but goal decided"
    ):
        redteam_command(["resume", str(path)])


def test_in_order_of_arrival_no_trial_can_be_made_anew(server, tmp_path):
    server.trouble = lambda number, role: (404, {}, "no such model") if role == "wrong" else None
    text = toml(server.url).replace('model = "judge"', 'model = "wrong"')
    path = tmp_path / "run"
    with pytest.raises(CairnError, match="no such model"):
        redteam_command(["run", write(tmp_path, text), "--run", str(path), "--order", "arrival"])
    corrected(path, '"wrong"', '"judge"')
    with pytest.raises(RunError, match=r"another config: models\.judge\.model"):
        redteam_command(["resume", str(path)])


@pytest.mark.slow
def test_a_scorer_that_falls_silent_in_the_audit_costs_only_the_comparison(server, tmp_path):
    path = tmp_path / "run"
    config = write(
        tmp_path, toml(server.url).replace("responses = 2", "responses = 20\nagreement = 20")
    )

    def say(role, text):
        audited = any('"model": "held_out"' in body for body in server.seen)
        return "Hard to say." if role == "scorer" and audited else text

    server.say = say
    assert redteam_command(["run", config, "--run", str(path)]) == 0
    success = summary(path)["success"]
    assert success["agreement"]["of"] == 0 and success["mean"] is not None


PRICE = "price = { prompt = 1.0, completion = 2.0 }"


def test_money_is_limited_and_a_higher_limit_goes_on(server, tmp_path, capsys):
    more = f"{PRICE}\nmax_tokens = 20"
    text = toml(server.url, more=more, end="[limits]\nmoney = 0.005\n")
    path = tmp_path / "run"
    assert redteam_command(["run", write(tmp_path, text), "--run", str(path)]) == 1
    said = capsys.readouterr().err
    assert "budget 'run'" in said and f"cairn redteam resume {path} --money MORE\n" in said
    found = summary(path)
    assert 0 < found["spent"]["micros"] + found["kept"]["micros"] <= 5000
    assert "micros" in found["stopped"] and "not complete" in (path / "report.html").read_text()
    assert redteam_command(["resume", str(path), "--money", "5"]) == 0
    found = summary(path)
    # Every answer is charged as the price table says: micro-units per token.
    assert 5000 < found["spent"]["micros"] < 2 * found["spent"]["tokens"]
    assert found["spent"]["micros"] > found["spent"]["tokens"]


def test_a_roles_own_limit_holds_over_search_and_audit_and_is_raised_in_the_config(
    server, tmp_path, capsys
):
    path = tmp_path / "run"
    asked = lambda: sum(n for body, n in server.seen.items() if '"model": "target"' in body)  # noqa: E731

    def text(calls):
        more = f"[models.target]\nlimits = {{ calls = {calls} }}"
        return toml(server.url).replace("[models.target]", more)

    assert redteam_command(["run", write(tmp_path, text(14)), "--dry-run"]) == 1
    assert "target: the run may need 28 calls, the limit is 14" in capsys.readouterr().out
    assert redteam_command(["run", write(tmp_path, text(14)), "--run", str(path)]) == 1
    said = capsys.readouterr().err
    assert "budget 'run/target'" in said and asked() == 14
    assert f"[models.target.limits] raised in {path}/config.json" in said
    assert summary(path)["counts"]["told"] == 20, "it was the audit that met the limit"
    corrected(path, '"calls": 14', '"calls": 28')
    assert redteam_command(["resume", str(path)]) == 0 and 14 < asked() <= 28
    with pytest.raises(
        ConfigError, match=r"\[models.target.limits\] limits money, but there is no"
    ):
        redteam_command(["run", write(tmp_path, text(1).replace("calls", "money")), "--dry-run"])


def test_a_price_that_is_missing_while_money_is_limited_is_named(server, tmp_path):
    text = toml(server.url, end="[limits]\nmoney = 1.0\n")
    for extra in (["--run", str(tmp_path / "run")], ["--dry-run"]):
        with pytest.raises(ConfigError, match="limits money, but there is no price for held_out"):
            redteam_command(["run", write(tmp_path, text), *extra])
    assert not (tmp_path / "run").exists()
    assert redteam_command(["run", write(tmp_path, toml(server.url)), "--run",
                            str(tmp_path / "run")]) == 0  # fmt: skip
    with pytest.raises(ConfigError, match="there is no price for"):
        redteam_command(["resume", str(tmp_path / "run"), "--money", "1"])


def test_a_dry_run_prices_every_role_by_its_price_and_sends_nothing(
    server, tmp_path, monkeypatch, capsys
):
    monkeypatch.delenv("MY_KEY", raising=False)
    more = f'{PRICE}\nmax_tokens = 10\napi_key_env = "MY_KEY"'
    text = toml(server.url, trials=1000, more=more, end="[limits]\nmoney = 0.1\n")
    assert redteam_command(["run", write(tmp_path, text), "--dry-run"]) == 1, "beyond the limit"
    lines = capsys.readouterr().out.splitlines()
    total = 0.0
    for line in lines[1:6]:
        _, calls, _, prompt, _, _, answer, _, _, money = line.split()
        # To half a hundredth: the money is shown with two digits.
        assert float(money) == pytest.approx((int(prompt) + 2 * int(answer)) / 1e6, abs=0.0051)
        assert int(answer) == 10 * int(calls)
        total += float(money)
    assert float(lines[6].split()[1]) == pytest.approx(total, abs=0.03)
    assert re.match(r"If every verdict took all 3 readings: \d+ calls, total ", lines[7])
    assert float(lines[7].split("total ")[1].split(". ")[0]) > 1.5 * total
    assert lines[8].strip().startswith("the run may need") and "micros" in lines[8]
    assert server.requests == 0


def test_a_judge_that_judges_itself_is_pointed_out(server, tmp_path, capsys):
    text = toml(server.url).replace('model = "held_out"', 'model = "judge"')
    path = tmp_path / "run"
    verdicts = itertools.cycle(("FIRST", "UNSAFE"))  # one can be read in contests, one in the audit
    server.say = lambda role, answer: answer if role != "judge" else next(verdicts)
    redteam_command(["run", write(tmp_path, text), "--run", str(path)])
    caution = "held_out is the same model as judge"
    assert caution in capsys.readouterr().out
    assert caution in summary(path)["cautions"][0] and caution in (path / "report.html").read_text()


def speechless(*roles):
    """Whatever they are asked, these answer in the form asked for once, and never again."""
    spoke = set()

    def say(role, text):
        if role not in roles or role not in spoke:
            spoke.add(role)
            return text
        return "Hard to say."

    return say


def test_contests_without_a_verdict_are_neither_won_nor_lost_and_count_against_the_judge(
    server, tmp_path, capsys
):
    server.say = speechless("judge", "held_out")
    path = tmp_path / "run"
    assert redteam_command(["run", write(tmp_path, toml(server.url)), "--run", str(path)]) == 0
    found = summary(path)
    counts, missing = found["counts"], found["health"]["missing_rate"]
    assert counts["failed"] == 0 == counts["replaced"] and counts["filled"] > 0
    assert counts["no_verdict"] + counts["filled"] == counts["tried"] and counts["no_verdict"] > 2
    assert missing["of"] == 4 * counts["no_verdict"] and missing["value"] > 0.9
    assert found["success"]["ungraded"] >= 2 * counts["filled"] - 1
    assert f"{counts['no_verdict']} contests without a readable verdict" in capsys.readouterr().out


@pytest.mark.parametrize("role", ["scorer", "judge", "held_out"])
def test_a_model_that_never_gives_a_verdict_ends_the_run(server, tmp_path, role):
    server.say = lambda asked, text: "Hard to say." if asked == role else text
    path = tmp_path / "run"
    wanted = rf"models\.{role}\] gave 20 answers and none in the form.*(?i:hard to say)"
    with pytest.raises(CairnError, match=wanted):
        redteam_command(["run", write(tmp_path, toml(server.url)), "--run", str(path)])
    if role == "held_out":
        server.say = lambda asked, text: text
        server.models["second"] = server.models["held_out"]
        corrected(path, '"model": "held_out"', '"model": "second"')
        assert redteam_command(["resume", str(path)]) == 0
        assert summary(path)["success"]["mean"] is not None


def test_why_trials_failed_is_told(server, tmp_path, capsys):
    server.say = speechless("scorer")
    path = tmp_path / "run"
    assert redteam_command(["run", write(tmp_path, toml(server.url)), "--run", str(path)]) == 0
    found = summary(path)
    failed = found["counts"]["failed"]
    assert found["failures"] == {"UnreadableAnswerError": failed} and failed > 10
    page = (path / "report.html").read_text()
    assert f"{failed} without a result" in page, "each failed trial has a row"
    assert page.count('<td dir="auto">UnreadableAnswerError</td>') == failed
    says = f"{failed} failed with UnreadableAnswerError"
    assert f"{says}, the last: scorer: expected a number" in capsys.readouterr().out
    assert f"{says}, the last: scorer:" in (path / "report.html").read_text()
    assert redteam_command(["report", str(path), "--redact"]) == 0
    redacted = (path / "report-redacted.html").read_text()
    assert says in redacted and "Hard to say" not in redacted


APPLICATION = """
from cairn.lm.request import Completion, Usage

async def answer(request):
    system, user = (message.content for message in request.messages)
    return Completion(f"{system} [simulated] placeholder answer, level 1 of 1.",
                      usage=Usage(prompt=100, completion=10))

def blocking(request):
    return "no"
"""
TARGET = """
[models.target]
kind = "function"
function = "my_app:{name}"
system = "be kind"
price = {{ prompt = 1.0, completion = 2.0 }}
"""


def with_application(server, folder, name):
    (folder / "my_app.py").write_text(APPLICATION)
    others = tuple(role for role in ROLES if role != "target")
    text = toml(server.url, roles=others, more=PRICE, end=TARGET.format(name=name))
    return write(folder, text + "[limits]\nmoney = 1.0\n")


def test_a_whole_application_can_be_the_target(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = with_application(server, tmp_path, "answer")
    path = tmp_path / "run"
    assert redteam_command(["run", config, "--run", str(path)]) == 0
    assert "on target my_app:answer" in capsys.readouterr().out
    assert "be kind [simulated] placeholder answer" in (path / "report.html").read_text()
    (line,) = (line for line in summary(path)["ledger"] if line["role"] == "target")
    calls = line["spent"]["calls"]
    assert calls > 10 and line["spent"]["tokens"] == 110 * calls
    assert line["spent"]["micros"] == 120 * calls
    assert not any('"target"' in name for name in server.seen), "no server was asked"


@pytest.mark.parametrize(
    "name, message",
    [
        ("blocking", "no `async def` function"),
        ("missing", "missing is not there in my_app"),
        ("x y", "must look like package.module:name"),
    ],
)
def test_an_application_that_cannot_work_is_named(server, tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = with_application(server, tmp_path, name)
    with pytest.raises(ConfigError, match=message):
        redteam_command(["run", config, "--run", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_failed_trials_are_asked_again_and_the_run_is_as_if_they_never_had_failed(
    server, tmp_path, capsys
):
    """A server too small for a while: its rejections are forgotten, nothing else is asked again."""
    whole, path = tmp_path / "whole", tmp_path / "run"
    server.draws_by_text = True
    config = write(tmp_path, toml(server.url))
    assert redteam_command(["run", config, "--run", str(whole)]) == 0

    def trouble(number, role):
        small = role == "scorer" and 30 < number - begun < 60
        return (400, {}, "This prompt is too long for the context window.") if small else None

    begun, server.trouble = server.requests, trouble
    assert redteam_command(["run", config, "--run", str(path)]) == 0
    assert summary(path)["failures"].get("RejectedError", 0) > 0
    server.trouble = lambda number, role: None
    assert redteam_command(["resume", str(path)]) == 0
    assert summary(path)["failures"].get("RejectedError", 0) > 0, "an answer like any other"
    before = kept(path, SEARCH)
    assert redteam_command(["resume", str(path), "--retry-failed"]) == 0
    assert "Trials are made anew" in capsys.readouterr().out
    found, expected = summary(path), summary(whole)
    assert found["failures"] == {} and found["counts"] == expected["counts"]
    for name in ("archive", "curve", "success", "coverage"):
        assert found[name] == expected[name]
    again = kept(path, SEARCH)
    assert again["scorer"] > before["scorer"] and found["possibly_paid_twice"] == 0


@pytest.mark.slow
def test_failed_trials_of_a_run_in_order_of_arrival_cannot_be_asked_again(server, tmp_path):
    path = tmp_path / "run"
    config = write(tmp_path, toml(server.url, trials=4))
    assert redteam_command(["run", config, "--run", str(path), "--order", "arrival"]) == 0
    with pytest.raises(RunError, match="in order of arrival"):
        redteam_command(["resume", str(path), "--retry-failed"])


@pytest.mark.slow
def test_a_setting_that_a_server_does_not_take_is_corrected_and_no_trial_is_lost(server, tmp_path):
    """Refused with 400 from the first call on; the model has never answered, so it may change."""
    path, server.unsupported = tmp_path / "run", "max_tokens"
    with pytest.raises(CairnError, match="max_tokens"):
        redteam_command(["run", write(tmp_path, toml(server.url)), "--run", str(path)])
    corrected(path, '"tokens_field": "max_tokens"', '"tokens_field": "max_completion_tokens"')
    assert redteam_command(["resume", str(path)]) == 0
    found = summary(path)
    assert found["counts"]["told"] == 20 and found["counts"]["failed"] == 0
