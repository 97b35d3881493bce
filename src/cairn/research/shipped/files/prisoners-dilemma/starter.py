"""Tit for tat."""


def row_strategy(history):
    """What the other played last; 0 in the first round."""
    return history[-1][1] if history else 0
