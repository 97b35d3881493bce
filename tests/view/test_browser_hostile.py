"""What models, folders and people write is shown, and never run."""

import http.client

import pytest
from browsing import Seen, run_page
from playwright.sync_api import expect
from shown_runs import HOSTILE_NAME, IMAGE, REDTEAM, SCRIPT, SECOND

pytestmark = pytest.mark.slow


def test_a_run_called_like_a_script_is_opened_by_its_name(page):
    page.goto("/")
    page.get_by_role("link", name=HOSTILE_NAME, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE_NAME)
    assert page.locator("main img[src='x'], main script").count() == 0


def test_calls_that_hold_scripts_colours_and_ten_megabytes_are_text(page):
    page.goto(run_page(HOSTILE_NAME))
    calls = page.locator("a[href*='key=']")
    assert calls.count() == 3
    for number in range(3):
        calls.nth(number).click()
        main = page.get_by_role("main")
        expect(main).to_contain_text("alert(1);window.hacked=1")
        assert "\x1b" not in page.content()
        assert len(page.content()) < 1_000_000, "of ten megabytes a page shows the beginning"
        page.go_back()


def test_a_note_with_a_script_is_text_wherever_it_is_shown(page):
    page.goto(run_page(SECOND))
    page.get_by_role("textbox", name="Note", exact=True).fill(f"{SCRIPT} {IMAGE}")
    page.get_by_label("Tags, separated").fill("<b>bold</b>, ../..")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("textbox", name="Note", exact=True)).to_have_value(f"{SCRIPT} {IMAGE}")
    page.goto("/")
    expect(page.get_by_role("main")).to_contain_text("<b>bold</b>")
    assert page.locator("main img").count() == 0


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


def test_the_policy_of_content_refuses_what_a_page_might_be_tricked_into(page, server):
    """Injected by the test itself: were escaping to fail one day, nothing would run or leave."""
    page.goto(run_page(REDTEAM))
    policy = page.request.get(run_page(REDTEAM)).headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    context = page.context.browser.new_context(base_url=server.url)
    other = context.new_page()
    seen = Seen(other, server.url)
    other.goto(run_page(REDTEAM))
    other.evaluate("""() => {
      const holder = document.createElement("div");
      holder.innerHTML = "<img src=x onerror='window.hacked=1'>";
      document.body.append(holder);
      const script = document.createElement("script");
      script.textContent = "window.hacked=2";
      document.body.append(script);
    }""")
    other.wait_for_timeout(200)
    assert other.evaluate("window.hacked") is None
    assert any("Content Security Policy" in line for line in seen.wrong)
    context.close()
