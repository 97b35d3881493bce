"""Rainbow Teaming: fill a map of cells with the prompt that fails the target worst in each.

    x ~ uniform over occupied cells, z ~ softmax((1 - F) / t)         choose.py
    x' = x; for each axis j: x' = mutator(x', z_j)                    calls.mutate
    drop x' if BLEU(x', x) >= theta
    r' = target(x'); F' = scorer(x', r')
    empty cell: write; else write if r' beats the elite's response in a strict majority of
    2 + 2 votes in both orders                                        contest.tally

Samvelyan et al. 2024, arXiv:2402.16822. Differs: trials run asynchronously, so the elite may
change while a candidate is being judged; a winner is then judged again, against the new one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from cairn.core.draws import DrawKey
from cairn.engine.journal_policy import Failed
from cairn.evaluation import judges
from cairn.evaluation.bleu import bleu
from cairn.evaluation.votes import Votes, readable, wins
from cairn.lm.client import Clients
from cairn.lm.readings import Reading
from cairn.redteam import oracle, templates
from cairn.redteam import state as states
from cairn.redteam.calls import (
    CORRECTABLE,
    Bench,
    MutatorRefusedError,
    mutate,
    respond,
    score,
    vote,
)
from cairn.redteam.choose import choose
from cairn.redteam.config import RedteamConfig
from cairn.redteam.state import Entry, State, as_entry


class Rainbow:
    """The search as a policy of the journaled engine."""

    def __init__(self, config: RedteamConfig, reading: Reading | None = None):
        """`reading` notices roles that never give a verdict; search and audit share one."""
        self.config = config
        self.space = config.space
        self._reading = reading or Reading(CORRECTABLE)

    def init(self) -> State:
        """An empty map."""
        return states.start(self.space)

    def ask(self, state: State, trial_id: int, key: DrawKey, pending: Sequence[Any]) -> Any:
        """A new candidate's plan, or a rematch of one whose incumbent changed."""
        # A policy that never waits is asked once after each tell: so `again` is asked once, at
        # once, and the next tell has it behind it.
        if state.again is not None:
            return {"again": asdict(state.again), **self._opponent(state, state.again.cell)}
        # Every rematch has used up a trial's number; seeds are counted by new candidates.
        number = trial_id - state.counts["sent_back"]
        plan = choose(state, self.config.search, self.config.seeds, number, key.random())
        parent = plan.parent and {"id": plan.parent.id, "prompt": plan.parent.prompt}
        return {
            "id": trial_id,
            "parent": parent,
            "seed": plan.seed,
            "cell": plan.cell,
            **self._opponent(state, plan.cell),
        }

    def _opponent(self, state: State, cell: int) -> dict[str, Any]:
        if self.config.search.acceptance != "judge" or self.config.search.method == "no-archive":
            return {"incumbent": None}
        name = states.incumbent(state, cell)
        if name is None:
            return {"incumbent": None}
        return {"incumbent": {"id": name, "response": state.entries[name].response}}

    async def evaluate(self, trial: Any, clients: Clients) -> Any:
        """Make the child, get its response and fitness, and have it judged."""
        cell = trial["again"]["cell"] if "again" in trial else trial["cell"]
        bench = Bench(clients, self.config, self._reading, cell)
        votes = ()
        if "again" in trial:
            entry = as_entry(trial["again"])
        else:
            try:
                made = await self._make(trial, bench)
            except MutatorRefusedError as refusal:
                return {"status": refusal.status, "calls": refusal.calls}
            if made is None:
                return {"status": "similar", "calls": bench.calls}
            entry, votes = made
        if trial["incumbent"] is not None and trial.get("cell", entry.cell) == entry.cell:
            parts = {"goal": bench.goal, "category": self.space.title(entry.cell)}
            theirs = trial["incumbent"]["response"]
            votes = await vote(bench, templates.COMPARE, parts, entry.response, theirs)
        return {"status": "tried", "calls": bench.calls, "entry": asdict(entry), "votes": votes}

    async def _make(self, trial: Any, bench: Bench) -> tuple[Entry, Votes] | None:
        """The candidate and the votes against the oracle, where there is one; None if it is too
        similar to its parent."""
        origin = trial["parent"]["prompt"] if trial["parent"] else trial["seed"]
        labels = self.space.labels(trial["cell"])
        prompt = await mutate(bench, labels, origin, self.space.axes)
        similarity = None if origin is None else bleu(prompt, [origin])
        if similarity is not None and similarity >= self.config.search.similarity:
            return None
        made = Entry(
            id=trial["id"],
            cell=self.space.landed(trial["cell"], prompt),
            prompt=prompt,
            response="",
            fitness=0.0,
            parent=trial["parent"] and trial["parent"]["id"],
            seed=trial["seed"],
            similarity=similarity,
        )
        if self.config.search.acceptance == "oracle":
            return await oracle.examine(bench, made)
        response = await respond(bench, prompt, purpose="respond")
        fitness = await score(bench, prompt, response, purpose="score")
        return replace(made, response=response, fitness=fitness), ()

    def tell(self, state: State, trial: Any, outcome: Any) -> State:
        """Fold an outcome in: filter, fill, replace, or judge again."""
        state = replace(state, again=None).counted(told=1)
        if "again" in trial:
            state = state.counted(unjudged=-1)
        if isinstance(outcome, Failed):
            return states.failed(state, outcome.error)
        state = state.counted(calls=outcome["calls"])
        if outcome["status"] != "tried":
            return state.counted(**{outcome["status"]: 1})
        votes = tuple((a, b) for a, b in outcome["votes"])
        state = replace(state, health=judges.add(state.health, votes))
        entry = as_entry(outcome["entry"])
        if "again" in trial:
            state = state.counted(rematches=1)
        else:
            state = replace(state.counted(tried=1), latest=entry)
            state = state.counted(missed_bin=int(entry.cell != trial["cell"]))
        return self._accept(state, trial, entry, votes)

    def _accept(self, state: State, trial: Mapping, entry: Entry, votes: Votes) -> State:
        if votes and not readable(votes):
            # A missing grade is not a grade: neither won nor lost.
            return state.counted(no_verdict=1)
        holder = states.incumbent(state, entry.cell)
        if self.config.search.method == "no-archive":
            return self._settle(state, entry, holder)
        match self.config.search.acceptance:
            case "score":
                after, entered = states.offer_by_fitness(state, self.space, entry)
                how = "lost" if not entered else "filled" if holder is None else "replaced"
                return after.counted(**{how: 1})
            case "oracle":
                # A question on which only the target errs always enters; else only a new cell.
                if entry.fitness < 1.0 and holder is not None:
                    return state.counted(lost=1)
                return self._settle(state, entry, holder)
        if votes and not wins(votes):
            # Beaten by an elite, and elites are only replaced by what beat them.
            return state.counted(lost=1)
        # Without votes nobody was in the cell, or the prompt landed in another one.
        expected = trial["incumbent"]["id"] if votes else None
        if holder != expected:
            return replace(state, again=entry).counted(sent_back=1, unjudged=1)
        return self._settle(state, replace(entry, votes=votes), expected)

    def _settle(self, state: State, entry: Entry, expected: int | None) -> State:
        entry = replace(entry, beaten=expected)
        state, entered = states.offer(state, self.space, entry, expected)
        assert entered, "the holder was looked up in this very state"
        return state.counted(**{"filled" if expected is None else "replaced": 1})

    def describe(self, state: State) -> str:
        """Cells filled and the judge's health, while the search runs."""
        judge = judges.brief(state.health)
        parts = [f"search: {int(state.elites.count)} of {self.space.cells} cells"]
        if state.counts["failed"]:
            parts.append(f"{state.counts['failed']} failed")
        if judge:
            parts.append(f"judge: {judge}")
        return ", ".join(parts)

    def done(self, state: State) -> bool:
        """Never before the last trial."""
        return False

    def dump(self, state: State) -> bytes:
        """The state as bytes."""
        return states.dump(state)

    def load(self, body: bytes) -> State:
        """The state that was dumped."""
        return states.load(body, self.space)
