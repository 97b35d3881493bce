"""What sampling from a language model leaves behind: P prompts, G answers each, T tokens each.

One record serves every method: which answers are learned from, how much each token counts and
which loss it goes into are functions of it.
"""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float, Int


class Rollouts(NamedTuple):
    """P prompts times G samples of at most T tokens."""

    prompt: Int[Array, "P Tp"]
    """Token ids, padded on the left: the last one stands at Tp - 1."""
    prompt_len: Int[Array, " P"]
    """How many of them are the prompt's; never to be inferred from where padding stands."""
    tok: Int[Array, "P G T"]
    """What was sampled, padding after its end."""
    mask: Float[Array, "P G T"]
    """1 on every token that the policy sampled, the one that ended the answer included; 0 after it,
    and 0 on what was put in between (the text of a tool)."""
    logp_b: Float[Array, "P G T"]
    """Log-probability under the distribution that was sampled from, after temperature and
    truncation; 0 where the mask is."""
    reward: Float[Array, "P G"] | Float[Array, "P G T"]
    """Of the outcome, or dense; NaN where nobody could score it: then it counts for nothing."""
    quality: Float[Array, "P G"]
    """Graded score in [0, 1] before shaping."""
    seg: Int[Array, "P G T"]
    """Number of the step each token belongs to."""
    truncated: Bool[Array, "P G"]
    """Whether the answer ran into T without an end of its own."""
    node: Int[Array, " P"]
    """Id of the archive's entry (base task, partial history) that the prompt came from."""

    @property
    def length(self) -> Float[Array, "P G"]:
        """Tokens that the policy sampled, in each answer."""
        return self.mask.sum(-1)

    @property
    def scored(self) -> Bool[Array, "P G"]:
        """Where the reward is a number; a dense one must be at every token of the mask."""
        known = self.reward == self.reward
        return known if known.ndim == 2 else (known | (self.mask == 0)).all(-1)
