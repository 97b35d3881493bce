"""Operations and bytes that one environment step costs a recurrent student, counted from shapes.

Only products are counted, two operations for each multiply-add, in the form with the fewest: a
convolution over its patches, an embedding as a row. What a program really executes may be more.
"""

from typing import NamedTuple

import jax
from jaxtyping import PyTree

from cairn.envs.protocol import Category, Image
from cairn.learners.ppo import PPOConfig
from cairn.nn.convolve import as_asked, layers

FLOAT_BYTES = 4


class Product(NamedTuple):
    """`positions` products of a row of `inputs` with an (inputs, outputs) matrix, each step."""

    inputs: int
    outputs: int
    positions: int = 1
    first: bool = False
    """Nothing to learn lies before it, so no gradient goes to its inputs."""

    @property
    def forward(self) -> int:
        """Operations of the forward pass."""
        return 2 * self.inputs * self.outputs * self.positions

    @property
    def backward(self) -> int:
        """Operations of the backward pass: for the weight, and for the inputs."""
        return self.forward * (1 if self.first else 2)

    def traffic(self, rows: float) -> float:
        """Bytes a step when `rows` steps share one reading of the weight."""
        weight = self.inputs * self.outputs / rows
        return FLOAT_BYTES * (weight + (self.inputs + self.outputs) * self.positions)


class Cost(NamedTuple):
    """Operations and bytes of one environment step in one part of the work."""

    flop: float
    bytes: float


def products(spec: PyTree, actions: int, student: PPOConfig) -> dict[str, list[Product]]:
    """The network's products by part."""
    encoder, features = [], 0
    is_spec = lambda node: isinstance(node, (Image, Category))  # noqa: E731
    for part in jax.tree.leaves(as_asked(spec, student.convolution), is_leaf=is_spec):
        if isinstance(part, Image):
            stack = layers(part, student.filters)
            for layer in stack:
                rows, columns = layer.positions
                first = layer is stack[0]
                encoder.append(Product(layer.patch, layer.filters, rows * columns, first=first))
            features += stack[-1].outputs
        elif isinstance(part, Category):
            features += student.embedding
        else:
            features += part.size
    hidden, gates = student.hidden, 4 if student.memory == "lstm" else 1
    carried = hidden if student.memory == "lstm" else 0
    heads = [Product(hidden, student.head)] * 2
    heads += [Product(student.head, actions), Product(student.head, 1)]
    return {
        "encoder": encoder,
        "memory": [Product(features + carried, gates * hidden)],
        "heads": heads,
    }


def training_step(
    spec: PyTree,
    actions: int,
    student: PPOConfig,
    *,
    batch: int,
    length: int,
    devices: int = 1,
) -> dict[str, Cost]:
    """What a step costs when it is played once and learned from for all epochs, by part.

    Bytes assume that a weight is read once for the rows that are ready together on one of the
    `devices`: B in the rollout and in the memory's scans, B times T elsewhere in the epochs (B is
    the device's share of the columns; in the epochs, of those of a minibatch).
    """
    costs = {}
    played = batch / devices
    for name, parts in products(spec, actions, student).items():
        columns = played / student.minibatches
        rows = columns if name == "memory" else columns * length
        costs[f"rollout: {name}"] = Cost(
            sum(part.forward for part in parts), sum(part.traffic(played) for part in parts)
        )
        # The backward pass moves inputs, outputs and weights about twice more.
        costs[f"epochs: {name}"] = Cost(
            student.epochs * sum(part.forward + part.backward for part in parts),
            student.epochs * 3 * sum(part.traffic(rows) for part in parts),
        )
    return costs


def playing_step(spec: PyTree, actions: int, student: PPOConfig) -> int:
    """Operations of a step that is only played."""
    return sum(p.forward for parts in products(spec, actions, student).values() for p in parts)


def total(costs: dict[str, Cost]) -> float:
    """Operations of all parts together."""
    return sum(cost.flop for cost in costs.values())
