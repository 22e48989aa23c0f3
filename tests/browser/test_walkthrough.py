"""The whole walkthrough as a newcomer lives it: `make demo`, a browser, the virtual handset, and `curl`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from support.chromium import NUMBERS, Visitor, code_on, parameters
from support.demo import ROOT, Demo, in_terminal, own_environment, running_demo
from support.process import free_port

pytestmark = [pytest.mark.browser, pytest.mark.demo]

STATE = "this-is-a-key-set-by-the-caller"
AUTHORIZATION_URL = (
    "{base}/oauth2/auth?response_type=code&scope=phone offline_access&client_id={client_id}"
    "&redirect_uri=https://example.com/callback&state=this-is-a-key-set-by-the-caller"
)
# The commands of the walkthrough, with the provider's address and the code filled in.
TOKEN = r"""
curl \
  -u ${CLIENT_ID}:${CLIENT_SECRET} \
  --url '%(base)s/oauth2/token' \
  --header 'content-type: application/x-www-form-urlencoded' \
  --data grant_type=authorization_code \
  --data code="%(code)s" \
  --data 'redirect_uri=%(redirect_uri)s'
"""
USERINFO = """
export ACCESS_TOKEN="%(access_token)s"
curl -H "Authorization: Bearer $ACCESS_TOKEN" %(base)s/userinfo
"""
REFRESH = r"""
curl \
  -u ${CLIENT_ID}:${CLIENT_SECRET} \
  --url '%(base)s/oauth2/token' \
  --header 'content-type: application/x-www-form-urlencoded' \
  --data grant_type=refresh_token \
  --data refresh_token="%(refresh_token)s"
"""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Makes a database for one demo; None is SQLite in the demo's own folder."""
    if request.param == "sqlite":
        return lambda: None
    cluster = request.getfixturevalue("postgres_cluster")
    return lambda: cluster.create_database(f"demo_{time.monotonic_ns()}")


@pytest.fixture(scope="module")
def demo(database: Callable[[], str | None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), database=database()) as started:
        yield started


def trade(demo: Demo, code: str, redirect_uri: str) -> dict[str, object]:
    """The code for tokens, by the walkthrough's command."""
    command = TOKEN % {"base": demo.url, "code": code, "redirect_uri": redirect_uri}
    return json.loads(in_terminal(command, **demo.secrets))


def check_tokens(tokens: dict[str, object]) -> None:
    """Exactly what the walkthrough shows."""
    assert sorted(tokens) == ["access_token", "expires_in", "refresh_token", "scope", "token_type"]
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "phone offline_access"
    assert tokens["token_type"] == "bearer"
    assert tokens["access_token"] != tokens["refresh_token"]


def check_userinfo(demo: Demo, access_token: object, number: str) -> dict[str, object]:
    claims = json.loads(in_terminal(USERINFO % {"base": demo.url, "access_token": access_token}))
    assert sorted(claims) == ["phone_number", "phone_number_verified", "sid", "sub"]
    assert claims["phone_number"] == number
    assert claims["phone_number_verified"] is True
    assert claims["sid"]
    assert claims["sub"]
    return claims


def test_printed_link_to_userinfo(demo: Demo, visit: Callable[..., Visitor]) -> None:
    number = NUMBERS[0]
    visitor = visit(number)
    home = visitor.open(f"{demo.url}/demo")
    with visitor.context.expect_page() as opened:
        home.get_by_role("link", name="+46 70 174 06 05").click()
    handset = opened.value
    expect(handset.get_by_text("No messages yet")).to_be_visible()
    expect(handset.locator("[data-live]")).to_have_text("Live")
    loaded_at = handset.evaluate("performance.timeOrigin")

    login = visitor.open(demo.link())
    expect(visitor.heading()).to_have_text("Log in to VoiceBox")
    login.get_by_label("Phone number").fill("070-174 06 05")
    login.get_by_role("button", name="Get code").click()
    expect(visitor.heading()).to_have_text("Enter your code")
    expect(login.locator("main")).to_contain_text("+46 70 174 06 05")

    code = code_on(handset)
    expect(handset.locator("[data-slot=body]").first).to_contain_text(f"{code} is your code for VoiceBox")
    expect(handset.get_by_text("No messages yet")).to_have_count(0)
    assert handset.evaluate("performance.timeOrigin") == loaded_at, "the message came without a reload"

    login.get_by_label("6-digit code").press_sequentially(code)
    expect(visitor.heading()).to_have_text("Add product to +46 70 174 06 05")
    expect(login.locator(".band")).to_have_text("Nordcell")
    expect(login.get_by_role("region", name="VoiceBox needs to")).to_contain_text("Know your phone number")
    login.get_by_role("checkbox", name=re.compile("^I have read and accept")).check()
    login.get_by_role("button", name="Add product").click()

    back = visitor.arrived(f"{demo.url}/demo/callback")
    assert list(back) == ["code", "scope", "state", "iss"]
    assert f"&scope=phone%20offline_access&state={STATE}&" in login.url
    assert back["iss"] == demo.url

    tokens = trade(demo, back["code"], f"{demo.url}/demo/callback")
    check_tokens(tokens)
    check_userinfo(demo, tokens["access_token"], number)
    renewed = json.loads(in_terminal(REFRESH % {"base": demo.url, **tokens}, **demo.secrets))
    check_tokens(renewed)
    assert renewed["refresh_token"] != tokens["refresh_token"]
    check_userinfo(demo, renewed["access_token"], number)


def test_link_of_the_text_with_its_space_and_its_callback(demo: Demo, visit: Callable[..., Visitor]) -> None:
    """The text's own URL, with a space in it, and https://example.com/callback, which nobody answers."""
    visitor = visit(absent=["example.com"])
    client_id = demo.secrets["CLIENT_ID"]
    visitor.sign_in(AUTHORIZATION_URL.format(base=demo.url, client_id=client_id))
    with visitor.context.expect_event("request", lambda sent: sent.url.startswith("https://example.com/")) as sent:
        visitor.add_product()
    address = sent.value.url
    assert address.startswith("https://example.com/callback?code=")
    assert f"&scope=phone%20offline_access&state={STATE}" in address
    tokens = trade(demo, parameters(address)["code"], "https://example.com/callback")
    check_tokens(tokens)
    check_userinfo(demo, tokens["access_token"], visitor.number)


def test_buttons_of_the_callback_page(demo: Demo, visitor: Visitor) -> None:
    visitor.sign_in(demo.link())
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    tab = visitor.tab
    expect(visitor.heading()).to_have_text("You're back")
    expect(tab.get_by_role("row", name="state")).to_contain_text(STATE)

    press(tab, "Trade the code for tokens")
    tokens = shown(tab, 1)
    check_tokens(tokens)
    press(tab, "Ask who the subscriber is")
    claims = shown(tab, 2)
    assert sorted(claims) == ["phone_number", "phone_number_verified", "sid", "sub"]
    assert claims["phone_number"] == visitor.number
    press(tab, "Get fresh tokens")
    check_tokens(shown(tab, 3))
    press(tab, "Check a token")
    assert shown(tab, 4)["active"] is True
    press(tab, "Revoke a token")
    expect(tab.locator("#step-5 .tag")).to_have_text("200")
    press(tab, "Ask who the subscriber is")
    expect(tab.locator("#step-6 .tag")).to_have_text("401")
    press(tab, "Log out")
    expect(visitor.heading()).to_have_text("Log out?")
    press(tab, "Log out")
    tab.wait_for_url(f"{demo.url}/demo")


def test_command_shown_on_the_callback_page_works(demo: Demo, visitor: Visitor) -> None:
    """Each exchange is shown as a command too; that of userinfo can be run as it stands."""
    visitor.sign_in(demo.link())
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    press(visitor.tab, "Trade the code for tokens")
    press(visitor.tab, "Ask who the subscriber is")
    command = visitor.tab.locator("#curl-2").text_content() or ""
    assert json.loads(in_terminal(command))["phone_number"] == visitor.number


MACHINE = r"""
curl -u ${CLIENT_ID}:${CLIENT_SECRET} --url '%(base)s/oauth2/token' --data grant_type=client_credentials
"""
LINK = r"""
curl \
  -H "Authorization: Bearer %(machine_token)s" \
  --url '%(base)s/ext-api/v0/auth/create-revoke-consent-magic-link' \
  -H 'Accept: application/json' \
  -H 'Content-Type: application/x-www-form-urlencoded' \
  --data token=%(access_token)s --data redirectTo=%(base)s/demo/removed --data state=a-state-nobody-guesses
"""


def test_subscriber_keeps_and_then_removes_the_product(demo: Demo, visitor: Visitor) -> None:
    """The deauthorization guide: curl asks for the link, the browser follows it."""
    visitor.sign_in(demo.link())
    visitor.add_product()
    code = visitor.arrived(f"{demo.url}/demo/callback")["code"]
    tokens = trade(demo, code, f"{demo.url}/demo/callback")
    machine = json.loads(in_terminal(MACHINE % {"base": demo.url}, **demo.secrets))["access_token"]

    def link() -> str:
        values = {"base": demo.url, "machine_token": machine, "access_token": tokens["access_token"]}
        answer = json.loads(in_terminal(LINK % values))
        assert (answer["error"], answer["errorDescription"], answer["errorHint"]) == (None, None, None)
        return answer["redirectTo"]

    tab = visitor.tab
    tab.goto(link())
    assert "revoke_token" not in tab.url
    expect(visitor.heading()).to_contain_text("Remove product from +46 ")
    expect(tab.locator(".band")).to_have_text("Nordcell")
    press(tab, "Cancel")
    assert visitor.arrived(f"{demo.url}/demo/removed") == {"error": "access_denied", "state": "a-state-nobody-guesses"}
    check_userinfo(demo, tokens["access_token"], visitor.number)

    used = link()
    tab.goto(used)
    press(tab, "Remove product")
    assert visitor.arrived(f"{demo.url}/demo/removed") == {"state": "a-state-nobody-guesses"}
    expect(visitor.heading()).to_have_text("The product is removed")
    refused = in_terminal(REFRESH % {"base": demo.url, **tokens}, **demo.secrets)
    assert json.loads(refused)["error"] == "invalid_grant"
    tab.goto(used)
    expect(visitor.heading()).to_have_text("This link no longer works")
    tab.goto(demo.link())
    expect(visitor.heading()).to_contain_text("Add product to")


def press(tab: Page, name: str) -> None:
    tab.get_by_role("button", name=name, exact=True).click()


def shown(tab: Page, step: int) -> dict[str, object]:
    """The response of a step, as the page shows it."""
    expect(tab.locator(f"#step-{step} .tag")).to_have_text("200")
    return json.loads(tab.locator(f"#response-{step}").text_content() or "")


def test_ctrl_c_and_the_second_run(
    database: Callable[[], str | None], browser: Browser, tmp_path: Path
) -> None:
    """Ctrl-C ends it within five seconds though a handset is open; the next run goes on where it stopped."""
    url, port = database(), free_port()
    with running_demo(tmp_path / "data", port=port, database=url) as first:
        visitor = Visitor(browser, first.url, NUMBERS[7])
        visitor.sign_in(first.link())
        visitor.add_product()
        tokens = trade(first, visitor.arrived(f"{first.url}/demo/callback")["code"], f"{first.url}/demo/callback")
        handset = visitor.handset()
        expect(handset.locator("[data-live]")).to_have_text("Live")
        secrets = first.secrets
        first.interrupt()
        pressed_at = time.monotonic()
        while first.members():
            assert time.monotonic() - pressed_at < 5, f"still there: {first.members()}"
            first.process.poll()
            time.sleep(0.02)
        first.process.wait(1)
        assert "Stopped. The data is still there" in first.output
        assert "Traceback" not in first.output
        assert_nothing_secret(first)
    visitor.watch.complaints.clear()  # a handset misses its server
    with running_demo(tmp_path / "data", port=port, database=url) as second:
        assert second.secrets == secrets
        assert second.link() == first.link()
        assert_nothing_secret(second)
        expect(handset.locator("[data-live]")).to_have_text("Live")
        visitor.watch.complaints.clear()
        visitor.open(second.link())
        assert visitor.arrived(f"{second.url}/demo/callback")["code"], "still logged in, the product still added"
        check_tokens(json.loads(in_terminal(REFRESH % {"base": second.url, **tokens}, **secrets)))
        visitor.close()


def assert_nothing_secret(demo: Demo) -> None:
    """The terminal shows the way to the secrets only."""
    assert "dk_" not in demo.output
    for name, value in demo.secrets.items():
        assert (value in demo.output) == (not name.endswith("_SECRET")), name


def test_command_itself_ends_well(database: Callable[[], str | None], tmp_path: Path) -> None:
    """`dialkey demo` without make in between: SIGINT and SIGTERM end it with status 0."""
    url = database()
    for number in (signal.SIGINT, signal.SIGTERM):
        port = free_port()
        command = [str(Path(sys.executable).parent / "dialkey"), "demo", "--port", str(port), "--data", str(tmp_path)]
        with running_demo(tmp_path, port=port, database=url, command=[*command, *(["--database", url] if url else [])]) as demo:
            demo.process.send_signal(number)
            assert demo.process.wait(5) == 0
            assert "Stopped. The data is still there" in demo.output
            assert "Traceback" not in demo.output


def test_port_that_is_taken_is_said_kindly(demo: Demo, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "dialkey"), "demo", "--port", str(demo.port), "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=own_environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode not in (0, None)
    assert str(demo.port) in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Dialkey's demo is at" not in done.stdout


def test_s023_walkthrough_asks_nobody_else(demo: Demo, visitor: Visitor) -> None:
    """Every request of the whole flow went to this origin, and few they were."""
    visitor.sign_in(demo.link())
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    assert all(request.startswith(demo.url + "/") for request in visitor.watch.requests)
    assert any("/assets/dialkey.css" in request for request in visitor.watch.requests)
    assert parameters(visitor.tab.url)["state"] == STATE


def test_sign_in_page_is_light(demo: Demo, visitor: Visitor) -> None:
    """On a bus: fewer than ten requests and under 100 kB, the product's picture included."""
    answers: list[Response] = []
    visitor.context.on("response", lambda answer: answers.append(answer))
    visitor.tab.goto(demo.link(), wait_until="networkidle")
    assert 3 < len(answers) < 10, visitor.watch.requests
    assert 10_000 < sum(len(answer.body()) for answer in answers) < 100_000
