"""A refinement: each record once in the output or in the rejects, whatever its model does."""

import csv
import json
from dataclasses import dataclass, replace

import pytest
from refine_job import TASK, config, read, rows, script, write_rows, writer

from cairn.core.errors import ConfigError, RunError
from cairn.engine.map_items import DuplicateIdError
from cairn.lm.errors import ModeratedError
from cairn.lm.scripted import ScriptedModel
from cairn.refine.checks.base import Failure
from cairn.refine.checks.catalogue import check
from cairn.refine.run import refine
from cairn.refine.sealing import make_key, opened, read_key
from cairn.refine.tasks.base import pseudonyms_in
from cairn.refine.tasks.catalogue import task as task_named


def go(tmp_path, settings, task=TASK, players=None, **options):
    players = players or {"refiner": writer()}
    return refine(settings, tmp_path / "run", task, players=players, show=False, **options)


@pytest.fixture
def given(tmp_path):
    return write_rows(tmp_path / "in.jsonl", rows())


def test_each_record_is_accepted_or_rejected_and_says_how(given, tmp_path):
    counted = go(tmp_path, config(given, tmp_path / "out.jsonl"))
    out, rejects = read(tmp_path / "out.jsonl"), read(counted.rejects)
    assert sorted([r["id"] for r in out] + [r["id"] for r in rejects]) == sorted(
        row["id"] for row in rows()
    )
    assert out[0] == {
        "id": "d0", "text": "plain text of someone@example.com, no 0", "n": 0,
        "refined": {
            "source_id": "d0", "model": "scripted:writer:0", "task": "emails",
            "checks": ["length", "leak"], "tries": 1, "outcome": "refined", "failed": [],
            "found": 1, "doubtful": 0,
        },
    }  # fmt: skip
    assert {row["refined"]["tries"] for row in out if "once" in row["text"]} == {2}
    assert rejects[0] == {
        "id": "d3", "kind": "rejected", "error": "Reject", "message": "leak", "check": "leak",
        "failed": ["leak"] * 3,
    }  # fmt: skip
    assert counted.funnel == {
        "accepted": 12, "accepted at try 1": 8, "accepted at try 2": 4, "private values": 12,
        "rejected: leak": 4, "rejected: empty": 4, "turned down: leak": 16,
        "turned down: empty": 12,
    }  # fmt: skip
    assert counted.spent.calls == 8 + 2 * 4 + 3 * 8
    again = go(tmp_path, config(given, tmp_path / "out.jsonl"))
    assert again.spent.calls == counted.spent.calls


def test_a_retry_tries_what_was_rejected_and_nothing_else(given, tmp_path):
    first = go(tmp_path, config(given, tmp_path / "out.jsonl"))
    again = go(tmp_path, config(given, tmp_path / "out.jsonl"), retry_rejected=True)
    assert again.spent.calls == first.spent.calls + 3 * 8
    assert again.funnel == first.funnel


def test_what_is_clean_may_stay_as_it_is(tmp_path):
    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": "  nothing here\n"}])
    counted = go(tmp_path, config(given, tmp_path / "out.jsonl", skip_clean=True))
    (row,) = read(tmp_path / "out.jsonl")
    assert row["text"] == "  nothing here\n" and row["refined"]["outcome"] == "clean"
    assert counted.spent.calls == 0 and row["refined"]["model"] == ""


@dataclass(frozen=True)
class NoTickets:
    name: str = "no-tickets"

    async def __call__(self, pair, clients):
        return Failure(self.name, "A ticket is left.") if "TICKET" in pair.rewrite else None


def test_what_detectors_call_clean_is_refined_where_a_check_objects(tmp_path):
    texts = ["nothing here", "of TICKET-7", "plain of a@mail.test"]
    given = write_rows(tmp_path / "in.jsonl", [{"id": t, "text": t} for t in texts])
    task = replace(TASK, checks=(*TASK.checks, NoTickets()))
    players = answering(lambda request, key: script(request, key).replace("TICKET-7", "an order"))
    settings = config(given, tmp_path / "out.jsonl", skip_clean=True)
    counted = go(tmp_path, settings, task=task, players=players)
    rows = read(tmp_path / "out.jsonl")
    assert [row["refined"]["outcome"] for row in rows] == ["clean", "refined", "refined"]
    assert rows[1]["text"] == "of an order" and counted.spent.calls == 2


def test_clean_texts_cannot_stay_where_nobody_looks(given, tmp_path):
    settings = config(given, tmp_path / "out.jsonl", task="detoxify", skip_clean=True)
    with pytest.raises(ConfigError, match="'detoxify' has no detectors: every text would pass"):
        go(tmp_path, settings, task=task_named("detoxify"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_a_text_that_no_try_brings_through_can_be_masked(given, tmp_path):
    counted = go(tmp_path, config(given, tmp_path / "out.jsonl", fallback="mask"))
    masked = [r for r in read(tmp_path / "out.jsonl") if r["refined"]["outcome"] == "masked"]
    assert len(masked) == counted.funnel["masked"] == 8 and counted.rejected == 0
    assert masked[0]["text"] == "stubborn text of [EMAIL_ADDRESS], no 3"
    assert masked[0]["refined"]["failed"] == ["leak"] * 3


def test_a_masked_text_that_the_checks_turn_down_is_rejected(tmp_path):
    # The surname alone is nothing that a detector finds, and a leak.
    texts = {
        "left": "Dear Anna Berger, the file Berger_notes is yours.",
        "gone": "Dear Anna Berger, the file is yours.",
        "json": '{"phone": "212-736-5000", "card": 4111111111111111}',
    }
    given = write_rows(tmp_path / "in.jsonl", [{"id": i, "text": t} for i, t in texts.items()])
    counted = go(
        tmp_path, config(given, tmp_path / "out.jsonl", fallback="mask"),
        task=task_named("anonymize"), players=answering(lambda request, key: ""),
    )  # fmt: skip
    (row,) = read(tmp_path / "out.jsonl")
    assert row["text"] == "Dear [PERSON], the file is yours."
    rejects = {row["id"]: (row["check"], row["failed"]) for row in read(counted.rejects)}
    assert rejects == {"left": ("leak", ["empty"] * 3), "json": ("structure", ["empty"] * 3)}


def answering(answer):
    return {"refiner": ScriptedModel(lambda request, key: answer(request, key), name="other")}


def moderated(request, key):
    raise ModeratedError(f"refused: {request.messages[-1].content}")


@pytest.mark.parametrize(
    ("text", "answer", "check", "calls"),
    [
        ("filtered a@mail.test", script, "filtered", 1),
        ("cut a@mail.test and more", script, "truncated", 3),
        ("silent a@mail.test", script, "empty", 3),
        ("moderated a@mail.test", moderated, "filtered", 1),
    ],
)
def test_an_answer_that_is_none_is_named(tmp_path, text, answer, check, calls):
    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": text}])
    counted = go(tmp_path, config(given, tmp_path / "out.jsonl"), players=answering(answer))
    (reject,) = read(counted.rejects)
    assert reject["check"] == check and counted.spent.calls == calls
    assert "mail.test" not in json.dumps(reject)


def test_where_a_filter_stops_the_first_model_the_second_is_asked(tmp_path):
    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": "of a@mail.test"}])
    players = answering(moderated) | {"second": writer("second")}
    go(tmp_path, config(given, tmp_path / "out.jsonl"), players=players)
    (row,) = read(tmp_path / "out.jsonl")
    assert row["refined"]["model"] == "scripted:second:0" and row["refined"]["tries"] == 2


def test_a_long_text_is_rewritten_in_pieces_and_joined(tmp_path):
    lines = [f"Line {i} of p{i}@mail.test says {'words ' * 5}\n" for i in range(40)]
    text = "\n" + "".join(lines) + "  end\n\n"
    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": text}])
    counted = go(tmp_path, config(given, tmp_path / "out.jsonl", chunk=300))
    (row,) = read(tmp_path / "out.jsonl")
    expected = text
    for i in range(40):
        expected = expected.replace(f"p{i}@mail.test", "someone@example.com")
    assert row["text"] == expected and counted.spent.calls > 5
    assert row["refined"]["found"] == 40


THIRDS = (
    "Dear Anna Berger, your parcel is late.\n\n",
    "The house is dry and so is the yard.\n\n",
    "See Berger_notes.\n",
)


@pytest.mark.parametrize("heeds", [True, False])
def test_what_only_the_whole_shows_is_tried_again_in_the_piece_concerned(tmp_path, heeds):
    """The surname alone is nothing that a detector finds."""
    asked = []

    def answer(request, key):
        said = request.messages[-1].content
        asked.append(said)
        text = said.rpartition("<text-")[2].partition(">\n")[2].partition("\n</")[0]
        for value, pseudonym in pseudonyms_in(said).items():
            text = text.replace(value, pseudonym)
            if heeds and "turned down by the check 'leak'" in said:
                text = text.replace(value.split()[-1], pseudonym.split()[-1])
        return text

    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": "".join(THIRDS)}])
    task = replace(task_named("anonymize"), checks=(check("leak"),))
    settings = config(given, tmp_path / "out.jsonl", chunk=45)
    counted = go(tmp_path, settings, task=task, players=answering(answer))
    again = [said for said in asked if "turned down" in said]
    assert all("See Berger_notes" in said and '"Anna Berger"' in said for said in again)
    assert len(asked) == 3 + len(again)
    if not heeds:
        (reject,) = read(counted.rejects)
        assert (reject["check"], reject["failed"]) == ("leak", ["leak"] * 3) and len(again) == 2
        return
    (row,) = read(tmp_path / "out.jsonl")
    assert "Berger" not in row["text"] and THIRDS[1] in row["text"] and len(again) == 1
    assert (row["refined"]["tries"], row["refined"]["failed"]) == (2, ["leak"])
    surname = row["text"].partition(",")[0].split()[-1]
    assert f"See {surname}_notes" in row["text"]


def test_other_settings_on_a_run_are_refused_in_one_line(given, tmp_path):
    settings = config(given, tmp_path / "out.jsonl")
    go(tmp_path, settings)
    with pytest.raises(RunError, match=r"how\.skip_clean was false, now true"):
        go(tmp_path, config(given, tmp_path / "out.jsonl", skip_clean=True))
    with pytest.raises(RunError, match=r"task\.tries was 3, now 2"):
        go(tmp_path, settings, task=replace(TASK, tries=2))
    with pytest.raises(RunError, match=r"is a run whose output is .*out\.jsonl, not"):
        go(tmp_path, config(given, tmp_path / "other.jsonl"))


def test_an_output_that_is_there_is_not_touched(given, tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(RunError, match="exists already"):
        go(tmp_path, config(given, tmp_path / "out.jsonl"))
    assert (tmp_path / "out.jsonl").read_text() == "mine" and not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="is, or lies in, the input"):
        go(tmp_path, config(given, given))


def test_tables_come_out_as_tables(tmp_path):
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *((f"d{i}", f"p{i}@mail.test") for i in "ab")])
    go(tmp_path, config(tmp_path / "in.csv", tmp_path / "out.parquet"))
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["text"] for row in table] == ["someone@example.com"] * 2
    assert table[0]["refined"]["checks"] == ["length", "leak"]
    refine(
        config(tmp_path / "out.parquet", tmp_path / "back.csv", provenance="again"),
        tmp_path / "other", TASK, players={"refiner": writer()}, show=False,
    )  # fmt: skip
    with (tmp_path / "back.csv").open(newline="") as file:
        back = list(csv.DictReader(file))
    assert json.loads(back[1]["again"])["source_id"] == "db"


def test_a_folder_comes_out_as_a_folder_with_a_list(tmp_path):
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("x = 'p@mail.test'\n")
    (tmp_path / "src" / "deep" / "b.md").write_text("q@mail.test")
    (tmp_path / "src" / "c.bin").write_bytes(b"\xff\0")
    settings = config(tmp_path / "src", tmp_path / "out", id=None)
    counted = go(tmp_path, settings)
    assert (tmp_path / "out" / "a.py").read_text() == "x = 'someone@example.com'\n"
    assert (tmp_path / "out" / "deep" / "b.md").read_text() == "someone@example.com"
    listed = read(tmp_path / "out" / "_refined.jsonl")
    assert [row["id"] for row in listed] == ["a.py", "deep/b.md"]
    assert read(counted.rejects)[0]["id"] == "c.bin"
    assert go(tmp_path, settings).notes == (), "the folder is what the run wrote"


def test_pseudonyms_are_one_to_a_value_and_only_the_key_file_opens_their_table(tmp_path):
    texts = ["a@mail.test and b@mail.test", "again a@mail.test"]
    given = write_rows(
        tmp_path / "in.jsonl", [{"id": f"d{i}", "text": t, "too": t} for i, t in enumerate(texts)]
    )

    def replacing(request, key):
        said = request.messages[-1].content
        table = pseudonyms_in(said)
        text = said.rpartition("<text-")[2].partition(">\n")[2].partition("\n</")[0]
        for value, other in table.items():
            text = text.replace(value, other)
        return text

    task = replace(TASK, pseudonyms=True)
    settings = config(
        given, tmp_path / "out.jsonl", key=str(tmp_path / "key"), corpus=True, text=("text", "too")
    )
    go(tmp_path, settings, task=task, players=answering(replacing))
    one, two = read(tmp_path / "out.jsonl")
    assert one["text"] == one["too"] and "mail.test" not in json.dumps([one, two])
    assert two["text"].removeprefix("again ") == one["text"].split(" and ")[0]
    key = read_key(tmp_path / "key")
    table = opened(key, one["refined"]["sealed"], about="d0")
    assert list(table) == ["a@mail.test", "b@mail.test"]
    assert one["text"] == f"{table['a@mail.test']} and {table['b@mail.test']}"
    (tmp_path / "key").unlink()
    with pytest.raises(RunError, match=r"the key file .*key of this run is not there"):
        go(tmp_path, settings, task=task, players=answering(replacing))
    assert not (tmp_path / "key").exists()
    make_key(tmp_path / "key")
    with pytest.raises(RunError, match="was started with another config: key was"):
        go(tmp_path, settings, task=task, players=answering(replacing))


def test_a_key_file_cannot_be_given_to_a_run_with_a_key_of_its_own(given, tmp_path):
    task = replace(TASK, pseudonyms=True)
    go(tmp_path, config(given, tmp_path / "out.jsonl"), task=task)
    with pytest.raises(RunError, match=r"was begun without --key and draws .* leave --key out"):
        go(tmp_path, config(given, tmp_path / "out.jsonl", key=str(tmp_path / "new")), task=task)
    assert not (tmp_path / "new").exists()


def test_more_values_than_a_range_has_reject_the_record_before_a_model_is_asked(tmp_path):
    """RFC 7042 keeps 256 hardware addresses for examples."""
    text = "mac " + " ".join(f"0a:1b:2c:3d:{n // 256:02x}:{n % 256:02x}" for n in range(300))
    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": text}])
    settings = config(given, tmp_path / "out.jsonl")
    counted = go(tmp_path, settings, task=task_named("anonymize"))
    (reject,) = read(counted.rejects)
    assert (reject["check"], reject["failed"], counted.spent.calls) == ("too-many-values", [], 0)


def test_urls_and_patterns_are_read_and_written(tmp_path):
    pytest.importorskip("fsspec")
    for name in "ab":
        write_rows(tmp_path / f"{name}.jsonl", [{"id": name, "text": f"of {name}@mail.test"}])
    settings = config(f"{tmp_path}/*.jsonl", f"file://{tmp_path}/deep/out.csv")
    assert go(tmp_path, settings).accepted == 2
    with (tmp_path / "deep" / "out.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["a", "b"]
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("of c@mail.test")
    url = config(f"file://{tmp_path}/texts/", tmp_path / "folder.jsonl", id=None)
    refine(url, tmp_path / "url", TASK, players={"refiner": writer()}, show=False)
    (row,) = read(tmp_path / "folder.jsonl")
    assert (row["text"], row["refined"]["source_id"]) == ("of someone@example.com", "a.txt")


def test_a_start_that_failed_blocks_no_other_and_one_that_began_does(tmp_path):
    twice = [{"id": "a", "text": "of a@mail.test"}] * 2
    given = write_rows(tmp_path / "in.jsonl", twice)
    with pytest.raises(DuplicateIdError):
        go(tmp_path, config(given, tmp_path / "out.jsonl"))
    assert (tmp_path / "run").exists()
    settings = config(given, tmp_path / "other.jsonl", id=None)
    (tmp_path / "other.jsonl").write_text("mine")
    with pytest.raises(RunError, match=r"other.jsonl exists already, and no run"):
        go(tmp_path, settings)
    (tmp_path / "other.jsonl").unlink()
    assert go(tmp_path, settings).accepted == 2
    with pytest.raises(RunError, match=r"is a run whose output is .*other.jsonl, not"):
        go(tmp_path, config(given, tmp_path / "third.jsonl", id=None))


def test_a_model_that_a_check_misses_is_said_before_anything_is_made(given, tmp_path):
    task = replace(TASK, checks=(check("verifier"),))
    with pytest.raises(ConfigError, match="the check 'verifier' of emails asks a model, and nob"):
        go(tmp_path, config(given, tmp_path / "out.jsonl"), task=task)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
