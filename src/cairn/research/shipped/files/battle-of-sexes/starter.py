"""Always ask for one's own favourite."""


def row_strategy(history):
    """0 whatever happens."""
    return 0
