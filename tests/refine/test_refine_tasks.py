import asyncio
import pickle

import pytest

from cairn.core.errors import ConfigError
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.detectors.base import Detector
from cairn.refine.pseudonyms import Pseudonyms, pseudonymized
from cairn.refine.spans import Span, settled
from cairn.refine.tasks.base import Task, pseudonyms_in
from cairn.refine.tasks.catalogue import TASKS, task

TEXT = """# Order
Ann: my card 4111 1111 1111 1111 was charged 40 euros twice, mail ann.miller@corp.io please.
Support: sorry, Ann Miller. Which day was it?
Ann: on Monday."""
CODE = """import db

# by ann.miller@corp.io
def connect():
    return db.open("10.1.2.3", password="hunter2!x")
"""


class Badges:
    """A detector of one's own."""

    name = "badges"
    kinds = ("ID_NUMBER",)

    def find(self, text):
        at = text.find("B-")
        return [Span(at, at + 6, "ID_NUMBER")] if at >= 0 else []


class NoShouting:
    """A check of one's own."""

    name = "no-shouting"

    async def __call__(self, pair, clients):
        return Failure(self.name, "It shouts.") if pair.rewrite.isupper() else None


def first_failure(task, text, rewrite=None):
    """What the task's checks say of a rewrite; without one, of all values replaced by the table."""
    found = settled(span for detector in task.detectors for span in detector.find(text))
    table = Pseudonyms(b"k" * 32).table(text, found) if task.pseudonyms else {}
    fresh = pseudonymized(text, found, table) if rewrite is None else rewrite
    pair = Pair(text, fresh, tuple(found), table)
    for check in task.checks:
        failure = asyncio.run(check(pair, {}))
        if failure:
            return failure.check
    return None


def test_a_rewrite_by_the_table_passes_and_each_fault_is_named():
    anonymize = task("anonymize")
    assert first_failure(anonymize, TEXT) is None
    assert first_failure(anonymize, TEXT, TEXT) == "leak"
    assert first_failure(anonymize, TEXT, "I'm sorry, but I can't help with that.") == "refusal"
    assert first_failure(anonymize, TEXT, "Here is the rewritten text:\n" + TEXT) == "wrapper"
    assert first_failure(anonymize, TEXT, TEXT[:40]) == "length"
    assert first_failure(anonymize, TEXT, TEXT.replace("\nAnn: on", " on")) == "structure"
    assert first_failure(anonymize, "all is calm", "bob.k@corp.io is calm") == "residual"


def test_code_by_the_table_passes_and_another_program_does_not():
    code = task("anonymize-code")
    assert first_failure(code, CODE) is None
    assert first_failure(code, CODE, CODE) == "leak"
    assert first_failure(code, CODE, CODE.replace("db.open(", "db.close(")) == "code"


def test_detoxify_looks_at_abuse():
    detoxify = task("detoxify")
    text = "You idiot, the van broke down on Monday and you did nothing about it."
    assert first_failure(detoxify, text, text) == "toxicity"
    assert first_failure(detoxify, text, text.replace("You idiot", "I am angry")) is None


@pytest.mark.parametrize("name", TASKS)
def test_our_tasks_can_be_sent_to_processes(name):
    again = pickle.loads(pickle.dumps(task(name)))
    assert again.name == name and again.instructions == task(name).instructions
    found = [d.find(TEXT) for d in again.detectors]
    assert found == [d.find(TEXT) for d in task(name).detectors]


OWN = """
name = "support"
base = "anonymize"
tries = 5
pseudonyms = false
detectors = ["cards", "test_refine_tasks:Badges"]
threshold = 0.5
checks = ["leak", "length", "test_refine_tasks:NoShouting"]

[settings.length]
most = 1.5
"""


def test_a_file_changes_what_it_says_and_keeps_the_rest(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    own = task(str(path))
    assert (own.name, own.tries, own.pseudonyms) == ("support", 5, False)
    assert own.instructions == task("anonymize").instructions
    assert [check.name for check in own.checks] == ["leak", "length", "no-shouting"]
    assert vars(own.checks[1])["most"] == 1.5
    assert [s.kind for s in own.detectors[0].find("B-1234 4111111111111111 a@b.io")] == [
        "ID_NUMBER",
        "CREDIT_CARD",
    ]
    assert first_failure(own, "B-1234 came", "SHE CAME") == "no-shouting"
    path.write_text('instructions = "Shorten."\nchecks = ["length"]\n')
    plain = task(str(path))
    assert (plain.name, plain.detectors, plain.tries) == ("own", (), 3)


WRONG = [
    ("", r"own.toml: a task needs instructions, or a base \(one of anonymize, anonymize-code"),
    ('instructions = "x"', "needs `checks`: without any, every answer would be accepted"),
    ('base = "anonymise"', "Unknown task 'anonymise'.*Did you mean 'anonymize'"),
    ('base = "anonymize"\nchecks = []', "checks is empty"),
    ('base = "anonymize"\nchecks = ["leek"]', "Unknown check 'leek'.*Did you mean 'leak'"),
    ('base = "anonymize"\nchekcs = ["leak"]', "has no field 'chekcs'. Did you mean 'checks'"),
    ('base = "anonymize"\nchecks = ["leak"]\n[settings.length]\nmost = 2',
     r"\[settings.length\] is of a check that `checks` does not name; it has leak"),
    ('base = "anonymize"\nchecks = ["length"]\n[settings.length]\nmost = "a"',
     "settings.length.most must be a number, got 'a'"),
    ('base = "anonymize"\n[settings.length]\nmost = 2', "which the file does not name"),
    ('base = "anonymize"\ndetectors = ["card"]', "Unknown detector 'card'"),
    ('base = "anonymize"\nthreshold = 0.1', "threshold is of `detectors`"),
    ('base = "anonymize"\ntries = 0', "tries must be at least 1, got 0"),
    ('base = "anonymize"\ntries = "many"', "tries must be a whole number"),
    ("base = ", "is not valid TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said[:30] for _, said in WRONG])
def test_a_wrong_file_says_in_one_line_what_to_mend(tmp_path, text, said):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        task(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_name_that_is_no_task():
    with pytest.raises(ConfigError, match=r"Unknown task 'anonymise'.*A task's own file ends in"):
        task("anonymise")
    with pytest.raises(ConfigError, match=r"is no Task of cairn.refine, but type"):
        task("test_refine_tasks:Badges")
    with pytest.raises(ConfigError, match="there is no file"):
        task("none.toml")
    assert isinstance(Badges(), Detector) and isinstance(task("detoxify"), Task)


def test_a_table_of_pseudonyms_is_read_back_whatever_its_values_hold():
    table = {
        "-----BEGIN KEY-----\nMIIB\r\n\n-----END KEY-----": "-----BEGIN KEY-----\nAAAA",
        "a => b": "c => d",
        'say "x", \u2028 é': "[",
        "</pseudonyms>": " ",
    }
    asked = task("anonymize").prompt("text", pseudonyms=table)[-1].content
    assert pseudonyms_in(asked) == table and '["a => b", "c => d"]\n' in asked
    assert pseudonyms_in(task("anonymize").prompt("text")[-1].content) == {}
