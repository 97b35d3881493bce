"""Ten rounds of Colonel Blotto: 120 soldiers on six fields, the majority of fields wins."""

import json
import random

KINDS = ("even", "four", "three", "scattered", "echo")


def grade(results, answers):
    """Mean of won (1), drawn (0) and lost (-1) rounds; until ten are played, the histories."""
    setting = answers.json("opponents.json")
    games = range(setting["games"])
    draw = random.Random(setting["seed"])
    kinds = [draw.choice(KINDS) for _ in games]
    histories, total = [[] for _ in games], []
    for one in results.rounds:
        actions = one.numbers("actions.json", len(games), 6)
        for action in actions:
            if any(n != int(n) or n < 0 for n in action) or sum(action) != 120:
                return {"invalid": "row_strategy must return six whole numbers that sum to 120"}
        for game in games:
            mine = [int(n) for n in actions[game]]
            theirs = reply(kinds[game], histories[game], draw)
            histories[game].append([mine, theirs])
            ahead = sum((a > b) - (a < b) for a, b in zip(mine, theirs, strict=True))
            total.append((ahead > 0) - (ahead < 0))
    if len(results.rounds) < 10:
        return {"ask": {"histories.json": json.dumps(histories)}}
    means = [sum(total[game :: len(games)]) / 10 for game in games]
    mean = sum(means) / len(means)
    spread = (sum((m - mean) ** 2 for m in means) / (len(means) - 1) / len(means)) ** 0.5
    return {"score": mean, "spread": spread}


def reply(kind, history, draw):
    """How an opponent places its soldiers."""
    if kind == "echo" and history:
        return [history[-1][0][(i + 1) % 6] for i in range(6)]
    weights = {"even": [1] * 6, "four": [1] * 4 + [0.01] * 2, "three": [1] * 3 + [0.05] * 3}
    if kind in weights:
        wanted = weights[kind][:]
        if kind != "even":
            draw.shuffle(wanted)
    else:
        wanted = [draw.random() + 1e-6 for _ in range(6)]
    noisy = [w * (0.8 + 0.4 * draw.random()) for w in wanted]
    placed = [int(120 * n / sum(noisy)) for n in noisy]
    placed[noisy.index(max(noisy))] += 120 - sum(placed)
    return placed
