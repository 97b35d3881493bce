"""A curriculum of prompts for anybody's trainer: `ask` for prompts, `tell` what became of them.

What is between is the archive of ExIt (`cairn.improve.histories`): problems, and attempts at them
where a task's answers mend one, come back by what is expected to be learned there. The trainer
samples, learns and knows nothing of it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from cairn.archive.replay import Replay
from cairn.core import hosted
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve import histories, vocabulary
from cairn.improve.exploratory import Config
from cairn.improve.hand_off import record, saved, telling
from cairn.improve.hand_off.problems import Named, rows, stacked
from cairn.improve.hand_off.run import opened
from cairn.improve.hand_off.saved import Known
from cairn.improve.hand_off.settings import ABOUT, Asked, config_of
from cairn.improve.hand_off.wording import Wording, Words
from cairn.improve.histories import Starts
from cairn.improve.parts import Problem, Problems
from cairn.nn.language.block import Shape


class _Open(NamedTuple):
    start: Starts
    """One row."""
    problem: Problems
    """As it was asked."""


class Prompts:
    """Chooses prompts for a trainer that samples and learns itself.

    `task`: one of `cairn list` or an address, a task itself, or (`Prompts.of_run`) a run's. `batch`
    prompts are chosen at a time: as many as the trainer answers before it learns. `words`,
    `instruction` and `chat` are those of `Wording`; `settings` those of `cairn train TASK --method
    exit` that are about places to start from (capacity, replays, prioritisation, staleness,
    deepest, ...) and `reward`. Raises ConfigError.
    """

    def __init__(
        self,
        task: TokenTask | str,
        *,
        batch: int = 8,
        seed: int = 0,
        words: Words = "plain",
        instruction: str = "",
        chat: bool = False,
        **settings: Any,
    ) -> None:
        made = Named(task, {}).made() if isinstance(task, str) else task
        self.wording = Wording(made, words, instruction, chat)
        self.config = config_of(batch, settings)
        self.task, self.seed = made, seed
        self._problem = Problem(made, Shape(len(made.symbols)), 0, vocabulary.own(made))
        self._archive: Replay = histories.empty(self._problem, self.config)
        self._cycle, self._next = 0, 0
        self._open: dict[int, _Open] = {}
        self._keys = record.keys_of(seed)
        self._ask = jax.jit(partial(record.ask, self._problem, self.config))
        self._tell = jax.jit(partial(record.tell, self._problem, self.config))
        self._prompt = jax.jit(jax.vmap(made.prompt))

    @classmethod
    def of_run(cls, path: Path | str, *, run_seed: int | None = None, **more: Any) -> "Prompts":
        """With a run's task and settings, and of a run of `exit` with its archive too.

        Where that run learned from a finite set of problems (`problems`), they are the same ones.
        Raises RunError, CheckpointError or ConfigError if the run cannot be read or is no run on a
        task of symbols.
        """
        found = opened(Path(path), run_seed)
        archive = found.state.extra
        kept = isinstance(archive, Replay) and isinstance(found.config, Config)
        own = {name: getattr(found.config, name) for name in ABOUT if hasattr(found.config, name)}
        if found.config.reward != "quality":
            own["reward"] = "correct"  # a source asks the verifier, whoever gave rewards there
        source = cls(found.named.made(), **{**own, **more})
        if kept:
            if archive.scores.shape[0] != source.config.capacity:
                raise ConfigError(
                    f"capacity must be {archive.scores.shape[0]}, as in {path} whose archive is "
                    f"taken over, got {source.config.capacity}. Leave it out."
                )
            source._archive = jax.tree.map(jnp.asarray, archive)
        there = stream(found.state.key, record.THERE)
        source._keys = source._keys._replace(there=there)
        return source

    def __repr__(self) -> str:
        return (
            f"Prompts({type(self.task).__name__}; {self._next} asked, {len(self._open)} open, "
            f"{int(self._archive.count)} kept)"
        )

    @property
    def open(self) -> list[int]:
        """Ids that were asked and not yet told."""
        return list(self._open)

    @property
    def archive(self) -> Replay:
        """What is kept, with beliefs and scores."""
        return self._archive

    def ask(self) -> list[Asked]:
        """`batch` prompts. Several asks may be open at once."""
        with hosted.told():
            cycle = np.int32(self._cycle)
            archive, starts, problems, prompt = self._ask(self._archive, self._keys, cycle)
            starts, problems, ids = jax.device_get((starts, problems, prompt.ids))
        self._archive, self._cycle = archive, self._cycle + 1
        told = []
        for start, problem, row in zip(rows(starts), rows(problems), ids, strict=True):
            self._open[self._next] = _Open(start, problem)
            told.append(self._asked(self._next, start, row))
            self._next += 1
        return told

    def pending(self) -> list[Asked]:
        """What is open, as `ask` gave it: after `load`, prompts whose answers were lost."""
        if not self._open:
            return []
        P, found = self.config.prompts, []
        entries = list(self._open.items())
        for first in range(0, len(entries), P):
            part = entries[first : first + P]
            problems = stacked([entry.problem for _, entry in part])
            problems = jax.tree.map(partial(record.wider, size=P), problems)
            ids = np.asarray(self._prompt(problems).ids)
            found += [
                self._asked(number, entry.start, row)
                for (number, entry), row in zip(part, ids, strict=False)
            ]
        return found

    def problem(self, number: int) -> Problems:
        """The problem of an open id, with what its verifier must know."""
        return self._opened(number).problem

    def tell(
        self, ids: Sequence[int], completions: Sequence[Sequence[Any]], ended: Any = None
    ) -> Float[np.ndarray, "n G"]:
        """What was answered: of each id, once, as many completions as of the others (n, G).

        A completion is a text, or a conversation's messages. `ended` (n, G): whether it came to an
        end of its own; by default all did. Returns the reward of each by the task's verifier (1 for
        a correct answer, or its quality with `reward="quality"`; 0 without an end). Raises
        ConfigError for ids that are not open or told twice, and then nothing counts.
        """
        known = telling.numbers(ids)
        entries = [self._opened(number) for number in known]
        said = telling.answers(self.wording, len(known), completions, ended)
        return self._told(known, entries, *said, None)

    def tell_rewards(self, ids: Sequence[int], rewards: Any) -> None:
        """The same by rewards of one's own, (n, G) in [0, 1]: 0.3 is three tenths of a success.

        NaN says nothing. No attempt becomes a place to start from: the answers are not known.
        """
        known = telling.numbers(ids)
        entries = [self._opened(number) for number in known]
        found = telling.rewards(len(known), rewards)
        nothing = np.zeros((*found.shape, self.task.answer_length), np.int32)
        self._told(known, entries, nothing, np.zeros(found.shape, np.int32), found)

    def save(self, path: Path | str) -> None:
        """Write all there is to one file, complete or not at all; it replaces an older one."""
        kind = type(self.task)
        settings = {name: getattr(self.config, name) for name in ABOUT}
        about = {
            "there": jax.random.key_data(self._keys.there).tolist(),
            "task": Named.of(f"{kind.__module__}:{kind.__qualname__}", self.task),
            "how": {
                "batch": self.config.prompts,
                "seed": self.seed,
                **self.wording.how,
                **settings,
            },
        }
        known = Known(self._archive, list(self._open.values()), self.open, self._cycle, self._next)
        saved.write(Path(path), known, about)

    @classmethod
    def load(cls, path: Path | str, task: TokenTask | None = None) -> "Prompts":
        """What was saved: it asks next what it would have asked.

        `task` is needed where its class cannot be imported. Raises RunError if there is no such
        file or none of a source, CheckpointError if it is damaged.
        """
        path = Path(path)
        told = saved.about(path)
        source = cls(saved.task_of(path, told, task), **told["how"])
        there = jax.random.wrap_key_data(jnp.array(told["there"], jnp.uint32))
        source._keys = source._keys._replace(there=there)
        args = source._archive, source._keys, np.int32(0)
        start, problem = jax.eval_shape(source._ask, *args)[1:3]
        row = jax.tree.map(lambda leaf: np.zeros(leaf.shape[1:], leaf.dtype), _Open(start, problem))
        known = saved.read(path, source._archive, row, told)
        source._archive, source._cycle, source._next = known.archive, known.cycle, known.next
        source._open = dict(zip(known.ids, known.open, strict=True))
        return source

    def _asked(self, number: int, start: Starts, row: Int[np.ndarray, " Tp"]) -> Asked:
        good, bad = float(start.belief.successes), float(start.belief.failures)
        depth, chance = int(start.nodes.depth), (1 + good) / (2 + good + bad)
        return Asked(number, self.wording.prompt(row), depth, chance)

    def _told(
        self,
        ids: list[int],
        entries: list[_Open],
        tokens: Int[np.ndarray, "n G T"],
        length: Int[np.ndarray, "n G"],
        rewards: Float[np.ndarray, "n G"] | None,
    ) -> Float[np.ndarray, "n G"]:
        P, found, archive = self.config.prompts, [], self._archive
        for first in range(0, len(ids), P):
            part = slice(first, first + P)
            n = len(ids[part])
            wide = partial(record.wider, size=P)
            starts = stacked([entry.start for entry in entries[part]])
            problems = stacked([entry.problem for entry in entries[part]])
            args = jax.tree.map(wide, (starts, problems, tokens[part], length[part]))
            own = None if rewards is None else wide(rewards[part])
            with hosted.told():
                archive, reward = self._tell(archive, *args, np.arange(P) < n, own)
                found.append(np.asarray(reward)[:n])
        self._archive = archive
        for number in ids:
            del self._open[number]
        return np.concatenate(found)

    def _opened(self, number: int) -> _Open:
        if number not in self._open:
            why = "was told already" if 0 <= number < self._next else "was never asked for"
            raise ConfigError(f"id {number} {why}: tell what ask gave, once. Nothing was counted.")
        return self._open[number]
