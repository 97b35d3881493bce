"""Symbols that every vocabulary begins with, whatever follows: four different ones.

That an answer ends is never said by padding: a model that is not told of the end of an answer,
because its loss leaves padding out, never learns to end one.
"""

PAD, BOS, EOS, SEP = 0, 1, 2, 3
"""Nothing; the beginning; the end of an answer; the end of a part, such as a prompt."""

RESERVED = ("<pad>", "<bos>", "<eos>", "<sep>")
"""What they are called, by id."""
