"""Fills the tables of docs/performance.md from benchmarks/results/*.json.

    uv run benchmarks/tables.py

A table stands between `<!-- NAME -->` and `<!-- end -->`, where NAME is a file in results without
its ending; a table whose file is not there says so and names the command that makes it.
"""

import json
import re
from pathlib import Path

from cairn.bench import flops
from cairn.runs import presets

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
COMMANDS = {
    "ued": "cairn bench ued --peers jaxued=PYTHON@CHECKOUT minimax=PYTHON@CHECKOUT --seeds 8 "
    "--extra one-device default-metrics",
    "ued-paired": "cairn bench ued --peers minimax=PYTHON@CHECKOUT --works paired "
    "population-paired",
    "env": "cairn bench env --peers jaxued=PYTHON@CHECKOUT minimax=PYTHON@CHECKOUT",
    "archive": "cairn bench archive",
    "compile": "cairn bench compile",
    "goal": "cairn bench goal --peers jaxued=PYTHON@CHECKOUT",
    "parts": "cairn bench parts",
    "lm": "cairn bench lm --peers trl=PYTHON",
    "ued-gpu": "cairn bench ued --envs 32 256 4096 --seeds 8 --size 8192",
    "env-gpu": "cairn bench env --envs 32 256 4096 16384 65536",
}
CORES = 2
"""Devices that share the columns where the tables were made; each reads every weight."""
MARK = re.compile(r"<!-- (?P<name>[\w-]+) -->\n.*?<!-- end -->", re.DOTALL)


def main():
    """Rewrite the page."""
    text = PAGE.read_text()
    PAGE.write_text(MARK.sub(lambda found: block(found["name"]), text))


def block(name):
    """One table with where it came from."""
    file = HERE / "results" / f"{name}.json"
    if name == "roofline":
        body = roofline()
    elif file.is_file():
        body = describe(json.loads(file.read_text()))
    else:
        body = f"Not measured yet. It is made by\n\n    {COMMANDS[name]} --json {shown(file)}\n"
    return f"<!-- {name} -->\n{body}<!-- end -->"


def roofline():
    """Operations and bytes by part: counted, not measured."""
    chosen = presets.experiment("maze", preset="reference")
    env, student, cycle = chosen.env, chosen.student, chosen.algorithm
    costs = flops.training_step(
        env.observation_spec,
        env.actions,
        student,
        batch=cycle.batch,
        length=cycle.steps_per_cycle,
        devices=CORES,
    )
    rows = [
        [part, rate(cost.flop), rate(cost.bytes), f"{cost.flop / cost.bytes:.1f}"]
        for part, cost in costs.items()
    ]
    total, moved = flops.total(costs), sum(cost.bytes for cost in costs.values())
    rows.append(["together", rate(total), rate(moved), f"{total / moved:.1f}"])
    return table(["part", "operations", "bytes", "operations per byte"], rows)


def table(head, rows):
    """In Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines) + "\n"


def shown(file):
    """The path as a reader of the repository sees it."""
    return file.relative_to(HERE.parent).as_posix()


def describe(record):
    """A record as its table and the line about its making."""
    kind = record["benchmark"]
    head, rows = TABLES[kind](record)
    machine = record["machine"]
    load = f", load {machine['load']:.1f}" if machine["load"] is not None else ""
    # Files from before sources were written down are read until they are measured again.
    made_by = f"; sources {record['sources'][:12]}" if "sources" in record else ""
    made = (
        f"\n{record['date']}, {machine['processor']}, {machine['cores']} cores{load}; medians "
        f"(least to greatest) of {record['repeats']}; {versions(record)}{made_by}.\n\n"
        f"    {record['command']}\n"
    )
    return table(head, rows) + made


def versions(record):
    """The packages of every side, once each; of a record without sides, its own."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            if "versions" in node:
                found.append(", ".join(f"{n} {v}" for n, v in node["versions"].items()))
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                walk(child)

    walk({name: value for name, value in record.items() if name != "versions"})
    if not found:
        walk(record)
    return "; ".join(dict.fromkeys(found)) or "versions as installed"


def between(values, form):
    """`median (low to high)`."""
    return f"{form(values['median'])} ({form(values['low'])} to {form(values['high'])})"


def rate(value):
    return f"{value:,.0f}"


def times(value):
    return f"{value:.2f}"


def share(value):
    return f"{value:.1%}"


def ued(record):
    """Training."""
    rows = []
    for row in record["rows"]:
        if row["work"] == "seeds":
            rows += scaling(row)
            continue
        for name, side in row["sides"].items():
            ratio = row["ratios"].get(name)
            peak = row.get("share_of_peak") if name == "cairn" else None
            rows.append(
                [
                    f"{row['work']}, {row['envs']} envs",
                    name,
                    between(side["steps_per_second"], rate),
                    between(ratio, times) if ratio else "",
                    between(peak, share) if peak else "",
                    f"{side['peak_rss_mb']:.0f} MB",
                ]
            )
    head = ["work", "side", "environment steps/s", "cairn is × faster", "of peak", "memory"]
    return head, rows


def scaling(row):
    """Many seeds in one program, and what the other form would have cost."""
    label = f"{row['seeds']} seeds, {row['envs']} envs"
    cell = between(row["times_one_seed"], times) + " × one seed's time"
    rows = [[label, "cairn", cell, "", "", ""]]
    if "other_form" in row:
        rows[0][-1] = f"{row['peak_rss_mb'][row['form']]:.0f} MB"
        other = row["other_form"]
        cell = f"{between(other['times'], times)} × the time by `{row['form']}`"
        memory = f"{row['peak_rss_mb'][other['form']]:.0f} MB"
        rows.append([f"{label}, by `{other['form']}`", "cairn", cell, "", "", memory])
    return rows


def env(record):
    """Raw stepping."""
    sides = record["sides"]
    sizes = list(next(iter(sides.values()))["by_envs"])
    rows = [
        [size, *(between(side["by_envs"][size], rate) for side in sides.values())] for size in sizes
    ]
    best = ["best against best", *("" for _ in sides)]
    for i, name in enumerate(sides):
        if name in record["ratios"]:
            best[i + 1] = "cairn is × " + between(record["ratios"][name], times)
    head = ["environments", *sides]
    work = next(iter(sides.values())).get("work_by_envs")
    if work:  # the same on all sides, or it would not have been written down
        head.append("episodes ended in 1,000 steps, on all sides")
        for row in rows:
            row.append(f"{1000 * work[row[0]]['episodes_per_step']:.3f}")
        best.append("")
    return head, [*rows, best]


def archive(record):
    """Keeping and choosing levels."""
    rows = []
    for row in record["rows"]:
        each = [f"{spread['median'] * 1e3:.3f}" for spread in row["seconds"].values()]
        part = between(row["share_of_update"], share)
        rows.append([f"{row['capacity']:,}", *each, part, f"{row['ns_per_n_log_n']:.2f}"])
    head = ["levels", "draw ms", "update ms", "insert ms", "insert + draw ms"]
    return [*head, "share of an update", "ns / (n log₂ n)"], rows


def compile_(record):
    """Starting."""
    rows = []
    for row in record["rows"]:
        cells = [
            between(row[stage][figure], form)
            for figure, form in (
                ("seconds", "{:.1f} s".format),
                ("peak_rss_mb", "{:.0f} MB".format),
            )
            for stage in ("cold", "cached")
        ]
        rows.append([row["method"], *cells])
    return ["method", "cold", "cached", "memory, cold", "memory, cached"], rows


def goal(record):
    """Time to the goal."""
    rows = []
    for row in record["rows"]:
        last = row["curve"][-1]
        when = f"{row['reached_s'] / 60:.1f} min" if row["reached_s"] else "not within "
        when += "" if row["reached_s"] else f"{last['seconds'] / 60:.1f} min"
        memory = f"{row['peak_rss_mb']:.0f} MB"
        rows.append([row["side"], str(row["seed"]), when, rate(last["steps"]), memory])
    for name, ratio in record["sooner"].items():
        said = f"{ratio['bound']} {between(ratio, times)}".strip()
        rows.append([f"cairn against {name}", "", f"× {said} sooner", "", ""])
    return ["side", "seed", "reached after", "environment steps", "memory"], rows


def parts(record):
    """The cycle, its parts and what bounds them."""
    billions = "{:,.0f}".format
    bounds = {name: scaled(values, 1e9) for name, values in record["bounds"].items()}
    head = ["part", "ms", "of the cycle", "GFLOP/s", "of peak", "GB/s", "of memory's"]
    head += ["operations per byte", "bound by"]
    labels = {
        "memory": f"memory: x ← x / 2 + b on large arrays, {record['devices']} cores",
        "cache": "caches: the same on small arrays",
    }
    rows = [["peak: square products", "", "", between(bounds["peak"], billions), *[""] * 5]]
    for name, label in labels.items():
        rows.append([label, *[""] * 4, between(bounds[name], billions), *[""] * 3])
    balance = between(record["balance"], "{:.1f}".format)
    rows.append(["balance: peak against memory", *[""] * 6, balance, ""])
    names = {
        "cycle": "**the whole cycle**",
        "rollout": "rollout and drawing its levels",
        "update": "update, all epochs",
        None: "not accounted for",
        "environment": "within the rollout: environment steps",
        "adam": "within the update: Adam",
        "loss": "within the update: losses and gradients (the rest)",
        "product": "within the LSTM: one recurrent product",
        "archive": "in other methods: insert + draw of 32 in 4,000 levels",
    }
    for name, label in names.items():
        row = record["parts"][name] if name else record["not_accounted"]
        of_cycle = between(row["share_of_cycle"], share) if name != "cycle" else ""
        cells = [label, between(scaled(row["seconds"], 1e-3), milliseconds), of_cycle]
        rows.append([*cells, *(speeds(row) if name else [""] * 6)])
    return head, rows


def lm(record):
    """A language model."""
    rows = []
    for row in record["rows"]:
        for name, side in row["sides"].items():
            ratio = row["ratios"].get(name)
            rows.append(
                [
                    f"{WORKS[row['work']]}, {row['size']}",
                    name,
                    between(side["per_second"], rate),
                    between(ratio, times) if ratio else "",
                    between(side["share_of_peak"], share),
                    f"{side['peak_rss_mb']:.0f} MB",
                ]
            )
    return ["work, parameters", "side", "a second", "cairn is × faster", "of peak", "memory"], rows


WORKS = {"sample": "tokens sampled", "grpo": "answers in GRPO steps"}


def speeds(row):
    """How near a part comes to each bound, and which of them it would meet first."""
    seconds = row["seconds"]["median"]
    return [
        rate(row["flop"] / seconds / 1e9),
        share(row["of_peak"]["median"]),
        rate(row["bytes"] / seconds / 1e9),
        share(row["of_bandwidth"]["median"]),
        f"{row['intensity']:.1f}",
        row["bound"],
    ]


def scaled(values, unit):
    """A spread in another unit."""
    return {name: values[name] / unit for name in ("median", "low", "high")}


def milliseconds(value):
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


TABLES = {
    "ued": ued,
    "env": env,
    "archive": archive,
    "compile": compile_,
    "goal": goal,
    "parts": parts,
    "lm": lm,
}

if __name__ == "__main__":
    main()
