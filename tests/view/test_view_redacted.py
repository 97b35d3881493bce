"""`cairn view --redact`: figures without texts, on every page and in every file."""

from pathlib import Path

import pytest
from made_audit import audited
from starlette.testclient import TestClient
from test_view_panels import FakeHands

from cairn.view import server, site

SECRETS = ("Prompt 10", "Response 0", "Response 1", "theft")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        audited(tmp_path / "runs" / name)
    return tmp_path / "runs"


@pytest.fixture
def hands(monkeypatch) -> FakeHands:
    fake = FakeHands()
    monkeypatch.setattr(site, "Hands", lambda: fake)
    return fake


def client(folder: Path, **settings) -> TestClient:
    return TestClient(server.app(folder, **settings), base_url="http://127.0.0.1:8765")


def test_no_page_shows_a_text(folder, hands):
    addresses = ("/", "/run/one", "/run/one?search=Prompt", "/compare?run=one&run=two")
    clear = "".join(client(folder).get(address).text for address in addresses)
    assert "Response 0 to 10" in clear and "theft" in clear
    browser = client(folder, redact=True)
    for address in addresses:
        answer = browser.get(address)
        assert answer.status_code == 200
        assert not [secret for secret in SECRETS if secret in answer.text], address
    page = browser.get("/run/one").text
    assert "attack success rate" in page and '<section id="config"' not in page
    assert "Texts are redacted" in page and "verdict-form" not in page
    assert "redacted" in browser.get("/compare?run=one&run=two").text


def test_settings_of_a_language_run_are_not_found_by_their_texts(folder, hands):
    asked = "/?where=axes~theft"
    assert "/run/one" in client(folder).get(asked).text
    assert "/run/one" not in client(folder, redact=True).get(asked).text


def test_whoever_makes_panels_and_files_is_told_and_what_fails_quotes_nothing(folder, hands):
    browser = client(folder, redact=True)
    browser.get("/panel/one?panel=report&redact=")
    browser.get("/export/one")
    assert hands.asked == [("report", {"redact": "1"}, "one"), ("export", {"redact": "1"}, None)]
    failed = browser.get("/panel/one?panel=fails").text
    assert "This panel cannot be made." in failed and "has no checkpoint" not in failed
