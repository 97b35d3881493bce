"""The journaled engine against a plain sequential oracle."""

import asyncio
import io
import json
import math
import random
import subprocess
import sys

import pytest
from rich.console import Console

from cairn.core.budget import Limits
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Journal
from cairn.engine.journal_blame import PolicyError
from cairn.engine.journal_console import JournalConsole, line
from cairn.engine.journal_policy import Failed
from cairn.engine.journal_price import check_quote, dry_run
from cairn.engine.journaled import Config, run
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import AttemptFailedError, EndpointRefusedError, UnreadableAnswerError
from cairn.lm.limiter import Concurrency
from cairn.lm.prices import Price
from cairn.lm.request import Completion, Request, Sampling, Usage
from cairn.lm.scripted import ScriptedModel


class Walk:
    """Each trial notes which tells it saw; the state lists what it was told, in order."""

    def init(self):
        return []

    def ask(self, state, trial_id: int, key: DrawKey, pending):
        return {"id": trial_id, "seen": len(state), "draw": key.integer(16)}

    async def evaluate(self, trial, clients):
        request = Request.of(f"trial {trial['draw']}")
        return (await clients["m"].complete(request, purpose="try")).text

    def tell(self, state, trial, outcome):
        if isinstance(outcome, Failed):
            outcome = [outcome.kind, outcome.error, outcome.message]
        return [*state, [trial, outcome]]

    def done(self, state) -> bool:
        return False

    def dump(self, state) -> bytes:
        return json.dumps(state).encode()

    def load(self, body: bytes):
        return json.loads(body)


def echo(request, key):
    return f"{request.messages[-1].content} -> {key.integer(16)}"


class Uneven(ScriptedModel):
    """Answers after a random while: another order of arrival in every run."""

    async def complete(self, request, sample="0"):
        await asyncio.sleep(random.random() * 0.004)
        return await super().complete(request, sample)


def drive(path, policy, config, model=None, *, flow=None, close=True, **options):
    async def main():
        role = Role(
            Endpoint(model or Uneven(echo), flow or Flow(backoff_s=0.001)),
            price=options.pop("price", None),
        )
        with Journal(path, config=config.tied()) as journal:
            stage = journal.stage("search")
            return await run(policy, stage, config=config, roles={"m": role}, **options)

    return asyncio.run(main())


def oracle(trials: int, lag: int, seed: int) -> list:
    """The same run in a plain loop: ask k has seen the tells up to k - lag."""
    model = ScriptedModel(echo)
    asked, state = [], []
    for k in range(trials):
        seen = state[: max(0, k - lag + 1)]
        trial = Walk().ask(seen, k, DrawKey.root(seed).child(k, "ask"), [])
        asked.append(trial)
        request = Request.of(f"trial {trial['draw']}")
        answer = asyncio.run(model.complete(request, f"{k}/m/try/0")).text
        state.append([trial, answer])
    return state


@pytest.mark.parametrize("lag", [1, 3, 100])
def test_ask_k_sees_the_tells_up_to_k_minus_lag_and_tells_come_in_trial_order(tmp_path, lag):
    config = Config(trials=30, lag=lag, seed=5)
    result = drive(tmp_path / "j.sqlite", Walk(), config)
    assert result.state == oracle(30, lag, 5)
    assert (result.told, result.stopped) == (30, "finished")


def test_a_finished_run_is_continued_as_if_it_had_been_longer_from_the_start(tmp_path):
    for trials in (7, 7, 20, 33):
        config = Config(trials=trials, lag=6, seed=5, snapshot_every=9)
        result = drive(tmp_path / "j.sqlite", Walk(), config)
    assert result.state == oracle(33, 6, 5)
    whole = drive(tmp_path / "k.sqlite", Walk(), Config(trials=33, lag=6, seed=5))
    assert (result.state_digest, result.journal_digest) == (
        whole.state_digest,
        whole.journal_digest,
    )


def test_a_run_that_ends_at_a_limit_goes_on_along_the_same_path(tmp_path):
    config = Config(trials=40, lag=6, seed=5)
    told = []
    for calls in (0, 9, 10, 25, 1000):
        limits = Limits(calls=calls)
        result = drive(tmp_path / "j.sqlite", Walk(), config, limits=limits)
        told.append(result.told)
        assert result.progress.spent.calls <= calls
        assert (result.stopped == "finished") == (calls == 1000)
    assert told[0] == 0 and told == sorted(told) and told[2] > 0
    assert "Raise the limit and resume" in drive_stopped(tmp_path, config)
    assert result.state == oracle(40, 6, 5) and result.progress.spent.calls == 40


def drive_stopped(tmp_path, config) -> str:
    return drive(tmp_path / "other.sqlite", Walk(), config, limits=Limits(calls=3)).stopped


def test_a_second_run_over_the_journal_asks_nothing_again(tmp_path):
    config = Config(trials=20, seed=1)
    first = drive(tmp_path / "j.sqlite", Walk(), config)
    again = drive(tmp_path / "j.sqlite", Walk(), config)
    assert again.progress.answered == 0 and again.state == first.state
    assert again.progress.spent == first.progress.spent
    with Journal(tmp_path / "j.sqlite", config=config.tied()) as journal:
        assert journal.stage("search").arrived() == {}, "an outcome that was told waits no longer"


class Moody(Walk):
    """Some trials fail, some take too long."""

    async def evaluate(self, trial, clients):
        if trial["id"] % 5 == 1:
            raise UnreadableAnswerError("no verdict")
        if trial["id"] % 5 == 3:
            await asyncio.sleep(60)
        if trial["id"] % 5 == 4:
            raise TimeoutError("its own clock")
        return await super().evaluate(trial, clients)


@pytest.mark.parametrize("order", ["trial", "arrival"])
def test_failures_and_timeouts_are_events_and_told_as_such(tmp_path, order):
    config = Config(trials=10, order=order, trial_timeout_s=0.75)
    result = drive(tmp_path / "j.sqlite", Moody(), config)
    outcomes = {trial["id"]: outcome for trial, outcome in result.state}
    for k in (1, 6):
        assert outcomes[k] == ["failure", "UnreadableAnswerError", "no verdict"]
    for k in (3, 8):
        assert outcomes[k] == ["timeout", "TimeoutError", "no outcome within 0.75 s"]
    assert outcomes[4] == ["timeout", "TimeoutError", "its own clock"]
    assert isinstance(outcomes[0], str)
    with Journal(tmp_path / "j.sqlite", config=config.tied()) as journal:
        kinds = [event.kind for event in journal.events()]
    assert (kinds.count("failure"), kinds.count("timeout"), kinds.count("tell")) == (2, 4, 4)


def test_arrival_order_tells_as_outcomes_come(tmp_path):
    class SlowFirst(Walk):
        async def evaluate(self, trial, clients):
            await asyncio.sleep(0.15 if trial["id"] == 0 else 0)
            return trial["id"]

    config = Config(trials=12, lag=4, order="arrival")
    result = drive(tmp_path / "j.sqlite", SlowFirst(), config)
    order = [trial["id"] for trial, _ in result.state]
    assert sorted(order) == list(range(12)) and order[-1] == 0


def test_a_bug_in_the_policy_is_raised_and_the_journal_stays_usable(tmp_path):
    class Buggy(Walk):
        async def evaluate(self, trial, clients):
            if trial["id"] == 7:
                raise ZeroDivisionError("a bug")
            return await super().evaluate(trial, clients)

    config = Config(trials=12, lag=3, seed=5)
    with pytest.raises(PolicyError, match=r"trial 7 .* ZeroDivisionError: a bug"):
        drive(tmp_path / "j.sqlite", Buggy(), config)
    assert drive(tmp_path / "j.sqlite", Walk(), config).state == oracle(12, 3, 5)


def test_what_is_not_json_is_refused_by_name(tmp_path):
    class Sloppy(Walk):
        async def evaluate(self, trial, clients):
            return math.nan

    with pytest.raises(RunError, match=r"evaluate must return a JSON value without NaN \(trial 0"):
        drive(tmp_path / "j.sqlite", Sloppy(), Config(trials=1))


def test_policies_see_what_a_replay_would_see(tmp_path):
    class Tuples(Walk):
        def ask(self, state, trial_id, key, pending):
            return {"id": trial_id, "pair": (1, 2)}

        async def evaluate(self, trial, clients):
            assert trial["pair"] == [1, 2], "a tuple becomes a list in the journal"
            return trial["pair"]

    drive(tmp_path / "j.sqlite", Tuples(), Config(trials=2))


def test_a_policy_may_end_its_run_early_at_an_exact_state(tmp_path):
    class Brief(Walk):
        def done(self, state):
            return len(state) == 9

    config = Config(trials=100, lag=5, seed=5)
    result = drive(tmp_path / "j.sqlite", Brief(), config)
    assert result.state == oracle(9, 5, 5) and result.stopped == "done"
    assert drive(tmp_path / "j.sqlite", Brief(), config).state == result.state


def test_snapshots_keep_the_part_to_be_replayed_short(tmp_path):
    class Counting(Walk):
        tells = 0

        def tell(self, state, trial, outcome):
            Counting.tells += 1
            return super().tell(state, trial, outcome)

    config = Config(trials=100, lag=4, snapshot_every=20)
    first = drive(tmp_path / "j.sqlite", Counting(), config)
    Counting.tells = 0
    assert drive(tmp_path / "j.sqlite", Counting(), config).state == first.state
    assert Counting.tells <= 20


def test_a_refusing_endpoint_stops_the_run_and_a_mended_one_finishes_it(tmp_path):
    class Expired(ScriptedModel):
        async def complete(self, request, sample="0"):
            Expired.calls += 1
            if Expired.calls > 10:
                raise EndpointRefusedError("the key has expired")
            return await super().complete(request, sample)

    Expired.calls = 0
    config = Config(trials=20, lag=4, seed=5)
    with pytest.raises(EndpointRefusedError, match="expired"):
        drive(tmp_path / "j.sqlite", Walk(), config, Expired(echo))
    result = drive(tmp_path / "j.sqlite", Walk(), config)
    assert result.state == oracle(20, 4, 5) and result.progress.answered == 10


def test_a_wall_time_limit_cuts_calls_in_flight_and_keeps_their_reservation(tmp_path):
    slow = ScriptedModel(echo, latency_s=30)
    result = drive(tmp_path / "j.sqlite", Walk(), Config(trials=5), slow, limits=Limits(wall_s=0.2))
    # The limit is the run's: a role's budget has none, and none to raise.
    assert result.stopped.startswith("budget 'run': the running time is over. Raise wall_s")
    assert result.progress.kept.calls == 5 == result.progress.maybe_twice
    again = drive(tmp_path / "j.sqlite", Walk(), Config(trials=5), limits=Limits(wall_s=0.2))
    assert again.told == 0, "the time of earlier sessions counts"


def test_money_is_never_overshot_and_unknown_outcomes_keep_their_reservation(tmp_path):
    class Lossy(ScriptedModel):
        async def complete(self, request, sample="0"):
            if random.random() < 0.3:
                raise AttemptFailedError("connection", "gone", maybe_paid=True)
            return Completion("x", usage=Usage(prompt=20, completion=5))

    config = Config(trials=200, lag=16)
    limits = Limits(micros=20_000)
    result = drive(
        tmp_path / "j.sqlite", Walk(), config, Lossy(echo), limits=limits, price=Price(1, 2)
    )
    progress = result.progress
    assert progress.spent.micros == 30 * progress.answered
    per_send = 16 * 2 + 2 * 256  # framing, at most 10 bytes of prompt, and the longest answer
    assert progress.maybe_twice * per_send <= progress.kept.micros
    assert progress.spent.micros + progress.kept.micros <= 20_000
    assert 0 < result.told < 200 and "micros" in result.stopped


def test_a_money_limit_needs_prices_and_a_role_must_exist(tmp_path):
    with pytest.raises(ConfigError, match="no price for m"):
        drive(tmp_path / "j.sqlite", Walk(), Config(trials=1), limits=Limits(micros=1))

    class Lost(Walk):
        async def evaluate(self, trial, clients):
            return await clients["judge"].complete(Request.of("x"), purpose="x")

    with pytest.raises(ConfigError, match="no role 'judge'; the run's roles are: m"):
        drive(tmp_path / "j.sqlite", Lost(), Config(trials=1))


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match=r"Config\.lag must be above 0"):
        Config(trials=1, lag=0)
    with pytest.raises(ConfigError, match=r"trials must be at least 0, got -1"):
        Config(trials=-1)


def test_n_votes_are_n_samples_and_equal_calls_are_one_call(tmp_path):
    async def main():
        model = ScriptedModel(echo, latency_s=0.002)
        endpoint = Endpoint(model)
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, {"m": Role(endpoint)})
            one, two = desk.clients(1)["m"], desk.clients(2)["m"]
            request = Request.of("q")
            votes = [one.complete(request, purpose="v", sample_index=i) for i in range(4)]
            texts = {answer.text for answer in await asyncio.gather(*votes)}
            assert len(texts) == 4
            same = [one.complete(request, purpose="v") for _ in range(3)]
            assert {answer.text for answer in await asyncio.gather(*same)} <= texts
            assert endpoint.counts["attempts"] == 4
            other = await two.complete(request, purpose="v")
            assert other.text not in texts, "another trial draws its own answer"
            shared = [c.complete(request, purpose=p, shared=True) for c in (one, two) for p in "ab"]
            assert len({answer.text for answer in await asyncio.gather(*shared)}) == 1
            assert endpoint.counts["attempts"] == 6

    asyncio.run(main())


def test_when_the_first_of_two_equal_calls_is_cancelled_the_second_goes_on(tmp_path):
    async def main():
        endpoint = Endpoint(ScriptedModel(echo, latency_s=0.01))
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, {"m": Role(endpoint)})
            client = desk.clients(1)["m"]
            first, second = (
                asyncio.create_task(client.complete(Request.of("q"), purpose="v")) for _ in "ab"
            )
            await asyncio.sleep(0.005)
            first.cancel()
            assert (await second).text.startswith("q -> ")
            assert desk.maybe_twice == 1 and desk.in_flight == 0

    asyncio.run(main())


def test_a_dry_run_prices_every_role_and_sends_nothing():
    class Costly(Walk):
        async def evaluate(self, trial, clients):
            request = Request.of("x" * 100, sampling=Sampling(max_tokens=50))
            await clients["target"].complete(request, purpose="try")
            for i in range(4):
                await clients["judge"].complete(request, purpose="vote", sample_index=i)

    def forbidden(request, key):
        raise AssertionError("a dry run must not call the real model")

    real = Endpoint(ScriptedModel(forbidden))
    roles = {"target": Role(real, Price(1, 2)), "judge": Role(real)}
    stand_in = ScriptedModel(echo)
    quotes = asyncio.run(
        dry_run(
            Costly(),
            config=Config(trials=1000),
            roles=roles,
            stand_ins={"target": stand_in, "judge": stand_in},
        )
    )
    assert quotes["target"].calls == 1000 and quotes["judge"].calls == 4000
    assert quotes["target"].prompt_tokens == 1000 * (100 + 32)
    assert quotes["target"].micros == 1000 * (132 + 2 * 50) and quotes["judge"].micros is None
    assert check_quote(quotes, Limits(calls=5000)) == []
    assert check_quote(quotes, Limits(calls=4999)) == [
        "the run may need 5000 calls, the limit is 4999"
    ]
    with pytest.raises(ConfigError, match=r"missing: \['judge'\]"):
        asyncio.run(
            dry_run(Costly(), config=Config(trials=1), roles=roles, stand_ins={"target": stand_in})
        )


def test_after_a_hundred_calls_the_run_is_projected_and_the_console_shows_it(tmp_path, caplog):
    caplog.set_level("INFO")
    seen = []
    text = io.StringIO()
    console = JournalConsole(Console(file=text, width=40), plain_every_s=0)
    model = ScriptedModel(lambda request, key: "one two", latency_s=0.005)
    with console:
        result = drive(
            tmp_path / "j.sqlite",
            Walk(),
            Config(trials=400, lag=8, report_every_s=0.02),
            model,
            flow=Flow(concurrency=Concurrency(start=8, most=8)),
            on_progress=lambda progress: (seen.append(progress), console.show(progress)),
            price=Price(1, 1),
        )
    early = [progress for progress in seen if progress.spent.calls < 100]
    assert early and all(progress.projection is None for progress in early)
    late = [progress for progress in seen if progress.projection is not None]
    # At most what is in flight is counted twice.
    assert 400 <= late[0].projection.least.calls <= late[0].projection.most.calls <= 408
    said = [record.message for record in caplog.records if "the whole run" in record.message]
    assert len(said) == 1 and "0.00 in money" in said[0]
    shown = text.getvalue()
    assert "400/400 trials" in shown and "calls/s" in shown and "projected 0.0016" in shown
    assert line(result.progress).count("·") >= 6


def test_a_terminal_gets_one_live_line(tmp_path):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=200)
    with JournalConsole(console) as live:
        drive(tmp_path / "j.sqlite", Walk(), Config(trials=3), on_progress=live.show)
    assert "3/3 trials" in text.getvalue()


def test_the_engine_starts_without_jax_aiohttp_or_rich():
    code = "import sys, cairn.engine.journaled; print({'jax', 'aiohttp', 'rich'} & {*sys.modules})"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert output.strip() == "set()"
