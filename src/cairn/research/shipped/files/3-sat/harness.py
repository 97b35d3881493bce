"""A DPLL solver that asks the program where to branch, and writes down where it did."""

import json

import program  # pyright: ignore[reportMissingImports]


def assigned(clauses, literal):
    """The clauses once `literal` is true; None if one of them is empty."""
    left = []
    for clause in clauses:
        if literal in clause:
            continue
        if -literal in clause:
            clause = [other for other in clause if other != -literal]
            if not clause:
                return None
        left.append(clause)
    return left


def settled(clauses):
    """The clauses after all that unit clauses force; None in a conflict."""
    while clauses is not None:
        unit = next((clause[0] for clause in clauses if len(clause) == 1), None)
        if unit is None:
            return clauses
        clauses = assigned(clauses, unit)
    return None


def solve(clauses, choose):
    """Whether the formula can be satisfied, branching where `choose` says."""
    clauses = settled(clauses)
    if clauses is None:
        return False
    if not clauses:
        return True
    literal = choose(clauses)
    return solve(assigned(clauses, literal), choose) or solve(assigned(clauses, -literal), choose)


with open("inputs/formulas.json") as file:
    formulas = json.load(file)
traces = []
for formula in formulas:
    trace = []

    def choose(clauses, trace=trace):
        """The program's literal."""
        literal = int(program.select_literal([list(clause) for clause in clauses]))
        if not any(abs(literal) == abs(other) for clause in clauses for other in clause):
            raise ValueError(f"select_literal gave {literal}, which is not in the clauses")
        trace.append(literal)
        return literal

    solve(formula, choose)
    traces.append(trace)
with open("branchings.json", "w") as file:
    json.dump(traces, file)
