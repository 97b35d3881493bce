"""SQL that a model wrote: what gives an answer, and that nothing else does or harms."""

import hashlib
import resource
import sqlite3

import pytest

from cairn.core.errors import RunError
from cairn.refine.source2synth import database
from cairn.refine.source2synth.sql import Limits, SqlError

ROWS = [("Ada", 36, 1.5), ("Bo", 41, 2.5), ("Cy", 29, None), ("Di", 41, 0.1)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "people.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name TEXT, age INTEGER, share REAL)")
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", ROWS)
        connection.execute("CREATE TABLE pictures (face BLOB)")
        connection.execute("INSERT INTO pictures VALUES (x'00ff')")
        connection.execute("CREATE VIEW old AS SELECT name FROM people WHERE age > 40")
    connection.close()
    return path


@pytest.fixture
def people(path):
    found = database.open_database(path, Limits())
    yield found
    found.connection.close()


@pytest.mark.parametrize(
    "sql, text",
    [
        ("SELECT name FROM people WHERE age = 36", "Ada"),
        ("select count(*), sum(age) from people", "4, 147"),
        ("SELECT avg(share) FROM people", "1.366666667"),
        ("-- oldest\nSELECT name FROM people ORDER BY age, name LIMIT 1", "Cy"),
        ("SELECT name FROM people WHERE age > 40", "Bo; Di"),  # in either order: sorted
        ("SELECT name FROM people ORDER BY age DESC, name DESC LIMIT 2", "Di; Bo"),
        ("WITH o AS (SELECT age FROM people) SELECT max(age) FROM o", "41"),
        ("SELECT count(*) FROM (SELECT DISTINCT age FROM people)", "3"),
        ("SELECT count(*) FROM old", "2"),
        ("SELECT strftime('%Y', '1970-01-0' || (age - 35)) FROM people WHERE age = 36", "1970"),
        ("SELECT rank() OVER (ORDER BY age) FROM people WHERE name = 'Ada'", "1"),
    ],
)
def test_a_select_is_executed(people, sql, text):
    assert people.answer(sql).text == text


def test_an_answer_says_what_it_read(people):
    found = people.answer("SELECT p.name AS who FROM people p, pictures WHERE age = 36")
    assert found.tables == ("people", "pictures") and found.columns == ("who",)


@pytest.mark.parametrize(
    "sql, code",
    [
        ("DELETE FROM people", "no-select"),
        ("PRAGMA writable_schema = 1", "no-select"),
        ("ATTACH 'x.db' AS x", "no-select"),
        ("EXPLAIN SELECT name FROM people", "no-select"),
        ("", "no-select"),
        ("WITH x AS (SELECT 1) DELETE FROM people", "not-allowed"),
        ("WITH x AS (SELECT 1) INSERT INTO people SELECT 'Eve', 1, 1", "not-allowed"),
        ("SELECT load_extension('evil')", "not-allowed"),
        ("SELECT writefile('x', name) FROM people", "failed"),
        ("SELECT readfile('/etc/passwd')", "failed"),
        ("SELECT sql FROM sqlite_master", "not-allowed"),
        ("SELECT count(*) FROM sqlite_master", "not-allowed"),
        ("SELECT * FROM pragma_table_info('people')", "not-allowed"),
        ("SELECT count(*) FROM pragma_database_list", "not-allowed"),
        ("SELECT count(*) FROM dbstat", "not-allowed"),
        ("SELECT value FROM json_each('[1]'), people", "not-allowed"),
        ("SELECT random() FROM people", "not-allowed"),
        ("SELECT randomblob(9) FROM people", "not-allowed"),
        ("SELECT current_timestamp, name FROM people", "not-allowed"),
        (
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
            "not-allowed",
        ),
        ("SELECT name FROM people; DROP TABLE people", "failed"),
        ("SELECT name FROM people; SELECT 1", "failed"),
        ("SELECT nothing FROM people", "failed"),
        ("SELECT name FROM", "failed"),
        ("SELECT date('now', name) FROM people", "failed"),
        ("SELECT date('NOW ') FROM people", "failed"),
        ("SELECT date() FROM people", "failed"),
        ("SELECT strftime('%Y') FROM people", "failed"),
        ("SELECT datetime(age, 'localtime') FROM people", "failed"),
        ("SELECT 42", "reads-nothing"),
        ("SELECT name FROM people WHERE age > 99", "empty"),
        ("SELECT share FROM people WHERE name = 'Cy'", "empty"),
        ("SELECT name FROM people LIMIT 1", "changing"),
        ("SELECT face FROM pictures", "no-value"),
        ("SELECT 9e999 FROM people", "no-value"),
        ("SELECT a.name FROM people a, people b, people c", "too-large"),
        ("SELECT replace(printf('%60000d', age), ' ', 'ab') FROM people", "too-large"),
        (
            "SELECT count(*) FROM people a, people b, people c, people d, people e, people f, "
            "people g, people h, people i, people j, people k, people l",
            "too-many-steps",
        ),
    ],
)  # fmt: skip
def test_other_sql_gives_no_answer_but_a_reason(people, path, sql, code):
    before = path.read_bytes()
    with pytest.raises(SqlError) as error:
        people.answer(sql)
    assert error.value.code == code
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == [path.name]
    assert people.answer("SELECT max(age) FROM people").text == "41"  # none of it stays


def test_a_reason_repeats_no_word_of_the_sql(people):
    with pytest.raises(SqlError) as error:
        people.answer("SELECT secret FROM people WHERE name = 'Ada Lovelace'")
    assert str(error.value) == "SQLite cannot run it"


@pytest.mark.slow
def test_memory_stays_bounded_where_everything_is_sorted(people):
    sql = (
        "SELECT group_concat(printf('%500d', a.age)) || b.name FROM people a, people b, people c, "
        "people d, people e, people f, people g "
        "GROUP BY b.name, c.name, d.name, e.name, f.name, g.name ORDER BY 1"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SqlError):
        people.answer(sql)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 200 * 1024


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_reading_a_file_leaves_it_and_its_folder_alone(path, mode):
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.close()
    path.chmod(0o400)
    before = hashlib.sha256(path.read_bytes()).digest()
    found = database.open_database(path, Limits())
    assert found.answer("SELECT count(*) FROM people").text == "4"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    found.connection.close()
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_a_database_that_is_being_written_is_refused(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("INSERT INTO people VALUES ('Eve', 1, 1)")
        connection.commit()
        with pytest.raises(RunError, match=r"people\.db-wal lies beside it"):
            database.open_database(path, Limits())
    connection.close()


def test_what_would_lose_digits_as_a_number_stays_text(tmp_path):
    row = "02134,1234567890123456789,007.50,0,-12,0.5"
    (tmp_path / "t.csv").write_text(f"zip,id,code,zero,less,share\n{row}\n")
    opened = database.open_database(tmp_path / "t.csv", Limits())
    assert opened.tables[0].kinds == ("TEXT", "TEXT", "TEXT", "INTEGER", "INTEGER", "REAL")
    assert opened.row(opened.tables[0], 0) == (*row.split(",")[:3], 0, -12, 0.5)


def test_csv_tables_have_types_and_missing_cells(tmp_path):
    (tmp_path / "city list.csv").write_text("city,people,area\nBern,140000,51.6\nUri,,\n")
    (tmp_path / "rivers.tsv").write_text("river\tcity\nAare\tBern\n")
    found = database.open_database(tmp_path, Limits())
    assert [(t.name, t.kinds, t.rows) for t in found.tables] == [
        ("city_list", ("TEXT", "INTEGER", "REAL"), 2),
        ("rivers", ("TEXT", "TEXT"), 1),
    ]
    joined = "SELECT people + 1, area FROM rivers JOIN city_list USING (city)"
    assert found.answer(joined).rows == ((140001, 51.6),)
    shown = found.shown(found.tables[0], 1, around=5)
    assert shown.splitlines()[1:] == ["Bern | 140000 | 51.6", "Uri | none | none"]
    found.connection.close()


@pytest.mark.parametrize(
    "name, body, words",
    [
        ("a.db", b"no database at all, but text", "is not an SQLite database"),
        ("a.db", b"SQLite format 3\0" + b"\1" * 200, "cannot be read as a database"),
        ("a.csv", b"a,b\n1\n", "line 2 of .* has 1 cells, its head has 2"),
        ("a.csv", b"a,A\n1,2\n", "name each column, and each only once"),
        ("a.csv", b"a,\n1,2\n", "name each column"),
        ("a.csv", b"a\n\xff\n", "cannot be read as a table"),
        ("a.csv", b"a,b\n", "no table with a row"),
        ("a.csv", b"", "name each column"),
    ],
)
def test_bad_tables_are_named_in_one_line(tmp_path, name, body, words):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(RunError, match=words) as error:
        database.open_database(tmp_path / name, Limits())
    assert "\n" not in str(error.value)


def test_a_place_without_tables_is_named(tmp_path):
    with pytest.raises(RunError, match=r"holds no \.csv or \.tsv file"):
        database.open_database(tmp_path, Limits())
    with pytest.raises(RunError, match="does not exist"):
        database.open_database(tmp_path / "gone.csv", Limits())
