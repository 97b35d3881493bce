"""Trees that DeepMind's mctx grows by PUCT, as golden files for ours.

    python benchmarks/peers/mctx_golden.py tests/research/mcts_golden.json

Runs in an environment of its own: `pip install mctx==0.0.71`. The game is a tree of three actions
everywhere whose values and priors are hashes of the way there, so that a test can say them again.
Rewards are 0 and nothing is discounted: a child's value is the mean of what was seen below it, and
0 before it was visited, as in `cairn.research.puzzles.mcts`. A row holds the ways to the states in
the order in which they were expanded: that is the whole tree, with all visits.
"""

# pyright: reportMissingImports=false

import functools
import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path

import jax
import jax.numpy as jnp
import mctx
import numpy as np
from mctx._src import action_selection, search

ACTIONS, DEPTH, SIMULATIONS = 3, 11, 80
CASES = [(seed, c) for seed in range(3) for c in (1.5, 3.0, 6.0)]


def drawn(seed: int, what: str, way: str) -> float:
    """A number in [0, 1) for a way."""
    body = hashlib.blake2b(f"{seed} {what} {way}".encode(), digest_size=8).digest()
    return int.from_bytes(body) / 2**64


def ways() -> list[str]:
    """All ways up to the depth: those from number i lead to 3 i + 1, 3 i + 2 and 3 i + 3."""
    found = [""]
    for way in found:
        if len(way) == DEPTH:
            break
        found += [f"{way}{action}" for action in range(ACTIONS)]
    return found


def means(tree, node):
    """Q-values as they are; 0 of a child without a visit."""
    return jnp.where(tree.children_visits[node] > 0, tree.qvalues(node), 0.0)


def grown(seed: int, c: float) -> list[str]:
    """The ways in the order of expansion, the root first."""
    every = ways()
    values = jnp.asarray([0.4 + 0.2 * drawn(seed, "value", way) for way in every])
    priors = np.array([0.05 + drawn(seed, "prior", way) for way in every])
    inner = (len(every) - 1) // ACTIONS
    logits = np.zeros((len(every), ACTIONS), np.float32)
    logits[:inner] = np.log(priors[1:].reshape(inner, ACTIONS))
    table = jnp.asarray(logits)

    def step(params, key, action, place):
        place = ACTIONS * place + 1 + action
        output = mctx.RecurrentFnOutput(
            reward=jnp.zeros(1), discount=jnp.ones(1), prior_logits=table[place],
            value=values[place],
        )  # fmt: skip
        return output, place

    start = jnp.zeros(1, jnp.int32)
    root = mctx.RootFnOutput(prior_logits=table[start], value=values[start], embedding=start)
    choose = functools.partial(
        action_selection.muzero_action_selection, pb_c_init=c, qtransform=means
    )
    tree = search.search(
        None, jax.random.key(0), root=root, recurrent_fn=step,
        root_action_selection_fn=functools.partial(choose, depth=0),
        interior_action_selection_fn=choose, num_simulations=SIMULATIONS,
    )  # fmt: skip
    places = np.asarray(tree.embeddings)[0]
    if len(set(places)) != len(places) or places.max() >= inner:
        raise SystemExit(f"seed {seed}, c {c}: the tree reached the end of the table")
    return [every[place] for place in places]


def main() -> None:
    """Write the file."""
    rows = [{"seed": seed, "c": c, "expanded": grown(seed, c)} for seed, c in CASES]
    about = {"mctx": metadata.version("mctx"), "jax": metadata.version("jax"), "actions": ACTIONS}
    Path(sys.argv[1]).write_text(json.dumps({**about, "rows": rows}, indent=0) + "\n")


if __name__ == "__main__":
    main()
