"""The curriculum under TRL's own trainers: prompts that depend on the rewards of those before.

The only file that imports TRL and `datasets`. A dataset whose rows are chosen when they are read
gives the prompts, and a reward function tells what became of them; the trainer is TRL's, unchanged.
Written for trl 1.16.0, whose trainers `benchmarks/peers/trl_curriculum.py` runs on it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.envs.tokens.protocol import SPLITS
from cairn.improve import mismatch
from cairn.improve.hand_off import collect, problems
from cairn.improve.hand_off.rows import score, told
from cairn.improve.hand_off.settings import Asked
from cairn.improve.hand_off.source import Prompts

if TYPE_CHECKING:
    import datasets  # pyright: ignore[reportMissingImports]


SAVED = "prompts.cairn"
"""What a source is called in a trainer's checkpoint."""


class Chosen:
    """What a dataset calls for its rows: a place's prompt is chosen when it is first asked for.

    A trainer reads a place several times, once for each answer and each update from it: `reads`.
    After that the place has a new prompt. What the source had open before comes first: of a trainer
    that was killed, prompts it had chosen and not yet told of.
    """

    def __init__(self, source: Prompts, reads: int) -> None:
        self.source, self.reads = source, reads
        self._waiting: list[Asked] = source.pending()
        self._places: dict[int, tuple[Asked, int]] = {}

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """The rows of some places, as columns."""
        rows = [self._row(place) for place in batch["place"]]
        return {
            "prompt": [row.prompt for row in rows],
            "id": [row.id for row in rows],
            "problem": [""] * len(rows),
        }

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """`datasets` hashes what it is given by pickling it; a source is itself and no other."""
        return object, ()

    def _row(self, place: int) -> Asked:
        row, left = self._places.get(place, (None, 0))
        if row is None or not left:
            if not self._waiting:
                self._waiting = self.source.ask()
            row, left = self._waiting.pop(0), self.reads
        self._places[place] = row, left - 1
        return row


class Verified:
    """TRL's reward function: the task's own verifier. It tells the source what became of prompts.

    `ends`: ids of tokens that end an answer; one that does not end with any is cut, and no success.
    Without them every answer counts as ended. `spell` makes a text of tokens, in the place of the
    trainer's own, which leaves special ones out: between symbols of ours they are mistakes.
    """

    def __init__(
        self,
        source: Prompts,
        ends: Sequence[int] = (),
        spell: Callable[[list[int]], str] | None = None,
    ) -> None:
        self.source, self.ends, self.spell = source, tuple(ends), spell
        self.__name__ = "cairn"

    def __call__(
        self,
        completions: list[Any],
        completion_ids: list[list[int]],
        id: list[int],
        problem: list[str],
        **others: Any,
    ) -> list[float | None]:
        """Rewards in the order of the completions; None where the verifier could not say."""
        if self.spell is not None:
            completions = [self.spell(ids) for ids in completion_ids]
        ended = [not self.ends or (bool(ids) and ids[-1] in self.ends) for ids in completion_ids]
        places: dict[int, list[int]] = {}
        for at, number in enumerate(id):
            places.setdefault(number, []).append(at)
        found = np.full(len(id), np.nan)
        for at in places.pop(-1, []):
            found[at] = self._graded(problem[at], completions[at], ended[at])
        by_size: dict[int, list[int]] = {}
        for number, held in places.items():
            by_size.setdefault(len(held), []).append(number)
        for numbers in by_size.values():
            rows = [places[number] for number in numbers]
            texts = [[completions[at] for at in row] for row in rows]
            over = [[ended[at] for at in row] for row in rows]
            found[np.array(rows)] = self.source.tell(numbers, texts, over)
        return [told(one) for one in found]

    def _graded(self, problem: str, completion: Any, ended: bool) -> float:
        """Of a problem that is no prompt of the source's: of a test."""
        task = self.source.task
        tokens, length = self.source.wording.read(completion, ended)
        batch = problems.stacked([problems.read(task, problem)])
        grades = problems.verified(task, batch, tokens[None], np.array([length], np.int32))
        if not ended or np.isnan(grades.quality[0]):
            return 0.0 if not ended else np.nan
        graded = self.source.config.reward == "quality"
        return float(grades.quality[0] if graded else grades.correct[0])


def dataset(source: Prompts, length: int, reads: int) -> "datasets.Dataset":
    """A dataset of `length` places to train on; `reads`: how often each is read in an epoch.

    For GRPO that is `num_generations * steps_per_generation * num_iterations`.
    """
    library = _library("datasets")
    places = library.Dataset.from_dict(
        {"place": list(range(length)), "prompt": [""] * length, "id": [0] * length}
    )
    return places.with_transform(Chosen(source, reads))


def held_out(source: Prompts, number: int, split: str = "test") -> "datasets.Dataset":
    """Problems to evaluate on, which are no part of the curriculum: `test`, or harder `shifted`.

    By the task's own rule, which no training prompt satisfies. Raises ConfigError for another
    split, and for one without problems.
    """
    apart = SPLITS[1:]
    if split not in apart:
        raise ConfigError(f"split must be one of {', '.join(apart)}, got {split!r}.")
    if number < 1:
        raise ConfigError(f"held_out needs at least one problem, got {number}.")
    library, asked = _library("datasets"), collect.new(source.task, split, number, 0)
    return library.Dataset.from_dict(
        {
            "prompt": [source.wording.prompt(row) for row in asked.prompts],
            "id": [-1] * number,
            "problem": [problems.written(one) for one in problems.rows(asked.problems)],
        }
    )


def reward(
    completions: list[Any], task: list[str], settings: list[str], problem: list[str], **others: Any
) -> list[float | None]:
    """TRL's reward function for rows that `cairn lm data` wrote, without a curriculum.

    None where the verifier could not say: TRL leaves such an answer out of its group.
    """
    each = zip(task, settings, problem, completions, strict=True)
    return [
        score({"task": name, "settings": own, "problem": one}, said)
        for name, own, one, said in each
    ]


def grpo_trainer(
    source: Prompts,
    model: Any,
    args: Any,
    *,
    length: int = 1024,
    reward_funcs: Sequence[Any] = (),
    **others: Any,
) -> Any:
    """TRL's GRPOTrainer with prompts of `source` and its verifier's reward; `train()` it.

    `length` prompts are an epoch. `reward_funcs` and `others` (`processing_class`, `peft_config`,
    `callbacks` ...) are the trainer's own. Its checkpoints hold the source too (`prompts.cairn`):
    go on with `Prompts.load` of that and `ignore_data_skip=True`. Raises MissingExtraError without
    TRL, ConfigError for settings under which the source would not hear of its prompts, and for
    those whose gradient is of something else than was sampled (`cairn.improve.mismatch`).
    """
    library = _library("trl")
    _check(source, args, length)
    mismatch.check(mismatch.of_trl(vars(args), pad=None, ends=()))
    reads = args.num_generations * args.steps_per_generation * args.num_iterations
    verified = Verified(source)
    trainer = library.GRPOTrainer(
        model=model,
        args=args,
        reward_funcs=[verified, *reward_funcs],
        train_dataset=dataset(source, length, reads),
        **others,
    )
    trainer.add_callback(_saving(source))
    known = [trainer.model.generation_config.eos_token_id, trainer.processing_class.eos_token_id]
    ends = [each for one in known for each in (one if isinstance(one, list) else [one])]
    verified.ends = tuple({each for each in ends if each is not None})
    if source.wording.words == "symbols":
        verified.spell = trainer.processing_class.decode
    return trainer


def _saving(source: Prompts) -> Any:
    """Puts the source into every checkpoint of a trainer's."""
    base: Any = _library("transformers").TrainerCallback

    class Saving(base):
        """After the trainer's own files."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            """What is skipped would be chosen, and nobody would answer it."""
            if state.global_step and not args.ignore_data_skip:
                raise ConfigError(
                    f"ignore_data_skip must be True to go on from step {state.global_step} with a "
                    f"curriculum, got False: there are no rows to skip, and Prompts.load of the "
                    f"checkpoint's {SAVED} knows what was chosen."
                )

        def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            """Beside them."""
            source.save(Path(args.output_dir) / f"checkpoint-{state.global_step}" / SAVED)

    return Saving()


def _check(source: Prompts, args: Any, length: int) -> None:
    """Raise ConfigError for what would part prompts from their rewards, or from what is believed
    of them."""
    for name, wanted, why in (
        ("dataloader_num_workers", 0, "a worker's prompts are never told to the source"),
        ("world_size", 1, "each process would have a source of its own"),
        ("remove_unused_columns", False, "the column that names a prompt would be gone"),
    ):
        if (found := getattr(args, name)) != wanted:
            raise ConfigError(f"{name} must be {wanted} with a curriculum, got {found}: {why}.")
    if args.num_generations != source.config.group:
        raise ConfigError(
            f"num_generations must be the group = {source.config.group} that the source expects, "
            f"got {args.num_generations}. Make the source with group={args.num_generations}."
        )
    most = args.generation_batch_size // args.num_generations
    if length < most:
        raise ConfigError(
            f"length must be at least {most}, the prompts of one generation, got {length}: TRL "
            f"would train on none."
        )


def _library(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise MissingExtraError(
            f"The curriculum for TRL needs the package {name}, which cannot be imported ({error}): "
            f"pip install trl"
        ) from None
