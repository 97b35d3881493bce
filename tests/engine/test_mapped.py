"""Map in the run's own process: the same bytes whatever the shards, and nothing lost or doubled."""

import asyncio
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import map_job
import pytest
from rich.console import Console

from cairn.core.budget import Limits
from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Journal
from cairn.engine.map_items import DuplicateIdError, Reject
from cairn.engine.map_progress import MapConsole
from cairn.engine.map_sources import Folder, Items, JsonLines
from cairn.engine.map_state import restore

RECORDS = [{"id": f"r{i}", "text": f"text {i}"} for i in range(60)]


def start(folder: Path, sink: str | None = "out.jsonl", source=None, **options):
    """A map of 60 records in `folder`."""
    where = None if sink is None else folder / sink
    source = source or Items(RECORDS, "id")
    return asyncio.run(map_job.run(folder, source, where, **options))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The map that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    result = start(folder, shard=7, workers=3)
    assert result.rejected and result.failed and result.items == 60
    return result, (folder / "out.jsonl").read_bytes(), Path(str(result.rejects)).read_bytes()


def test_every_item_has_one_outcome_in_the_order_of_the_source(whole):
    result, out, rejects = whole
    ids = [json.loads(line)["id"] for line in out.splitlines()]
    missing = [json.loads(line)["id"] for line in rejects.splitlines()]
    order = {record["id"]: i for i, record in enumerate(RECORDS)}
    assert sorted(ids, key=order.__getitem__) == ids
    assert sorted(missing, key=order.__getitem__) == missing
    assert sorted(ids + missing) == sorted(order)
    assert (result.done, result.rejected + result.failed) == (len(ids), len(missing))
    assert result.counts["done"] == result.done and result.stopped == "finished"
    first = json.loads(rejects.splitlines()[0])
    assert set(first) == {"id", "kind", "error", "message"}


@pytest.mark.parametrize("options", [{"shard": 1}, {"shard": 60, "workers": 64}, {"workers": 1}])
def test_the_bytes_depend_on_neither_shards_nor_workers(whole, tmp_path, options):
    result = start(tmp_path, **{"shard": 7, "workers": 4} | options)
    assert (tmp_path / "out.jsonl").read_bytes() == whole[1]
    assert Path(str(result.rejects)).read_bytes() == whole[2]
    assert result.counts == whole[0].counts


def test_an_item_depends_on_its_id_and_not_on_its_place(whole, tmp_path):
    start(tmp_path, source=Items(RECORDS[::-1], "id"), shard=11)
    out = (tmp_path / "out.jsonl").read_bytes()
    assert sorted(out.splitlines()) == sorted(whole[1].splitlines())


def test_another_seed_draws_otherwise(whole, tmp_path):
    async def draws(item, clients, key):
        return key.integer(16)

    start(tmp_path, doing=draws, shard=60)
    one = (tmp_path / "out.jsonl").read_text().split()
    assert len(set(one)) > 50


def test_a_finished_map_does_nothing_again(tmp_path):
    first = start(tmp_path, shard=7)
    again = start(tmp_path, shard=9)
    assert again.progress.answered == 0 and first.progress.answered > 0
    assert again[:8] == first[:8]


def test_answers_are_forgotten_with_the_event_of_their_shard(tmp_path):
    most = 0

    async def looking(item, clients, key):
        nonlocal most
        with sqlite3.connect(f"file:{tmp_path / 'journal.sqlite'}?mode=ro", uri=True) as db:
            most = max(most, db.execute("SELECT COUNT(*) FROM answers").fetchone()[0])
        return await map_job.work(item, clients, key)

    start(tmp_path, doing=looking, shard=5, workers=2)
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        assert db.execute("SELECT COUNT(*) FROM answers").fetchone() == (0,)
        assert db.execute("SELECT COUNT(*) FROM sends").fetchone() == (0,)
        assert db.execute("SELECT SUM(calls) FROM spent").fetchone() == (120,)
        kinds = [row[0] for row in db.execute("SELECT kind FROM events ORDER BY seq")]
    assert 0 < most <= 3 * 5 * 2
    assert kinds == ["source", *["shard"] * 12, "sealed", "joined"]


def test_retried_items_draw_anew_and_the_others_stay(whole, tmp_path):
    first = start(tmp_path, shard=7)
    before = {json.loads(x)["id"]: x for x in (tmp_path / "out.jsonl").read_text().splitlines()}
    only = start(tmp_path, retry_rejected=True)
    assert only.failed >= first.failed and only.rejected < first.rejected
    assert 0 < only.progress.answered <= 2 * first.rejected
    both = start(tmp_path, retry_rejected=True, retry_failed=True)
    assert both.items == 60 == both.done + both.rejected + both.failed
    after = {json.loads(x)["id"]: x for x in (tmp_path / "out.jsonl").read_text().splitlines()}
    assert before.items() <= after.items() and len(after) == both.done > len(before)
    assert both.counts["done"] == both.done


def test_once_nothing_is_missing_the_list_of_rejects_goes(tmp_path):
    result = start(tmp_path, shard=7)
    for _ in range(6):
        result = start(tmp_path, retry_rejected=True, retry_failed=True)
    assert (result.rejected, result.failed, result.rejects) == (0, 0, None)
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.jsonl"]
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 60
    assert list((tmp_path / "map" / "parts").iterdir()) == []


def test_without_a_sink_the_outcomes_stay_in_the_parts(whole, tmp_path):
    result = start(tmp_path, sink=None, shard=7)
    outcomes = list(result.outcomes())
    assert [outcome.id for outcome in outcomes] == [record["id"] for record in RECORDS]
    done = [json.dumps(o.value, separators=(",", ":")) for o in outcomes if o.kind == "done"]
    assert "\n".join(done) + "\n" == whole[1].decode()
    assert result.sink is None


def test_a_limit_ends_it_and_a_higher_one_goes_on(whole, tmp_path):
    stopped = start(tmp_path, shard=7, workers=3, limits=Limits(calls=50))
    assert "50 are left" in stopped.stopped or "of 50" in stopped.stopped
    assert stopped.progress.spent.calls == 50 and not (tmp_path / "out.jsonl").exists()
    result = start(tmp_path, shard=7, workers=3)
    assert result.progress.spent.calls == 120
    assert (tmp_path / "out.jsonl").read_bytes() == whole[1]


def test_cancelled_once_what_is_in_flight_arrives(whole, tmp_path):
    async def main():
        going = asyncio.Event()
        arrived = []

        async def slow(item, clients, key):
            value = await map_job.work(item, clients, key)
            arrived.append(item.id)
            if len(arrived) == 10:
                going.set()
                await asyncio.sleep(0.05)
            return value

        doing = asyncio.create_task(
            map_job.run(tmp_path, Items(RECORDS, "id"), tmp_path / "out.jsonl", doing=slow, shard=7)
        )
        await going.wait()
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    asyncio.run(main())
    result = start(tmp_path, shard=7)
    assert (result.progress.spent.calls, result.progress.maybe_twice) == (120, 0)
    assert (tmp_path / "out.jsonl").read_bytes() == whole[1]


def test_what_does_not_arrive_in_time_is_left_and_done_again(tmp_path):
    async def main():
        async def stuck(item, clients, key):
            value = await map_job.work(item, clients, key)
            if item.id == "r20":
                going.set()
                await asyncio.sleep(600)
            return value

        going = asyncio.Event()
        source, out = Items(RECORDS, "id"), tmp_path / "out.jsonl"
        doing = asyncio.create_task(
            map_job.run(tmp_path, source, out, doing=stuck, shard=7, grace_s=0.05)
        )
        await going.wait()
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(doing, 20)

    asyncio.run(main())
    result = start(tmp_path, shard=7)
    assert result.items == 60 and result.progress.spent.calls == 120


def test_of_a_private_map_no_answer_is_left_in_any_file(tmp_path):
    def holding(text):
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return [path.name for path in files if text.encode() in content(path)]

    def content(path):
        """Of a part that was given its name after the folder was listed, there is nothing."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""

    said = []

    async def secretive(item, clients, key):
        answer = await clients["m"].complete(map_job.Request.of(item.value["text"]), purpose="ask")
        said.append(answer.text)
        if item.id == "r40":
            await asyncio.sleep(0)
            open_now.extend(holding(answer.text))
        return item.id

    open_now: list[str] = []
    start(tmp_path, doing=secretive, shard=7, workers=2, private=True)
    assert open_now and all(name.startswith("map.store.sqlite") for name in open_now)
    assert [name for text in said for name in holding(text)] == []
    mode = (tmp_path / "map.store.sqlite").stat().st_mode
    assert mode & 0o077 == 0


# --- bad input


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return JsonLines(path, "id")


def test_a_source_that_changed_between_two_starts_is_refused(tmp_path):
    source = lines(tmp_path / "in.jsonl", RECORDS)
    start(tmp_path, source=source, shard=7, limits=Limits(calls=50))
    for other, message in (
        (RECORDS[:-1], "had 60 items, now 59.*shard 8 is the first"),
        ([*RECORDS[:20], {"id": "r20", "text": "x"}, *RECORDS[21:]], "shard 2 is the first"),
    ):
        lines(tmp_path / "in.jsonl", other)
        with pytest.raises(RunError, match=message):
            start(tmp_path, source=source, shard=7)
    lines(tmp_path / "in.jsonl", RECORDS)
    assert start(tmp_path, source=source, shard=7).stopped == "finished"


def test_a_source_that_changes_while_it_is_worked_on_is_noticed(tmp_path):
    records = list(RECORDS)

    async def meddling(item, clients, key):
        records[59] = {"id": "r59", "text": "other"}
        return item.value

    with pytest.raises(RunError, match="not what it was a moment ago, and shard 19 is the first"):
        start(tmp_path, source=Items(records, "id"), shard=3, workers=1, doing=meddling)
    assert not (tmp_path / "out.jsonl").exists()


def test_an_id_that_occurs_twice_is_refused_before_anything_is_paid(tmp_path):
    with pytest.raises(DuplicateIdError, match="'r3' occurs twice, in records 3 and 60"):
        start(tmp_path, source=Items([*RECORDS, RECORDS[3]], "id"), shard=7)
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        assert db.execute("SELECT COUNT(*) FROM spent").fetchone() == (0,)


def test_what_lies_at_the_sink_is_never_overwritten(tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(RunError, match=r"out\.jsonl exists already, and this run did not write it"):
        start(tmp_path)
    (tmp_path / "out.jsonl").unlink()
    (tmp_path / "out.jsonl").mkdir()
    with pytest.raises(RunError, match=r"out\.jsonl is a folder, and this run did not write it"):
        start(tmp_path)
    (tmp_path / "out.jsonl").rmdir()

    async def meddling(item, clients, key):
        (tmp_path / "out.jsonl").write_text("somebody else's")
        return item.value

    with pytest.raises(RunError, match="exists already"):
        start(tmp_path, doing=meddling)
    assert (tmp_path / "out.jsonl").read_text() == "somebody else's"
    (tmp_path / "out.jsonl").unlink()
    assert start(tmp_path).done == 60


def test_a_sink_that_somebody_edited_is_not_overwritten_by_a_retry(tmp_path):
    start(tmp_path, shard=7)
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write("a note\n")
    with pytest.raises(RunError, match=r"out\.jsonl was changed since this run wrote it: nothing"):
        start(tmp_path, retry_rejected=True)
    assert (tmp_path / "out.jsonl").read_text().endswith("a note\n")


def test_of_a_sink_that_somebody_edited_it_is_said_that_it_differs(tmp_path):
    start(tmp_path)
    assert not start(tmp_path).progress.notes
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write("a note\n")
    (note,) = start(tmp_path).progress.notes
    assert note == f"{tmp_path}/out.jsonl is not what this run wrote: it was changed since."


@pytest.mark.parametrize("retry", [{}, {"retry_rejected": True}])
def test_a_sink_that_is_gone_is_joined_again_while_its_parts_are_there(whole, tmp_path, retry):
    spent = start(tmp_path).progress.spent
    (tmp_path / "out.jsonl").unlink()
    again = start(tmp_path)
    assert again.progress.spent == spent and again.stopped == "finished"
    assert (tmp_path / "out.jsonl").read_bytes() == whole[1]
    assert (tmp_path / "out.jsonl.rejects.jsonl").read_bytes() == whole[2]

    async def easy(item, clients, key):
        return item.id

    start(tmp_path / "easy", doing=easy)
    (tmp_path / "easy" / "out.jsonl").unlink()
    with pytest.raises(RunError, match=r"by this run and is gone\. It was the only copy"):
        start(tmp_path / "easy", doing=easy, **retry)


def test_another_sink_than_the_one_that_was_written_is_written_too_or_refused(whole, tmp_path):
    start(tmp_path)
    result = start(tmp_path, sink="again.jsonl")  # the parts are kept: some items have no outcome
    assert result.sink == str(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == whole[1]
    assert (tmp_path / "again.jsonl.rejects.jsonl").read_bytes() == whole[2]

    async def easy(item, clients, key):
        return item.id

    start(tmp_path / "easy", doing=easy)
    with pytest.raises(RunError, match=r"to .*out\.jsonl, and not to .*again\.jsonl: copy them"):
        start(tmp_path / "easy", sink="again.jsonl", doing=easy)
    assert start(tmp_path / "easy", doing=easy).done == 60
    with pytest.raises(RunError, match=r"outcomes are in .*out\.jsonl: .* the run kept no copy"):
        list(start(tmp_path / "easy", sink=None, doing=easy).outcomes())


def test_a_file_where_the_sink_needs_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file where the sink"):
        start(tmp_path, sink="file/out.jsonl")


def test_a_part_that_was_changed_is_noticed(tmp_path):
    start(tmp_path, sink=None, shard=7)
    part = next((tmp_path / "map" / "parts").glob("00000003*"))
    part.write_bytes(part.read_bytes().replace(b"r21", b"r99"))
    with pytest.raises(RunError, match="was changed since it was written"):
        start(tmp_path)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_loses_nothing(whole, tmp_path):
    lines(tmp_path / "in.jsonl", [r | {"text": "x" * 20_000} for r in RECORDS])
    script = (
        "import asyncio, sys, resource, map_job\n"
        "from cairn.core.errors import CairnError\n"
        "async def work(item, clients, key): return item.value\n"
        "if sys.argv[2] != '0':\n"
        "    limit = int(sys.argv[2])\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "d = sys.argv[1]\n"
        "job = map_job.run(d, d + '/in.jsonl', d + '/out.jsonl', doing=work, shard=10, fold=None)\n"
        "try: print(asyncio.run(job).done)\n"
        "except CairnError as error: print(error); sys.exit(2)\n"
    )

    def go(limit):
        command = [sys.executable, "-c", script, str(tmp_path), str(limit)]
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        return subprocess.run(command, capture_output=True, text=True, env=env)

    early = go(150_000)  # too little for a part
    assert early.returncode == 2 and early.stdout.count("\n") == 1
    assert "Cannot write" in early.stdout and ".part: File too large" in early.stdout
    full = go(400_000)
    assert (full.returncode, full.stderr) == (2, "")
    assert "Cannot write" in full.stdout and "File too large" in full.stdout
    assert full.stdout.count("\n") == 1
    left = sorted(path.name for path in tmp_path.iterdir() if "out" in path.name)
    assert left == []
    assert len(list((tmp_path / "map" / "parts").iterdir())) == 6
    done = go(0)
    assert (done.returncode, done.stdout) == (0, "60\n"), done.stderr
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 60


def test_work_that_is_not_async_and_results_that_are_not_json(tmp_path):
    def plain(item, clients, key):
        return item.value

    async def odd(item, clients, key):
        return {1, 2}

    with pytest.raises(ConfigError, match="write `async def plain`"):
        start(tmp_path, doing=plain)
    with pytest.raises(RunError, match="must return a JSON value without NaN"):
        start(tmp_path, doing=odd)


def test_another_seed_or_version_is_refused(tmp_path):
    start(tmp_path, limits=Limits(calls=10), shard=7)
    with pytest.raises(RunError, match="version"):
        start(tmp_path, version="2", shard=7)


def test_a_slow_item_fails_and_can_be_retried(tmp_path):
    async def slow(item, clients, key):
        if item.id == "r5":
            await asyncio.sleep(60)
        if item.id == "r6":
            raise Reject("no")
        return item.value

    result = start(tmp_path, doing=slow, item_timeout_s=0.05)
    assert (result.done, result.rejected, result.failed) == (58, 1, 1)
    reasons = [json.loads(line) for line in Path(str(result.rejects)).read_text().splitlines()]
    assert reasons == [
        {
            "id": "r5",
            "kind": "failed",
            "error": "TooSlowError",
            "message": "no outcome within 0.05 s",
        },
        {"id": "r6", "kind": "rejected", "error": "Reject", "message": "no"},
    ]


def test_half_a_character_in_id_and_text_passes_through(tmp_path):
    async def echo(item, clients, key):
        if item.id == "y":
            raise Reject(item.value["text"])
        return item.value

    records = [{"id": "x\ud83d", "text": "\ud83d"}, {"id": "y", "text": "z\ud83d"}]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    result = start(tmp_path, source=JsonLines(source, "id"), doing=echo)
    assert (result.done, result.rejected) == (1, 1)
    assert (tmp_path / "out.jsonl").read_text() == '{"id":"x?","text":"?"}\n'
    assert '"message": "z?"' in Path(str(result.rejects)).read_text()


def test_an_empty_source_has_an_empty_sink(tmp_path):
    result = start(tmp_path, source=Items([]))
    assert result.items == 0 and (tmp_path / "out.jsonl").read_bytes() == b""


def test_two_stages_of_one_run_have_draws_and_answers_of_their_own(tmp_path):
    async def main():
        from cairn.engine.mapped import MapConfig, map_stage
        from cairn.lm.client import Desk

        config = MapConfig(seed=3, shard=7)
        with Journal(tmp_path / "journal.sqlite", config=config.tied()) as journal:
            desk = Desk(journal, map_job.roles(), seed=3)
            results = [
                await map_stage(
                    journal, desk, stage=name, source=Items(RECORDS, "id"), work=map_job.work,
                    config=config,
                )
                for name in ("one", "two")
            ]  # fmt: skip
            assert restore(journal.stage("one")).survey == restore(journal.stage("two")).survey
            return [[o.value for o in r.outcomes()] for r in results], desk.counts["answered"]

    (one, two), answered = asyncio.run(main())
    assert answered == 240
    assert [o.get("draw") for o in one] != [o.get("draw") for o in two]


def test_an_error_of_the_work_is_one_line_with_item_file_and_line(tmp_path):
    async def buggy(item, clients, key):
        return {}["gone"]

    with pytest.raises(RunError, match=r"at item 'r0' at .*test_mapped\.py, line \d+: KeyError"):
        start(tmp_path, doing=buggy, workers=1)
    assert '{}["gone"]' in (tmp_path / "traceback.txt").read_text()


def test_of_a_private_map_the_traceback_quotes_no_text(tmp_path):
    async def buggy(item, clients, key):
        try:
            return int(item.value["text"])
        except ValueError as error:
            raise KeyError(item.value["text"]) from error

    with pytest.raises(RunError, match=r"'r0' at .*test_mapped\.py, line \d+: KeyError") as raised:
        start(tmp_path, doing=buggy, workers=1, private=True)
    assert "text 0" not in str(raised.value)
    told = (tmp_path / "traceback.txt").read_text()
    assert "text 0" not in told
    assert re.search(r"test_mapped\.py, line \d+, in buggy\nValueError\n", told)
    assert re.search(r"test_mapped\.py, line \d+, in buggy\nKeyError\n", told)


def test_a_cancellation_out_of_the_work_is_its_error_and_hangs_nothing(tmp_path):
    async def cancelling(item, clients, key):
        raise asyncio.CancelledError

    with pytest.raises(RunError, match="the work failed at item 'r0'"):
        start(tmp_path, doing=cancelling, workers=1)


def test_work_that_swallows_a_limit_gives_no_outcome(whole, tmp_path):
    async def greedy(item, clients, key):
        try:
            return await map_job.work(item, clients, key)
        except Exception as error:
            return str(error)

    stopped = start(tmp_path, doing=greedy, shard=7, limits=Limits(calls=50))
    assert "Raise the limit" in stopped.stopped
    lines = [part.read_text() for part in (tmp_path / "map" / "parts").iterdir()]
    assert not any("Raise the limit" in text for text in lines)


def test_the_running_time_ends_work_without_calls_too(tmp_path):
    async def slow(item, clients, key):
        await asyncio.sleep(0.05)
        return item.value

    stopped = start(tmp_path, doing=slow, workers=1, shard=1, wall_s=1.0)
    assert "the running time is over. Raise wall_s" in stopped.stopped
    assert stopped.done < 60 and stopped.sink is None
    assert start(tmp_path, doing=slow, workers=64, shard=5).done == 60


def test_sources_and_sinks_behind_urls(whole, tmp_path):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/bucket/in.jsonl", b"".join(json.dumps(r).encode() + b"\n" for r in RECORDS))
    source, sink = JsonLines("memory://bucket/in.jsonl", "id"), "memory://bucket/out.jsonl"
    try:
        first = asyncio.run(map_job.run(tmp_path / "a", source, sink, shard=7))
        assert memory.cat("/bucket/out.jsonl") == whole[1]
        again = asyncio.run(map_job.run(tmp_path / "a", source, sink, retry_rejected=True))
        assert again.done > first.done
        assert len(memory.cat("/bucket/out.jsonl").splitlines()) == again.done
        with pytest.raises(RunError, match="exists already, and this run did not write it"):
            asyncio.run(map_job.run(tmp_path / "b", source, sink, shard=7))
        names = sorted(path.rpartition("/")[2] for path in memory.find("/bucket"))
        assert names == ["in.jsonl", "out.jsonl", "out.jsonl.rejects.jsonl"]
    finally:
        memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("sink", ["out.csv", "out.parquet"])
def test_tables_do_not_depend_on_shards_either(tmp_path, sink):
    bytes_of = set()
    for shard in (1, 7, 60):
        folder = tmp_path / str(shard)
        start(folder, sink=sink, shard=shard)
        bytes_of.add((folder / sink).read_bytes())
    assert len(bytes_of) == 1


def test_a_folder_of_texts_becomes_a_folder_of_texts(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.txt", "deep/b.txt", "c.txt"):
        (tmp_path / "in" / name).write_text(f"text of {name}")

    async def shout(item, clients, key):
        if item.id == "c.txt" and not (tmp_path / "again").exists():
            raise Reject("not yet")
        return item.value["text"].upper()

    first = start(tmp_path, sink="out", source=Folder(tmp_path / "in"), doing=shout)
    assert (first.done, first.rejected) == (2, 1)
    assert (tmp_path / "out/deep/b.txt").read_text() == "TEXT OF DEEP/B.TXT"
    (tmp_path / "again").touch()
    retried = {"sink": "out", "source": Folder(tmp_path / "in"), "doing": shout}
    assert start(tmp_path, **retried, retry_rejected=True).done == 3
    assert (tmp_path / "out/c.txt").read_text() == "TEXT OF C.TXT"
    assert not (tmp_path / "out.rejects.jsonl").exists()


def test_the_live_line_is_quiet_for_what_is_quick_and_shows_what_is_not(tmp_path):
    def shown(quiet_s):
        out = io.StringIO()
        console = MapConsole(Console(file=out, width=200), plain_every_s=0.0)
        console.QUIET_S = quiet_s
        with console:
            start(tmp_path / str(quiet_s), on_progress=console.show, report_every_s=0.01)
        return out.getvalue()

    assert shown(60.0) == ""
    last = shown(0.0).splitlines()[-1]
    assert last.startswith("map finished  items 60/60")
    assert "rejected" in last and "counts done" in last


def test_a_record_that_cannot_be_read_is_a_reject_with_its_line(tmp_path):
    (tmp_path / "broken.jsonl").write_text('{"text": "a"}\n{"text": \n{"text": "b"}\n')

    async def doing(item, clients, key):
        if item.value["text"] == "b":
            raise Reject("no b", check="letters", failed=["letters", "letters"])
        return item.value

    source = JsonLines(tmp_path / "broken.jsonl", lenient=True)
    result = start(tmp_path, doing=doing, source=source, workers=1)
    assert (result.done, result.rejected) == (1, 2)
    listed = (tmp_path / "out.jsonl.rejects.jsonl").read_text().splitlines()
    first, second = map(json.loads, listed)
    assert (first["id"], first["error"]) == ("1", "Unreadable")
    assert "line 2 of" in first["message"] and "is not JSON" in first["message"]
    assert second == {
        "id": "2", "kind": "rejected", "error": "Reject", "message": "no b",
        "check": "letters", "failed": ["letters", "letters"],
    }  # fmt: skip
