"""Looking at pages as people do: in a browser, by keyboard, and with what a screen reader gets."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import CDPSession, Page

START = "from cairn.cli.main import main; main()"


class Server:
    """`cairn view` in a process of its own."""

    def __init__(self, folder: Path, *flags: str):
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, "view", str(folder), "--port", "0", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout and self.process.stderr
        said = ""
        while not (found := re.search(r"http://[\w.\[\]:]+", said)):
            line = self.process.stdout.readline()
            assert line, f"it ended: {said} {self.process.stderr.read()}"
            said += line
        self.url = found[0]

    def stop(self) -> str:
        """End it as Ctrl-C does; what it said on stderr."""
        self.process.send_signal(signal.SIGINT)
        try:
            _, said = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
        return said


def run_page(name: str) -> str:
    """The address of a run's page."""
    return f"/run/{quote(name)}"


class Seen:
    """What must not happen while a page is looked at, gathered over its whole life."""

    def __init__(self, page: Page, url: str):
        self.wrong: list[str] = []
        host = urlsplit(url).netloc
        page.on("console", lambda m: self._console(m.type, m.text))
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("request", lambda request: self._request(request.url, host))
        page.on("dialog", self._dialog)

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.wrong.append(f"console: {text}")

    def _request(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != host:
            self.wrong.append(f"request to another host: {url}")

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"a script ran: {dialog.message}")
        dialog.dismiss()


def too_wide(page: Page) -> list[str]:
    """What sticks out of the window to the right; empty where the page does not scroll sideways."""
    return page.evaluate("""() => {
      const root = document.scrollingElement;
      if (root.scrollWidth <= root.clientWidth) return [];
      return [...document.querySelectorAll("body *")]
        .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)
        .map(e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40)).slice(0, 8)
        .concat(`page of ${root.scrollWidth} in ${root.clientWidth}`);
    }""")


def faint(page: Page) -> list[str]:
    """Texts whose contrast with what lies behind them is less than AA asks for."""
    return page.evaluate(Path(__file__).with_name("contrast.js").read_text())


def headings(page: Page) -> list[int]:
    """Levels of the headings that can be seen, in their order."""
    return page.evaluate("""() => [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")]
      .filter(h => h.checkVisibility()).map(h => +h.tagName[1])""")


def disorder(levels: list[int]) -> list[str]:
    """What is wrong with the levels of headings: one first, no step down left out."""
    wrong = [f"{levels.count(1)} headings of level 1"] if levels.count(1) != 1 else []
    steps = zip([0, *levels], levels, strict=False)
    return wrong + [f"h{before}, then h{after}" for before, after in steps if after > before + 1]


CONTROLS = {"button", "link", "textbox", "searchbox", "checkbox", "combobox", "radio", "slider",
            "spinbutton", "switch", "tab", "menuitem", "image", "dialog"}  # fmt: skip


def unnamed(page: Page) -> list[str]:
    """Controls and pictures of the accessibility tree that have no name."""
    session: CDPSession = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    roles = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes
             if not n["ignored"] and "role" in n]  # fmt: skip
    mains = sum(role == "main" for role, _ in roles)
    wrong = [f"{mains} main landmarks"] if mains != 1 else []
    return wrong + [role for role, name in roles if role in CONTROLS and not name.strip()]


def copy(source: Path, target: Path) -> Path:
    """A run that a test may change."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copytree(source, target))
