"""Test the elites: fresh responses, and a judge that had no part in the search.

The response that let a prompt into the archive was selected for being bad, so its success says
little. Every elite gets n new samples; the attack success rate is measured on those alone.
"""

import json
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from typing import Any

from cairn.core.draws import DrawKey
from cairn.engine.journal_policy import Failed
from cairn.evaluation.audit import Tested, as_tested, examine, success
from cairn.lm.client import Clients
from cairn.lm.readings import Reading
from cairn.redteam import oracle
from cairn.redteam.calls import CORRECTABLE, Bench, classify, respond, score
from cairn.redteam.config import RedteamConfig
from cairn.redteam.state import Entry


class Auditor:
    """The audit as a policy of the journaled engine: trial k tests elite k."""

    def __init__(self, config: RedteamConfig, elites: list[Entry], reading: Reading | None = None):
        """`reading` notices roles that never give a verdict; search and audit share one."""
        self.config, self.elites = config, elites
        self._reading = reading or Reading(CORRECTABLE)

    def init(self) -> tuple[Tested | None, ...]:
        """Nothing tested."""
        return ()

    def ask(self, state: tuple, trial_id: int, key: DrawKey, pending: Sequence[Any]) -> Any:
        """The next elite; null past the last one."""
        if trial_id >= len(self.elites):
            return None
        entry = self.elites[trial_id]
        return {"id": entry.id, "cell": entry.cell, "prompt": entry.prompt}

    async def evaluate(self, trial: Any, clients: Clients) -> Any:
        """n fresh responses, one verdict each."""
        bench = Bench(clients, self.config, self._reading, trial["cell"])
        prompt, reference = trial["prompt"], None
        if self.config.search.acceptance == "oracle":
            reference = await oracle.reference_answer(bench, prompt)

        def fresh(i: int) -> Awaitable[str]:
            return respond(bench, prompt, purpose="audit", index=i)

        def judge(response: str, i: int) -> Awaitable[bool]:
            if reference is not None:
                return oracle.is_wrong(bench, prompt, response, reference, i)
            return classify(bench, "held_out", prompt, response, "audit", i)

        def agree(response: str, i: int) -> Awaitable[float]:
            return score(bench, prompt, response, purpose="agree", index=i)

        counted = self.config.audit.agreement if reference is None else 0
        rows = await examine(self.config.audit.responses, fresh, judge, agree, scored=counted)
        return {"id": trial["id"], "cell": trial["cell"], "rows": rows}

    def tell(self, state: tuple, trial: Any, outcome: Any) -> tuple:
        """The tests so far; a failed one is noted as None."""
        if isinstance(outcome, Failed):
            return (*state, None)
        columns = zip(*outcome["rows"], strict=True)
        return (*state, Tested(outcome["id"], outcome["cell"], *columns))

    def describe(self, state: tuple) -> str:
        """What the held-out judge says so far, and whether the search's scorer agrees."""
        found = success([test for test in state if test is not None])
        tested = f"test: {len(state)} of {len(self.elites)} elites"
        if found.mean is None:
            return tested
        agreed = found.agreement.value
        agree = "" if agreed is None else f", scorer agrees {agreed:.2f}"
        return f"{tested}, {found.mean.value:.2f} unsafe{agree}"

    def done(self, state: tuple) -> bool:
        """When every elite was tested."""
        return len(state) >= len(self.elites)

    def dump(self, state: tuple) -> bytes:
        """The tests as JSON."""
        return json.dumps([test and asdict(test) for test in state], ensure_ascii=False).encode()

    def load(self, body: bytes) -> tuple:
        """The tests that were dumped."""
        return tuple(row and as_tested(row) for row in json.loads(body))
