"""Replays every branching: a trace that does not decide its formula is no result."""


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


class UnfitError(Exception):
    """A trace that is not one of a solver."""


def grade(results, answers):
    """Mean number of branchings."""
    formulas = answers.json("formulas.json")
    traces = results.json("branchings.json")
    if not isinstance(traces, list) or len(traces) != len(formulas):
        return {"invalid": f"branchings.json must hold {len(formulas)} lists"}
    counts = []
    for number, (formula, trace) in enumerate(zip(formulas, traces, strict=True)):
        if not isinstance(trace, list) or not all(type(x) is int for x in trace):
            return {"invalid": f"formula {number}: expected a list of literals"}
        left = iter(trace)

        def choose(clauses, left=left):
            literal = next(left, 0)
            if not any(abs(literal) == abs(x) for clause in clauses for x in clause):
                raise UnfitError
            return literal

        try:
            solve(formula, choose)
        except UnfitError:
            return {"invalid": f"formula {number}: the branchings do not decide it"}
        if next(left, None) is not None:
            return {"invalid": f"formula {number}: branchings after it was decided"}
        counts.append(len(trace))
    mean = sum(counts) / len(counts)
    spread = (sum((c - mean) ** 2 for c in counts) / (len(counts) - 1) / len(counts)) ** 0.5
    return {"score": mean, "spread": spread}
