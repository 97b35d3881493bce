"""Source2Synth from end to end, with simulated writer and solver whose errors are planted."""

import json
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from cairn.cli.main import run
from cairn.core.errors import ConfigError, RunError
from cairn.lm.scripted import ScriptedModel
from cairn.lm.spend import Spend
from cairn.refine.source2synth import simulated
from cairn.refine.source2synth.config import Curation, SourceConfig, SynthConfig, Trainer
from cairn.refine.source2synth.documents import Documents, names
from cairn.refine.source2synth.run import synthesize
from cairn.refine.source2synth.simulated import Solver, Writer
from cairn.refine.source2synth.tables import Tables, opened


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name TEXT, age INTEGER)")
        rows = [(f"Person {n:02}", 120 + 7 * n % 41) for n in range(40)]
        connection.executemany("INSERT INTO people VALUES (?, ?)", rows)
    connection.close()
    return path


@pytest.fixture
def documents(tmp_path):
    texts = [
        "the river near Anna Berg turns north. they met Otto Klein in old age there.",
        "when Otto Klein built two bridges, he met Ida Stern by the green mill.",
        "a song that Ida Stern wrote last winter is about Anna Berg sleeping in snow.",
    ]
    path = tmp_path / "texts.jsonl"
    rows = [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, texts


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def config(**more):
    shown = SourceConfig(around=40)
    return SynthConfig(**{"models": {}, "items": 40, "workers": 8, "source": shown, **more})


def unique(found):
    return found.written - found.funnel["write"]["duplicates"]


def made(path, tmp_path, writer, solver, name="out", **more):
    players = {"writer": simulated.writer(writer), "solver": simulated.solver(solver)}
    output = tmp_path / f"{name}.jsonl"
    found = synthesize(
        path, output, config(**more), run=tmp_path / f"{name}.run", players=players, show=False
    )
    return found, output


def test_tables_become_items_with_sql_and_provenance(table, tmp_path):
    found, output = made(table, tmp_path, Writer(), Solver())
    assert found.seeds == found.written == 40
    assert (
        found.kept is not None
        and 10 < found.kept == unique(found) - found.learned <= found.learned + 1
    )
    for row in lines(output):
        where = row["provenance"]
        assert where["source"] == "people.db" and where["tables"] == ["people"]
        with sqlite3.connect(table) as connection:
            assert str(connection.execute(where["sql"]).fetchone()[0]) == row["answer"]
        connection.close()
        assert simulated.answered(row["context"], row["question"])[0] == row["answer"]
        assert row["checks"]["solved"] == 3 and row["checks"]["known"] == 0
    learn = lines(found.path / "learn.jsonl")
    assert {row["id"] for row in learn}.isdisjoint(row["id"] for row in lines(output))
    told, said = (turn["content"] for turn in learn[0]["messages"])
    text = (found.path / "texts" / f"{learn[0]['id']}.txt").read_text()
    assert text == f"{told} {said}" and told.endswith("Answer:")


def test_documents_become_questions_of_two_hops_with_spans(documents, tmp_path):
    path, texts = documents
    more = {"items": 6, "source": SourceConfig(id="id")}
    found, output = made(path, tmp_path, Writer(), Solver(), **more)
    assert found.seeds == found.written == 6 and found.kept == 3
    for row in lines(output):
        spot = row["provenance"]["answer_span"]
        assert texts[int(spot["id"][1])][spot["start"] : spot["end"]] == row["answer"]
        first, second = row["provenance"]["spans"]
        entity = row["parts"]["entity"]
        assert first["id"] != second["id"]
        assert all(entity in texts[int(part["id"][1])] for part in (first, second))
        assert entity not in row["question"] and row["answer"] not in row["question"]


@pytest.mark.slow
def test_what_is_dropped_has_a_reason_and_the_funnel_adds_up(table, tmp_path):
    writer = Writer(error=0.5, broken=0.3)
    found, output = made(table, tmp_path, writer, Solver(accuracy=0.5), items=200)
    write, curate = found.funnel["write"], found.funnel["curate"]
    assert {"sql failed", "sql empty", "sql no-select"} <= set(write)
    assert sum(n for name, n in write.items() if name != "duplicates") == 200
    assert curate["kept"] + curate["unanswered"] == unique(found) - found.learned
    before = sum(n for name, n in curate.items() if name.startswith("before"))
    after = sum(n for name, n in curate.items() if name.startswith("after"))
    assert before == unique(found) - found.learned and after == curate["kept"] == found.kept
    reasons = lines(output.with_name("out.jsonl.rejects.jsonl"))
    assert len(reasons) == curate["unanswered"]
    assert "Person" not in json.dumps(reasons)


@pytest.mark.slow
def test_what_is_known_without_the_source_is_dropped(table, tmp_path):
    shown = 'table "people" ("name" TEXT, "age" INTEGER), 40 rows; rows 0 to 1:\n'
    known = Solver(memory=shown + "Person 00 | 120\nPerson 01 | 127")
    players = {
        "writer": simulated.writer(),
        "solver": simulated.solver(),
        "blind": simulated.solver(known),
    }
    output = tmp_path / "out.jsonl"
    found = synthesize(
        table, output, config(items=100), run=tmp_path / "run", players=players, show=False
    )
    knows = '"Person 00"', '"Person 01"', "lowest"
    assert found.kept and not any(
        word in row["question"] for row in lines(output) for word in knows
    )
    assert found.funnel["curate"]["known without the source"] == (
        unique(found) - found.learned - found.kept
    )


def test_a_part_is_imputed_and_passes_the_same_checks(documents, tmp_path):
    path, _ = documents
    _, output = made(path, tmp_path, Writer(), Solver(), items=6, source=SourceConfig(id="id"))
    imputed = [row for row in lines(output) if row["imputed"]]
    for row in imputed:
        assert row["question"] != row["checks"]["before"]["question"]
        assert simulated.answered(row["context"], row["question"])[0] == row["answer"]
    _, plain = made(
        path, tmp_path, Writer(), Solver(), "plain", items=6, source=SourceConfig(id="id"),
        curate=Curation(impute=False),
    )  # fmt: skip
    assert imputed and not any(row["imputed"] for row in lines(plain))


@pytest.mark.slow
def test_again_makes_no_call_and_other_settings_curate_anew(table, tmp_path):
    found, output = made(table, tmp_path, Writer(), Solver())
    body = output.read_bytes()
    again, _ = made(table, tmp_path, Writer(), Solver())
    assert again.spent == found.spent and output.read_bytes() == body
    output.unlink()
    other, output = made(table, tmp_path, Writer(), Solver(), curate=Curation(tries=1))
    assert other.kept == found.kept and other.spent.calls > found.spent.calls
    assert lines(output)[0]["checks"]["tries"] == 1


@pytest.mark.slow
def test_a_run_that_a_limit_stopped_twice_ends_with_the_same_bytes(table, tmp_path):
    more: dict[str, Any] = {"items": 60, "workers": 4}
    _, output = made(table, tmp_path, Writer(error=0.3), Solver(accuracy=0.6), **more)
    for calls in (70, 250):
        limits = Spend(calls=calls)
        part, _ = made(
            table, tmp_path, Writer(error=0.3), Solver(accuracy=0.6), "part", **more, limits=limits
        )
        assert part.stopped != "finished" and part.spent.calls <= calls
        assert not (tmp_path / "part.jsonl").exists()
    again, part = made(table, tmp_path, Writer(error=0.3), Solver(accuracy=0.6), "part", **more)
    assert again.stopped == "finished" and part.read_bytes() == output.read_bytes()


@pytest.mark.slow
def test_no_question_is_in_both_halves(table, tmp_path):
    found, output = made(table, tmp_path, Writer(), Solver(), items=100)
    told = [row["messages"][0]["content"] for row in lines(found.path / "learn.jsonl")]
    asked = [
        f"{row['context']}\n\nQuestion: {(row['checks'].get('before') or row)['question']}\nAnswer:"
        for row in lines(output)
    ]
    assert len({*told, *asked}) == len(told) + len(asked)


def test_without_anybody_who_curates_the_half_to_learn_from_is_left(table, tmp_path):
    players = {"writer": simulated.writer()}
    output, path = tmp_path / "out.jsonl", tmp_path / "run"
    found = synthesize(table, output, config(), run=path, players=players, show=False)
    assert found.kept is None and found.stopped == "nobody curates" and not output.exists()
    assert len(lines(path / "learn.jsonl")) == found.learned > 10
    players["solver"] = simulated.solver()
    found = synthesize(table, output, config(), run=path, players=players, show=False)
    assert found.kept == len(lines(output)) > 10


def test_a_function_trains_on_one_half(table, tmp_path):
    seen = []

    def train(learn, model):
        seen.extend(lines(learn))
        return simulated.solver()

    found = synthesize(
        table, tmp_path / "out.jsonl", config(), run=tmp_path / "run", show=False,
        players={"writer": simulated.writer()}, train=train,
    )  # fmt: skip
    assert len(seen) == found.learned and (found.kept or 0) > 10


@pytest.mark.parametrize(
    "talk", ["", "Certainly! What a lovely table.", "QUESTION:", "QUESTION: x"]
)
def test_a_model_that_answers_nonsense_fails_items_and_not_the_run(table, tmp_path, talk):
    players = {"writer": ScriptedModel(lambda request, key: talk, "talks")}
    path = tmp_path / "run"
    with pytest.raises(ConfigError, match="too few items were written"):
        synthesize(table, tmp_path / "out.jsonl", config(), run=path, players=players, show=False)
    assert len(lines(path / "synthetic.jsonl.rejects.jsonl")) == 40


def test_a_solver_that_answers_nonsense_keeps_nothing(table, tmp_path):
    players = {
        "writer": simulated.writer(),
        "solver": ScriptedModel(lambda request, key: "", "silent"),
    }
    output = tmp_path / "out.jsonl"
    found = synthesize(table, output, config(), run=tmp_path / "r", players=players, show=False)
    assert found.kept == 0 and found.funnel["curate"]["before: solved 0"] == (
        unique(found) - found.learned
    )


def test_sources_without_what_is_needed_are_named_before_a_run_is_made(table, tmp_path):
    alone = tmp_path / "alone.jsonl"
    alone.write_text('{"text": "nothing here is named"}\n{"text": "nor here"}\n')
    cases = [
        (alone, {}, "no two documents are linked"),
        (alone, {"source": SourceConfig(text="body")}, "has no text 'body'"),
        (alone, {"source": SourceConfig(kind="tables")}, "cannot be read as tables"),
        (alone, {"curate": Curation(solve="sql")}, "is about tables"),
        (tmp_path / "gone.db", {}, "cannot be read"),
        (tmp_path / "gone.jsonl", {}, "gone.jsonl"),
    ]
    for source, more, words in cases:
        with pytest.raises((ConfigError, RunError), match=words):
            made(source, tmp_path, Writer(), Solver(), **more)
        assert not (tmp_path / "out.run").exists()


def test_what_is_there_is_not_written_over(table, tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(ConfigError, match="already exists"):
        made(table, tmp_path, Writer(), Solver())
    assert (tmp_path / "out.jsonl").read_text() == "mine"


def test_a_table_that_changed_is_refused(table, tmp_path):
    made(table, tmp_path, Writer(), Solver())
    with sqlite3.connect(table) as connection:
        connection.execute("INSERT INTO people VALUES ('Person Z', 1)")
    connection.close()
    with pytest.raises(ConfigError, match="changed since this run was begun"):
        made(table, tmp_path, Writer(), Solver())


def test_the_command_runs_the_demo_and_goes_on(table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["refine", "synth", "people.db", "out.jsonl", "--demo", "--items", "12"]
    assert run(words) == 0
    body, said = Path("out.jsonl").read_bytes(), capsys.readouterr().out
    assert "simulated models; 12 seeds" in said and "out.jsonl:" in said.splitlines()[-1]
    assert run(words) == 0 and Path("out.jsonl").read_bytes() == body


@pytest.mark.parametrize(
    "words, expected",
    [
        (["people.db"], "needs a source and an output"),
        (["people.db", "out.jsonl"], "give --config CONFIG, or --demo"),
        (["people.db", "out.csv", "--demo"], "must be a .jsonl file"),
        (["people.db", "out.jsonl", "--demo", "--items", "0"], "items must be at least 1"),
        (["people.db", "out.jsonl", "--config", "none.toml"], "there is no file none.toml"),
        (["people.db", "out.jsonl", "--config", "bad.toml"], "is no role of cairn refine synth"),
        (["people.db", "out.jsonl", "--config", "open.toml"], "must name what to learn from"),
    ],
)
def test_mistakes_are_one_line(table, tmp_path, monkeypatch, capsys, words, expected):
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text('[models.judge]\nkind = "function"\nfunction = "a:b"\n')
    Path("open.toml").write_text('[models]\n[trainer]\ncommand = ["train"]\n')
    assert run(["refine", "synth", *words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("cairn: ") and expected in line
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize(
    "command, words",
    [
        (["false", "{jsonl}"], "ended with status 1; what it said is in"),
        (["no-such-program", "{texts}"], "cannot be run: no-such-program"),
        (["true", "{jsonl}"], "left no folder"),
    ],
)
def test_a_trainer_that_fails_is_named(table, tmp_path, command, words):
    players = {"writer": simulated.writer()}
    settings = config(items=4, trainer=Trainer(tuple(command)))
    with pytest.raises(RunError, match=words):
        synthesize(
            table, tmp_path / "out.jsonl", settings, run=tmp_path / "r", players=players, show=False
        )


def test_seeds_are_read_apart_from_statements(table):
    seeds = Tables(table, 5)
    before = list(seeds.rows())
    asked = opened(seeds.where, seeds.limits)
    asked.connection.execute("PRAGMA reverse_unordered_selects = ON")  # as a statement leaves it
    assert list(seeds.rows()) == before
    opened.cache_clear()


def test_a_table_that_changed_between_two_runs_is_read_again(tmp_path):
    path = tmp_path / "t.csv"
    for value, name in ((111, "one"), (222, "two")):
        path.write_text(f"name,v\nAnna,{value}\n")
        found, _ = made(path, tmp_path, Writer(), Solver(), name, items=40)
        written = lines(found.path / "synthetic.jsonl")
        assert {row["answer"] for row in written} == {str(value)}


def test_a_solver_may_be_asked_for_sql_which_is_executed(table, tmp_path):
    def say(request, key):
        told = request.messages[-1].content
        assert told.endswith("\nSQL:")
        looked = re.search(r'"(\w+)" where "(\w+)" is "(.*?)"\?', told.rpartition("Question:")[2])
        if looked is None:
            return "SELECT name, age FROM people ORDER BY age"  # right for no extreme
        return f"```sql\nSELECT {looked[1]} FROM people WHERE {looked[2]} = '{looked[3]}';\n```"

    players = {"writer": simulated.writer(), "solver": ScriptedModel(say, "speaks SQL")}
    how = Curation(solve="sql", withheld=False, impute=False)
    output = tmp_path / "out.jsonl"
    found = synthesize(
        table, output, config(curate=how), run=tmp_path / "run", players=players, show=False
    )
    kept = lines(output)
    assert found.kept == len(kept) > 5 and all("where" in row["question"] for row in kept)
    said = lines(tmp_path / "run" / "learn.jsonl")[0]["messages"][1]["content"]
    assert said.startswith("SELECT")


def test_a_model_that_a_killed_trainer_left_is_made_anew_and_a_finished_one_is_not(table, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import pathlib, sys\n"
        "learn, model, log = map(pathlib.Path, sys.argv[1:])\n"
        "assert learn.read_text() and not model.exists()\n"
        "model.mkdir()\n"
        "log.write_text(log.read_text() + 'once ' if log.exists() else 'once ')\n"
    )
    path, log = tmp_path / "run", tmp_path / "log"
    command = (sys.executable, str(script), "{jsonl}", "{model}", str(log))
    settings = config(items=8, trainer=Trainer(command))
    players = {"writer": simulated.writer(), "solver": simulated.solver()}
    output = tmp_path / "out.jsonl"
    alone = {"writer": players["writer"]}
    synthesize(table, output, config(items=8), run=path, players=alone, show=False)
    (path / "model").mkdir()
    for _ in range(2):
        found = synthesize(table, output, settings, run=path, players=players, show=False)
        assert found.kept and log.read_text() == "once "


@pytest.mark.parametrize(
    "text, titles, expected",
    [
        ("then Ada Lovelace met Babbage.", [], ["Ada Lovelace", "Babbage"]),
        ("We saw Ada. Bern was full.", [], ["Ada"]),  # a lone word that begins a sentence is none
        ("they crossed the Rhône near Zürich, in May", [], ["Rhône", "Zürich", "May"]),
        ("a book on deep learning of 2015", ["deep  Learning"], ["deep learning"]),
        ("nothing here", [], []),
        ("", ["x"], []),
    ],
)
def test_names_are_titles_and_capitalised_words(text, titles, expected):
    known = {" ".join(title.split()).casefold(): 0 for title in titles}
    found = list(names(text, known))
    assert [name for name, _, _ in found] == expected
    assert all(" ".join(text[start:end].split()) == name for name, start, end in found)


def test_the_second_document_is_the_one_that_a_name_is_the_title_of(tmp_path):
    rows = [
        {"title": "Aare", "text": "a river that flows through Bern and on"},
        {"title": "Bern", "text": "a town of bears in which much stone is used"},
        {"title": "bears", "text": "animals"},
    ]
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(RunError, match="no two documents"):
        list(Documents(path, 9).rows())  # a title alone is no mention
    rows[1]["text"] = "Bern is " + rows[1]["text"]
    rows[2]["text"] = "the bears are " + rows[2]["text"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    links = {(link.entity, link.first.document, link.second.document)
             for link in Documents(path, 9).links()}  # fmt: skip
    assert links == {("bern", 0, 1), ("bears", 1, 2)}
