"""Categories: one cell per label."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from cairn.core.errors import ConfigError


class Categorical(eqx.Module):
    """One cell per label, in the order given. A descriptor is a label's index."""

    labels: tuple[str, ...] = eqx.field(static=True)

    def __check_init__(self):
        if not self.labels:
            raise ConfigError("Categorical needs at least one label, got none.")
        repeated = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if repeated:
            raise ConfigError(f"Categorical labels must differ, got {repeated[0]!r} twice.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of labels, as a tuple."""
        return (len(self.labels),)

    @property
    def cells(self) -> int:
        """How many labels there are."""
        return len(self.labels)

    def index(self, label: str) -> int:
        """The cell of a label. Raises ConfigError if it is not one of `labels`."""
        if label not in self.labels:
            raise ConfigError(f"Expected one of {', '.join(self.labels)}, got {label!r}.")
        return self.labels.index(label)

    def cell(self, descriptors: Int[Array, " batch"]) -> Int[Array, " batch"]:
        """The index itself; `cells` for an index that names no label."""
        index = descriptors.astype(jnp.int32)
        named = (index >= np.int32(0)) & (index < np.int32(self.cells))
        return jnp.where(named, index, np.int32(self.cells))
