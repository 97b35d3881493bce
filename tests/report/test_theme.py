"""The one stylesheet: what it says can be read, dark and light."""

import re

import pytest

from cairn.report import render


def luminance(colour):
    digits = colour * 2 if len(colour) == 3 else colour
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


COLOURS = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", render.style()))
WORDS = ("ink", "muted", "accent", "good", "bad")
MARKS = ("edge", "s0", "s1", "s2", "s3", "s4", "warn-edge")


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_and_marks_stand_out_in_both_themes(theme):
    """AA: 4.5 for words, 3 for marks."""
    of = {name: pair.split(", ")[theme].lstrip("#") for name, pair in COLOURS.items()}
    pairs = [(word, back) for word in WORDS for back in ("paper", "soft")]
    pairs += [("ink", back) for back in ("warn", "h0", "h1", "h2", "h3")]
    pairs += [("h4-ink", "h4"), ("none-ink", "none")]
    weak = [pair for pair in pairs if contrast(of[pair[0]], of[pair[1]]) < 4.5]
    weak += [(mark,) for mark in MARKS if contrast(of[mark], of["paper"]) < 3]
    assert weak == []


def test_the_style_names_its_colours_once_and_asks_nothing_of_who_cannot_see_them_move():
    style = render.style()
    _, rules = style.split("--s4:", 1)
    assert not re.findall(r"#[0-9a-f]{3,6}\b", rules.split("}", 1)[1]), "a colour outside the list"
    for rule in (":focus-visible", "prefers-reduced-motion", "data-theme=dark", ".skip:focus"):
        assert rule in style
    assert "url(" not in style and "@import" not in style
