"""A refinement keeps nothing of what it removes: values of every kind, in every file, in any form.

Killed, purged, gone on with, reported, exported: after each, every artefact is searched for every
value that was planted.
"""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from refine_planted import forms, go, holding, planted, records

from cairn.cli.refine import refine_command
from cairn.refine.kinds import KINDS

pytest.importorskip("faker")
MADE = {"MONEY", "URL", "ES_NIF", "FR_NIR", "US_SSN"}

KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from refine_planted import go
go(Path(sys.argv[1]), hangs=True)
"""


def test_values_of_every_kind_language_and_disguise_are_planted():
    every = {span.kind for record in records() for span in record.spans}
    assert set(planted().values()) == every and len(planted()) > 500
    assert {"PERSON", "EMAIL_ADDRESS", "PASSWORD", "SECRET", "USERNAME"} <= every
    assert every <= {*KINDS, *MADE}
    assert {record.language for record in records()} == {"en", "de", "fr", "es"}
    assert len({record.form for record in records()}) > 140


def test_a_value_is_found_in_whatever_form_a_file_has_it(tmp_path):
    value = next(v for v, kind in planted().items() if kind == "STREET_ADDRESS" and "ß" in v)
    for number, form in enumerate(forms(value)):
        (tmp_path / "file").write_bytes(b"x" * number + form + b"y")
        assert "STREET_ADDRESS" in str(holding(tmp_path)), form


@pytest.mark.slow
def test_no_artefact_holds_what_was_removed(tmp_path, capfd):
    here = str(Path(__file__).parent)
    with (tmp_path / "child.log").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), here], stdout=log, stderr=log
        )
        while "hangs" not in (tmp_path / "child.log").read_text():
            assert child.poll() is None, (tmp_path / "child.log").read_text()
            time.sleep(0.1)
        time.sleep(0.5)
        child.kill()
        child.wait()
    files = holding(tmp_path)
    assert files and all(name.startswith("run/refine.store.sqlite") for name in files), files
    assert all(stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600 for name in files)
    run = str(tmp_path / "run")
    assert refine_command(["purge", run]) == 0 and holding(tmp_path) == {}

    counted = go(tmp_path)
    assert counted.stopped == "finished" and counted.records == len(records())
    assert min(counted.accepted, counted.rejected, counted.failed) > 10
    assert refine_command(["report", run, "--sample", "0", "--by", "tongue"]) == 0
    assert refine_command(["export", run, str(tmp_path / "set")]) == 0
    (tmp_path / "said").write_text("".join(capfd.readouterr()))
    names = {path.name for path in tmp_path.rglob("*")}
    assert {"report.html", "report.json", "summary.json", "README.md"} <= names
    assert holding(tmp_path) == {}
    go(tmp_path, retry_rejected=True)
    assert holding(tmp_path) == {}
