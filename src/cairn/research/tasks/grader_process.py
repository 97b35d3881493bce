"""The grader's own process: `python grader_process.py ORDER REPORT`, two JSON files.

Standard library alone, and run by path, so that it starts in some 20 ms. It calls the task's
grading function on files that the candidate left, and writes what came of it to REPORT: nothing
that anybody prints is read. Its exit status is 0 whatever the grader does.
"""

import contextlib
import csv
import importlib.util
import io
import json
import math
import numbers
import os
import sys
import traceback
from pathlib import Path

LARGEST = 16 * 2**20
"""Bytes of a file that a grader reads."""


class InvalidError(Exception):
    """A result that breaks the task's form: the candidate's fault, and it is told so."""


class Files:
    """The files of one folder, read by schema. Whatever does not fit is an InvalidError."""

    def __init__(self, folder, seconds=0.0, cpu_seconds=0.0, split="search"):
        self.folder, self.rounds = Path(folder), []
        self.seconds, self.cpu_seconds, self.split = seconds, cpu_seconds, split

    def text(self, name):
        """A file's text: of at most LARGEST bytes of UTF-8, and no link."""
        path = self.folder / name
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise InvalidError(f"there is no file {name}") from None
        except OSError as error:
            raise InvalidError(f"{name} cannot be read: {error.strerror}") from None
        with os.fdopen(handle, "rb") as file:
            body = file.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise InvalidError(f"{name} is larger than {LARGEST} bytes")
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise InvalidError(f"{name} is no text in UTF-8") from None

    def json(self, name):
        """A JSON file's value. NaN, Infinity and what is too large (1e999) are refused."""

        def refuse(word):
            raise InvalidError(f"{name} holds {word[:40]}: every number must be finite")

        def finite(word):
            return number if math.isfinite(number := float(word)) else refuse(word)

        try:
            return json.loads(self.text(name), parse_constant=refuse, parse_float=finite)
        except (ValueError, RecursionError) as error:
            raise InvalidError(f"{name} is no JSON: {str(error)[:200]}") from None

    def numbers(self, name, *shape):
        """A JSON file that is a (nested) list of finite numbers of that shape; -1: any length."""
        return checked(self.json(name), shape, name)

    def csv(self, name, rows=None, **columns):
        """A CSV file as a list of dicts: exactly these columns, each of the type given.

        Floats must be finite. `rows`: how many there must be.
        """
        reader = csv.DictReader(io.StringIO(self.text(name)))
        try:
            table = list(reader)
        except csv.Error as error:
            raise InvalidError(f"{name} is no CSV: {error}") from None
        if reader.fieldnames is None or sorted(reader.fieldnames) != sorted(columns):
            expected, got = ", ".join(columns), ", ".join(map(str, reader.fieldnames or ()))[:200]
            raise InvalidError(f"{name} must have the columns {expected}, got {got or 'none'}")
        if rows is not None and len(table) != rows:
            raise InvalidError(f"{name} must have {rows} rows, got {len(table)}")
        return [
            {key: _cell(row.get(key), kind, f"{name}, row {i}, {key}")
             for key, kind in columns.items()}
            for i, row in enumerate(table, 1)
        ]  # fmt: skip


def _cell(value, kind, where):
    if value is None:
        raise InvalidError(f"{where}: nothing")
    try:
        read = kind(value)
    except (ValueError, OverflowError):
        expected = {"int": "a whole number", "float": "a number"}.get(kind.__name__, kind.__name__)
        raise InvalidError(f"{where}: expected {expected}, got {value[:40]!r}") from None
    if isinstance(read, float) and not math.isfinite(read):
        raise InvalidError(f"{where}: {value[:40]!r} is not finite")
    return read


def checked(value, shape, where):
    """`value` if it is a list of finite numbers of that shape."""
    if not shape:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidError(f"{where}: expected a number, got {str(value)[:40]!r}")
        try:
            finite = math.isfinite(value)
        except OverflowError:
            finite = False
        if not finite:
            raise InvalidError(f"{where}: {str(value)[:40]} is not finite")
        return value
    if not isinstance(value, list) or shape[0] not in (-1, len(value)):
        got = f"{len(value)} entries" if isinstance(value, list) else type(value).__name__
        expected = "a list" if shape[0] == -1 else f"a list of {shape[0]}"
        raise InvalidError(f"{where}: expected {expected}, got {got}")
    return [checked(inner, shape[1:], f"{where}[{i}]") for i, inner in enumerate(value)]


def load(path, function):
    """A function of a Python file."""
    sys.path.insert(0, str(Path(path).parent))
    spec = importlib.util.spec_from_file_location("task_grader", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


def by_folder(order):
    """The form of our own folders: `grade(results, answers)`."""
    rounds = [Files(r["folder"], r["seconds"], r["cpu_seconds"]) for r in order["rounds"]]
    if rounds:
        results = Files(rounds[-1].folder, rounds[-1].seconds, rounds[-1].cpu_seconds)
    else:
        results = Files(os.devnull)
    results.rounds, results.split = rounds, order["split"]
    return load(order["grader"], order["function"])(results, Files(order["answers"]))


def by_mle_bench(order):
    """MLE-bench's form: `grade(submission, answers)` on tables of pandas."""
    import types

    import pandas  # pyright: ignore[reportMissingImports]

    class InvalidSubmissionError(Exception):
        pass

    sys.path[:0] = order["path"]
    if importlib.util.find_spec("mlebench") is None:  # what nearly every grade.py imports of it
        package, helpers = types.ModuleType("mlebench"), types.ModuleType("mlebench.grade_helpers")
        vars(helpers)["InvalidSubmissionError"] = InvalidSubmissionError
        vars(package)["grade_helpers"] = helpers
        sys.modules |= {"mlebench": package, "mlebench.grade_helpers": helpers}
    name = order["results"][0]
    text = Files(order["rounds"][-1]["folder"]).text(name)
    try:
        submission = pandas.read_csv(io.StringIO(text))
    except (ValueError, OverflowError) as error:  # pandas' own errors are ValueErrors
        raise InvalidError(f"{name} is no table: {str(error)[:200]}") from None
    grade = load(order["grader"], order["function"])
    try:
        score = grade(submission, pandas.read_csv(order["answers"]))
    except Exception as error:
        if type(error).__name__ == "InvalidSubmissionError":
            raise InvalidError(str(error)) from None
        raise
    return round(float(score), 5)  # as MLE-bench rounds it


FORMS = {"folder": by_folder, "mle-bench": by_mle_bench}


def report_of(order):
    """What came of it: {"score"}, {"ask"}, or {"invalid" | "error": why}."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            graded = FORMS[order["form"]](order)
    except InvalidError as error:
        return {"invalid": str(error)}
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    if graded is None or isinstance(graded, numbers.Real):
        graded = {"score": graded}
    if not isinstance(graded, dict):
        return {"error": f"the grader returned {type(graded).__name__}, not a number or a dict"}
    said: dict = {**graded}
    for name in ("score", "spread"):
        value = said.get(name)
        if value is not None and not isinstance(value, numbers.Real):
            return {"error": f"the grader's {name} is a {type(value).__name__}, not a number"}
        if value is not None:
            said[name] = repr(float(value))  # JSON has no word for NaN
    return said


def main(order, report):
    """Grade and write the report, whole or not at all."""
    said = json.dumps(report_of(json.loads(Path(order).read_text())))
    partial = Path(report + ".partial")
    partial.write_text(said)
    partial.replace(report)


if __name__ == "__main__":
    main(*sys.argv[1:])
