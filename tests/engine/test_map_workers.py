"""Map in several processes: the same bytes, limits that hold, and workers that may be lost."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial

import map_job
import pytest

from cairn.core.budget import Amount, Limits
from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Journal
from cairn.engine.map_items import Reject
from cairn.engine.map_sources import Items
from cairn.engine.map_workers import Processes
from cairn.engine.mapped import MapConfig, map_stage
from cairn.lm.client import Desk
from cairn.lm.request import Request

RECORDS = [{"id": f"r{i}", "text": f"text {i}"} for i in range(60)]
pytestmark = pytest.mark.slow


def start(folder, *, records=RECORDS, **options):
    source = Items(records, "id")
    return asyncio.run(map_job.run(folder, source, folder / "out.jsonl", **options))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    result = start(folder, shard=7)
    return result, (folder / "out.jsonl").read_bytes()


def test_two_processes_write_the_same_bytes_and_the_books_are_whole(whole, tmp_path):
    result = start(tmp_path, shard=4, processes=2)
    assert (tmp_path / "out.jsonl").read_bytes() == whole[1]
    assert result.counts == whole[0].counts
    assert (result.progress.spent.calls, result.progress.maybe_twice) == (120, 0)
    assert list((tmp_path / "journal.sqlite.shards").iterdir()) == []
    with Journal.read(tmp_path / "journal.sqlite") as journal:
        (line,) = journal.spending()
        assert (line.stage, line.role, line.spent.calls) == ("map", "m", 120)


def test_a_limit_of_the_run_holds_for_all_processes_together(whole, tmp_path):
    stopped = start(tmp_path, shard=4, processes=2, limits=Limits(calls=50))
    assert "no room for the next call (run/m: 50 of 50 calls)" in stopped.stopped
    assert stopped.progress.spent.calls == 50
    result = start(tmp_path, shard=4, processes=2)
    assert (result.progress.spent.calls, result.progress.maybe_twice) == (120, 0)
    assert (tmp_path / "out.jsonl").read_bytes() == whole[1]


async def both(item, clients, key):
    """A call of one role, then of another."""
    said = await clients["a"].complete(Request.of(f"rewrite {item.value}"), purpose="rewrite")
    return (await clients["b"].complete(Request.of(f"grade {said.text}"), purpose="grade")).text


def of_two():
    return {"a": map_job.roles()["m"], "b": map_job.roles()["m"]}


@asynccontextmanager
async def two():
    yield of_two()


def test_roles_share_what_is_left_of_the_run_to_its_last_call(tmp_path):
    async def go(calls):
        config = MapConfig(seed=3, shard=4, processes=2)
        with Journal(tmp_path / "journal.sqlite", config=config.tied()) as journal:
            desk = Desk(journal, of_two(), limits=Limits(calls=calls), seed=3)
            return await map_stage(
                journal, desk, stage="map", source=Items(RECORDS[:12], "id"), work=both,
                sink=tmp_path / "out.jsonl", config=config, company=two,
            )  # fmt: skip

    stopped = asyncio.run(go(23))
    assert stopped.stopped != "finished" and stopped.progress.spent.calls == 23
    whole = asyncio.run(go(24))  # exactly what is needed
    assert (whole.stopped, whole.done, whole.progress.spent.calls) == ("finished", 12, 24)


@pytest.mark.parametrize("processes", [(2, 1), (1, 2)])
def test_what_processes_paid_for_is_not_paid_again_by_one_and_nothing_stays(
    whole, tmp_path, monkeypatch, processes
):
    monkeypatch.setenv("CALL_LOG", str(tmp_path / "calls.log"))
    first, second = processes
    start(tmp_path, shard=25, processes=first, limits=Limits(calls=50))
    result = start(tmp_path, shard=25, processes=second)
    assert (tmp_path / "out.jsonl").read_bytes() == whole[1]
    calls = len((tmp_path / "calls.log").read_text().split())
    assert result.progress.spent.calls == calls
    if first == 2:
        assert calls == 120
    with Journal.read(tmp_path / "journal.sqlite") as journal:
        assert list(journal.answers()) == [] and journal.left_shards("map") == {}


async def programs(item, clients, key):
    """A call, and a program, of a role that only the work knows."""
    answer = await clients["m"].complete(map_job.Request.of(f"rewrite {item.value}"), purpose="a")

    async def program():
        return f"ran {answer.text}", Amount(cpu_ms=10)

    return await clients.once("jail", "program", Amount(cpu_ms=50), program)


def test_the_books_of_programs_that_ran_in_processes_are_whole(tmp_path):
    start(tmp_path, shard=25, processes=2, doing=programs, limits=Limits(calls=30))
    result = start(tmp_path, shard=25, processes=2, doing=programs)
    assert (result.done, result.progress.spent.cpu_ms) == (60, 600)
    with Journal.read(tmp_path / "journal.sqlite") as journal:
        assert [(line.role, line.spent.cpu_ms) for line in journal.spending()] == [
            ("jail", 600), ("m", 0),
        ]  # fmt: skip


def limited(folder, limits, *, known):
    """The programs in two processes, under limits of the whole run."""

    async def main():
        config = map_job.MapConfig(seed=3, shard=4, processes=2)
        with Journal(folder / "journal.sqlite", config=config.tied()) as journal:
            desk = Desk(journal, map_job.roles(), limits=limits if not known else None, seed=3)
            if known:
                desk.role("jail", limits)
            return await map_job.map_stage(
                journal, desk, stage="map", source=Items(RECORDS, "id"), work=programs,
                config=config, company=map_job.company,
            )  # fmt: skip

    return asyncio.run(main())


def test_a_limit_of_programs_holds_for_all_processes_together(tmp_path):
    stopped = limited(tmp_path, Limits(cpu_ms=200), known=True)
    assert "run/jail: " in stopped.stopped and "of 200 cpu_ms" in stopped.stopped
    # 50 are held before a program, and 10 used by it.
    assert 150 < stopped.progress.spent.cpu_ms <= 200
    result = limited(tmp_path, Limits(cpu_ms=1000), known=True)
    assert (result.done, result.progress.spent.cpu_ms) == (60, 600)


def test_a_limit_that_processes_cannot_share_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"limited to 200 cpu_ms, .* desk\.role\('jail'\)"):
        limited(tmp_path, Limits(cpu_ms=200), known=False)


async def deadly(item, clients, key):
    """Takes its process with it, once."""
    answer = await clients["m"].complete(map_job.Request.of(f"rewrite {item.value}"), purpose="a")
    mark = os.environ["MARK"]
    if item.id == "r30" and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"id": item.id, "said": answer.text}


def test_a_lost_worker_is_replaced_and_what_was_in_flight_may_be_paid_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    monkeypatch.setenv("CALL_LOG", str(tmp_path / "calls.log"))
    result = start(tmp_path, shard=4, processes=2, workers=2, doing=deadly)
    assert result.done == 60
    assert result.progress.notes == (
        "a worker was lost (signal 9): its shards are done again from their journals",
    )
    calls = Counter((tmp_path / "calls.log").read_text().split())
    assert sum(calls.values()) - 60 <= result.progress.maybe_twice <= 4
    assert result.progress.spent.calls == 60


async def hopeless(item, clients, key):
    os._exit(7)


def test_workers_that_are_lost_again_and_again_end_the_run(tmp_path):
    with pytest.raises(RunError, match=r"workers were lost in a row, the last status 7"):
        start(tmp_path, shard=4, processes=2, doing=hopeless)


async def buggy(item, clients, key):
    return {}["gone"]


async def picky(item, clients, key):
    raise Reject("no")


def test_an_error_of_the_work_comes_back(tmp_path):
    with pytest.raises(RunError, match="KeyError: 'gone'"):
        start(tmp_path, shard=4, processes=2, doing=buggy)
    result = start(tmp_path, shard=4, processes=2, doing=picky)
    assert result.rejected == 60


@asynccontextmanager
async def broke():
    raise ConfigError("the key is not set")
    yield {}


def test_a_company_that_cannot_be_made_is_said_in_one_line(tmp_path):
    crew = partial(Processes, company=broke, processes=2)
    with pytest.raises(ConfigError, match="the key is not set"):
        start(tmp_path, shard=4, crew=crew)


def test_work_that_cannot_be_imported_is_refused(tmp_path):
    async def local(item, clients, key):
        return item.value

    with pytest.raises(ConfigError, match="the work must be importable in other"):
        start(tmp_path, processes=2, doing=local)


async def slow(item, clients, key):
    answer = await clients["m"].complete(map_job.Request.of(f"rewrite {item.value}"), purpose="a")
    await asyncio.sleep(0.02)
    return {"id": item.id, "said": answer.text}


def test_cancelled_its_workers_end_and_nothing_is_paid_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("CALL_LOG", str(tmp_path / "calls.log"))

    async def main():
        out = tmp_path / "out.jsonl"
        source = Items(RECORDS, "id")
        doing = asyncio.create_task(
            map_job.run(tmp_path, source, out, doing=slow, shard=4, processes=2, workers=2)
        )
        while not (tmp_path / "calls.log").exists():
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    asyncio.run(main())
    before = len((tmp_path / "calls.log").read_text().split())
    assert 0 < before < 60
    result = start(tmp_path, doing=slow, shard=4, processes=2, workers=2)
    assert (result.done, result.progress.maybe_twice) == (60, 0)
    calls = Counter((tmp_path / "calls.log").read_text().split())
    assert len(calls) == 60 == sum(calls.values()) == result.progress.spent.calls


def test_progress_counts_what_workers_do(tmp_path):
    seen = []

    async def main():
        from cairn.engine.mapped import MapConfig, map_stage
        from cairn.lm.client import Desk

        config = MapConfig(seed=3, shard=10, processes=2, workers=2, report_every_s=0.02)
        with Journal(tmp_path / "journal.sqlite", config=config.tied()) as journal:
            await map_stage(
                journal, Desk(journal, map_job.roles(), seed=3), stage="map",
                source=Items(RECORDS, "id"), work=slow, config=config, fold=map_job.funnel,
                company=map_job.company, on_progress=seen.append,
            )  # fmt: skip

    asyncio.run(main())
    phases = [progress.phase for progress in seen]
    assert phases[-1] == "finished" and "working" in phases
    last = seen[-1]
    assert (last.done, last.items, last.answered, last.spent.calls) == (60, 60, 60, 60)
    assert last.about.startswith("done 60")
    counts = [progress.done for progress in seen if progress.phase == "working"]
    assert counts == sorted(counts)
