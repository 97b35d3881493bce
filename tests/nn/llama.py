"""Llama's equations in NumPy, one text and one head at a time: an oracle for cairn.nn."""

import numpy as np


def norm(x, scale, epsilon):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * scale


def turned(head, places, rate):
    """Rotate pair (i, i + d/2) of each row by its place times the pair's rate."""
    half = len(rate)
    pair = (head[:, :half] + 1j * head[:, half:]) * np.exp(1j * np.outer(places, rate))
    return np.concatenate([pair.real, pair.imag], axis=1)


def softmax(scores):
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def whole(leaf):
    return np.asarray(leaf, np.float64)


def hidden(model, text, rate):
    """What the head reads at each token of one text, without padding, from place 0 on."""
    s = model.shape
    x, n = whole(model.embed)[text], len(text)
    after = np.triu(np.ones((n, n), bool), 1)
    for b in model.layers():
        y, of_heads = norm(x, whole(b.attention_norm), s.norm_epsilon), np.zeros_like(x)
        for group in range(s.kv_heads):
            weight = whole(b.qkv)[:, group]
            rows = [y @ weight[:, row] for row in range(s.queries + 2)]
            if s.attention_bias:
                rows = [row + whole(b.qkv_bias)[group, at] for at, row in enumerate(rows)]
            *queries, key, value = rows
            if s.head_norm:
                queries = [norm(q, whole(b.qk_norm)[0], s.norm_epsilon) for q in queries]
                key = norm(key, whole(b.qk_norm)[1], s.norm_epsilon)
            key = turned(key, range(n), rate)
            for row, query in enumerate(queries):
                scores = turned(query, range(n), rate) @ key.T / np.sqrt(s.head_width)
                scores[after] = -np.inf
                of_heads += softmax(scores) @ value @ whole(b.out)[group, row]
        x = x + of_heads
        z = norm(x, whole(b.mlp_norm), s.norm_epsilon)
        gate, up = z @ whole(b.gate_up)[:, 0], z @ whole(b.gate_up)[:, 1]
        x = x + gate / (1 + np.exp(-gate)) * up @ whole(b.down)
    return norm(x, whole(model.norm), s.norm_epsilon)
