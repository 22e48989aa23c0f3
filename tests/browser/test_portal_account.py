"""Accounts in a real browser: from sign-up through the mailbox to being signed in, passkeys, and the second step."""

from __future__ import annotations

import re
import sqlite3
from base64 import b32decode
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from dialkey.accounts.second import step_of, totp
from dialkey.base.clock import SystemClock
from support.chromium import Visitor
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.demo]

PASSWORD = "four small words here"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def emails() -> Iterator[str]:
    return (f"ada{number}@voicebox.example" for number in count(1))


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def sign_up(demo: Demo, visitor: Visitor, email: str) -> Page:
    """Up to the first page of the portal."""
    page = visitor.open(f"{demo.url}/portal/sign-up")
    page.get_by_label("Your name").fill("Ada Lind")
    page.get_by_label("Work e-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("link", name="Open the mailbox").click()
    letter = page.locator(".row", has_text=email)
    while not visitor.scripts and letter.count() == 0:
        page.wait_for_timeout(100)
        page.reload()
    letter.first.click()
    page.get_by_role("link", name="/portal/verify").click()
    page.get_by_role("button", name="Confirm and go on").click()
    page.wait_for_url(f"{demo.url}/portal")
    return page


def sign_out(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/portal/account/sessions")
    page.get_by_role("button", name="Sign out").last.click()
    expect(heading(page)).to_have_text("Sign in")


def type_password(demo: Demo, page: Page, email: str) -> None:
    page.goto(f"{demo.url}/portal/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


class Device:
    """An authenticator in the tab, with a finger on it that it knows."""

    def __init__(self, visitor: Visitor) -> None:
        self._session = visitor.context.new_cdp_session(visitor.tab)
        self._session.send("WebAuthn.enable")
        made = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        self._id = made["authenticatorId"]

    def unlocked(self, on: bool) -> None:
        """Whether it knows the finger."""
        self._session.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": on})


def grow_stale(demo: Demo, email: str) -> None:
    """Lets the proof of the account's sessions grow old."""
    with closing(sqlite3.connect(demo.folder / "dialkey.sqlite3", timeout=10)) as connection, connection:
        done = connection.execute(
            "UPDATE account_sessions SET strong_at = strong_at - 3600000"
            " WHERE account_id = (SELECT id FROM accounts WHERE email = ?)",
            (email,),
        )
        assert done.rowcount


def test_from_sign_up_to_signed_in_by_keyboard(demo: Demo, visitor: Visitor, emails: Iterator[str]) -> None:
    email = next(emails)
    mailbox = visitor.context.new_page()
    mailbox.goto(f"{demo.url}/mailbox")
    expect(mailbox.get_by_role("heading", level=1)).to_have_text("Mailbox")
    loaded_at = mailbox.evaluate("performance.timeOrigin")
    page = visitor.open(f"{demo.url}/portal")
    expect(heading(page)).to_have_text("Sign in")
    page.get_by_role("link", name="Create an account").press("Enter")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("Ada Lind")
    page.keyboard.press("Tab")
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type("short")
    expect(page.locator("[data-rule]")).to_have_text("5 of 10 characters")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("at least 10 characters")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.get_by_label("Work e-mail")).to_have_value(email)
    assert page.title().startswith("Check this: ")
    page.keyboard.type(PASSWORD)
    expect(page.locator("[data-rule]")).to_contain_text("Long enough")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show password")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("Look in your mailbox")
    expect(page.locator("main")).to_contain_text(email)
    letter = mailbox.locator(".row", has_text=email)
    expect(letter).to_contain_text("Confirm your e-mail address")
    assert mailbox.evaluate("performance.timeOrigin") == loaded_at, "it came without a reload"
    letter.press("Enter")
    mailbox.get_by_role("link", name="/portal/verify").press("Enter")
    expect(heading(mailbox)).to_have_text("Confirm your address")
    mailbox.get_by_role("button", name="Confirm and go on").press("Enter")
    mailbox.wait_for_url(f"{demo.url}/portal")
    page.reload()
    page.goto(f"{demo.url}/portal/account")
    expect(page.get_by_label("Your name")).to_have_value("Ada Lind")


def test_without_scripts(demo: Demo, visit: Callable[..., Visitor], emails: Iterator[str]) -> None:
    visitor, email = visit(java_script_enabled=False), next(emails)
    page = sign_up(demo, visitor, email)
    page.goto(f"{demo.url}/portal/account/totp")
    secret = b32decode((page.locator("#totp-secret").text_content() or "").replace(" ", ""))
    page.get_by_label("6-digit code").fill(totp(secret, step_of(SystemClock().now()) - 1))
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#recovery-codes")).to_be_visible()
    expect(page.get_by_role("button", name="Copy all")).to_have_count(0)
    sign_out(demo, page)
    expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    type_password(demo, page, email)
    page.get_by_label("6-digit code").fill(totp(secret, step_of(SystemClock().now())))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.url}/portal")


def test_a_passkey_from_making_to_removing(demo: Demo, visitor: Visitor, emails: Iterator[str]) -> None:
    email = next(emails)
    page = sign_up(demo, visitor, email)
    device = Device(visitor)
    page.goto(f"{demo.url}/portal/account/security")
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("Test device")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_text("Your passkey is ready")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Test device"))).to_contain_text("never")

    page.goto(f"{demo.url}/portal/account/passkeys/add")
    page.get_by_label("Name").fill("The same again")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.locator("[data-passkey-said]")).to_contain_text("has a passkey for your account already")

    # by the button, with nothing typed; a finger that is not known signs nobody in
    device.unlocked(False)
    sign_out(demo, page)
    page.goto(f"{demo.url}/portal/sign-in?next=/portal/account/sessions")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("[data-passkey-said]")).to_contain_text("Nothing was used")
    device.unlocked(True)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{demo.url}/portal/account/sessions")
    expect(page.get_by_role("row").nth(1)).to_contain_text("by passkey")

    # it proves who one is, too
    for back in ("/portal/account/email", "/portal/account/totp"):
        grow_stale(demo, email)
        page.goto(f"{demo.url}{back}")
        expect(heading(page)).to_have_text("Is it you?")
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(f"{demo.url}{back}")

    page.goto(f"{demo.url}/portal/account/security")
    page.get_by_role("link", name="Test device", exact=True).click()
    page.get_by_label("Name").fill("Old device")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Old device").click()
    expect(heading(page)).to_have_text("Remove Old device?")
    page.get_by_role("button", name="Remove passkey").click()
    expect(page.get_by_text("The passkey is removed")).to_be_visible()
    device.unlocked(False)
    sign_out(demo, page)
    device.unlocked(True)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("This passkey didn't work here")


def test_the_browser_offers_the_passkey_by_itself(demo: Demo, visitor: Visitor, emails: Iterator[str]) -> None:
    """Chromium's device answers a conditional request at once, as a person would by choosing from the list."""
    page = sign_up(demo, visitor, next(emails))
    device = Device(visitor)
    page.goto(f"{demo.url}/portal/account/passkeys/add")
    page.get_by_label("Name").fill("Test device")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_text("Your passkey is ready")).to_be_visible()
    device.unlocked(False)
    sign_out(demo, page)
    expect(page.get_by_label("E-mail")).to_have_attribute("autocomplete", "username webauthn")
    device.unlocked(True)
    page.goto(f"{demo.url}/portal/sign-in?next=/portal/account/sessions")
    page.wait_for_url(f"{demo.url}/portal/account/sessions")
    expect(page.get_by_role("row").nth(1)).to_contain_text("by passkey")


def test_the_second_step(demo: Demo, visitor: Visitor, emails: Iterator[str]) -> None:
    email = next(emails)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=demo.url)
    page = sign_up(demo, visitor, email)
    page.goto(f"{demo.url}/portal/account/security")
    page.get_by_role("link", name="Set up an app").click()
    secret = b32decode((page.locator("#totp-secret").text_content() or "").replace(" ", ""))
    page.get_by_label("6-digit code").fill(totp(secret, step_of(SystemClock().now()) - 1))
    page.get_by_role("button", name="Turn on").click()
    expect(heading(page)).to_have_text("The second step is on")
    codes = (page.locator("#recovery-codes").text_content() or "").split()
    assert len(codes) == 10
    page.get_by_role("button", name="Copy all").click()
    expect(page.locator("[data-toast]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.path().read_text().split() == codes
    assert download.value.suggested_filename == "dialkey-recovery-codes.txt"
    page.reload()
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()

    sign_out(demo, page)
    type_password(demo, page, email)
    expect(page.get_by_label("6-digit code")).to_be_focused()
    page.keyboard.type("000000")
    expect(page.get_by_role("alert")).to_contain_text("This code isn't right")
    page.keyboard.type(totp(secret, step_of(SystemClock().now())))  # the last digit sends it
    page.wait_for_url(f"{demo.url}/portal")

    sign_out(demo, page)
    type_password(demo, page, email)
    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.url}/portal")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_serious_on_any_page(
    demo: Demo, visit: Callable[..., Visitor], emails: Iterator[str], width: int
) -> None:
    visitor = visit(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page, axe, findings = visitor.tab, Axe(), []

    def look(path: str = "") -> None:
        if path:
            page.goto(f"{demo.url}{path}")
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), page.url
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for violation in axe.run(page).response["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    where = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                    findings.append(f"{page.url} ({scheme}): {violation['id']}: {where}")

    for path in (
        "/portal/sign-up",
        "/portal/sign-in",
        "/portal/forgot",
        "/portal/verify?token=x",
        "/portal/reset?token=x",
    ):
        look(path)
    page.goto(f"{demo.url}/portal/sign-up")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_have_count(3)
    look()
    email = next(emails)
    sign_up(demo, visitor, email)
    look("/mailbox")
    page.locator(".row", has_text=email).first.click()
    look()
    Device(visitor)
    page.goto(f"{demo.url}/portal/account/passkeys/add")
    look()
    page.get_by_label("Name").fill("Test device")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_text("Your passkey is ready")).to_be_visible()
    look()
    page.get_by_role("link", name="Test device", exact=True).click()
    look()
    for path in ("", "/email", "/password", "/sessions", "/close", "/totp"):
        look(f"/portal/account{path}")
    secret = b32decode((page.locator("#totp-secret").text_content() or "").replace(" ", ""))
    page.get_by_label("6-digit code").fill(totp(secret, step_of(SystemClock().now()) - 1))
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#recovery-codes")).to_be_visible()
    look()
    for path in ("/security", "/codes", "/totp/remove"):
        look(f"/portal/account{path}")
    grow_stale(demo, email)
    look("/portal/account/email")
    expect(heading(page)).to_have_text("Is it you?")
    assert not findings, "\n".join(findings)
