"""The ways back to a client on another origin, in a browser that enforces our policy: redirects, posted answers, logout."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from dialkey.directory.model import AuthMethod, ClientKind, GrantType
from support.chromium import Visitor
from support.demo import Demo
from support.landing import Arrival, Landing, landing
from support.site import Registered

pytestmark = [pytest.mark.browser, pytest.mark.demo]

CALLBACK = "/demo/callback"


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost"])
def app(request: pytest.FixtureRequest) -> Iterator[Landing]:
    """A client's web server on another site (127.0.0.1), or on another origin of the same site."""
    with landing(request.param) as served:
        yield served


@pytest.fixture(scope="module")
def client(demo: Demo, app: Landing) -> Registered:
    return demo.register(app.callback, post_logout_redirect_uris=(app.signed_out,))


@pytest.fixture
def link(demo: Demo, client: Registered) -> str:
    return demo.authorization_url(client)


@pytest.fixture
def guest(visit: Callable[..., Visitor], app: Landing) -> Visitor:
    return visit(hosts=[app.host])


def test_this_chromium_holds_form_action_against_redirects(browser: Browser) -> None:
    """The control: a policy without the client's origin does block the redirect that answers a form."""
    with landing() as elsewhere:
        form = b"""<!doctype html><link rel="icon" href="data:,"><form method="post" action="/leave">
            <button>Go</button></form>"""
        pages = {
            "/form": ({"Content-Security-Policy": "form-action 'self'"}, form),
            "/leave": ({"Location": elsewhere.callback}, b""),
        }
        with landing(pages=pages) as ours:
            page = browser.new_page()
            heard: list[str] = []
            page.on("console", lambda message: heard.append(message.text))
            page.goto(f"{ours.url}/form")
            page.get_by_role("button").click()
            while not heard:
                page.wait_for_timeout(50)
            assert "form-action" in heard[0]
            assert elsewhere.quiet
            page.close()


def test_s024_consent_leads_to_another_origin(guest: Visitor, app: Landing, link: str, client: Registered) -> None:
    guest.sign_in(link)
    guest.add_product()
    arrived(app.next(), client)
    expect(guest.heading()).to_have_text("You came back to the app")
    assert app.quiet


def test_s024_the_right_code_leads_straight_to_another_origin(
    guest: Visitor, app: Landing, link: str, client: Registered
) -> None:
    """Where nothing is left to ask, the answer to the PIN is the redirect: PIN POST → 303 → 303 → the client."""
    guest.sign_in(link)
    guest.add_product()
    app.next()
    guest.open(f"{link}&prompt=login")
    guest.type_number()
    handset = guest.handset()
    expect(handset.locator("[data-bubbles] > li")).to_have_count(2)
    handset.close()
    guest.type_pin(guest.newest_code())
    arrived(app.next(), client)


@pytest.mark.parametrize("where", ["number", "number_wrong", "pin", "pin_wrong", "expired", "consent", "consent_wrong"])
def test_s024_cancel_leads_to_another_origin(
    demo: Demo, guest: Visitor, app: Landing, link: str, client: Registered, where: str
) -> None:
    page = guest.open(link)
    if where == "number_wrong":
        guest.type_number("1")
        expect(page.get_by_role("alert")).to_be_visible()
    elif where != "number":
        guest.type_number()
        expect(guest.pin_field()).to_be_visible()
    if where == "pin_wrong":
        code = guest.newest_code()
        guest.type_pin(code[:-1] + str((int(code[-1]) + 1) % 10))
        expect(page.get_by_role("alert")).to_be_visible()
    elif where == "expired":
        demo.turn_back(guest.number, seconds=301)
        page.reload()
        expect(guest.heading()).to_have_text("The code has expired")
    elif where.startswith("consent"):
        guest.type_pin(guest.newest_code())
        expect(page.locator("form#add")).to_be_visible()
    if where == "consent_wrong":
        page.evaluate("document.querySelector('form#add').noValidate = true")
        page.locator("button[value=add]").click()
        expect(page.get_by_role("alert").first).to_be_visible()
    page.get_by_role("button", name="Back to VoiceBox" if where == "expired" else "Cancel").click()
    came = app.next()
    assert (came.method, came.path) == ("GET", "/cb")
    assert came.values["error"] == "access_denied"
    assert came.values["state"] == f"state-of-{client.client_id[:8]}"
    assert came.values["iss"] == demo.url
    assert "code" not in came.values
    expect(guest.heading()).to_have_text("You came back to the app")


def test_s024_logout_confirmed_leads_to_another_origin(
    demo: Demo, guest: Visitor, app: Landing, link: str, client: Registered
) -> None:
    guest.sign_in(link)
    guest.add_product()
    app.next()
    page = guest.open(
        f"{demo.url}/oauth2/sessions/logout?client_id={client.client_id}"
        f"&post_logout_redirect_uri={app.signed_out}&state=bye"
    )
    expect(guest.heading()).to_have_text("Log out?")
    page.get_by_role("button", name="Log out").click()
    came = app.next()
    assert (came.path, came.values) == ("/signed-out", {"state": "bye"})
    guest.open(link)
    expect(page.get_by_label("Phone number")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_form_post_arrives(
    demo: Demo, visit: Callable[..., Visitor], app: Landing, client: Registered, scripts: bool
) -> None:
    """The answer travels in a posted form; no address ever holds the code."""
    visitor = visit(hosts=[app.host], java_script_enabled=scripts)
    visitor.sign_in(demo.authorization_url(client, response_mode="form_post"))
    visitor.add_product()
    if not scripts:
        visitor.tab.get_by_role("button", name="Continue").click()
    came = app.next()
    arrived(came, client, method="POST")
    assert came.headers["Content-Type"] == "application/x-www-form-urlencoded"
    expect(visitor.heading()).to_have_text("You came back to the app")
    assert not [url for url in visitor.watch.requests if "dk_ac_" in url]
    assert app.quiet


def test_form_post_of_a_refusal_arrives(demo: Demo, guest: Visitor, app: Landing, client: Registered) -> None:
    page = guest.open(demo.authorization_url(client, response_mode="form_post"))
    page.get_by_role("button", name="Cancel").click()
    came = app.next()
    assert came.method == "POST"
    assert came.values["error"] == "access_denied"


def test_form_post_is_not_sent_again_by_the_back_button(
    demo: Demo, guest: Visitor, app: Landing, client: Registered
) -> None:
    guest.sign_in(demo.authorization_url(client, response_mode="form_post"))
    guest.add_product()
    app.next()
    expect(guest.heading()).to_have_text("You came back to the app")
    guest.tab.go_back()
    expect(guest.tab.locator("main a[href], main button").first).to_be_visible()
    assert app.quiet


def test_s024_native_app_on_ipv6_loopback(demo: Demo, visit: Callable[..., Visitor]) -> None:
    """CSP cannot name an IPv6 address; the way there is open all the same, on whatever port (RFC 8252 section 7.3)."""
    native = demo.register("http://[::1]/cb", kind=ClientKind.NATIVE, auth_method=AuthMethod.NONE,
                           grant_types=frozenset({GrantType.AUTHORIZATION_CODE}))  # fmt: skip
    with landing("::1") as app:
        guest = visit(hosts=[app.host])
        guest.sign_in(
            demo.authorization_url(native, redirect_uri=app.callback, scope="phone", **pkce("n" * 43))
        )
        guest.add_product()
        assert app.next().values["code"]


def test_s024_native_app_with_its_own_scheme(demo: Demo, visitor: Visitor) -> None:
    """Nobody here opens `com.example.app:`, but the policy lets the browser try."""
    native = demo.register("com.example.app:/cb", kind=ClientKind.NATIVE, auth_method=AuthMethod.NONE,
                           grant_types=frozenset({GrantType.AUTHORIZATION_CODE}))  # fmt: skip
    visitor.sign_in(demo.authorization_url(native, scope="phone", **pkce("n" * 43)))
    with visitor.context.expect_event(
        "response", lambda response: response.url.endswith("/oauth2/auth/consent")
    ) as answered:
        visitor.add_product()
    assert answered.value.status == 303
    assert answered.value.headers["location"].startswith("com.example.app:/cb?code=")
    visitor.tab.wait_for_timeout(300)
    assert not [complaint for complaint in visitor.watch.complaints if "polic" in complaint.lower()]
    visitor.watch.complaints[:] = [text for text in visitor.watch.complaints if "com.example.app" not in text]


def test_cancel_on_the_demo_shows_what_happened(demo: Demo, visitor: Visitor) -> None:
    page = visitor.open(demo.link())
    page.get_by_role("button", name="Cancel").click()
    back = visitor.arrived(demo.url + CALLBACK)
    assert back["error"] == "access_denied"
    assert back["state"] == "this-is-a-key-set-by-the-caller"
    expect(visitor.heading()).to_have_text("The login stopped")
    page.get_by_role("link", name="Start over").last.click()
    expect(visitor.heading()).to_contain_text("Log in with a phone number")


def test_logout_asks_and_either_answer_counts(demo: Demo, visitor: Visitor) -> None:
    visitor.sign_in(demo.link())
    visitor.add_product()
    visitor.arrived(demo.url + CALLBACK)
    page = visitor.open(f"{demo.url}/oauth2/sessions/logout")
    expect(visitor.heading()).to_have_text("Log out?")
    page.get_by_role("button", name="Stay logged in").click()
    expect(visitor.heading()).to_have_text("You're still logged in")
    visitor.open(demo.link())
    visitor.arrived(demo.url + CALLBACK)

    visitor.open(f"{demo.url}/oauth2/sessions/logout")
    page.get_by_role("button", name="Log out").click()
    expect(visitor.heading()).to_have_text("You're logged out")
    visitor.open(demo.link())
    expect(page.get_by_label("Phone number")).to_be_visible()
    visitor.open(f"{demo.url}/oauth2/sessions/logout")
    expect(visitor.heading()).to_have_text("You're not logged in")


def test_logout_with_an_id_token_asks_nothing(demo: Demo, visitor: Visitor) -> None:
    """The demo's own button, with `openid`: back at once, and the session is over."""
    visitor.sign_in(demo.link().replace("phone%20", "openid%20phone%20"))
    visitor.add_product()
    visitor.arrived(demo.url + CALLBACK)
    page = visitor.tab
    page.get_by_role("button", name="Trade the code for tokens").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{demo.url}/demo")
    visitor.open(demo.link())
    expect(page.get_by_label("Phone number")).to_be_visible()


def arrived(came: Arrival, client: Registered, *, method: str = "GET") -> None:
    assert (came.method, came.path) == (method, "/cb")
    assert list(came.values) == ["code", "scope", "state", "iss"]
    assert came.values["code"].startswith("dk_ac_")
    assert came.values["scope"] == "phone offline_access"
    assert came.values["state"] == f"state-of-{client.client_id[:8]}"
    assert "Referer" not in came.headers


def pkce(verifier: str) -> dict[str, str]:
    digest = hashlib.sha256(verifier.encode()).digest()
    return {
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
