"""A page as a browser reads it, to be asked what it holds and what must not come of its texts."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Read(HTMLParser):
    """Tags, attributes and what stands in each tag. Tags must close in their order."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self.inside: list[str] = []
        self.feed(text)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.inside.append(tag)

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        if self.inside:
            self.texts.setdefault(self.inside[-1], []).append(data)

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [value for key, value in self.attributes if key == name]


def inert(text: str) -> Read:
    """Nothing in it runs, loads, leads away, or reaches a terminal."""
    found = Read(text)
    assert found.values("style") == []
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "srcdoc"]
    assert all(source.startswith("data:image/png;base64,") for source in found.values("src"))
    assert all(
        href[:1] in "#?" or href.startswith("data:text/csv") for href in found.values("href")
    )
    assert not {"iframe", "object", "embed", "link", "base"} & set(found.tags)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "http://" not in text and "https://" not in text
    return found
