"""Who is answered, and what every answer forbids."""

import json

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from cairn.view.security import HEADERS, Guard

TOKEN = "a-token-of-some-length"
PORT = "127.0.0.1:8765"


async def echo(scope, receive, send):
    """An application that always answers, with the path it was asked for."""
    body = json.dumps(scope["path"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def client(host: str = PORT, **settings) -> TestClient:
    return TestClient(Guard(echo, **settings), base_url=f"http://{host}", follow_redirects=False)


@pytest.mark.parametrize(
    "host", [PORT, "localhost:8765", "localhost", "[::1]:8765", "LOCALHOST:9000", "127.0.0.1:1"]
)
def test_names_of_this_machine_are_answered_whatever_the_port(host):
    # Another port: somebody brought it elsewhere with ssh -L.
    assert client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.2", "user@127.0.0.1:8765", "127.0.0.1@evil.example", "", "[::1", "0.0.0.0:8765",
    ],
)  # fmt: skip
def test_a_name_that_was_made_to_point_here_is_refused(host):
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 421 and "127.0.0.1" in answer.text


def test_two_hosts_are_refused():
    headers = [("host", PORT), ("host", "evil.example")]
    assert client().get("/", headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": f"http://{PORT}"}, 200),
        ({"origin": f"http://{PORT}", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": f"http://{PORT}.evil.example"}, 403),
        ({"origin": f"http://{PORT}", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
    ],
)
def test_what_changes_something_must_come_from_a_page_of_ours(headers, status):
    assert client().post("/notes/a", headers=headers).status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(method):
    assert client().request(method, "/", headers={"origin": f"http://{PORT}"}).status_code == 405


def test_another_site_may_link_here_but_not_load_from_here():
    there = {"sec-fetch-site": "cross-site"}
    assert client().get("/", headers=there | {"sec-fetch-mode": "navigate"}).status_code == 200
    for mode in ("no-cors", "cors", "websocket"):
        assert client().get("/", headers=there | {"sec-fetch-mode": mode}).status_code == 403


def test_every_answer_forbids_what_no_page_needs():
    answers = [
        client().get("/"),
        client().get("/", headers={"host": "evil.example"}),
        client().post("/"),
        client("evil.example", token=TOKEN, elsewhere=True).get("/"),
        client(token=TOKEN).get(f"/?token={TOKEN}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 421, 403, 403, 303]
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items()
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "http" not in policy


def test_beyond_this_machine_a_token_is_needed_and_comes_off_the_address():
    browser = client("machine.example:8765", token=TOKEN, elsewhere=True)
    assert browser.get("/").status_code == 403
    assert browser.get("/?token=another").status_code == 403
    entered = browser.get(f"/run/a%2Fb?x=1&token={TOKEN}&y=%26")
    assert entered.status_code == 303 and entered.headers["location"] == "/run/a%2Fb?x=1&y=%26"
    kept = entered.headers["set-cookie"]
    assert "HttpOnly" in kept and "SameSite=Lax" in kept
    assert browser.get("/").status_code == 200


def test_a_token_in_the_address_leads_nowhere_else():
    entered = client(token=TOKEN).get(f"http://{PORT}//evil.example/?token={TOKEN}")
    assert entered.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("cookie", ["", "x", f"cairn-view-80={TOKEN}x", "=;;=", f"other={TOKEN}"])
def test_only_the_token_itself_opens(cookie):
    assert client(token=TOKEN).get("/", headers={"cookie": cookie}).status_code == 403


def test_cookies_of_others_do_not_hide_ours():
    browser = client(token=TOKEN)
    name = browser.get(f"/?token={TOKEN}").headers["set-cookie"].partition("=")[0]
    theirs = '{"a": "b"}; x="y; '
    assert client(token=TOKEN).get("/", headers={"cookie": f"{theirs}{name}={TOKEN}"}).is_success


def test_listening_elsewhere_without_a_token_is_a_mistake():
    with pytest.raises(ValueError, match="needs a token"):
        Guard(echo, elsewhere=True)


def test_an_address_that_no_page_has_is_not_looked_at():
    assert client().get("/" + "x" * 5000).status_code == 404
    assert client().get("/?q=" + "x" * 5000).status_code == 404


def test_a_websocket_is_closed():
    with pytest.raises(WebSocketDisconnect) as closed, client().websocket_connect("/"):
        pass
    assert closed.value.code == 1008


@pytest.mark.parametrize("other", ['json={"x": 1}', "name=two words", "=;;="])
def test_a_cookie_of_another_server_on_this_machine_is_no_obstacle(other):
    headers = {"cookie": f"{other}; cairn-view-8765={TOKEN}"}
    assert client(token=TOKEN).get("/", headers=headers).status_code == 200
