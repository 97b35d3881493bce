"""Every part that a page can have, each of its texts hostile."""

import numpy as np

from cairn.report import data, parts, render
from cairn.report.pages import Card, Heat, Square, provenance
from cairn.report.series import Band, Curve
from cairn.report.words import Row

EVIL = "</pre><script>alert(1)</script>]]>\"'><img src=x onerror=y>\x1b[31m\x00\x07\u202eabc"
PIXELS = np.zeros((4, 6, 3), np.uint8)


def clip(frames):
    pixels = np.arange(frames * 12, dtype=np.uint8).reshape(frames, 2, 2, 3)
    return data.Clip(EVIL, pixels, np.arange(frames), False)


def curve():
    x = np.arange(5.0)
    return data.Line(EVIL, Curve(x[:, None], x[:, None]), Band(x, x, x - 1, x + 1))


CHART = data.Chart(EVIL, (curve(),), axis=EVIL)
CARD = data.Card(EVIL, EVIL, "good", PIXELS, {EVIL: EVIL}, EVIL)
EVERY = {
    parts.Notes: parts.Notes([EVIL]),
    parts.Text: parts.Text(EVIL, EVIL),
    parts.Words: parts.Words(EVIL, "bad", parts.Link(EVIL, EVIL)),
    parts.Cards: parts.Cards([Card(EVIL, EVIL, EVIL)]),
    Heat: Heat(
        EVIL,
        EVIL,
        [EVIL],
        [(EVIL, [Square(EVIL, EVIL, 0.5, "#a"), Square(EVIL, EVIL, empty=True)])],
    ),
    parts.Map: parts.Map(
        EVIL,
        (EVIL, EVIL),
        ((0.0, 1.0), (0.0, 1.0)),
        np.array([[0.5, np.nan]]),
        np.array([[0.5, np.nan]]),
        ["javascript:alert(1)", EVIL],
        EVIL,
    ),
    parts.Key: parts.Key(EVIL, (EVIL, EVIL), (EVIL, EVIL)),
    parts.Figures: parts.Figures([Row(EVIL, EVIL, EVIL)]),
    parts.Table: parts.Table(
        [EVIL, "n", "link"],
        [[EVIL, 1234, parts.Link(EVIL, "javascript:alert(1)")], ["all", 0.5, None]],
        EVIL,
        total=True,
        name=EVIL,
    ),
    parts.Items: parts.Items(
        [parts.Item("item-1", EVIL, EVIL, 0.5, [parts.Text(EVIL)], (EVIL, None, 1))], EVIL, [EVIL]
    ),
    parts.Bullets: parts.Bullets([[parts.Words(EVIL)]], start=0, title=EVIL),
    parts.Animation: parts.Animation([clip(4), clip(1)]),
    parts.Tree: parts.Tree(
        [
            parts.Node(EVIL, None, EVIL, EVIL, "javascript:alert(1)", "bad"),
            parts.Node("b", EVIL, EVIL, EVIL, "#b"),
        ]
    ),
    data.Chart: CHART,
    data.Curves: data.Curves(EVIL, EVIL, (CHART,), {EVIL: 3.0}, EVIL),
    data.Sheet: data.Sheet(EVIL, EVIL, (data.Row(EVIL, (CARD, CARD)),), descent=True),
    parts.Provenance: provenance({EVIL: EVIL}, {"cairn": EVIL}, {"a": EVIL}),
    parts.Link: parts.Link(EVIL, EVIL),
    parts.Choices: parts.Choices(
        EVIL,
        [parts.Choice(EVIL, EVIL, EVIL, [(EVIL, EVIL)]), parts.Choice("n", "n", "1", most=5)],
        [parts.Link(EVIL, "?panel=x")],
    ),
    parts.Later: parts.Later(EVIL, EVIL),
}


def page(*shown, title=EVIL, **more):
    return parts.Page(title, EVIL, [parts.Section("one", EVIL, shown)], **more)


def fragment(shown, **more):
    return render.fragment(shown, image=render.png_uri, data=render.csv_uri, **more)
