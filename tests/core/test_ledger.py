import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.core.counts import cost
from cairn.core.ledger import Ledger

FIELDS = ("training", "scoring", "mutation", "evaluation", "updates")
SMALL = st.integers(0, 2**32 - 1)


@jax.jit
def spend(ledger: Ledger, amounts: jax.Array) -> Ledger:
    return ledger.add(**dict(zip(FIELDS, amounts, strict=True)))


@given(st.lists(st.lists(SMALL, min_size=5, max_size=5), min_size=1, max_size=6))
def test_sums_equal_python_ints_across_many_carries(rows):
    ledger = Ledger.zero(FIELDS)
    for row in rows:
        ledger = spend(ledger, jnp.asarray(row, jnp.uint32))
    sums = dict(zip(FIELDS, (sum(column) for column in zip(*rows, strict=True)), strict=True))
    steps = sum(sums[name] for name in FIELDS[:4])
    assert ledger.totals() == {**sums, "environment_steps": steps}


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_python_ints_beyond_32_bits_add_exactly(a, b):
    ledger = Ledger.zero(FIELDS).add(training=a).add(training=b, evaluation=1)
    assert ledger.totals()["training"] == a + b
    assert ledger.totals()["environment_steps"] == a + b + 1


def test_int32_scalars_count_like_uint32():
    ledger = Ledger.zero(FIELDS).add(scoring=jnp.int32(2**31 - 1)).add(scoring=jnp.int32(7))
    assert ledger.totals()["scoring"] == 2**31 + 6


def test_a_trillion_steps_by_scan_lose_nothing():
    # 2^10 additions of 2^30 + 1 pass the low limb's end 256 times.
    def step(ledger, _):
        return ledger.add(training=2**30 + 1), None

    ledger, _ = jax.lax.scan(step, Ledger.zero(FIELDS), None, length=1024)
    assert ledger.totals()["training"] == 1024 * (2**30 + 1) > 10**12


@pytest.mark.parametrize("mapped", [jax.vmap, lambda f: lambda xs: jax.lax.map(f, xs)])
def test_a_seed_axis_gives_one_total_a_seed(mapped):
    amounts = jnp.asarray([1, 2, 2**32 - 1], jnp.uint32)
    ledger = mapped(lambda n: Ledger.zero(FIELDS).add(training=n, updates=1).add(training=n))(
        amounts
    )
    assert ledger.totals()["training"] == [2, 4, 2 * (2**32 - 1)]
    assert ledger.totals()["updates"] == [1, 1, 1]
    assert ledger.totals()["environment_steps"] == [2, 4, 2 * (2**32 - 1)]


def test_a_negative_amount_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 2\^64\), got -1"):
        Ledger.zero(FIELDS).add(training=-1)


def test_a_count_that_the_ledger_does_not_keep_is_refused():
    with pytest.raises(ValueError, match=r"counts \['training'\], got 'scoring'"):
        Ledger.zero(("training",)).add(scoring=1)
    with pytest.raises(ValueError, match="No count is called 'steps'"):
        Ledger.zero(("steps",))


def test_a_budget_is_reached_exactly_also_beyond_32_bits():
    ledger = Ledger.zero(FIELDS).add(training=2**40 - 1, scoring=2**33 + 3)
    whole = 2**40 + 2**33 + 2
    assert ledger.reached(whole, ("training", "scoring"))
    assert not ledger.reached(whole + 1, ("training", "scoring"))
    assert not ledger.reached(whole, ("training", "updates"))


def test_what_a_comparison_holds_equal_is_steps_else_evaluations_else_updates():
    assert cost({"training": [3], "evaluation": [9], "updates": [5]}) == [3]
    assert cost({"evaluations": [7, 8], "updates": [5, 5]}) == [7, 8]
    assert cost({"updates": [5]}) == [5]
