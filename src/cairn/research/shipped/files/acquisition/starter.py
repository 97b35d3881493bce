"""Look where least is known."""


def acquire(mean, std, best, left):
    """The uncertainty."""
    return std
