"""`cairn jail run`, and what the doctor says."""

import json

import pytest

from cairn.cli import doctor, main


def test_a_program_is_run_and_described(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.py").write_text("import sys; print(sys.argv[1:], '\\x1b[2J'); sys.exit(3)")
    assert main.run(["jail", "run", "p.py", "a", "--tier", "0", "--", "-b"]) == 1
    out, err = capsys.readouterr()
    assert out == "['a', '-b'] \u241b[2J\n"
    assert err.startswith("jail: failed (exit status 3), tier 0, ")
    assert main.run(["jail", "run", "p.py", "--json", "--output", "1"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["exit_code"], found["truncated"]) == ("failed", 3, False)
    (tmp_path / "p.py").write_text("print('fine')")
    assert main.run(["jail", "run", "p.py"]) == 0


def test_its_standard_input_is_empty_or_what_is_given(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.py").write_text("import sys; print(repr(sys.stdin.read()))")
    (tmp_path / "in.txt").write_text("said")
    for words, read in (([], "''"), (["--stdin", "in.txt"], "'said'")):
        assert main.run(["jail", "run", "p.py", *words]) == 0
        assert capsys.readouterr().out == f"{read}\n"
    assert main.run(["jail", "run", "p.py", "--stdin", "none.txt"]) == 2
    assert "--stdin none.txt cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("run none.py", "none.py is no file: name a Python program."),
        ("run none.py --tier 7", "invalid choice: 7"),
        ("ruin x", "cairn jail has no 'ruin'. Expected run."),
    ],
)
def test_mistakes_are_one_line(words, complaint, capsys):
    assert main.run(["jail", *words.split()]) == 2
    err = capsys.readouterr().err
    assert complaint in err and err.count("\n") == 1
    assert main.run(["jail"]) == 0


def test_the_doctor_says_which_tier_and_why_no_higher_one(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "SELF_TESTS", {})
    assert main.run(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line[:5] == "jail:"]
    found = doctor.examine()["jail"]
    assert f"tier {found['tier']}, " in line
    assert all(f"not {n}: {why}" in line for n, why in found["why_not"].items())
    assert sorted(found["why_not"]) == list(range(found["tier"] + 1, 4))
