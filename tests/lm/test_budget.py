"""Budgets: what is reserved, kept and spent never passes a limit."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.core.budget import Amount, Budget, BudgetExceededError, Limits
from cairn.core.errors import ConfigError

CALLS = st.lists(
    st.tuples(st.integers(1, 40), st.floats(0, 1), st.booleans()), min_size=1, max_size=30
)


@given(CALLS, st.integers(0, 200), st.integers(0, 120))
def test_no_limit_is_overshot_whatever_settles_when(calls, run_limit, role_limit):
    async def main():
        run = Budget("run", Limits(tokens=run_limit))
        role = run.child("judge", Limits(tokens=role_limit))
        sent = []

        async def call(tokens, share, known):
            reserved = Amount(1, tokens, 0)
            try:
                await role.reserve(reserved)
            except BudgetExceededError:
                return
            await asyncio.sleep(0)
            actual = Amount(1, int(tokens * share), 0)
            role.settle(reserved, actual if known else None)
            sent.append(actual.tokens if known else tokens)
            for budget, limit in ((run, run_limit), (role, role_limit)):
                assert budget.spent.plus(budget.kept).plus(budget.held).tokens <= limit

        await asyncio.gather(*(call(*entry) for entry in calls))
        assert run.held == role.held == Amount()
        assert run.spent.plus(run.kept).tokens == sum(sent)

    asyncio.run(main())


def test_a_call_waits_for_room_that_a_settlement_may_make():
    async def main():
        budget = Budget("run", Limits(tokens=100))
        first, second = Amount(1, 80, 0), Amount(1, 60, 0)
        await budget.reserve(first)
        waiting = asyncio.create_task(budget.reserve(second))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(first, Amount(1, 30, 0))
        await waiting
        assert budget.held == second

    asyncio.run(main())


def test_an_unknown_outcome_keeps_its_reservation_and_ends_the_wait():
    async def main():
        budget = Budget("run", Limits(tokens=100))
        await budget.reserve(Amount(1, 80, 0))
        waiting = asyncio.create_task(budget.reserve(Amount(1, 60, 0)))
        await asyncio.sleep(0)
        budget.settle(Amount(1, 80, 0), None)
        with pytest.raises(BudgetExceededError, match="60 tokens, but 20 of 100 are left"):
            await waiting
        assert budget.kept.tokens == 80

    asyncio.run(main())


def test_a_parent_bounds_its_children_together():
    async def main():
        run = Budget("run", Limits(calls=3))
        children = [run.child(name, Limits(calls=2)) for name in ("a", "b")]
        for child in (children[0], children[0], children[1]):
            await child.reserve(Amount(1))
            child.settle(Amount(1), Amount(1))
        with pytest.raises(BudgetExceededError, match="'run/a'"):
            await children[0].reserve(Amount(1))
        with pytest.raises(BudgetExceededError, match="budget 'run'"):
            await children[1].reserve(Amount(1))

    asyncio.run(main())


def test_wall_time_counts_earlier_sessions():
    now = [100.0]
    budget = Budget("run", Limits(wall_s=10), clock=lambda: now[0])
    budget.restore_clock(6.0)
    now[0] += 3
    assert budget.remaining_s() == 1.0
    asyncio.run(budget.reserve(Amount(1)))
    now[0] += 1
    with pytest.raises(BudgetExceededError, match="10 s of running time are over"):
        asyncio.run(budget.reserve(Amount(1)))


def test_a_resumed_run_starts_from_what_was_spent():
    run = Budget("run", Limits(calls=5))
    role = run.child("a")
    role.restore(Amount(3, 0, 0), Amount(1, 0, 0))
    asyncio.run(role.reserve(Amount(1)))
    with pytest.raises(BudgetExceededError):
        asyncio.run(_reserve_after_settling(role))


async def _reserve_after_settling(role: Budget) -> None:
    role.settle(Amount(1), Amount(1))
    await role.reserve(Amount(1))


def test_a_negative_limit_is_refused():
    with pytest.raises(ConfigError, match=r"Limits\.calls must be at least 0 or None, got -1"):
        Limits(calls=-1)


def test_many_waiters_all_get_their_turn():
    async def main():
        budget = Budget("run", Limits(tokens=1000))
        draw = random.Random(0)
        done = []

        async def call(i):
            await budget.reserve(Amount(1, 300, 0))
            await asyncio.sleep(draw.random() * 0.002)
            budget.settle(Amount(1, 300, 0), Amount(1, 1, 0))
            done.append(i)

        await asyncio.gather(*(call(i) for i in range(50)))
        assert sorted(done) == list(range(50)) and budget.spent.tokens == 50

    asyncio.run(main())


def test_a_lease_is_held_until_it_is_given_back_and_bounds_who_has_it():
    async def main():
        run = Budget("run", Limits(calls=10, micros=1000))
        judge = run.child("judge", Limits(tokens=500))
        assert judge.left() == Limits(calls=10, tokens=500, micros=1000)
        lease = await judge.lease(Amount(calls=6, tokens=400, micros=300, cpu_ms=7))
        assert lease.limits == Limits(calls=6, tokens=400, micros=300), "only what is limited here"
        assert judge.left() == Limits(calls=4, tokens=100, micros=700)
        waiting = asyncio.create_task(judge.reserve(Amount(calls=5)))
        await asyncio.sleep(0)
        assert not waiting.done(), "the other process may need it all"
        there = Budget("run").child("judge", lease.limits)
        await there.reserve(Amount(calls=6))
        with pytest.raises(BudgetExceededError, match="1 calls, but 0 of 6 are left"):
            there.settle(Amount(calls=6), Amount(calls=6))
            await there.reserve(Amount(calls=1))
        lease.give_back(Amount(calls=2, tokens=50, micros=20), Amount(calls=1, tokens=10))
        await waiting
        assert run.spent == Amount(2, 50, 20) and run.kept == Amount(1, 10)
        assert judge.held == run.held == Amount(calls=5)
        with pytest.raises(BudgetExceededError, match="441 tokens, but 440 of 500 are left"):
            await judge.lease(Amount(tokens=441))

    asyncio.run(main())


def test_memory_is_held_while_it_is_used_and_never_spent():
    async def main():
        budget = Budget("run", Limits(memory_mb=300))
        program = Amount(cpu_ms=5, memory_mb=200)
        await budget.reserve(program)
        second = asyncio.create_task(budget.reserve(program))
        await asyncio.sleep(0)
        assert not second.done()
        budget.settle(program, None)  # nobody knows what it used, but it runs no more
        await second
        budget.settle(program, Amount(cpu_ms=3, memory_mb=150))
        assert budget.kept == Amount(cpu_ms=5) and budget.spent == Amount(cpu_ms=3)
        with pytest.raises(BudgetExceededError, match="301 memory_mb, but 300 of 300 are left"):
            await budget.reserve(Amount(memory_mb=301))

    asyncio.run(main())


def test_what_nobody_limits_is_counted_once_it_is_spent():
    async def main():
        run = Budget("run")
        free, tight = run.child("free"), run.child("tight", Limits(calls=1))
        await free.reserve(Amount(calls=5))
        assert run.held == free.held == Amount()
        await tight.reserve(Amount(calls=1))
        assert run.held == tight.held == Amount(calls=1)
        free.settle(Amount(calls=5), Amount(calls=4))
        tight.settle(Amount(calls=1), None)
        assert (run.spent, run.kept, run.held) == (Amount(calls=4), Amount(calls=1), Amount())

    asyncio.run(main())
