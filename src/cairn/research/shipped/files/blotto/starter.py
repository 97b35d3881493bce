"""The same number everywhere."""


def row_strategy(history):
    """Twenty soldiers on each field."""
    return [20] * 6
