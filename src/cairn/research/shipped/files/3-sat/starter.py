"""Branch on the first literal there is."""


def select_literal(clauses):
    """The first of the first clause."""
    return clauses[0][0]
