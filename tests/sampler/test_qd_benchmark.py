"""The quality-diversity benchmarks at a tiny size, so that they cannot rot."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STUB = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    answer = {"ribs": "0"} if request["task"] == "versions" else {"wall_s": 3.0, "cpu_s": 6.0}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    import qd
    import qd_search

    return qd, qd_search.Size(iterations=4, emitters=2, batch=4, side=4, chunk=2)


@pytest.mark.parametrize("algorithm", ["line", "cvt", "cma-mae-no-path"])
def test_results_are_written_once_and_summed_up(benchmarks, tmp_path, algorithm, capsys):
    qd, size = benchmarks
    qd.results("sphere", algorithm, seeds=2, size=size, out=tmp_path)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"sphere-{algorithm}-{seed}.json" for seed in (0, 1)]
    record = json.loads(files[0].read_text())
    assert record["evaluations"] == 4 * 8 and len(record["curve"]) == 2
    assert 0 < record["coverage"] <= 1 and "published" not in record
    assert len(record["sources_sha256"]) == 64 and record["versions"]["jax"]

    before = files[0].read_bytes()
    qd.results("sphere", algorithm, seeds=2, size=size, out=tmp_path)
    assert files[0].read_bytes() == before
    assert "there already" in capsys.readouterr().out
    table = qd.summary(tmp_path)
    scores = [json.loads(file.read_text())["qd_score"] for file in files]
    assert table[f"sphere {algorithm}"]["qd_score"]["mean"] == pytest.approx(sum(scores) / 2)


def test_the_arm_runs_too(benchmarks):
    qd, size = benchmarks
    record = qd.run("arm", "cma-me", 0, size)
    assert 0 < record["coverage"] <= 1 and record["best"] <= 1 and record["restarts"] >= 0


def test_speed_takes_turns_with_a_peer_in_its_own_process(benchmarks, tmp_path):
    qd, size = benchmarks
    stub = tmp_path / "stub.py"
    stub.write_text(STUB)
    table = qd.speed(
        repeats=2,
        loop_iterations=2,
        algorithms=("map-elites",),
        sides=(4,),
        insert_batch=8,
        insert_batches=2,
        size=size,
        peer=f"{sys.executable} {stub}",
        out=tmp_path / "speed.json",
    )
    row = table["map-elites"]
    assert row["wall_s"]["pyribs_per_s"] == pytest.approx(2 / 3)
    ours = [pair["cairn"]["wall_s"] for pair in row["pairs"]]
    assert row["wall_s"]["ratios"] == pytest.approx([3 / max(ours), 3 / min(ours)])
    assert "insert 8 into 16" in json.loads((tmp_path / "speed.json").read_text())
