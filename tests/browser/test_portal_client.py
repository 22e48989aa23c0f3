"""A developer's five minutes in a real browser: a client, its secret seen once, and the walkthrough tried to the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, expect

from dialkey.app import build
from dialkey.base.clock import SystemClock
from dialkey.base.entropy import SystemEntropy
from dialkey.cli.demo import settings_for
from dialkey.developers.access import Actor
from dialkey.storage import open_storage
from dialkey.storage.keyring import open_keyring
from support.chromium import Visitor
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.demo]

EMAIL, PASSWORD, PIN = "ada@voicebox.example", "a long sentence for tests", "271828"
SECRET = re.compile(r"dk_cs_[\w-]{43}")
OWN = "https://app.example/cb"


@dataclass
class Workshop:
    """An account with an organization, a product and a test number that has a fixed PIN."""

    product: str
    number: str


@pytest.fixture(scope="module")
def workshop(demo: Demo) -> Workshop:
    settings = settings_for(demo.folder, demo.port, "127.0.0.1", demo.database)

    async def make() -> Workshop:
        storage = await open_storage(settings.database)
        try:
            keyring = await open_keyring(storage, settings.keys)
            portal = build(settings, storage, keyring, SystemClock(), SystemEntropy()).portal
            account = await portal.accounts.create_account(
                actor="cli:tests", email=EMAIL, name="Ada Lind", password=PASSWORD
            )
            ada = Actor.account(account)
            organization = await portal.organizations.create(ada, name="Try Labs")
            product = await portal.products.create(ada, organization, name="Tryout")
            await portal.products.set_scopes(ada, product, required=["phone", "openid", "offline_access"], optional=[])
            number = (await portal.sandbox.list(ada, organization))[0].number
            await portal.sandbox.set_pin(ada, organization, number, PIN)
            return Workshop(product, str(number))
        finally:
            await storage.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, make()).result()


@pytest.fixture
def make_ada(browser: Browser, demo: Demo, workshop: Workshop) -> Iterator[Callable[..., Visitor]]:
    """Browsers in which Ada is signed in."""
    made: list[Visitor] = []

    def make(**options: object) -> Visitor:
        visitor = Visitor(browser, demo.url, workshop.number, absent=("app.example",), **options)
        made.append(visitor)
        page = visitor.open(f"{demo.url}/portal/sign-in")
        page.locator("input[name=email]").fill(EMAIL)
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("form[action^='/portal/sign-in'] button[type=submit]").first.click()
        page.wait_for_url(f"{demo.url}/portal")
        return visitor

    yield make
    for visitor in made:
        visitor.close()


def create_client(page: Page, demo: Demo, workshop: Workshop, name: str, *, scripts: bool = True) -> str:
    """Fills in the form and sends it; the secret on the page that follows."""
    page.goto(f"{demo.url}/portal/p/{workshop.product}/clients")
    page.get_by_role("link", name="Create new client").click()
    page.get_by_label("Client description").fill(name)
    page.get_by_label("Login redirect URIs").fill(OWN)
    if scripts:
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=f"Remove {OWN}")).to_be_visible()
    page.get_by_role("button", name="Create client").click()
    expect(page.get_by_role("heading", name="Your client is ready")).to_be_visible()
    found = SECRET.search(page.content())
    assert found
    return found[0]


def walk(page: Page, visitor: Visitor) -> None:
    """From the first page of Try it to userinfo. The secret is lent."""
    page.get_by_role("link", name="Open the sign-in").click()
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    visitor.type_pin(PIN)
    expect(page.locator("form#add, #next").first).to_be_visible()
    if page.locator("form#add").count():
        visitor.add_product()
    expect(page.get_by_role("heading", name="Exchange the code for tokens")).to_be_visible()
    page.get_by_role("button", name="Exchange the code").click()
    expect(page.get_by_text('"access_token"').first).to_be_visible()
    page.get_by_role("button", name="Call userinfo").click()
    expect(page.get_by_text("The walkthrough is done")).to_be_visible()
    expect(page.locator("#response-3")).to_contain_text(f'"phone_number": "{visitor.number}"')


def test_s119_a_client_its_secret_once_and_the_walkthrough(
    demo: Demo, workshop: Workshop, make_ada: Callable[..., Visitor]
) -> None:
    ada = make_ada(viewport={"width": 1280, "height": 860})
    page = ada.tab
    secret = create_client(page, demo, workshop, "Web shop")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download dialkey.env").click()
    saved = dict(line.split("=", 1) for line in download.value.path().read_text().splitlines())
    assert saved["DIALKEY_CLIENT_SECRET"] == secret and saved["DIALKEY_REDIRECT_URI"] == OWN
    assert saved["DIALKEY_ISSUER"] == demo.url and len(saved["DIALKEY_CLIENT_ID"]) == 36

    page.reload()  # sends the form once more
    expect(page.get_by_text("nothing was done twice")).to_be_visible()
    assert secret not in page.content()
    expect(page.get_by_role("link", name="Web shop")).to_have_count(1)

    secret = create_client(page, demo, workshop, "Web shop two")
    page.get_by_role("button", name="I have saved it: try it").click()
    expect(page.get_by_text("Your secret is lent to Try it")).to_be_visible()
    assert secret not in page.content()
    walk(page, ada)
    assert secret not in page.content()


def content(page: Page) -> str:
    """What stands there, once it stands still."""
    for _ in range(30):
        with suppress(Error):
            page.wait_for_load_state()
            return page.content()
        page.wait_for_timeout(100)
    raise AssertionError("the page never came to rest")


def test_s119_going_back_shows_no_secret(demo: Demo, workshop: Workshop, make_ada: Callable[..., Visitor]) -> None:
    ada = make_ada()
    page = ada.tab
    secret = create_client(page, demo, workshop, "Back and forth")
    page.goto(f"{demo.url}/portal/p/{workshop.product}/clients")
    with suppress(Error):  # the browser asks whether to send the form once more
        page.go_back()
    assert secret not in content(page)
    with suppress(Error):
        page.reload()
    assert secret not in content(page)
    page.goto(f"{demo.url}/portal/p/{workshop.product}/clients")
    expect(page.get_by_role("link", name="Back and forth")).to_have_count(1)
    ada.watch.complaints = [said for said in ada.watch.complaints if "ERR_CACHE_MISS" not in said]


def test_small_and_without_scripts(demo: Demo, workshop: Workshop, make_ada: Callable[..., Visitor]) -> None:
    ada = make_ada(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = ada.tab
    create_client(page, demo, workshop, "Small", scripts=False)
    page.get_by_role("button", name="I have saved it: try it").click()
    walk(page, ada)


def test_addresses_are_checked_as_they_are_typed(
    demo: Demo, workshop: Workshop, make_ada: Callable[..., Visitor]
) -> None:
    page = make_ada().tab
    page.goto(f"{demo.url}/portal/p/{workshop.product}/clients/new")
    field = page.get_by_label("Login redirect URIs")
    field.fill("http://app.example/cb")
    field.press("Enter")
    expect(page.get_by_text("http://app.example/cb: Use https.")).to_be_visible()
    page.get_by_role("button", name="Remove http://app.example/cb").click()
    page.get_by_text("Native app").click()
    field.fill("com.example.app:/cb")
    field.press("Enter")
    expect(page.get_by_role("button", name="Remove com.example.app:/cb")).to_be_visible()
    page.wait_for_timeout(300)
    expect(page.locator(".chips-problems p")).to_have_count(0)
    page.get_by_role("button", name="Remove com.example.app:/cb").click()
    page.get_by_text("Machine", exact=True).click()
    expect(field).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_grave_on_any_page(
    demo: Demo, workshop: Workshop, make_ada: Callable[..., Visitor], width: int
) -> None:
    ada = make_ada(viewport={"width": width, "height": 860})
    page, axe, findings = ada.tab, Axe(), []

    def look() -> None:
        page.wait_for_load_state()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for violation in axe.run(page).response["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    where = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                    findings.append(f"{page.url} ({scheme}): {violation['id']}: {where}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url

    page.goto(f"{demo.url}/portal/p/{workshop.product}/clients/new")
    page.locator("summary", has_text="Advanced").click()
    look()
    create_client(page, demo, workshop, f"Look {width}")
    look()
    page.get_by_role("button", name="I have saved it: try it").click()
    page.locator("summary", has_text="More parameters").click()
    look()
    client = page.url.partition("/try")[0]
    walk(page, ada)
    look()
    for part in ("", "/secrets", "/keys", "/off", "/delete", "/try?code=go#code"):
        page.goto(client + part)
        look()
    page.goto(f"{demo.url}/portal/p/{workshop.product}/clients")
    look()
    assert not findings, findings
