"""A method of this wing as the room for runs sees it: bound to a task of symbols and a model."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from cairn.core import branches, trees
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.vocabulary import SEP
from cairn.engine.program import Archived, Pretrained, Program, Report, merged
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve import cloning, learning, mismatch, questions, reward_training, testing
from cairn.improve.config import GOOD, Config
from cairn.improve.model import Model
from cairn.improve.parts import Problem, State, Student
from cairn.improve.testing import Figures
from cairn.nn.language import lora, weights
from cairn.nn.language.spoken import Spoken
from cairn.nn.language.transformer import Transformer
from cairn.runs.method import Method, Preset, Setup

PRESETS = {
    "small": Preset(
        "A model of 0.4M parameters, from nothing: minutes on a CPU.",
        sections={"run": {"steps": 2_000_000, "log_every": 20, "evaluate_every": 5}},
    )
}

Step = Callable[[Problem, Any, State], tuple[State, Report]]


def method(
    page: str | None,
    config: type[Config],
    step: Step,
    *,
    extra: Callable[[Problem, Any, Key[Array, ""]], PyTree] = lambda problem, config, key: None,
    head: Callable[[Problem, Any, Key[Array, ""]], PyTree] = lambda problem, config, key: None,
    test: Callable[[Problem, Any, State], tuple[Figures, Array]] = testing.test,
    lineage: Callable[[Problem], Archived | None] = lambda problem: None,
    shared: bool = False,
) -> Method:
    """The METHOD of a file with `Config` and `step(problem, config, state)`.

    `page` is the file's docstring, whose first line describes the method. `extra` makes what the
    method keeps for itself, `head` what it trains beside the model, `test` its figures; `lineage`
    says what the archive in `extra` holds, if its insertions are written down. `shared`: devices
    share the prompts of a seed, which pays where losses are `Summed`.
    """

    def program(setup: Setup) -> Program:
        problem, chosen = bind(setup)
        return Program(
            init=lambda key: begin(problem, chosen, key, extra=extra, head=head),
            step=partial(cycle, problem, chosen, step),
            counts=chosen.counts,
            budget=chosen.budget,
            doubt=lambda report: mismatch.doubt(report) or unpaid(chosen, report),
            models=models,
            pretrained=pretrained(problem),
            tested=partial(test, problem, chosen),
            lineage=lineage(problem),
            language=partial(spoken, problem, chosen),
            questions=questions.questions(problem, chosen),
        )

    return Method(
        about=(page or "").split("\n", 1)[0],
        sections={"algorithm": config, "model": Model},
        program=program,
        takes=takes_tokens,
        check=check,
        columns=_columns if shared else lambda setup: 1,
        least=lambda setup: setup.sections["algorithm"].least(setup.task),
        presets=PRESETS,
        follows=lambda own, start: own.follows(start),
    )


def takes_tokens(kind: Any) -> str | None:
    """Refuse what is no task of symbols."""
    if isinstance(kind, type) and issubclass(kind, TokenTask):
        return None
    return "it is not a task of symbols: expected a subclass of TokenTask (see cairn list)."


def bind(setup: Setup) -> tuple[Problem, Any]:
    """The fixed part of a run, and the method's settings."""
    model = setup.sections["model"]
    shape, vocabulary = model.on(setup.task, setup.kept)
    problem = Problem(setup.task, shape, setup.steps, vocabulary, model.lora, setup.mesh)
    return problem, setup.sections["algorithm"]


def _columns(setup: Setup) -> int:
    """What devices must divide to share prompts: every update's."""
    config = setup.sections["algorithm"]
    return config.prompts // config.minibatches


def check(setup: Setup) -> None:
    """Raise ConfigError for settings that do not fit the task, or a model that does not."""
    problem, config = bind(setup)
    config.check(setup.task)
    longest, context = config.longest(setup.task), problem.shape.context
    if context is not None and longest > context:
        raise ConfigError(
            f"The model is made for {context} tokens, and prompt and answer of "
            f"{type(setup.task).__name__} take up to {longest} by this method. Give the task "
            f"smaller settings."
        )
    if config.uses_conditions and not problem.vocabulary.conditions:
        raise ConfigError(
            "This method tells the model how good an answer is going to be, by tokens that mean "
            "nothing yet: a model of a folder (weights) has none. Expected a model without."
        )


def begin(
    problem: Problem, config: Any, key: Key[Array, ""], *, extra: Callable, head: Callable
) -> State:
    """The state before the first cycle: a model that has learned nothing."""
    model = Transformer.init(stream(key, "model"), problem.shape)
    if problem.lora:
        model = lora.beside(model, stream(key, "adapters"), problem.lora)
    student = Student(model, head(problem, config, stream(key, "head")))
    state = State(
        key=key,
        cycle=jnp.int32(0),
        ledger=Ledger.zero(config.counts),
        student=student,
        moments=learning.moments(student),
        start=jax.tree.map(jnp.copy, model),
        reward_model=None,
        extra=extra(problem, config, stream(key, "extra")),
    )
    trainee = reward_training.untrained(state) if config.has_reward_model else None
    return eqx.tree_at(lambda s: s.reward_model, state, trainee, is_leaf=lambda leaf: leaf is None)


def pretrained(problem: Problem) -> Pretrained | None:
    """What the model begins as, if it comes from a folder."""
    folder = problem.vocabulary.folder
    if folder is None:
        return None

    def load() -> list[Array]:
        return jax.tree.leaves(weights.load(folder, dtype="float32"))

    return Pretrained(
        folder, load, lambda state: jax.tree.leaves(lora.without(state.student.model))
    )


def models(state: State) -> dict[str, PyTree]:
    """What another run may start from: the model, and the model of rewards if there is one."""
    rewards = {} if state.reward_model is None else {"reward_model": state.reward_model.params}
    return {"student": state.student.model, **rewards}


def unpaid(config: Config, report: Report) -> str | None:
    """Why a run cannot be believed whose rewards nobody gives: no chunk pays exactly nothing."""
    if not config.modelled or config.reward_model_steps:
        return None
    asked = np.asarray(report.weights["reward"]) > 0  # not while demonstrations are learned
    if not asked.any() or (np.asarray(report.metrics["reward"])[asked] != 0).any():
        return None
    return (
        f"There is no model of rewards yet that reward = {config.reward} could ask. Give "
        f"--reward-model-steps, or start from a run that has one (--init-from): of orm or sorm."
    )


def spoken(problem: Problem, config: Config, state: State) -> Spoken:
    """The model with its symbols, for one who talks to it: a prompt is closed as the task's are."""
    words = problem.vocabulary
    closing = words.conditions[GOOD] if config.conditioned else int(words.token[SEP])
    return Spoken(lora.added(state.student.model), words.tokenizer, (closing,), words.folder)


def cycle(problem: Problem, config: Config, step: Step, state: State) -> tuple[State, Report]:
    """A cycle of the phase that the run is in: demonstrations, a model of rewards, the method."""

    def own(state: State) -> tuple[State, Report]:
        return step(problem, config, begun(problem, config, state))

    def later(state: State) -> tuple[State, Report]:
        if not config.reward_model_steps:
            return own(state)
        train = partial(reward_training.train, problem, config)
        return in_turn(state.cycle < config.before, train, own, state)

    if not config.sft_steps:
        return later(state)
    warm = partial(cloning.warm_up, problem, config)
    return in_turn(state.cycle < config.sft_steps, warm, later, state)


def begun(problem: Problem, config: Config, state: State) -> State:
    """In the method's first cycle the model as it is becomes the start, and moments are new.

    To a model that has never seen the conditions they mean what SEP does, whose place they take.
    """
    first = state.cycle == config.before
    start = trees.where(first, state.student.model, state.start)
    fresh = jax.tree.map(jnp.zeros_like, state.moments)
    moments = trees.where(first, fresh, state.moments)
    state = eqx.tree_at(lambda s: (s.start, s.moments), state, (start, moments))
    if not config.unknown:
        return state
    embed, signs = state.student.model.embed, len(problem.task.symbols)
    told = jnp.where(first, embed.at[signs:].set(embed[SEP]), embed)
    return eqx.tree_at(lambda s: s.student.model.embed, state, told)


def in_turn(first: Array, do: Callable, then: Callable, state: State) -> tuple[State, Report]:
    """`do(state)` while it is `first`, else `then(state)`. What the other tells has no weight."""
    nothing = [branches.zeros(lambda s, each=each: each(s)[1], state) for each in (do, then)]

    def early(state: State) -> tuple[State, tuple[Report, Report]]:
        after, report = do(state)
        return after, (report, nothing[1])

    def late(state: State) -> tuple[State, tuple[Report, Report]]:
        after, report = then(state)
        return after, (nothing[0], report)

    after, reports = branches.when(first, early, late, state)
    there = (first, ~first)
    return after, merged(*map(_weighted, reports, there))


def _weighted(report: Report, there: Array) -> Report:
    counts = there.astype(jnp.float32)
    weights = {name: report.weights.get(name, jnp.ones(())) * counts for name in report.metrics}
    return report._replace(weights=weights)
