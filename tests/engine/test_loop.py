"""The outer loop, driven by methods that only count: budgets of seeds, absent figures, NaN."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import counting
from cairn.core import checkpoint
from cairn.core.errors import RunError
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.engine.compiled import compile_program
from cairn.engine.devices import Layout
from cairn.engine.loop import Schedule
from cairn.engine.program import Program, Report
from cairn.learners.protocol import Actor

BUDGET = 60
SCHEDULE = Schedule(steps=BUDGET, evaluate_every=2, checkpoint_every=2, audit_every=3)


class State(eqx.Module):
    key: jax.Array
    cycle: jax.Array
    ledger: Ledger


def begin(key: jax.Array) -> State:
    return State(key, jnp.int32(0), Ledger.zero(("training", "evaluation")))


def dear(state: State) -> tuple[State, Report]:
    """Some seeds spend more a cycle than others; a figure exists in every other cycle only."""
    cost = jax.random.randint(stream(state.key, "cost"), (), 1, 16)
    ledger = state.ledger.add(training=cost)
    now = State(state.key, state.cycle + 1, ledger)
    odd = (state.cycle % 2).astype(jnp.float32)
    figures = {"cost": cost.astype(jnp.float32), "odd": odd * 7, "never": jnp.float32(0)}
    return now, Report(figures, weights={"odd": odd, "never": jnp.float32(0)})


PROGRAM = Program(begin, dear, ("training", "evaluation"), ("training",))


def run(path: Any, seed: int, seeds: int, form: Any = None) -> tuple[Any, list[dict]]:
    compiled = compile_program(
        PROGRAM, seed=seed, seeds=seeds, cycles=2, budget=BUDGET, layout=Layout(), form=form
    )
    directory = RunDir.create(path, {})

    def evaluate(state):
        return {"suite": {"length": np.asarray(state.cycle).tolist()}}, np.full(seeds, 3)

    def audit(state):
        return {"audit_cycle": np.asarray(state.cycle).tolist()}, np.full(seeds, 1000)

    state, done = loop.run(
        compiled, PROGRAM, directory, SCHEDULE, state=compiled.init(), evaluate=evaluate,
        show=lambda status: None, audit=audit,
    )  # fmt: skip
    assert done
    return state, directory.metrics()


@pytest.fixture(scope="module", params=["map", "vmap"])
def together(request, tmp_path_factory):
    return run(tmp_path_factory.mktemp("runs") / "all", 0, 4, request.param)


@pytest.mark.parametrize("seed", range(4))
def test_every_seed_stops_at_its_own_budget_as_it_does_alone(tmp_path, together, seed):
    (state, lines), (alone, alone_lines) = together, run(tmp_path / "alone", seed, 1)
    spent = state.ledger.totals()
    assert len(set(spent["training"])) > 1 and len(set(np.asarray(state.cycle).tolist())) > 1
    assert spent["training"][seed] == alone.ledger.totals()["training"][0] >= BUDGET
    # Tests too: a seed that stands still is tested no more.
    assert spent["evaluation"][seed] == alone.ledger.totals()["evaluation"][0]
    assert int(state.cycle[seed]) == int(alone.cycle[0])
    last = lines[-1]["evaluation"]["suite"]["length"]
    assert last[seed] in (None, alone_lines[-1]["evaluation"]["suite"]["length"][0])


def test_scores_are_audited_every_so_many_chunks_and_at_the_end(together):
    """By the seed's own count; the steps are in the ledger, and seeds at rest take no part."""
    state, lines = together
    for seed in range(4):
        own = [line for line in lines if line["cycle"][seed] <= int(state.cycle[seed])]
        told = {line["metrics"].get("audit_cycle", [None] * 4)[seed] for line in own} - {None}
        last = int(state.cycle[seed])
        assert told == {*range(6, last + 1, 6), last}
        assert state.ledger.totals()["evaluation"][seed] // 1000 == len(told)


def test_a_figure_is_a_mean_over_the_cycles_that_have_it_and_absent_where_none_has(together):
    state, lines = together
    assert lines[0]["metrics"]["odd"] == [7] * 4 and lines[0]["metrics"]["never"] == [None] * 4
    stopped = int(np.argmin(np.asarray(state.cycle)))
    assert lines[-1]["metrics"]["cost"][stopped] is None


def spoilt(state: State) -> tuple[State, Report]:
    now = State(state.key, state.cycle + 1, state.ledger.add(training=1))
    loss = jnp.where(now.cycle >= 8, jnp.nan, jnp.float32(1))
    unused = jnp.float32(jnp.nan)
    return now, Report({"loss": loss, "unused": unused}, weights={"unused": jnp.float32(0)})


def test_a_figure_that_is_no_number_stops_the_run_and_the_last_good_checkpoint_stays(tmp_path):
    program = Program(begin, spoilt, ("training", "evaluation"), ("training",))
    compiled = compile_program(program, seed=5, seeds=1, cycles=3, budget=1000, layout=Layout())
    directory = RunDir.create(tmp_path / "run", {"run": {"seed": 5}})
    with pytest.raises(RunError, match=r"loss is nan from cycle 8 on \(seed 5\).*--init-from"):
        loop.run(
            compiled, program, directory, Schedule(1000, 0, 1), state=compiled.init(),
            evaluate=None, show=lambda status: None,
        )  # fmt: skip
    kept = loop.newest(directory, jax.eval_shape(compiled.init))
    assert int(kept.cycle[0]) == 6 and len(directory.metrics()) == 2


@pytest.mark.parametrize(("keep", "left"), [(None, 5), (3, 3)])
def test_as_many_checkpoints_stay_as_asked(tmp_path, keep, left):
    directory = RunDir.create(tmp_path / "run", {})
    budget = counting.STEPS * counting.CYCLES * 5
    counting.go_on(
        directory,
        Schedule(budget, 0, 1, keep),
        program=counting.compiled(budget),
    )
    assert len(list(directory.checkpoints.glob("*.safetensors"))) == left
    assert checkpoint.latest(directory.checkpoints)


def test_what_an_actor_learned_is_looked_at_before_it_is_saved(tmp_path):
    """Weights that broke in a chunk's last update: no figure has seen them yet."""

    class Learning(eqx.Module):
        key: jax.Array
        cycle: jax.Array
        ledger: Ledger
        weight: jax.Array

    def start(key: jax.Array) -> Learning:
        return Learning(key, jnp.int32(0), Ledger.zero(("training", "evaluation")), jnp.float32(1))

    def learn(state: Learning) -> tuple[Learning, Report]:
        cycle = state.cycle + 1
        weight = jnp.where(cycle >= 6, jnp.inf, jnp.float32(1))
        return Learning(state.key, cycle, state.ledger.add(training=1), weight), Report({})

    program = Program(
        start, learn, ("training", "evaluation"), ("training",),
        actors=lambda state: {"student": Actor(None, state.weight)},  # pyright: ignore
    )  # fmt: skip
    compiled = compile_program(program, seed=0, seeds=1, cycles=3, budget=1000, layout=Layout())
    directory = RunDir.create(tmp_path / "run", {})
    with pytest.raises(RunError, match="the student has learned is not finite any more after cyc"):
        loop.run(
            compiled, program, directory, Schedule(1000, 0, 1), state=compiled.init(),
            evaluate=None, show=lambda status: None,
        )  # fmt: skip
    assert int(loop.newest(directory, jax.eval_shape(compiled.init)).cycle[0]) == 3
