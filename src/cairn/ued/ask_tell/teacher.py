"""A curriculum for a trainer of anybody's: `ask` which levels to play, `tell` how they went.

Nothing of the trainer has to change: levels go out as NumPy arrays, outcomes come in as such, and
what is between is the compiled methods' own archive, score and settings
(`cairn.ued.ask_tell.curriculum`).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int, PyTree

from cairn.core import checkpoint, onefile
from cairn.core.errors import ConfigError, RunError
from cairn.envs.protocol import Level, Space
from cairn.sampler.segments import SOURCES
from cairn.ued.ask_tell import file
from cairn.ued.ask_tell.outcomes import read
from cairn.ued.ask_tell.settings import design_of, enough, require, saved
from cairn.ued.ask_tell.state import Curriculum
from cairn.ued.ask_tell.trials import (
    Counts,
    Entered,
    Trials,
    compiled,
    joined,
    padded,
    played,
    rows,
    wider,
)  # fmt: skip

TELLS = "tell what ask gave, once. Nothing was counted."
ASKS = "only levels that are open are known (`teacher.open`), so ask this before tell."
"""What to do about an id that is not open."""


class Teacher:
    """Chooses levels for a trainer that plays them itself.

    `space`: `cairn.Box`, `cairn.Finite`, `cairn.Product`, or any Space of cairn. `method` and
    `settings` are those of `cairn train` (docs/teacher.md). Raises ConfigError.
    """

    def __init__(
        self, space: Space, method: str = "sfl", *, seed: int = 0, **settings: Any
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            raise ConfigError(f"seed must be a whole number in [0, 2^32), got {seed!r}.")
        self.design = design_of(space, method, settings)
        self.space, self.method, self.seed = space, method, seed
        self._compiled = compiled(self.design)
        self._state: Curriculum = self._compiled.begin(jnp.uint32(seed))
        self._open: Trials = self._compiled.no_trial
        self._entered: list[Entered] = [self._compiled.no_entry]
        self._counts = Counts()

    def __repr__(self) -> str:
        return (
            f"Teacher({self.space!r}, {self.method!r}, seed={self.seed}; "
            f"{self._counts.asked} levels asked, {len(self._open.ids)} open)"
        )

    def ask(self, n: Any) -> tuple[Int[np.ndarray, " n"], Level]:
        """`n` levels to play: their ids, all different, and the levels, a row each.

        Several asks may be open at once. Whether a level is to be learned from or only played and
        told says `may_learn`.
        """
        least = self.design.rule.side_by_side
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < least:
            why = f", for {self.method} plays that many kinds side by side" if least > 1 else ""
            raise ConfigError(
                f"ask needs a whole number of levels, at least {least}{why}; got {n}."
            )
        n, first = int(n), self._counts.asked
        self._state, *made = self._compiled.ask(padded(n), self._state, np.int32(n))
        segment, learn = jax.tree.map(lambda leaf: leaf[:n], jax.device_get(made))
        ids = np.arange(first, first + n, dtype=np.int64)
        self._open = joined([self._open, Trials(ids, segment, learn)])
        self._counts = self._counts._replace(asked=first + n)
        return ids, jax.tree.map(np.array, segment.levels)

    def may_learn(self, ids: Any) -> Bool[np.ndarray, " n"]:
        """Whether each of these levels, asked and not yet told, is meant to be learned from.

        The others are there to be scored: play them, tell them, and leave their steps out of the
        gradient.
        """
        return self._open.learn[self._places(ids, ASKS)]

    def facts(self, ids: Any) -> list[dict[str, Any]]:
        """Of each level asked and not yet told: its own id, source, parent (or None), generation,
        and what its space says of it. SFL's buffer keeps no ids: what it replays has a new one."""
        chosen = rows(self._open, self._places(ids, ASKS)).levels
        return [
            {
                "level": int(chosen.id[row]),
                "source": SOURCES[chosen.source[row]],
                "parent": int(chosen.parent[row]) if chosen.has_parent[row] else None,
                "generation": int(chosen.generation[row]),
                **self.space.describe(jax.tree.map(lambda leaf, row=row: leaf[row], chosen.level)),
            }
            for row in range(len(chosen.id))
        ]

    def tell(self, ids: Any, outcomes: Mapping[str, Any]) -> None:
        """How some of the asked levels went, in any order; each is told once.

        `outcomes` has, for each of n levels: `returns`, `solved` and `values` (a critic's mean
        value) of each finished episode, as (n,), (n, episodes) or a list of lists that may be
        empty, or with `episodes`, how many of a row count; `score`, the trainer's own; `steps`
        spent on it, for the ledger; `learned`, if it was not as `may_learn` says. Raises
        ConfigError, and then nothing of it counts.
        """
        places = self._places(ids)
        told = read(outcomes, len(places))
        require(self.design, told.told)
        trials, n = rows(self._open, places), len(places)
        enough(self.design, told.finished.sum(axis=0)[~trials.learn])
        wide = partial(wider, size=padded(n))
        segment, live = jax.tree.map(wide, trials.segment), wide(np.ones(n, bool))
        after = self._compiled.tell(self._state, segment, live, played(told, trials))
        self._state, entered, score = after
        self._open = rows(self._open, np.isin(self._open.ids, trials.ids, invert=True))
        self._counts = self._counts._replace(
            episodes=self._counts.episodes + int(told.finished.sum()),
            untimed=self._counts.untimed + (n if told.steps is None else 0),
        )
        entered = np.asarray(entered)[:n]
        if entered.any():
            cycle = np.full(entered.sum(), self._state.cycle, np.uint32)
            levels = rows(trials.levels, entered)
            self._entered.append(Entered(levels, np.asarray(score)[:n][entered], cycle))

    @property
    def open(self) -> Int[np.ndarray, " n"]:
        """Ids that were asked and not yet told."""
        return self._open.ids.copy()

    @property
    def ledger(self) -> dict[str, int]:
        """Steps told, by what they were for; levels asked, episodes told, levels without steps."""
        totals: dict[str, Any] = {**self._state.ledger.totals(), **self._counts._asdict()}
        return totals

    @property
    def lineage(self) -> Entered:
        """Every level that ever entered the archive, with parent, generation and source."""
        self._entered = [joined(self._entered)]
        return self._entered[0]

    def save(self, path: Path | str) -> None:
        """Write all there is to one file, complete or not at all; it replaces an older one."""
        meta = {
            "method": self.method,
            "settings": saved(self.design),
            "seed": self.seed,
            "space": file.spelled(self.space),
            "open": len(self._open.ids),
            "entered": len(self.lineage.score),
            "counts": self._counts._asdict(),
        }
        onefile.write(Path(path), file.KIND, self._everything(), meta)

    @classmethod
    def load(cls, path: Path | str, space: Space | None = None) -> "Teacher":
        """What was saved: it asks next what it would have asked.

        `space` is needed where it is none of `cairn.Box`, `cairn.Finite`, `cairn.Product`. Raises
        RunError if there is no such file, or none of a teacher, or one that is damaged.
        """
        path = Path(path)
        meta = onefile.meta(path, file.KIND, file.WRITER)
        try:
            space = file.space_of(path, meta["space"], space)
            teacher = cls(space, meta["method"], seed=meta["seed"], **meta["settings"])
        except ConfigError as error:
            raise RunError(f"{path} does not fit this cairn or this space: {error}") from error
        teacher._open = jax.tree.map(partial(wider, size=meta["open"]), teacher._open)
        teacher._entered = [jax.tree.map(partial(wider, size=meta["entered"]), teacher.lineage)]
        everything, _ = checkpoint.load(path, teacher._everything())
        teacher._state, teacher._open, entered = everything
        teacher._entered, teacher._counts = [entered], Counts(**meta["counts"])
        return teacher

    def _everything(self) -> PyTree:
        return self._state, self._open, self.lineage

    def _places(self, ids: Any, otherwise: str = TELLS) -> Int[np.ndarray, " n"]:
        """Where these ids stand among the open ones. Raises ConfigError for any that does not,
        which ends by `otherwise`."""
        ids = np.asarray(ids)
        if ids.ndim != 1 or ids.dtype.kind not in "iu" or not len(ids):
            raise ConfigError(
                f"ids must be a row of whole numbers as ask gave them, got {ids.dtype} of shape "
                f"{ids.shape}."
            )
        values, times = np.unique(ids, return_counts=True)
        if len(values) < len(ids):
            raise ConfigError(f"ids holds {values[times > 1][0]} twice: name each level once.")
        places = np.searchsorted(self._open.ids, ids)
        there = places < len(self._open.ids)
        there[there] = self._open.ids[places[there]] == ids[there]
        if not there.all():
            lost = int(ids[~there][0])
            why = "was told already" if 0 <= lost < self._counts.asked else "was never asked for"
            raise ConfigError(f"id {lost} {why}: {otherwise}")
        return places
