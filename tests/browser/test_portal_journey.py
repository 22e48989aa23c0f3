"""From nothing to a finished walkthrough: a developer who signs up, with a keyboard only, on a small screen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from support.chromium import Visitor, code_on
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.demo]

EMAIL, PASSWORD = "eva@holm.example", "four small words here"
STOPS = 120
"""How often Tab is pressed at most on the way to something."""


class Keys:
    """Hands that have no pointer: everything is reached with Tab, from wherever the page put the focus."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, target: Locator) -> None:
        element = target.first.element_handle()
        for _ in range(STOPS):
            if self.page.evaluate("(element) => document.activeElement === element", element):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached with Tab on {self.page.url}")

    def press(self, target: Locator, key: str = "Enter") -> None:
        self.reach(target)
        self.page.keyboard.press(key)

    def type(self, target: Locator, text: str, *, enter: bool = False) -> None:
        self.reach(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)
        if enter:
            self.page.keyboard.press("Enter")


class Look:
    """Axe, and nothing wider than the screen, on every page of the way."""

    def __init__(self, page: Page) -> None:
        self._page, self._axe = page, Axe()
        self.findings: list[str] = []

    def __call__(self) -> None:
        self._page.wait_for_load_state()
        for violation in self._axe.run(self._page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                where = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                self.findings.append(f"{self._page.url}: {violation['id']}: {where}")
        if not self._page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            self.findings.append(f"{self._page.url}: wider than the screen")


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def sign_up(page: Page, keys: Keys, look: Look, base_url: str) -> None:
    page.goto(f"{base_url}/portal")
    look()
    keys.press(page.get_by_role("link", name="Create an account"))
    heading(page, "Create your account")
    look()
    keys.type(page.get_by_label("Your name"), "Eva Holm")
    keys.type(page.get_by_label("Work e-mail"), EMAIL)
    keys.type(page.get_by_label("Password", exact=True), PASSWORD, enter=True)
    heading(page, "Look in your mailbox")
    look()
    keys.press(page.get_by_role("link", name="Open the mailbox"))
    expect(page.locator(".row", has_text=EMAIL)).to_be_visible()
    look()
    keys.press(page.locator("a", has_text=EMAIL))
    expect(page.get_by_role("link", name="/portal/verify")).to_be_visible()
    look()
    keys.press(page.get_by_role("link", name="/portal/verify"))
    heading(page, "Confirm your address")
    look()
    keys.press(page.get_by_role("button", name="Confirm and go on"))
    heading(page, "Welcome, Eva")


def make_product(page: Page, keys: Keys, look: Look) -> None:
    look()
    keys.press(page.get_by_role("link", name="Create your organization"))
    heading(page, "Create your organization")
    look()
    keys.type(page.get_by_label("Name"), "Holm Shop", enter=True)
    heading(page, "Holm Shop")
    look()
    keys.press(page.get_by_role("link", name="Create a product"))
    heading(page, "New product")
    look()
    keys.type(page.get_by_label("Name"), "Holm", enter=True)
    expect(page.get_by_text("Your product is there")).to_be_visible()
    look()
    keys.press(page.get_by_role("link", name="Scopes"))
    for scope in ("openid", "offline_access", "phone"):
        keys.press(page.locator(f"input[name='on:{scope}']"), "Space")
    look()
    keys.press(page.get_by_role("button", name="Save scopes"))
    expect(page.get_by_text("3 enabled")).to_be_visible()


def make_client(page: Page, keys: Keys, look: Look) -> None:
    keys.press(page.get_by_role("link", name="Clients"))
    keys.press(page.get_by_role("link", name="Create new client"))
    expect(page.get_by_label("Client description")).to_be_visible()
    keys.type(page.get_by_label("Client description"), "Web shop")
    keys.type(page.get_by_label("Login redirect URIs"), "https://holm.example/cb", enter=True)
    look()
    keys.press(page.get_by_role("button", name="Create client"))
    expect(page.get_by_role("heading", name="Your client is ready")).to_be_visible()
    look()
    keys.press(page.get_by_role("button", name="I have saved it: try it"))
    expect(page.get_by_role("link", name="Open the sign-in")).to_be_visible()
    look()


def walk(page: Page, keys: Keys, look: Look, number: str, pin: Callable[[], str]) -> None:
    keys.press(page.get_by_role("link", name="Open the sign-in"))
    keys.type(page.get_by_label("Phone number"), number, enter=True)
    heading(page, "Enter your code")
    look()
    keys.type(page.locator("input[name=pin]"), pin())  # the last digit sends it
    expect(page.locator("form#add")).to_be_visible()
    look()
    for box in page.locator("form#add input[required]").all():
        keys.press(box, "Space")
    keys.press(page.locator("button[name=decision][value=add]"))
    expect(page.get_by_role("heading", name="Exchange the code for tokens")).to_be_visible()
    keys.press(page.get_by_role("button", name="Exchange the code"))
    expect(page.get_by_text('"access_token"').first).to_be_visible()
    keys.press(page.get_by_role("button", name="Call userinfo"))
    expect(page.get_by_text("The walkthrough is done")).to_be_visible()
    look()


def test_from_sign_up_to_a_finished_walkthrough(demo: Demo, visit: Callable[..., Visitor]) -> None:
    eva = visit(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    page, keys, look = eva.tab, Keys(eva.tab), Look(eva.tab)
    started = time.monotonic()
    sign_up(page, keys, look, demo.url)
    make_product(page, keys, look)
    organization = re.search(r"/portal/o/([\w-]+)", page.content())
    assert organization
    make_client(page, keys, look)

    phones = eva.context.new_page()
    phones.goto(f"{demo.url}/portal/o/{organization[1]}/sandbox")
    shown = re.search(r"\+999[ \d]+", phones.locator("main").inner_text())
    assert shown
    number = shown[0].strip()

    def pin() -> str:
        phones.get_by_role("link", name=number).first.click()
        return code_on(phones)

    walk(page, keys, look, number, pin)
    expect(page.locator("#response-3")).to_contain_text(f'"phone_number": "{number.replace(" ", "")}"')

    page.goto(f"{demo.url}/portal")
    expect(page.get_by_text("5 of 6")).to_be_visible()
    look()
    assert not look.findings, "\n".join(look.findings)
    assert time.monotonic() - started < 120, "a machine needs a fraction of the five minutes that a person has"
