"""A tree policy, operators and a grader as a policy of the journaled engine.

A trial holds all that its evaluation depends on (parents, memory, the operator's name); its outcome
becomes a node. So a search that is killed anywhere goes on along the same path, asks for no answer
and runs no program twice, and its tree does not depend on which worker was first. Clock times are
no part of outcomes, for two runs never agree in them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, suggest
from cairn.core.journal import canonical
from cairn.engine.journal_policy import WAIT, Failed
from cairn.lm.answers import whole_text
from cairn.lm.client import Clients
from cairn.lm.completion import Completion
from cairn.lm.errors import TrialFailedError
from cairn.lm.fences import mark
from cairn.research import grading, memory, novelty, parsing
from cairn.research.evaluation import Graded, Problem
from cairn.research.node import OURS, Node, Tree, score_of, utility_of
from cairn.research.operators import OPERATORS, Context, Operator, Shown, operators_of
from cairn.research.outline import outline
from cairn.research.policies.base import Proposal, TreePolicy

RESEARCHER = "researcher"
"""The role that operators ask, where nothing else is said."""
ANALYSE = "analyse"
FAILURES = {"JailBrokenError": "jail_error", "GraderError": "grader_error",
            "BadGraderError": "grader_error"}  # fmt: skip
"""Outcome of the node by the name of the error that ended its trial; others: "no_answer"."""
SHOWN_ERROR = 2_000
"""Characters of a plan that are kept."""


class State(NamedTuple):
    """What the journal's events add up to."""

    tree: Tree
    inner: Any
    """The tree policy's own state."""


@dataclass(frozen=True)
class Asking:
    """How operators ask."""

    operators: Mapping[str, str] = field(default_factory=dict)
    """Operators of one's own by name, at `package.module:Name`; may replace draft, improve, debug
    and crossover."""
    memory: Mapping[str, str] = field(
        default_factory=lambda: {"draft": "simple", "improve": "simple", "debug": "ancestral",
                                 "crossover": "none"}
    )  # fmt: skip
    """What an operator is told of the search: none, simple, all, plans, sibling or ancestral."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Which role an operator asks; left out: researcher."""
    arms: tuple[str, ...] = ()
    """Further roles, among which a policy may choose (`shinka` does)."""
    analyse: bool = False
    """Whether a model reads what came of each artefact and says it in two sentences, which are in
    the memories of those that follow: one more call a node."""
    novelty: float = 1.0
    """An artefact is refused, and asked for again, if so large a share of what it says is said by
    another one of its island (ShinkaEvolve: 0.99 by embeddings); 1: none is refused."""
    readings: int = 3
    """Samples of an answer until one holds an artefact."""
    longest: int = parsing.LONGEST
    """Bytes of an artefact."""

    def __post_init__(self):
        for name in ("readings", "longest"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Asking.{name} must be at least 1, got {getattr(self, name)}.")
        if not 0 <= self.novelty <= 1:
            raise ConfigError(f"Asking.novelty must be in [0, 1], got {self.novelty}.")
        if len(set(self.arms)) != len(self.arms) or not all(self.arms):
            raise ConfigError(f"Asking.arms must be names that differ, got {list(self.arms)}.")
        known = (*OPERATORS, *self.operators)
        for table in ("memory", "roles"):
            for name in getattr(self, table):
                if name not in known:
                    raise ConfigError(
                        f"Asking.{table} names the operator {name!r}, which is not there: expected "
                        f"one of {', '.join(known)}.{suggest(name, known)}"
                    )
        for scope in self.memory.values():
            memory.recall(scope, Tree(), Proposal("draft"))
        for name, role in self.roles.items():
            if not role:
                raise ConfigError(f"Asking.roles.{name} must name a role, got ''.")

    @property
    def asked(self) -> tuple[str, ...]:
        """All roles that are asked."""
        makes = {role for name, role in self.roles.items() if name != ANALYSE or self.analyse}
        return tuple(sorted({RESEARCHER, *makes, *self.arms}))


class TreeSearch:
    """The search as the engine drives it: asks are the policy's, outcomes become nodes."""

    def __init__(
        self,
        problem: Problem,
        policy: TreePolicy,
        *,
        asking: Asking | None = None,
        seed: int = 0,
        watch: grading.Watch | None = None,
    ):
        """`seed` is the engine's."""
        self.problem, self.policy = problem, policy
        self.asking = asking or Asking()
        self.operators: dict[str, Operator] = operators_of(self.asking.operators)
        self.root, self.watch = DrawKey.root(seed), watch or grading.Watch()

    def init(self) -> State:
        """An empty tree."""
        return State(Tree(), self.policy.init())

    def ask(self, state: State, trial_id: int, key: DrawKey, pending: Sequence[Any]) -> Any:
        """The policy's proposal, with what the operator is to see; or WAIT."""
        under_way = [_proposal(trial) for trial in pending]
        proposal = self.policy.propose(state.inner, state.tree, under_way, key.random())
        if not isinstance(proposal, Proposal):
            return WAIT
        self._check(proposal, state.tree)
        scope = self.asking.memory.get(proposal.operator, "simple")
        first = trial_id == 0 and proposal.operator == "draft"
        return {
            "id": trial_id,
            **proposal._asdict(),
            "role": "" if first and self.problem.initial else proposal.role,
            "parents": list(proposal.parents),
            "shown": [_shown(state.tree[parent]) for parent in proposal.parents],
            "beside": [{"id": other, **_shown(state.tree[other])} for other in proposal.beside],
            "known": self._known(state.tree, proposal),
            "memory": memory.recall(scope, state.tree, proposal),
            "given": self.problem.initial if first else "",
        }

    def _known(self, tree: Tree, proposal: Proposal) -> list[list[int]]:
        """Sketches of what the proposal's island has, if copies of it are refused."""
        if self.asking.novelty >= 1 or proposal.operator == "debug":
            return []  # a mended program is nearly the one that failed
        island = [node.text for node in tree if node.island == proposal.island and node.text]
        return [novelty.sketch(text) for text in island[-novelty.KNOWN :]]

    def _check(self, proposal: Proposal, tree: Tree) -> None:
        name = type(self.policy).__name__
        if proposal.operator == ANALYSE:
            raise ConfigError(
                f"{name} proposes the operator {ANALYSE!r}, which makes no artefact: set "
                f"asking.{ANALYSE} to have every artefact analysed."
            )
        if proposal.operator not in self.operators:
            raise ConfigError(
                f"{name} proposes the operator {proposal.operator!r}, which is not there: give it "
                f"in [asking.operators].{suggest(proposal.operator, self.operators)}"
            )
        if proposal.role and proposal.role not in self.asking.asked:
            raise ConfigError(
                f"{name} proposes to ask the role {proposal.role!r}: name it in [asking] arms "
                f"(there are {', '.join(self.asking.asked)})."
            )
        for parent in (*proposal.parents, *proposal.beside):
            if parent not in tree:
                raise ConfigError(f"{name} proposes the parent {parent}, which is not in the tree.")
            if (
                parent in proposal.parents
                and tree[parent].buggy
                and proposal.operator in ("improve", "crossover")
            ):
                raise ConfigError(
                    f"{name} proposes {proposal.operator} of node {parent}, which is buggy: "
                    f"propose debug, or another node."
                )

    async def evaluate(self, trial: Any, clients: Clients) -> Any:
        """Ask for an artefact, and have it graded."""
        if trial["given"]:
            proposed = parsing.Proposed("The artefact to begin with.", trial["given"])
        else:
            try:
                proposed = await self._propose(trial, clients)
            except parsing.NoArtefactError as error:
                plan = error.plan[:SHOWN_ERROR]
                return _outcome(error.text, plan, Graded(None, error.kind, str(error)))
        graded = await grading.grade(self.problem, proposed.text, "search", clients, self.watch)
        outcome = _outcome(proposed.text, proposed.plan, graded)
        if self.asking.analyse and graded.outcome not in OURS:
            outcome["analysis"] = await self._analysed(outcome, clients)
        return outcome

    async def _analysed(self, outcome: Mapping[str, Any], clients: Clients) -> str:
        """What the model finds in an outcome; "" if it says nothing: the score stands anyway."""
        shown = Shown(**{name: outcome[name] for name in Shown._fields})
        description = self.problem.description
        context = Context(
            description, self.problem.language, self.problem.evaluator.larger_is_better, (shown,),
            "", "", (), mark(clients.key.child("analyse"), description, shown.text, shown.feedback),
        )  # fmt: skip
        client = clients[self.asking.roles.get(ANALYSE, RESEARCHER)]
        try:
            said = await client.ask(self.operators[ANALYSE](context), purpose=ANALYSE)
        except TrialFailedError:
            return ""
        return parsing.without_thoughts(said)[:SHOWN_ERROR]

    async def _propose(self, trial: Any, clients: Clients) -> parsing.Proposed:
        beside = [{**other} for other in trial["beside"]]
        texts = [
            text for one in (*trial["shown"], *beside) for text in (one["text"], one["feedback"])
        ]
        description = self.problem.description
        context = Context(
            description,
            self.problem.language,
            self.problem.evaluator.larger_is_better,
            tuple(Shown(**parent) for parent in trial["shown"]),
            trial["memory"],
            trial["complexity"],
            tuple(Shown(**{k: v for k, v in other.items() if k != "id"}) for other in beside),
            mark(clients.key.child("mark"), description, trial["memory"], *texts),
        )
        prompt = self.operators[trial["operator"]](context)
        role = trial["role"] or self.asking.roles.get(trial["operator"], RESEARCHER)
        client = clients[role]

        def read(answer: Completion) -> parsing.Proposed:
            text = whole_text(answer, by=client.role)
            found = parsing.read(text, self.problem.language, self.asking.longest)
            novelty.check(found, trial["known"], self.asking.novelty)
            return found

        readings = self.asking.readings
        return await client.read(
            client.request(prompt), read, purpose="artefact", readings=readings
        )

    def tell(self, state: State, trial: Any, outcome: Any) -> State:
        """The tree with the trial's node."""
        if isinstance(outcome, Failed):
            kind = FAILURES.get(outcome.error, "no_answer")
            outcome = _outcome("", "", Graded(None, kind, ""))
        larger = self.problem.evaluator.larger_is_better
        node = Node(
            id=trial["id"],
            parents=tuple(trial["parents"]),
            operator=trial["operator"],
            island=trial["island"],
            role=trial["role"],
            parts=tuple(part if larger else -part for part in outcome["parts"]),
            utility=utility_of(outcome["score"], larger_is_better=larger),
            **{name: value for name, value in outcome.items() if name != "parts"},
        )
        tree = state.tree.grown(node)
        draws = self.root.child("observe", node.id).random()
        return State(tree, self.policy.observe(state.inner, tree, node, draws))

    def done(self, state: State) -> bool:
        """Never before the last trial."""
        return False

    def describe(self, state: State) -> str:
        """The best score, with what is known of its error; below it the tree in a few lines."""
        best, tree = state.tree.best(), state.tree
        found = f"{score_of(best)} (node {best.id})" if best else "no score yet"
        buggy = len(tree) - len(tree.good)
        return "\n".join((f"best {found}, {len(tree)} nodes, {buggy} buggy", *outline(tree)))

    def dump(self, state: State) -> bytes:
        """As JSON."""
        return canonical({"tree": state.tree.dump(), "policy": state.inner}).encode()

    def load(self, body: bytes) -> State:
        """The state that was dumped."""
        record = json.loads(body)
        return State(Tree.load(record["tree"]), record["policy"])


def _proposal(trial: Mapping[str, Any]) -> Proposal:
    parents = tuple(trial["parents"])
    beside = tuple(other["id"] for other in trial["beside"])
    return Proposal(
        trial["operator"], parents, trial["complexity"], trial["island"], trial["role"], beside
    )


def _shown(node: Node) -> dict[str, Any]:
    hidden = node.outcome in OURS
    return {
        "text": node.text,
        "plan": node.plan,
        "score": node.score,
        "outcome": node.outcome,
        "feedback": "" if hidden else node.feedback,
    }


def _outcome(text: str, plan: str, graded: Graded) -> dict[str, Any]:
    """What is told of an evaluation: no time, which differs from run to run."""
    extra = [f"{name}:\n{body}" for name, body in sorted(graded.artefacts.items())]
    return {
        "text": text,
        "plan": plan[:SHOWN_ERROR],
        "score": None if graded.score is None else float(graded.score),
        "spread": graded.spread,
        "parts": [float(part) for part in graded.parts],
        "outcome": graded.outcome,
        "feedback": memory.trimmed("\n".join(filter(None, [graded.feedback, *extra]))),
    }
