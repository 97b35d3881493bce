"""Tables for other tools: nothing in them runs, and nothing in them is lost."""

import csv
import io
import json

from cairn.report.tables import to_csv, to_lines

TEXT = 'one\ntwo\t\x1b[31mred\x00\x07 "quoted", fine'


def test_a_spreadsheet_runs_no_text_and_a_terminal_obeys_none():
    table = to_csv([{"id": -1, "text": TEXT}, {"id": 2, "text": '=HYPERLINK("x")'}])
    assert not set("\x1b\x00\x07") & set(table)
    first, second = csv.DictReader(io.StringIO(table))
    seen = TEXT.replace("\x1b", "\u241b").replace("\0", "\u2400").replace("\7", "\u2407")
    assert first["text"] == seen
    assert first["id"] == "-1", "a number is no formula"
    assert second["text"] == '\'=HYPERLINK("x")'


def test_a_head_is_as_harmless_as_what_stands_below_it():
    table = to_csv([{"figure": 1, '=HYPERLINK("x")': 2, "a\x1b": 3}])
    assert table.split("\n")[0] == 'figure,"\'=HYPERLINK(""x"")",a\u241b'


def test_json_lines_give_every_text_back_and_hold_no_raw_control_character():
    lines = to_lines([{"text": TEXT}, {"text": "\u2028"}])
    assert [json.loads(line)["text"] for line in lines.split("\n")[:-1]] == [TEXT, "\u2028"]
    assert not set("\x1b\x00\x07") & set(lines)
