"""What SVG is written with: elements, texts, colours.

Inside a page, colours come from its style sheet by class (`s0` to `s4`, `muted`, `grid`, `paper`,
`good`, `bad`), dark or light. No element has a style of its own, a script or an id, so that any
number of pictures stand in one page under the strictest policy.
"""

import re
from collections.abc import Mapping
from typing import Literal

from markupsafe import Markup, escape

from cairn.core.redact import printable

SERIES = 5
"""Colours of lines; beyond them, lines are told apart by dashes too."""
LIGHT: Mapping[str, str] = {
    "s0": "#3467b0",
    "s1": "#bf5a12",
    "s2": "#21804d",
    "s3": "#8559a5",
    "s4": "#c43728",
    "good": "#21804d",
    "bad": "#a02616",
    "muted": "#55606d",
    "grid": "#d5dae1",
    "paper": "#ffffff",
}
"""Colours of a picture that stands alone, in a file of its own."""
INK = "#1c2430"
FONT = "system-ui, sans-serif"
# What XML 1.0 cannot hold, beyond what `printable` makes visible.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def text_of(value: str) -> Markup:
    """Any text, escaped and printable, as part of an element or an attribute."""
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", printable(value)))


def tag(name: str, attributes: Mapping[str, str | float], *inside: Markup) -> Markup:
    """An element; attributes are escaped, and what is `inside` is markup already."""
    named = "".join(
        f' {key}="{text_of(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{named}>{''.join(inside)}</{name}>")


def number(value: float) -> str:
    """A coordinate, to a hundredth."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def title(value: str) -> Markup:
    """What is said of the element that it stands in, to who points at it."""
    return tag("title", {}, text_of(value))


def words(value: str, x: float, y: float, **look: str | float) -> Markup:
    """A text at a place; `anchor` and `class_` stand for the attributes of like names."""
    names = {
        "anchor": "text-anchor",
        "class_": "class",
        "size": "font-size",
        "weight": "font-weight",
    }
    attributes = {names.get(key, key): value for key, value in look.items()}
    return tag("text", {"x": x, "y": y, **attributes}, text_of(value))


def clipped(value: str, width: float, size: float = 12) -> str:
    """`value` no longer than `width`, at this font size, by the width of an average letter."""
    most = max(1, int(width / (0.55 * size)))
    value = " ".join(value.split())
    return value if len(value) <= most else value[: most - 1] + "…"


def picture(
    label: str,
    told: str,
    width: float,
    height: float,
    *inside: Markup,
    role: str = "img",
    kind: Literal["chart", "tree"] = "chart",
) -> Markup:
    """A whole picture: `label` is its name, `told` says in words what is seen.

    A chart takes the width that it is given; a tree has a size of its own.
    """
    size = {} if kind == "chart" else {"width": width, "height": height}
    return tag(
        "svg",
        {
            "class": kind,
            **size,
            "viewBox": f"0 0 {number(width)} {number(height)}",
            "role": role,
            "aria-label": label,
            "font-family": FONT,
            "font-size": "12",
            "fill": "currentColor",
        },
        tag("desc", {}, text_of(told)),
        *inside,
    )


def standalone(svg: Markup) -> str:
    """A picture as a file of its own: dark on white, without a style sheet, for any program."""

    def coloured(found: re.Match[str]) -> str:
        colours = [LIGHT[name] for name in found[1].split() if name in LIGHT]
        return f'{found[0]} color="{colours[0]}"' if colours else found[0]

    # No text holds a quotation mark: they are escaped in it.
    body = svg[svg.index("<svg") : svg.rindex("</svg>") + len("</svg>")]
    body = re.sub(r'class="([^"]*)"', coloured, body)
    width, height = re.findall(r'viewBox="0 0 (\S+) (\S+)"', body)[0]
    body = re.sub(r'^(<svg class="\w+") width="\S+" height="\S+"', r"\1", body)
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" color="{INK}"'
    )
    body = body.replace("<svg", opened, 1)
    paper = f'<rect width="{width}" height="{height}" fill="{LIGHT["paper"]}"/>'
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        + body.replace("</desc>", f"</desc>{paper}", 1)
        + "\n"
    )
