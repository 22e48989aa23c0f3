"""axe-core on every page of the flow, in light and in dark: nothing serious, nothing critical."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from support.chromium import Visitor, code_on
from support.demo import Demo
from support.landing import landing

pytestmark = [pytest.mark.browser, pytest.mark.demo]

GRAVE = ("serious", "critical")
SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 860}}


class Examination:
    """Runs axe on pages and collects what it finds."""

    def __init__(self) -> None:
        self._axe = Axe()
        self.findings: list[str] = []
        self.pages: list[str] = []

    def look(self, name: str, page: Page) -> None:
        self.pages.append(name)
        assert page.title(), name
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for violation in self._axe.run(page).response["violations"]:
                if violation["impact"] in GRAVE:
                    where = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
                    self.findings.append(f"{name} ({scheme}): {violation['id']}: {violation['help']}: {where}")


@pytest.fixture
def axe() -> Examination:
    return Examination()


@pytest.mark.parametrize("size", SIZES)
def test_pages_of_the_flow(demo: Demo, visit: Callable[..., Visitor], axe: Examination, size: str) -> None:
    visitor = visit(viewport=SIZES[size])
    page = visitor.open(f"{demo.url}/demo")
    axe.look("demo", page)
    handset = visitor.handset()
    axe.look("handset, empty", handset)
    visitor.open(demo.link("Tidbit"))
    axe.look("number", page)
    visitor.type_number("12")
    expect(page.get_by_role("alert")).to_be_visible()
    axe.look("number, wrong", page)
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    axe.look("pin", page)
    code = code_on(handset)
    axe.look("handset", handset)
    axe.look("handsets", visitor.open(f"{demo.url}/handset", handset))
    visitor.type_pin(code[:-1] + str((int(code[-1]) + 1) % 10))
    expect(page.get_by_role("alert")).to_be_visible()
    axe.look("pin, wrong", page)
    visitor.type_pin(code)
    expect(page.locator("form#add")).to_be_visible()
    axe.look("consent, unverified", page)
    page.evaluate("document.querySelector('form#add').noValidate = true")
    page.locator("button[value=add]").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    axe.look("consent, unticked", page)
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    axe.look("callback", page)
    for step in ("exchange", "userinfo"):
        page.locator(f"button[name=step][value={step}]").click()
        expect(page.locator(".tag").last).to_have_text("200")
    for closed in page.locator("summary").all():
        closed.click()
    axe.look("callback, exchanged", page)
    scope = "phone%20voicemail.get%20mms.send.from_subscriber"
    visitor.open(demo.link().replace("phone%20offline_access", scope))
    expect(page.locator("form#add")).to_be_visible()
    axe.look("consent", page)
    page.get_by_role("button", name="Cancel").click()
    visitor.arrived(f"{demo.url}/demo/callback")
    axe.look("callback, refused", page)
    visitor.open(f"{demo.url}/oauth2/sessions/logout")
    axe.look("log out?", page)
    page.get_by_role("button", name="Stay logged in").click()
    expect(visitor.heading()).to_have_text("You're still logged in")
    axe.look("still logged in", page)
    visitor.open(f"{demo.url}/oauth2/sessions/logout")
    page.get_by_role("button", name="Log out").click()
    expect(visitor.heading()).to_have_text("You're logged out")
    axe.look("logged out", page)
    assert not axe.findings, "\n".join(axe.findings)


def test_pages_that_stop(demo: Demo, visit: Callable[..., Visitor], axe: Examination) -> None:
    visitor = visit(viewport=SIZES["phone"])
    page = visitor.open(f"{demo.url}/oauth2/auth?client_id=nobody")
    page.locator("summary").click()
    axe.look("error", page)
    visitor.open(f"{demo.url}/nothing/here")
    axe.look("not found", page)
    visitor.open(demo.link("Tidbit") + "&response_type=token")
    axe.look("error, repeated", page)
    visitor.open(demo.link("Tidbit").replace("response_type=code", "response_type=token"))
    expect(page.get_by_role("link", name=re.compile("^Back to"))).to_be_visible()
    axe.look("error, with the way back", page)

    visitor.open(demo.link())
    visitor.type_number()
    visitor.newest_code()
    demo.turn_back(visitor.number, seconds=301)
    page.reload()
    expect(visitor.heading()).to_have_text("The code has expired")
    axe.look("expired", page)
    stranger = visit(viewport=SIZES["phone"])
    stranger.open(page.url)
    expect(stranger.heading()).to_have_text("Continue where you started")
    axe.look("elsewhere", stranger.tab)

    page.get_by_role("link", name="Start again").click()
    visitor.type_number()
    code = visitor.newest_code()
    for _ in range(5):
        visitor.type_pin(code[:-1] + str((int(code[-1]) + 1) % 10))
        page.wait_for_load_state()
        expect(page.get_by_role("alert").or_(page.get_by_role("heading", name="Take a short break"))).to_be_visible()
    expect(visitor.heading()).to_have_text("Take a short break")
    axe.look("locked", page)

    british = visit("+447700900060", viewport=SIZES["phone"])
    british.sign_in(demo.link())
    british.open(demo.link("Tidbit"))
    expect(british.heading()).to_have_text("Tidbit isn't available here")
    axe.look("not available", british.tab)
    assert not axe.findings, "\n".join(axe.findings)


def test_page_that_posts_the_answer(demo: Demo, visit: Callable[..., Visitor], axe: Examination) -> None:
    """It stays for a moment only; kept here by taking its script away."""
    with landing() as app:
        client = demo.register(app.callback)
        visitor = visit(viewport=SIZES["phone"], hosts=[app.host])
        visitor.open(demo.authorization_url(client, response_mode="form_post"))
        visitor.context.route("**/dialkey.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
        visitor.tab.get_by_role("button", name="Cancel").click()
        expect(visitor.heading()).to_have_text(re.compile("^Taking you back"))
        axe.look("form_post", visitor.tab)
    assert not axe.findings, "\n".join(axe.findings)


@pytest.mark.parametrize("locale", ["sv", "nb"])
def test_pages_in_other_languages(demo: Demo, visit: Callable[..., Visitor], axe: Examination, locale: str) -> None:
    visitor = visit(viewport=SIZES["phone"], locale=locale)
    visitor.open(demo.link())
    axe.look("number", visitor.tab)
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    axe.look("pin", visitor.tab)
    visitor.type_pin(visitor.newest_code())
    expect(visitor.tab.locator("form#add")).to_be_visible()
    axe.look("consent", visitor.tab)
    assert not axe.findings, "\n".join(axe.findings)


def test_the_examination_finds_what_is_wrong(visitor: Visitor, axe: Examination) -> None:
    """The control: a field without a label and grey on grey are found."""
    visitor.tab.set_content("<!doctype html><html lang=en><title>x</title><main><h1>x</h1><input>"
                            "<p style='color:#999;background:#aaa'>grey</p></main></html>")  # fmt: skip
    axe.look("bad", visitor.tab)
    assert {finding.split(": ")[1] for finding in axe.findings} >= {"label", "color-contrast"}
