"""What models, folders and people write is shown, and never run."""

import http.client

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "path",
    [
        "/run/../../../etc/passwd",
        "/run/..%2f..%2f..%2fetc%2fpasswd",
        "/run/%2e%2e/%2e%2e/etc",
        "/run//etc/passwd",
        "/export/%2e%2e/shown",
        "/static/..%2fview.css",
        "/run/study/first/../../../runs",
        "/run/nul%00byte",
        "/run/" + "a" * 5000,
        "/call/..%2f..%2fetc?key=00",
        "/panel/redteam?panel=../../x",
    ],
)
def test_no_address_leads_out_of_the_folder(server, path):
    """By a client that sends the path as it is: browsers would tidy it up."""
    host = server.url.removeprefix("http://")
    client = http.client.HTTPConnection(host, timeout=20)
    client.request("GET", path)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    assert answer.status in (400, 404)
    assert b"root:" not in body and b"Traceback" not in body and b"/tmp" not in body


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Host": "attacker.example"}, 400),
        ({"Host": "attacker.example:80"}, 400),
        ({"Host": ""}, 400),
    ],
)
def test_a_name_that_was_bound_anew_is_refused(server, headers, status):
    client = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    client.request("GET", "/", headers=headers)
    assert 400 <= client.getresponse().status < 500
    client.close()


def test_a_page_of_another_site_cannot_post(browser, server, shown_folder):
    """The form of another site, in a real browser: refused, and nothing is written."""
    context = browser.new_context()
    page = context.new_page()
    page.route(
        "http://other.test/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"<form method=post action='{server.url}/notes/study/first'>"
            "<input name=note value=forged><button>Go</button></form>",
        ),
    )
    page.goto("http://other.test/")
    with page.expect_navigation() as answered:
        page.get_by_role("button").click()
    assert answered.value is not None and answered.value.status == 403
    assert "forged" not in "".join(
        file.read_text(errors="replace") for file in (shown_folder / "study/first").glob("*.json")
    )
    context.close()
