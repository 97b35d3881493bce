"""The quality-diversity benchmarks at a tiny size, so that they cannot rot."""

import json
import sys
from pathlib import Path

import pytest

from cairn.bench import qd as searches
from cairn.bench.qd_search import Size
from cairn.cli import main
from cairn.core.errors import CairnError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STUB = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    asked = request["task"] == "versions"
    answer = {"ribs": "0", "qdax": "0"} if asked else {"wall_s": 3.0, "cpu_s": 6.0}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    import qd

    return qd, Size(iterations=4, emitters=2, batch=4, side=4, chunk=2)


@pytest.mark.slow
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


def test_results_of_other_sources_are_left_and_told(benchmarks, tmp_path, capsys):
    qd, size = benchmarks
    file = tmp_path / "sphere-line-0.json"
    file.write_text(json.dumps({"sources_sha256": "other", "size": vars(size)}))
    qd.results("sphere", "line", seeds=1, size=size, out=tmp_path)
    assert "there already, of other sources" in capsys.readouterr().out
    assert json.loads(file.read_text())["sources_sha256"] == "other"


@pytest.mark.slow
def test_the_arm_runs_too(benchmarks):
    _, size = benchmarks
    record = searches.search("arm", "cma-me", 0, size)
    assert 0 < record["coverage"] <= 1 and record["best"] <= 1 and record["restarts"] >= 0


@pytest.fixture
def speed(benchmarks, tmp_path):
    qd, size = benchmarks
    stub = tmp_path / "stub.py"
    stub.write_text(STUB)
    small = {"algorithms": ("map-elites",), "sides": (4,), "repeats": 2, "loop_iterations": 2}
    small |= {"insert_batch": 8, "insert_batches": 2, "size": size}
    small |= {"peer": f"{sys.executable} {stub}", "out": tmp_path / "speed.json"}
    return lambda **changed: qd.speed(**small | changed)


@pytest.mark.slow
def test_speed_takes_turns_with_a_peer_in_its_own_process(speed, tmp_path):
    table = speed()
    row = table["map-elites"]
    assert row["wall_s"]["pyribs_per_s"] == pytest.approx(2 / 3)
    ours = [pair["cairn"]["wall_s"] for pair in row["pairs"]]
    assert row["wall_s"]["ratios"] == pytest.approx([3 / max(ours), 3 / min(ours)])
    on_file = json.loads((tmp_path / "speed.json").read_text())
    assert on_file["insert 8 into 16"]["rows_alone_per_s"]["median"] > 0


def test_speed_is_measured_against_another_peer_by_its_name(speed, tmp_path):
    out = tmp_path / "speed-qdax.json"
    row = speed(against="qdax", out=out)["map-elites"]
    assert row["wall_s"]["qdax_per_s"] == pytest.approx(2 / 3)
    assert list(json.loads(out.read_text())) == ["map-elites"]


def test_a_row_of_speed_is_kept_only_if_the_same_sources_and_settings_made_it(speed, tmp_path):
    file = tmp_path / "speed.json"
    first = speed()
    speed()
    assert json.loads(file.read_text()) == json.loads(json.dumps(first))
    longer = speed(loop_iterations=4)
    assert longer["map-elites"]["settings"]["iterations"] == 4
    assert longer["map-elites"]["pairs"] != first["map-elites"]["pairs"]
    # The other row's settings did not change; then its sources do.
    insertion = "insert 8 into 16"
    assert longer[insertion]["pairs"] == first[insertion]["pairs"]
    longer[insertion]["sources_sha256"] = "other"
    file.write_text(json.dumps(longer))
    assert speed(loop_iterations=4)[insertion]["pairs"] != first[insertion]["pairs"]


@pytest.mark.parametrize(
    ("peer", "complaint"),
    [
        (f"{sys.executable} -c 0", r"did not run .*pyribs\.py. Name a Python that has ribs"),
        ("no-such-program", "no-such-program cannot be started"),
    ],
)
def test_a_peer_that_does_not_answer_is_told_in_one_line(speed, tmp_path, peer, complaint):
    with pytest.raises(CairnError, match=complaint):
        speed(peer=peer)
    assert not (tmp_path / "speed.json").exists()


@pytest.mark.slow
def test_the_command_runs_every_search_on_both_problems(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # what it sets must not outlive this test
    file = tmp_path / "qd.json"
    assert main.run(["bench", "qd", "--tiny", "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["rows"]
    assert [row["problem"] for row in rows] == ["sphere"] * 4 + ["arm"] * 4
    assert all(row["evaluations"]["median"] == 4 * 8 for row in rows)
    assert "arm, cma-mae" in " ".join(capsys.readouterr().out.split())


def test_pages_show_the_speed_on_file(benchmarks):
    import qd_page

    for page in qd_page.SEARCHES:
        text = (qd_page.PAGES / f"{page}.md").read_text()
        assert {found["name"] for found in qd_page.MARK.finditer(text)} == {page}
        assert qd_page.filled(text) == text
