"""The size of a small language model, as settings."""

from dataclasses import dataclass

from cairn.nn.language.block import Shape


@dataclass(frozen=True)
class Size:
    """The model: a Llama, small enough to be trained from nothing on a CPU in minutes."""

    width: int = 128
    """Of what goes from layer to layer."""
    layers: int = 2
    heads: int = 4
    kv_heads: int = 4
    """Heads of keys and values; each serves `heads / kv_heads` queries."""
    head_width: int = 32
    inner: int = 384
    """Width inside the feed-forward part."""

    def __post_init__(self) -> None:
        self.shape(1)

    def shape(self, vocabulary: int) -> Shape:
        """With a vocabulary. Raises ConfigError for what makes no model."""
        return Shape(
            vocabulary=vocabulary,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_width=self.head_width,
            inner=self.inner,
        )
