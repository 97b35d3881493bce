"""The desk with work that is no call to a model: programs, their processor time and memory."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time

import pytest

from cairn.core.budget import Amount, BudgetExceededError, Limits
from cairn.core.desk import Desk, DeskClosedError, NotDoneError
from cairn.core.journal import Journal

PROGRAM = "import sys\ntotal = 0\nfor i in range(int(sys.argv[1])): total += i\nprint(total)"
MOST = Amount(cpu_ms=5_000, wall_ms=10_000, memory_mb=200)


class Programs:
    """Runs programs and measures each by what the kernel says of its dead child."""

    def __init__(self):
        self.runs = self.now = self.most_at_once = 0

    def run(self, size: int):
        async def work(books):
            self.runs += 1
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
            began = time.monotonic()
            command = [sys.executable, "-S", "-c", PROGRAM, str(size)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                output = await asyncio.to_thread(process.stdout.read)
                _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            self.now -= 1
            used = Amount(
                cpu_ms=round((usage.ru_utime + usage.ru_stime) * 1000),
                wall_ms=round((time.monotonic() - began) * 1000),
                memory_mb=usage.ru_maxrss // 1024,
            )
            return json.dumps({"printed": output.strip(), "memory_mb": used.memory_mb}), used

        return work


def test_a_program_is_done_once_and_charged_the_processor_time_that_it_took(tmp_path):
    programs = Programs()

    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, Limits(cpu_ms=60_000))
            desk.role("jail", Limits(memory_mb=400))
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            sizes = (1_000_000, 2, 3, 1_000_000)  # the last is the first: done once
            found = await asyncio.gather(
                *(
                    desk.once("verify/0", b"%d" % size, "jail", MOST, programs.run(size), "sum")
                    for size in sizes
                )
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took_ms = 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            spent = desk.budget.spent
            assert abs(spent.cpu_ms - took_ms) <= 15 and spent.cpu_ms > 20
            assert spent.wall_ms > 0 and spent.memory_mb == 0
            assert desk.budget.held == desk.budget.kept == Amount()
            return [json.loads(body) for body in found]

    found = asyncio.run(main())
    assert [body["printed"] for body in found] == ["499999500000", "1", "3", "499999500000"]
    assert found[0]["memory_mb"] > 3 and found[0] is not found[3]
    assert programs.runs == 3 and programs.most_at_once == 2, "400 MB hold two at a time"

    async def again():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, Limits(cpu_ms=60_000))
            jail = desk.role("jail")
            assert jail.spent == desk.budget.spent != Amount()
            body = await desk.once("verify/0", b"2", "jail", MOST, programs.run(2))
            assert json.loads(body)["printed"] == "1" and programs.runs == 3
            journal.forget("verify/0")
            assert journal.answer(b"2") is None

    asyncio.run(again())


def test_what_the_next_program_may_use_must_be_left(tmp_path):
    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, Limits(cpu_ms=100))
            desk.role("jail")

            async def work(books):
                return "done", Amount(cpu_ms=60)

            assert await desk.once("s", b"1", "jail", Amount(cpu_ms=90), work) == "done"
            with pytest.raises(BudgetExceededError, match=r"90 cpu_ms, but 40 of 100 are left"):
                await desk.once("s", b"2", "jail", Amount(cpu_ms=90), work)
            assert await desk.once("s", b"2", "jail", Amount(cpu_ms=40), work) == "done"

    asyncio.run(main())


def test_work_that_raises_keeps_its_reservation_unless_it_says_what_it_used(tmp_path):
    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal)
            desk.role("jail")

            async def crash(books):
                raise OSError("the jail is gone")

            async def refuse(books):
                raise NotDoneError("no such program", Amount(cpu_ms=3))

            with pytest.raises(OSError, match="jail is gone"):
                await desk.once("s", b"1", "jail", MOST, crash)
            assert desk.budget.kept == MOST.lasting() and desk.maybe_twice == 1
            with pytest.raises(NotDoneError, match="no such program"):
                await desk.once("s", b"2", "jail", MOST, refuse)
            assert desk.budget.spent == Amount(cpu_ms=3) and desk.maybe_twice == 1
            assert desk.in_flight == 0 and desk.budget.held == Amount()
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            line = ("s", "jail", Amount(cpu_ms=3), MOST.lasting(), 1)
            assert journal.spending() == [line]

    asyncio.run(main())


def test_after_a_failure_who_waited_for_the_same_work_tries_it_too(tmp_path):
    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk, tried = Desk(journal), []
            desk.role("jail")

            async def work(books):
                tried.append(1)
                await asyncio.sleep(0.001)
                if len(tried) == 1:
                    raise NotDoneError("the first time it fails")
                return "done", Amount(cpu_ms=1)

            both = (desk.once("s", b"1", "jail", MOST, work) for _ in range(3))
            first, *others = await asyncio.gather(*both, return_exceptions=True)
            assert isinstance(first, NotDoneError) and others == ["done", "done"]
            assert len(tried) == 2 and desk.counts == {"answered": 1, "cached": 1}

    asyncio.run(main())


def test_the_intent_is_saved_before_the_work_begins(tmp_path):
    code = (
        "import asyncio, os, sys\n"
        "from cairn.core.budget import Amount\n"
        "from cairn.core.desk import Desk\n"
        "from cairn.core.journal import Journal\n"
        "async def work(books): os.kill(os.getpid(), 9)\n"
        "async def main():\n"
        "    desk = Desk(Journal(sys.argv[1], config={}))\n"
        "    desk.role('jail')\n"
        "    await desk.once('s/0', b'k', 'jail', Amount(cpu_ms=7, memory_mb=9), work)\n"
        "asyncio.run(main())"
    )
    path = tmp_path / "j.sqlite"
    assert subprocess.run([sys.executable, "-c", code, str(path)], timeout=60).returncode == -9
    with Journal(path, config={}) as journal:
        desk = Desk(journal)
        assert desk.role("jail").kept == desk.budget.kept == Amount(cpu_ms=7)
        assert desk.maybe_twice == 1


def test_a_closed_desk_begins_nothing_and_time_that_is_over_ends_what_runs(tmp_path):
    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, Limits(wall_s=0.05))
            desk.role("jail")

            async def work(books):
                await asyncio.sleep(30)
                return "late", Amount()

            with pytest.raises(BudgetExceededError, match="running time is over"):
                await desk.once("s", b"1", "jail", Amount(cpu_ms=5), work)
            assert desk.budget.kept == Amount(cpu_ms=5)
            desk.close()
            with pytest.raises(DeskClosedError):
                await desk.once("s", b"2", "jail", Amount(cpu_ms=5), work)

    asyncio.run(main())
