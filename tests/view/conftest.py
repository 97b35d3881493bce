"""A folder of runs, one server over it and one browser for the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import shown_runs
from browsing import Seen, Server
from playwright.sync_api import Browser, Page, sync_playwright

import browsers


@pytest.fixture(scope="session")
def shown_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that tests look at and leave as they are, but for the live one and notes."""
    return shown_runs.write(tmp_path_factory.mktemp("shown") / "runs")


@pytest.fixture(scope="module")
def server(shown_folder: Path) -> Iterator[Server]:
    """The real command on that folder."""
    serving = Server(shown_folder)
    yield serving
    said = serving.stop()
    assert "Traceback" not in said, said
    assert serving.process.returncode in (0, 130), said


@pytest.fixture(scope="module")
def browser(shown_folder: Path) -> Iterator[Browser]:
    """Headless chromium. After the folder: no other loop may run while this one's is open."""
    program = browsers.program()
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=list(browsers.OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A fresh page. Errors on the console, scripts that run, requests elsewhere fail the test."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    page = context.new_page()
    seen = Seen(page, server.url)
    yield page
    hacked = page.evaluate("window.hacked")
    context.close()
    assert hacked is None and seen.wrong == []
