"""A long text in pieces, each short enough for one answer; joined they are the text again."""

BREAKS = ("\n\n", "\n", ". ", " ")
"""Where a text may be cut, best first."""


def split(text: str, most: int) -> list[str]:
    """Pieces of at most `most` characters, cut behind the best break in each one's second half."""
    pieces = []
    start = 0
    while len(text) - start > most:
        end = start + most
        for mark in BREAKS:
            at = text.rfind(mark, start + most // 2, end)
            if at >= 0:
                end = at + len(mark)
                break
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]
