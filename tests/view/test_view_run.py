"""The page of a run: what it holds, what it survives, what it lets a person change."""

import html
import json
import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import made_runs
import pytest
from starlette.testclient import TestClient

from cairn.core.rundir import RunDir
from cairn.report.series import metric
from cairn.runs import files
from cairn.runs.presets import experiment
from cairn.view import notes, pages, server, watched
from cairn.view.overview import Query
from cairn.view.site import Site, hider

HOST = "127.0.0.1:8765"
OURS = {"origin": f"http://{HOST}"}
EVIL = '<script>alert(1)</script><img src=x onerror="hack()">'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    made_runs.compiled(runs, "maze", skill=0.8)
    made_runs.journaled(runs, "sub/redteam")
    return runs


def client(folder: Path, **settings) -> TestClient:
    base = f"http://{HOST}"
    return TestClient(server.app(folder, **settings), base_url=base, follow_redirects=False)


def anchors(page: str) -> list[str]:
    return re.findall(r'<section id="([\w-]+)"', page)


def test_a_training_run_shows_curves_ledger_checkpoints_lines_notes_config_versions(folder):
    (folder / "maze/checkpoints/step-000000000000800.safetensors").write_bytes(b"x" * 1234)
    page = client(folder).get("/run/maze").text
    assert [id for id in anchors(page) if not id.startswith("panel-")] == [
        "curves", "ledger", "checkpoints", "log", "notes", "config", "versions", "export",
    ]  # fmt: skip
    assert page.count("<svg") > 3 and "1,234" in page and "step-000000000000800" in page
    assert 'data-live="/live/maze"' in page and "jax" in page


def test_a_language_run_shows_its_journal(folder):
    page = client(folder).get("/run/sub/redteam").text
    assert "journal" in anchors(page) and "What was spent" in page and "config" in anchors(page)


def test_a_simulated_run_says_so_in_the_list_and_on_its_page(folder):
    config = {"simulation": {"seed": 0}, "search": {"method": "rainbow"}, "engine": {"trials": 4}}
    made_runs.journaled(folder, "demo", config=config)
    browser = client(folder)
    assert browser.get("/").text.count(">simulated</span>") == 1
    assert "Nothing here says anything about a real model" in browser.get("/run/demo").text
    assert "imulated" not in browser.get("/run/sub/redteam").text


def test_the_command_makes_the_run_again(folder, tmp_path):
    page = html.unescape(client(folder).get("/run/maze").text)
    assert "cairn train --config maze.toml" in page and "cairn train --resume runs/maze" in page
    assert 'method = "accel"' in page and "learning_rate = 0.001" in page
    redteam = html.unescape(client(folder).get("/run/sub/redteam").text)
    assert "cairn redteam run redteam.toml --run runs/sub/redteam-again" in redteam


def test_a_folder_that_is_one_run_shows_that_run(folder):
    browser = client(folder / "maze")
    assert "/run/maze" in browser.get("/").text
    page = browser.get("/run/maze")
    assert page.status_code == 200 and "curves" in anchors(page.text)


def test_every_chart_is_kept_as_svg_and_its_data_as_csv(folder):
    browser = client(folder)
    page = browser.get("/run/maze").text
    links = re.findall(r'href="(/chart/maze/\d+\.(?:svg|csv))"', page)
    assert len(links) == 2 * page.count('class="plot"') >= 8
    for link in links:
        kept = browser.get(link)
        assert kept.status_code == 200 and "attachment" in kept.headers["content-disposition"]
        assert kept.text.startswith("<?xml" if link.endswith("svg") else "line,seed,")


def test_the_data_of_a_chart_are_the_figures_of_the_run(folder):
    rows = [json.loads(line) for line in (folder / "maze/metrics.jsonl").read_text().splitlines()]
    curve = metric(rows, "solve_rate")
    assert curve is not None
    lines = client(folder).get("/chart/maze/1.csv").text.splitlines()
    first = [line.split(",") for line in lines[1:] if line.split(",")[1] == "0"]
    assert [float(row[3]) for row in first] == pytest.approx(curve.values[:, 0].tolist())


@pytest.mark.parametrize(
    "address",
    [
        "/run/", "/run/nowhere", "/run/sub", "/run/%2e%2e", "/run/%2e%2e%2foutside",
        "/run/%2e%2e/%2e%2e/etc/passwd",
        "/run/maze/..%2fmaze", "/run//maze", "/run/%2fetc", "/run/maze%00", "/run/.hidden",
        "/run/maze/checkpoints", "/run/" + "x" * 2000, "/run/" + "%f0" * 300, "/run/link",
        "/chart/maze/99.svg", "/chart/maze/0.exe", "/chart/maze/0.svg.svg", "/chart/nowhere/0.svg",
        "/image/maze/0123.png", "/data/maze/..%2f..%2fetc.csv", "/live/nowhere", "/call/nowhere",
        "/run/maze/config.json", "/maze/config.json", "/runs/maze",
    ],
)  # fmt: skip
def test_nothing_but_runs_under_the_folder_is_ever_shown(folder, tmp_path, address):
    outside = made_runs.compiled(tmp_path, "outside")
    (folder / "link").symlink_to(outside)
    answer = client(folder).get(address)
    assert answer.status_code == 404 and str(tmp_path) not in answer.text


def test_no_page_names_a_folder_of_this_machine(folder):
    browser = client(folder)
    for address in ("/run/maze", "/run/sub/redteam", "/call/sub/redteam?key=00"):
        assert str(folder.parent) not in browser.get(address).text


def test_an_address_is_not_taken_for_a_folder_of_the_machine():
    hide = hider("/run/user", "runs")
    link = '<a href="/run/user/x" data-x="/run/user">'
    assert (
        hide(f"{link}/run/user/x, /run/users (/run/user).") == f"{link}runs/x, /run/users (runs)."
    )


def test_a_folder_called_like_a_tag_leaves_the_tag():
    assert hider("/code", "runs")("<code>x</code> in /code/a") == "<code>x</code> in runs/a"


def test_the_longest_note_in_any_script_is_kept(folder):
    note = "\U0001f600" * 10_000
    assert client(folder).post("/notes/maze", data={"note": note}, headers=OURS).status_code == 303
    assert notes.read(folder / "maze").note == note


def test_a_command_is_one_for_a_shell_whatever_the_run_is_called(folder):
    made_runs.compiled(folder, "a b;c")
    page = html.unescape(client(folder).get("/run/a b;c").text)
    assert "cairn train --config 'a b;c.toml'" in page
    assert "cairn train --resume 'runs/a b;c'" in page


def test_a_new_report_is_told_though_the_journal_is_as_it_was(folder):
    look = Site(folder).follow_run("sub/redteam")
    assert "0.50 [0.25, 0.75]" in look()["standing"]
    file = folder / "sub/redteam/summary.json"
    file.write_text(file.read_text().replace("0.25", "0.35"))
    assert "0.50 [0.35, 0.75]" in look()["standing"]


def test_what_a_file_holds_is_text(folder):
    run = made_runs.compiled(folder, "evil", method=EVIL, settings={"task": {EVIL: EVIL}})
    (run / "versions.json").write_text(json.dumps({"format": 2, EVIL: EVIL, "esc": "\x1b[31m"}))
    notes.write(run, tags=["<b>"], note=f"</textarea>{EVIL}\x1b[0m")
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"x": EVIL}) + "\n")
    browser = client(folder)
    for address in ("/", "/run/evil"):
        page = browser.get(address).text
        assert "<script>alert" not in page and "<img src=x" not in page and "\x1b" not in page
        assert html.escape("<script>") in page


def test_a_damaged_run_shows_what_can_be_read_and_says_what_cannot(folder):
    run = made_runs.compiled(folder, "hurt")
    (run / "versions.json").write_text('{"format": 2, "jax": ')
    page = client(folder).get("/run/hurt").text
    assert "half written" in page and "method = &#34;accel&#34;" in page
    (run / "config.json").write_bytes(b"\xff\xfe\x00")
    assert client(folder).get("/run/hurt").status_code == 200


def test_damaged_lines_are_named_and_the_rest_is_drawn(folder):
    with (folder / "maze/metrics.jsonl").open("a") as file:
        file.write('{"cycle": [1, 1]}\nnot json\n{"half": ')
    page = client(folder).get("/run/maze").text
    assert "2 lines are damaged in metrics.jsonl" in page and page.count("<svg") > 3


@pytest.mark.parametrize(
    ("value", "said"),
    [("1234.5", "1.2k steps/s"), ("NaN", ""), ("1e999", ""), ("1" + "0" * 400, ""), ('"x"', "")],
)
def test_the_speed_is_that_of_the_newest_line_of_clock_times(folder, value, said):
    with (folder / "maze/timing.jsonl").open("a") as file:
        file.write(f'{{"cycle": [1], "seconds": 1, "steps_per_second": {value}}}\n')
    answer = client(folder).get("/run/maze")
    assert answer.status_code == 200
    assert re.findall(r"<b>([^<]* steps/s)</b>", answer.text) == ([said] if said else [])


def test_a_figure_that_no_computer_counts_to_is_damage_and_the_rest_goes_on(folder):
    row = json.dumps(made_runs.line(1.1))
    name = made_runs.METRICS[0]
    huge = re.sub(rf'"{name}": \[[^,]*', f'"{name}": [1{"0" * 400}', row)
    assert huge != row
    with (folder / "maze/metrics.jsonl").open("a") as file:
        file.write(f"{huge}\n{row}\n")
    answer = client(folder).get("/run/maze")
    assert answer.status_code == 200 and "damaged (OverflowError)" in answer.text
    assert 'id="ledger"' in answer.text


def test_a_run_without_a_line_waits_for_one(folder):
    made_runs.compiled(folder, "new", lines=0)
    assert "No line was written" in client(folder).get("/run/new").text
    with RunDir(folder / "new").lock():
        assert "starting or compiling" in client(folder).get("/run/new").text


def test_a_killed_run_says_that_its_work_is_safe_and_how_it_goes_on(folder):
    (folder / "maze/lock").write_text("1 elsewhere\n")
    says = "Its work up to the last checkpoint is safe"
    assert says not in client(folder).get("/run/maze").text  # there is none
    (folder / "maze/checkpoints/step-000000000000800.safetensors").touch()
    page = html.unescape(client(folder).get("/run/maze").text)
    assert says in page and "go on with: <code>cairn train --resume runs/maze</code>" in page
    (folder / "sub/redteam/lock").write_text("1 elsewhere\n")
    page = html.unescape(client(folder).get("/run/sub/redteam").text)
    assert (
        "What its journal holds is safe" in page
        and "redteam resume runs/sub/redteam</code>" in page
    )


def test_the_config_of_a_run_that_was_extended_and_handed_on_makes_it_again(folder, tmp_path):
    made = experiment("maze", method="accel").to_dict()
    past = {"extended": [8000, 16000], "init_from": {"run": "runs/first", "students": "x"}}
    (folder / "maze/config.json").write_text(json.dumps(made | past))
    page = html.unescape(client(folder).get("/run/maze").text)
    assert "cairn train --config maze.toml --init-from runs/first" in page
    file = tmp_path / "maze.toml"
    file.write_text(page[page.index("[experiment]") :].partition("</pre>")[0])
    assert files.from_toml(file).to_dict() == made


def test_a_run_of_an_older_format_says_which_release_to_install(folder):
    (folder / "maze/versions.json").write_text(json.dumps({"format": 1, "cairn": "0.0.9"}))
    page = client(folder).get("/run/maze")
    assert page.status_code == 200 and "older cairn" in page.text and "0.0.9" in page.text


def test_a_call_that_is_none_is_explained(folder):
    browser = client(folder)
    assert browser.get("/call/sub/redteam?key=zz").status_code == 400
    assert "not held" in browser.get("/call/sub/redteam?key=" + "ab" * 16).text
    held = browser.get("/call/sub/redteam?key=" + (3).to_bytes(16, "big").hex())
    assert "an answer" in held.text


def test_a_link_within_a_section_leads_to_the_page_of_what_it_names(folder):
    browser = client(folder)
    assert browser.get("/run/sub/redteam?key=ab").headers["location"] == "/call/sub/redteam?key=ab"


def test_what_is_pushed_stands_on_the_page_as_it_was_made(folder):
    for name in ("maze", "sub/redteam"):
        page = client(folder).get(f"/run/{name}").text
        pushed = Site(folder).follow_run(name)()
        assert "live-head" in pushed and "live-figures:order" in pushed
        for id, fragment in pushed.items():
            if not id.endswith(":order"):
                assert fragment in page, id
                assert f'id="{id}"' in page


def test_the_rows_that_are_pushed_stand_on_the_overview(folder):
    page = client(folder).get("/").text
    pushed = Site(folder).follow_runs(Query())()
    rows = [id for id in pushed if id.startswith("run-")]
    assert pushed["rows:order"].split() == rows and len(rows) == 2
    assert all(pushed[row] in page for row in rows)


def test_rows_are_made_anew_where_runs_have_changed_and_only_there(folder, monkeypatch):
    look = Site(folder).follow_runs(Query())
    first = look()
    made = []
    whole = pages.macros("rows.html.j2")
    row = lambda run, query: made.append(run.name) or whole.row(run, query)  # noqa: E731
    counted = SimpleNamespace(row=row, count_line=whole.count_line)
    monkeypatch.setattr(pages, "macros", lambda _: counted)
    assert look()["rows:order"] == first["rows:order"] and made == []
    made_runs.append(folder / "maze", [made_runs.line(1.5)])
    assert look() != first and made == ["maze"]


def test_a_run_that_is_deleted_while_looked_at_is_said_to_be_gone(folder):
    look = Site(folder).follow_run("maze")
    assert "live-head" in look()
    shutil.rmtree(folder / "maze")
    assert "deleted" in look()["connection"]
    assert client(folder).get("/run/maze").status_code == 404


@pytest.mark.parametrize("of", ["get", "scan"])
def test_what_goes_wrong_with_a_page_that_is_followed_names_no_folder(folder, monkeypatch, of):
    watching = Site(folder)

    def fail(*_):
        raise PermissionError(13, "Permission denied", str(folder / "maze"))

    monkeypatch.setattr(watching.runs, of, fail)
    look = watching.follow_run("maze") if of == "get" else watching.follow_runs(Query())
    told = look()["connection"]
    assert "Permission denied: 'runs/maze'" in told and str(folder) not in told


def test_lines_that_come_are_drawn_and_curves_are_not_drawn_twice(folder, monkeypatch):
    drawn = []
    make = watched.charts.data
    monkeypatch.setattr(watched.charts, "data", lambda *a: drawn.append(1) or make(*a))
    with client(folder) as browser:
        before = browser.get("/chart/maze/1.csv").text
        browser.get("/run/maze")
        assert len(drawn) == 1
        made_runs.append(folder / "maze", [made_runs.line(1.2)])
        after = browser.get("/chart/maze/1.csv").text
    assert len(after.splitlines()) > len(before.splitlines()) and len(drawn) == 2


def test_notes_are_kept_and_shown(folder):
    browser = client(folder)
    form = {"tags": "good, to do", "note": "line\nline", "revision": "0"}
    kept = browser.post("/notes/maze", data=form, headers=OURS)
    assert kept.status_code == 303 and kept.headers["location"] == "/run/maze"
    assert notes.read(folder / "maze")[:3] == (False, ("good", "to do"), "line\nline")
    assert 'value="good, to do"' in browser.get("/run/maze").text
    assert ">good</a>" in browser.get("/").text


def test_a_star_changes_nothing_else_and_leads_back(folder):
    notes.write(folder / "maze", tags=["kept"], note="kept")
    browser = client(folder)
    kept = browser.post("/notes/maze?back=/%3Fq%3Dmaze", data={"star": "1"}, headers=OURS)
    assert kept.status_code == 303 and kept.headers["location"] == "/?q=maze"
    assert notes.read(folder / "maze")[:3] == (True, ("kept",), "kept")
    assert re.search(r'aria-pressed="true"\s+aria-label="Star maze"', browser.get("/").text)


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_a_form_never_leads_to_another_site(folder, back):
    answer = client(folder).post(
        "/notes/maze", params={"back": back}, data={"star": "1"}, headers=OURS
    )
    assert answer.headers["location"] == "/run/maze"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"star": "yes"}, "star must be 0 or 1"),
        ({"note": "x" * 10_001}, "at most 10,000 characters"),
        ({"note": "x" * 170_000}, "longer than 163,840 bytes"),
        ({"tags": "x" * 41}, "at most 40 characters"),
        ({"note": "a", "revision": "7"}, "changed meanwhile"),
        ({"note": "a", "revision": "-1"}, "revision must be a count"),
    ],
)
def test_a_note_that_cannot_be_kept_is_explained_and_nothing_changes(folder, form, expected):
    browser = client(folder)
    before = (folder / "maze/notes.json").exists()
    for headers in (OURS, OURS | {"x-part": "1"}):
        answer = browser.post("/notes/maze", data=form, headers=headers)
        assert answer.status_code == 400 and expected in answer.text
        assert str(folder.parent) not in answer.text
    assert (folder / "maze/notes.json").exists() == before


def test_only_forms_of_our_pages_are_taken(folder):
    browser = client(folder)
    assert browser.post("/notes/maze", data={"star": "1"}).status_code == 403
    evil = {"origin": "http://evil.example"}
    assert browser.post("/notes/maze", data={"star": "1"}, headers=evil).status_code == 403
    assert browser.post("/notes/maze", json={"star": "1"}, headers=OURS).status_code == 400
    assert browser.post("/notes/maze", files={"star": b"1"}, headers=OURS).status_code == 400
    bad = b"star=\xff\xfe%ff"
    form = OURS | {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/notes/maze", content=bad, headers=form).status_code == 400
    assert not (folder / "maze/notes.json").exists()
    assert browser.post("/notes/nowhere", data={"star": "1"}, headers=OURS).status_code == 404
    assert browser.post("/run/maze", data={"star": "1"}, headers=OURS).status_code == 405
    assert browser.get("/notes/maze").status_code == 405


def test_looking_changes_nothing_in_a_run(folder):
    def state() -> dict[Path, tuple[int, int]]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    before = state()
    browser = client(folder)
    for address in ("/", "/run/maze", "/run/sub/redteam", "/chart/maze/0.svg"):
        assert browser.get(address).status_code == 200
    assert state() == before


def test_a_note_of_the_longest_length_is_kept_in_any_script(folder):
    note = "\r\n".join("😀" * 99 for _ in range(100))  # as a form sends 9,999 characters
    form = {"note": note, "tags": ",".join(f"{i:02}" + "字" * 38 for i in range(20))}
    assert client(folder).post("/notes/maze", data=form, headers=OURS).status_code == 303
    assert notes.read(folder / "maze").note == note.replace("\r\n", "\n")


def test_commands_can_be_pasted_whatever_a_run_is_called(tmp_path):
    runs = tmp_path / "runs"
    made_runs.compiled(runs, "a b; echo oh")
    made_runs.journaled(runs, "it's")
    browser = client(runs)
    page = html.unescape(browser.get("/run/a b; echo oh").text)
    assert "cairn train --config 'a b; echo oh.toml'" in page
    assert "cairn train --resume 'runs/a b; echo oh'" in page
    page, again = html.unescape(browser.get("/run/it's").text), "runs/it's-again"
    assert f"--run {shlex.quote(again)}" in page


def test_checkpoints_that_lie_elsewhere_are_not_listed(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "private-name").touch()
    shutil.rmtree(folder / "maze/checkpoints")
    (folder / "maze/checkpoints").symlink_to(elsewhere)
    assert "private-name" not in client(folder).get("/run/maze").text


def test_a_new_report_is_on_the_page_though_no_call_was_made_for_it(folder):
    run = folder / "sub/redteam"
    with client(folder) as browser:
        assert "0.50 [0.25, 0.75]" in browser.get("/run/sub/redteam").text
        summary = json.loads((run / "summary.json").read_text())
        summary["success"]["mean"] = {"value": 0.9}
        (run / "summary.json").write_text(json.dumps(summary))
        page = browser.get("/run/sub/redteam").text
    assert "0.50 [0.25, 0.75]" not in page and "0.90" in page
    assert "no interval" in page and "no interval: one seed" not in page


def test_two_seeds_are_not_said_to_have_an_interval(folder):
    made_runs.compiled(folder, "three", seeds=3)
    browser = client(folder)
    page = browser.get("/run/maze").text
    assert "2 seeds: lowest and highest 0.400 to 0.800" in page and "95 % interval" not in page
    assert "2 seeds: lowest and highest" in browser.get("/").text
    assert "over 3 seeds, by bootstrap" in browser.get("/run/three").text


def test_what_was_spent_beyond_the_budget_is_said_to_be_whole_cycles(folder):
    made_runs.compiled(folder, "beyond", steps=6_000, done=3)
    assert "of 6.0k asked (whole cycles)" in client(folder).get("/run/beyond").text
    assert "100 % of the budget" in client(folder).get("/run/maze").text


def test_a_search_shows_what_it_found_and_is_not_waited_for_a_test(folder):
    made_runs.journaled(folder, "own", command="cairn.search", success=None)
    made_runs.journaled(folder, "red", told=3, success=None)
    browser = client(folder)
    page = browser.get("/run/own").text
    assert "found" in anchors(page) and "nothing was tested yet" not in page
    assert "nothing was tested yet" in browser.get("/run/red").text


def test_the_newest_lines_are_a_table_and_what_they_are_made_of_is_folded(folder):
    page = client(folder).get("/run/maze").text
    log = page[page.index('<section id="log"') :]
    log = log[: log.index("</section>")]
    assert '<details id="raw-metrics">' in log and "solve rate" in log and "test, named" in log
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", log)
    assert cells[:3] == ["50", "5.0k", "0.4688"], "means over seeds of the oldest line shown"


def test_a_list_that_is_empty_says_why_in_a_sentence(folder):
    page = client(folder).get("/?where=seeds>7").text
    assert "No run fits with &#39;seeds&gt;7&#39;" in page and "<tbody id" not in page
