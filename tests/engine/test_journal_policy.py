"""What a policy may count on: pending trials, waiting, asking as part of the state, workers."""

import asyncio
import logging
import random
import stat
import time
from typing import Any

import pytest

from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Journal
from cairn.core.typed import build
from cairn.engine.journal_blame import PolicyError
from cairn.engine.journal_policy import WAIT, Failed
from cairn.engine.journaled import Config, run
from cairn.engine.json_policy import JsonPolicy


class Own(JsonPolicy):
    """A policy without models: an outcome is the trial's number, after a while."""

    def ask(self, state, trial_id, key, pending) -> Any:
        return {"id": trial_id, "seen": len(state), "pending": [trial["id"] for trial in pending]}

    async def evaluate(self, trial, clients):
        await asyncio.sleep(random.random() * 0.003)
        return trial["id"]

    def tell(self, state, trial, outcome) -> Any:
        outcome = "failed" if isinstance(outcome, Failed) else outcome
        return [*state, [trial, outcome]]


def drive(path, policy, config, **options):
    async def main():
        with Journal(path, config=config.tied(), redact=options.pop("redact", str)) as journal:
            return await run(policy, journal.stage("search"), config=config, roles={}, **options)

    return asyncio.run(main())


def test_ask_sees_what_is_asked_and_not_told_in_trial_order_arrived_or_not(tmp_path):
    result = drive(tmp_path / "j.sqlite", Own(), Config(trials=40, lag=7))
    for trial, _ in result.state:
        # Ask k follows tell k - 7 at once: six trials are out, whatever has arrived.
        assert trial["pending"] == list(range(max(0, trial["id"] - 6), trial["id"]))


def test_each_tell_is_followed_by_one_ask_which_is_folded_in_at_once(tmp_path):
    heard = []

    class Noting(Own):
        def ask(self, state, trial_id, key, pending):
            heard.append(("ask", trial_id))
            return super().ask(state, trial_id, key, pending)

        def asked(self, state, trial):
            heard.append(("asked", trial["id"]))
            return state

        def tell(self, state, trial, outcome):
            heard.append(("tell", trial["id"]))
            return super().tell(state, trial, outcome)

    drive(tmp_path / "j.sqlite", Noting(), Config(trials=20, lag=4))
    expected = [(what, k) for k in range(4) for what in ("ask", "asked")]
    for k in range(20):
        expected += [("tell", k), ("ask", k + 4), ("asked", k + 4)]
    assert heard == expected


class Generations(Own):
    """Asks four trials, then waits until all are told."""

    def ask(self, state, trial_id, key, pending):
        if trial_id % 4 == 0 and pending:
            return WAIT
        return super().ask(state, trial_id, key, pending)


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_a_policy_may_wait_and_is_asked_again_after_the_next_tell(tmp_path, workers):
    config = Config(trials=24, lag=10, workers=workers)
    result = drive(tmp_path / "j.sqlite", Generations(), config)
    assert [trial["seen"] for trial, _ in result.state] == [4 * (k // 4) for k in range(24)]
    whole = drive(tmp_path / "whole.sqlite", Generations(), Config(trials=24, lag=10))
    parts = [drive(tmp_path / "p.sqlite", Generations(), Config(trials=n, lag=10)) for n in (5, 24)]
    for other in (whole, parts[1]):
        assert other.state_digest == result.state_digest
        assert other.journal_digest == result.journal_digest


def test_who_waits_for_nothing_is_named(tmp_path):
    class Stuck(Own):
        def ask(self, state, trial_id, key, pending):
            return WAIT if len(state) == 3 else super().ask(state, trial_id, key, pending)

    with pytest.raises(RunError, match=r"Stuck\.ask answers WAIT for trial 3 .* no trial is pend"):
        drive(tmp_path / "j.sqlite", Stuck(), Config(trials=9, lag=1))
    # At the end there is nothing to wait for, so that waiting is no mistake.
    assert drive(tmp_path / "k.sqlite", Stuck(), Config(trials=3, lag=1)).stopped == "finished"


class Fair(Own):
    """Spreads trials over places by what it asked for, not by what came back."""

    def init(self):
        return {"asked": [0, 0, 0], "told": []}

    def ask(self, state, trial_id, key, pending):
        return {"id": trial_id, "place": state["asked"].index(min(state["asked"]))}

    def asked(self, state, trial):
        counts = [n + (i == trial["place"]) for i, n in enumerate(state["asked"])]
        return {**state, "asked": counts}

    def tell(self, state, trial, outcome):
        return {**state, "told": [*state["told"], trial["place"]]}


def test_asking_is_folded_into_the_state_where_a_policy_says_how(tmp_path):
    config = Config(trials=30, lag=8, snapshot_every=7)
    whole = drive(tmp_path / "j.sqlite", Fair(), config)
    assert whole.state["told"] == [0, 1, 2] * 10
    assert sum(whole.state["asked"]) == 30 + 8, "asks run ahead, beyond the last trial too"
    for trials in (4, 17, 30):
        config = Config(trials=trials, lag=8, snapshot_every=3)
        parts = drive(tmp_path / "k.sqlite", Fair(), config)
    assert parts.state == whole.state and parts.journal_digest == whole.journal_digest


class Counting(Own):
    """Notes how many of its trials are evaluated at once."""

    def __init__(self):
        self.now = self.most = 0

    async def evaluate(self, trial, clients):
        self.now += 1
        self.most = max(self.most, self.now)
        outcome = await super().evaluate(trial, clients)
        self.now -= 1
        return outcome


def test_workers_bound_what_is_evaluated_at_once_and_move_no_result(tmp_path):
    found = {}
    for workers in (1, 3, None, 50):
        policy = Counting()
        config = Config(trials=40, lag=8, workers=workers)
        result = drive(tmp_path / f"{workers}.sqlite", policy, config)
        found[workers] = (policy.most, (result.state_digest, result.journal_digest))
    assert [most for most, _ in found.values()] == [1, 3, 8, 8]
    assert len({digests for _, digests in found.values()}) == 1


def test_with_a_lag_above_the_workers_one_slow_trial_idles_nobody(tmp_path):
    class SlowFirst(Own):
        arrived = 0

        async def evaluate(self, trial, clients):
            if trial["id"] == 0:
                while SlowFirst.arrived < 19:
                    await asyncio.sleep(0.001)
            SlowFirst.arrived += 1
            return trial["id"]

    config = Config(trials=20, lag=20, workers=2)
    result = asyncio.run(asyncio.wait_for(_run(tmp_path / "j.sqlite", SlowFirst(), config), 20))
    assert [trial["id"] for trial, _ in result.state] == list(range(20))


async def _run(path, policy, config):
    with Journal(path, config=config.tied()) as journal:
        return await run(policy, journal.stage("search"), config=config, roles={})


def test_a_config_with_a_window_is_told_what_became_of_it():
    with pytest.raises(ConfigError) as caught:
        build(Config, {"trials": 5, "window": 8}, "engine")
    assert str(caught.value) == (
        "[engine] has no field 'window' any more: it is two settings now: rename it to `lag` for "
        "the same results, and give `workers` for how many trials are evaluated at a time (left "
        "out: as many as `lag`)."
    )
    assert Config(trials=1, lag=4, workers=2).tied() == Config(trials=9, lag=4).tied()


def test_an_ask_of_the_earlier_form_is_told_what_to_add(tmp_path):
    class Old(Own):
        def ask(self, state, trial_id, key):  # type: ignore[override]
            return trial_id

    with pytest.raises(RunError, match=r"Old\.ask must take \(state, trial_id, key, pending\)"):
        drive(tmp_path / "j.sqlite", Old(), Config(trials=1))


# --- mistakes of the policy's own code


def test_a_cancellation_from_within_ends_the_run_instead_of_hanging_it(tmp_path):
    class Cancels(Own):
        async def evaluate(self, trial, clients):
            if trial["id"] == 2:
                inner = asyncio.get_running_loop().create_future()
                inner.cancel()
                await inner
            return trial["id"]

    config = Config(trials=5)
    with pytest.raises(PolicyError, match=r"Cancels\.evaluate failed in trial 2 .*CancelledError"):
        asyncio.run(asyncio.wait_for(_run(tmp_path / "j.sqlite", Cancels(), config), 5))
    assert drive(tmp_path / "j.sqlite", Own(), config).told == 5


def grade(answer):
    return {"good": 1}[answer]


@pytest.mark.parametrize("method", ["ask", "asked", "evaluate", "tell", "done", "dump"])
def test_a_mistake_is_shown_by_file_and_line_and_its_traceback_is_kept(tmp_path, method):
    class Buggy(Own):
        pass

    async def evaluate(self, trial, clients):
        return grade("sk-secret")

    wrong = evaluate if method == "evaluate" else lambda self, *rest: grade("sk-secret")
    setattr(Buggy, method, wrong)
    hide = lambda text: text.replace("sk-secret", "[key]")  # noqa: E731
    with pytest.raises(PolicyError) as caught:
        drive(tmp_path / "j.sqlite", Buggy(), Config(trials=1), redact=hide)
    line = grade.__code__.co_firstlineno + 1
    said, kept = str(caught.value), tmp_path / "traceback.txt"
    assert said.startswith(f"Buggy.{method} failed") and "\n" not in said
    assert f" at {__file__}, line {line}: KeyError: '[key]'" in said
    assert f"The whole traceback is in {kept}." in said
    text = kept.read_text()
    assert 'return {"good": 1}[answer]' in text and "sk-secret" not in text + said
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert isinstance(caught.value.__cause__, KeyError)


def test_where_no_file_can_be_written_the_traceback_is_logged(tmp_path, caplog):
    class Buggy(Own):
        def tell(self, state, trial, outcome):
            return grade("bad")

    (tmp_path / "traceback.txt").mkdir()
    with pytest.raises(PolicyError) as caught, caplog.at_level(logging.ERROR):
        drive(tmp_path / "j.sqlite", Buggy(), Config(trials=1))
    assert "traceback is in" not in str(caught.value)
    assert 'return {"good": 1}[answer]' in caplog.text


def test_a_mistake_in_the_words_for_the_console_ends_no_run(tmp_path):
    class Mute(Own):
        def describe(self, state):
            return grade("bad")

    result = drive(tmp_path / "j.sqlite", Mute(), Config(trials=3))
    assert result.told == 3 and "Mute.describe failed" in result.progress.about


def test_the_state_is_described_seldom_and_only_when_it_changed(tmp_path, monkeypatch):
    """A bootstrap in `describe` twice a second took the event loop from the calls."""
    monkeypatch.setattr("cairn.engine.journal_progress.ABOUT_EVERY_S", 0.2)

    class Wordy(Own):
        described = 0

        async def evaluate(self, trial, clients):
            await asyncio.sleep(0.02 if trial["id"] < 19 else 0.4)
            return trial["id"]

        def describe(self, state):
            Wordy.described += 1
            return f"{len(state)} told"

    shown = []
    config = Config(trials=20, lag=1, report_every_s=0.005)
    began = time.monotonic()
    result = drive(tmp_path / "j.sqlite", Wordy(), config, on_progress=shown.append)
    took_s = time.monotonic() - began
    assert Wordy.described <= took_s / 0.2 + 2 and len(shown) > 3 * Wordy.described
    assert result.progress.about == shown[-1].about == "20 told"


def test_a_slow_description_takes_a_hundredth_of_the_time_at_most(tmp_path, monkeypatch):
    monkeypatch.setattr("cairn.engine.journal_progress.ABOUT_EVERY_S", 0.01)

    class Bootstrap(Own):
        described = 0

        async def evaluate(self, trial, clients):
            await asyncio.sleep(0.02)
            return trial["id"]

        def describe(self, state):
            Bootstrap.described += 1
            time.sleep(0.05)
            return ""

    drive(tmp_path / "j.sqlite", Bootstrap(), Config(trials=40, lag=1, report_every_s=0.005))
    assert Bootstrap.described <= 2, "at the first report and at the last"
