"""Strategies for the three games, branching for 3-SAT, and acquisition functions."""

from cairn.research.shipped.moves import BUGS, Bug, Choices, Grammar


def _filled(template: str, chosen: Choices) -> str:
    return template.format(**{name: value for name, value in chosen.items() if name != "bug"})


def no_answer(text: str) -> str:
    """The function forgets to return anything."""
    return text.replace("    return ", "    answer = ")


SEXES = '''
"""Ask for 0 for {patience} rounds; then follow who does not give in."""


def row_strategy(history):
    """0 or 1."""
    if len(history) < {patience}:
        return 0
    recent = [theirs for _, theirs in history[-{window}:]]
    met = sum(mine == theirs for mine, theirs in history[-{window}:])
    ones = sum(recent) / len(recent)
    if {read_rhythm} and len(history) > 2 and all(
        history[i][1] != history[i - 1][1] for i in range(1, len(history))
    ):
        return 1 - history[-1][1]
    if met == 0 and ones == 1:
        return int({yields})
    return int(ones > {threshold})
'''
DILEMMA = '''
"""{opening}, then: answer in kind, forgive {forgive}, exploit who never answers."""


def row_strategy(history):
    """0 cooperates, 1 defects."""
    left = 10 - len(history)
    if left <= {last}:
        return 1
    opening = {opening!r}
    if len(history) < len(opening):
        return int(opening[len(history)])
    theirs = [b for _, b in history]
    after = [b for (a, _), (_, b) in zip(history, history[1:]) if a == 1]
    if {exploit} and after and not any(after):
        return 1
    if {despair} and len(theirs) >= 3 and sum(theirs[-3:]) == 3:
        return 1
    if sum(theirs[-{window}:]) >= {patience}:
        return 1
    return 0
'''
BLOTTO = '''
"""{fields} fields in strength, and an eye on what they did last."""


def row_strategy(history):
    """Six numbers that sum to 120."""
    def spread(weights):
        placed = [int(120 * w / sum(weights)) for w in weights]
        placed[placed.index(max(placed))] += 120 - sum(placed)
        return placed

    base = [1.0] * {fields} + [{rest}] * (6 - {fields})
    turn = len(history) * {turn} % 6
    base = base[turn:] + base[:turn]
    if not history or {memory} == 0:
        return spread(base)
    seen = history[-{memory}:]
    theirs = [sum(h[1][i] for h in seen) / len(seen) for i in range(6)]
    echo = all(h[1] == [g[0][(i + 1) % 6] for i in range(6)]
               for g, h in zip(history, history[1:]))
    if {read_echo} and echo and len(history) > 1:
        theirs = [history[-1][0][(i + 1) % 6] for i in range(6)]
    cheap = sorted(range(6), key=lambda i: theirs[i])
    wanted = [0.0] * 6
    for i in cheap[:{aim}]:
        wanted[i] = theirs[i] + {margin}
    if sum(wanted) > 120:
        return spread(base)
    for i in cheap[:{aim}]:
        wanted[i] += (120 - sum(wanted)) / {aim}
    return spread([w + 1e-9 for w in wanted])
'''
SAT = '''
"""Literals in short clauses count {base} times as much with each literal less."""

from collections import Counter


def select_literal(clauses):
    """The literal that looks most urgent."""
    score = Counter()
    for clause in clauses:
        for literal in clause:
            score[literal] += {base} ** -len(clause)
    def worth(literal):
        a, b = score[literal], score[-literal]
        return {rule}
    candidates = sorted(score)
    best = {choose}(candidates, key=worth)
    return {sign} * best
'''
ACQUISITION = '''
"""{kind}, exploring {wide}."""

import math


def acquire(mean, std, best, left):
    """Where to look."""
    width = {wide} * (left / 8) ** {fade}
    target = best + {margin}
    scores = []
    for m, s in zip(mean, std):
        z = (m - target) / s
        below = 0.5 * math.erfc(-z / math.sqrt(2))
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        kinds = {{
            "uncertainty": s,
            "probability": below,
            "bound": m + width * s,
            "improvement": (m - target) * below + s * density,
            "mean": m,
        }}
        scores.append(kinds[{kind!r}])
    return scores
'''
RETURNS: dict[str, Bug] = {**BUGS, "no answer": no_answer}


def _grammar(template: str, **choices: tuple) -> Grammar:
    return Grammar(choices, lambda chosen: _filled(template, chosen), RETURNS)


BATTLE_OF_SEXES = _grammar(
    SEXES, patience=(1, 2, 3, 4, 6), window=(1, 2, 3, 5), threshold=(0.9, 0.7, 0.5, 0.3),
    yields=(0, 1), read_rhythm=(0, 1),
)  # fmt: skip
PRISONERS_DILEMMA = _grammar(
    DILEMMA, opening=("0", "00", "1", "01", "010"), last=(0, 1, 2, 3), window=(1, 2, 3),
    patience=(1, 2), forgive=(0, 1), exploit=(0, 1), despair=(0, 1),
)  # fmt: skip
COLONEL_BLOTTO = _grammar(
    BLOTTO, fields=(6, 5, 4, 3), rest=(1.0, 0.5, 0.1, 0.02), turn=(0, 1, 2), memory=(0, 1, 2, 4),
    aim=(6, 5, 4), margin=(0.5, 1, 2, 4), read_echo=(0, 1),
)  # fmt: skip
SATISFIABILITY = _grammar(
    SAT, base=(1.0, 2.0, 3.0, 5.0, 8.0), choose=("min", "max"), sign=(1, -1),
    rule=("a", "a + b", "a * b", "a * b * 64 + a + b", "max(a, b)"),
)  # fmt: skip
LOOKS = _grammar(
    ACQUISITION, kind=("uncertainty", "mean", "probability", "bound", "improvement"),
    wide=(0.3, 0.7, 1.2, 2.0, 3.0), fade=(0, 0.5, 1, 2), margin=(0.0, 0.02, 0.1, 0.3),
)  # fmt: skip
