"""Plain readings of what answers are worth: no arrays, no tricks. Problems are rows of NumPy."""

import itertools
from fractions import Fraction

import numpy as np

from cairn.core.vocabulary import EOS

SIGNS = "+-*/"


def modular(task, problem, answer):
    a, b, c = map(int, problem.numbers)
    signs = [task.own_symbols[-3:][int(s)] for s in problem.signs]
    value = eval(f"({a} {signs[0]} {b}){f' {signs[1]} {c}' if problem.long else ''}")
    return exact([str(value % task.modulus)], answer)


def rewriting(task, problem, answer):
    letters = "".join("abcdefgh"[int(x)] for x in problem.letters[: problem.length])
    rules = {"abcdefgh"[x] + "abcdefgh"[y]: "abcdefgh"[z] for x, y, z in problem.rules}
    while found := [at for at in range(len(letters) - 1) if letters[at : at + 2] in rules]:
        letters = letters[: found[0]] + rules[letters[found[0] :][:2]] + letters[found[0] + 2 :]
    return exact(list(letters), answer)


def exact(wanted, answer):
    wanted = [*wanted, "<eos>"]
    right = [answer[: at + 1] == wanted[: at + 1] for at in range(len(answer))]
    return float(answer == wanted), right


def countdown(task, problem, answer):
    stack, left, right = [], sorted(int(x) for x in problem.numbers if x), []
    for symbol in answer:
        fine = False
        if symbol.isdigit() and int(symbol) in left:
            left.remove(int(symbol))
            stack.append(Fraction(symbol))
            fine = True
        elif symbol in SIGNS and len(stack) >= 2:
            b, a = stack.pop(), stack.pop()
            if symbol != "/" or b:
                value = a / b if symbol == "/" else eval(f"a {symbol} b", {"a": a, "b": b})
                stack.append(value)
                fine = value >= 0 and value.denominator == 1
        elif symbol == "<eos>":
            fine = stack == [int(problem.target)] and not left
        right.append(fine)
        if not fine:
            break
    right += [False] * (len(answer) - len(right))
    return float(all(right) and answer[-1:] == ["<eos>"] and answer.count("<eos>") == 1), right


def path(task, problem, answer):
    names = task.own_symbols
    edges = {
        (names[a], names[b]) for (a, b), k in zip(problem.edges, problem.kept, strict=True) if k
    }
    source, target = names[problem.source], names[problem.target]
    arrives = {target}
    for _ in names:
        arrives |= {a for a, b in edges if b in arrives}
    right = []
    for at, symbol in enumerate(answer):
        before = answer[at - 1] if at else None
        if symbol == "<eos>":
            fine = before == target
        else:
            fine = symbol in arrives and ((before, symbol) in edges if at else symbol == source)
        right.append(fine and (not right or right[-1]))
    ends = answer[-1:] == ["<eos>"] and answer.count("<eos>") == 1
    return float(ends and all(right)), right


def sudoku(task, problem, answer):
    boxes = [[r * 4 + c for r in (i, i + 1) for c in (j, j + 1)] for i in (0, 2) for j in (0, 2)]
    units = [[r * 4 + c for c in range(4)] for r in range(4)]
    units += [[r * 4 + c for r in range(4)] for c in range(4)] + boxes
    clues = [str(c) if c else None for c in problem.clues]

    def solvable(cells):
        blanks = [at for at, cell in enumerate(cells) if cell is None]
        # A unit that is wrong already is found without trying what is blank.
        for unit in units:
            said = [cells[at] for at in unit if cells[at]]
            if len(set(said)) < len(said) or set(said) - set("1234"):
                return False
        if not blanks:
            return True
        return any(solvable([*cells[: blanks[0]], d, *cells[blanks[0] + 1 :]]) for d in "1234")

    right = []
    for at, symbol in enumerate(answer):
        said = answer[: at + 1]
        if at < 16:
            kept = all(c in (None, s) for c, s in zip(clues, said, strict=False))
            fine = kept and solvable([*said, *clues[at + 1 :]])
        else:
            fine = at == 16 and symbol == "<eos>"
        right.append(fine and (not right or right[-1]))
    if len(right) == 17 and all(right):
        return 1.0, right
    cells = [*answer, *[""] * 16][:16]
    full = [
        {cells[at] for at in unit} == set("1234")
        and all(clues[at] in (None, cells[at]) for at in unit)
        for unit in units
    ]
    return min(sum(full), 11) / 12, right


def repair(task, problem, answer):
    names = task.own_symbols
    colours = {names[n]: str(c + 1) for n, c in enumerate(problem.colours) if problem.there[n]}
    edges = [
        (names[a], names[b]) for (a, b), k in zip(problem.edges, problem.kept, strict=True) if k
    ]
    share = lambda: np.mean([colours[a] != colours[b] for a, b in edges])  # noqa: E731
    right, fine, ended = [], True, False
    for at, symbol in enumerate(answer):
        if at % 2 == 0:
            ended = symbol == "<eos>" and at == len(answer) - 1
            fine = fine and (ended or (symbol in colours and at < 2 * task.edits))
        else:
            fine = fine and symbol in map(str, range(1, task.colours + 1))
            if fine:
                before = share()
                colours[answer[at - 1]] = symbol
                right.append(right[-1] and share() >= before)
                continue
        right.append(fine and (not right or right[-1]))
    return (float(share()) if ended and fine else 0.0), right


ORACLES = {
    "countdown": countdown, "modular": modular, "rewriting": rewriting, "sudoku": sudoku,
    "path": path, "repair": repair,
}  # fmt: skip


def answers(task, demonstration, chance, number):
    """Ids near a demonstration, cut at the first end: what may be sampled."""
    ids = [int(one) for one in demonstration if one]
    rows = [ids, ids[:-1], [EOS], [*ids[:1], EOS]]
    if len(ids) > 3:
        rows += [ids[1:], [ids[1], ids[0], *ids[2:]], [*ids[:-2], EOS], ids[:-1] + ids]
    for _ in itertools.repeat(None, number - len(rows)):
        row = list(ids)
        for _ in range(chance.choice([1, 1, 2])):
            row[chance.randrange(len(row))] = chance.randrange(len(task.symbols))
        rows.append(row)
    return [row[: row.index(EOS) + 1] if EOS in row else row for row in rows]
