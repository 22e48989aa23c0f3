"""The pages as people use them: by keyboard, without scripts, on a small phone, with a message to paste, in Swedish."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from support.chromium import Visitor, code_on
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.demo]

SMALL = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True}
ACTIVE = "element => element === document.activeElement"
RINGED = """() => { const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== 'none' }"""


def tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until the target has the focus, which can be seen at every step."""
    for _ in range(40):
        if target.evaluate(ACTIVE):
            return
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement !== document.body"):
            assert page.evaluate(RINGED), page.evaluate("document.activeElement.outerHTML")
    raise AssertionError(f"Tab does not lead to {target}")


def wrong(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def test_keyboard_only(demo: Demo, visitor: Visitor) -> None:
    handset = visitor.handset()
    page = visitor.open(demo.link())
    page.bring_to_front()
    expect(page.get_by_label("Phone number")).to_be_focused()
    page.keyboard.type(visitor.number)
    page.keyboard.press("Enter")
    expect(page.get_by_label("6-digit code")).to_be_focused()

    handset.bring_to_front()
    code = code_on(handset)
    tab_to(handset, handset.get_by_role("button", name=f"Copy {code}"))
    handset.keyboard.press("Enter")
    expect(handset.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    page.bring_to_front()
    page.keyboard.press("Control+V")

    terms = page.get_by_role("checkbox", name=re.compile("^I have read and accept"))
    expect(terms).to_be_visible()
    tab_to(page, terms)
    page.keyboard.press("Space")
    expect(terms).to_be_checked()
    tab_to(page, page.get_by_role("button", name="Add product"))
    page.keyboard.press("Enter")
    assert visitor.arrived(f"{demo.url}/demo/callback")["code"]
    tab_to(page, page.get_by_role("button", name="Trade the code for tokens"))
    page.keyboard.press("Enter")
    expect(page.locator("#step-1 .tag")).to_have_text("200")


def test_first_tab_skips_to_the_content(demo: Demo, visitor: Visitor) -> None:
    page = visitor.open(f"{demo.url}/demo")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_keyboard_reaches_the_way_out(demo: Demo, visitor: Visitor) -> None:
    page = visitor.open(demo.link())
    tab_to(page, page.get_by_role("button", name="Cancel"))
    page.keyboard.press("Enter")
    assert visitor.arrived(f"{demo.url}/demo/callback")["error"] == "access_denied"


def test_scripts_off(demo: Demo, visit: Callable[..., Visitor]) -> None:
    """Everything works, with a button more: the handset comes anew by itself, nothing stands there that needs scripts."""
    visitor = visit(java_script_enabled=False)
    handset = visitor.handset()
    expect(handset.locator("noscript p")).to_be_visible()
    expect(handset.locator("noscript p")).to_have_text("This page reloads every few seconds.")
    expect(handset.get_by_role("button")).to_have_count(0)
    page = visitor.open(demo.link())
    visitor.type_number("abc")
    expect(page.get_by_role("alert")).to_contain_text("doesn't look like a phone number")
    expect(page.get_by_label("Phone number")).to_have_value("abc")
    expect(page.get_by_label("Phone number")).to_be_focused()
    visitor.type_number()
    expect(visitor.heading()).to_have_text("Enter your code")
    code = code_on(handset)
    expect(handset.get_by_role("button")).to_have_count(0)

    visitor.type_pin(wrong(code))
    expect(page.get_by_role("alert")).to_contain_text("4 tries left")
    expect(visitor.pin_field()).to_be_focused()
    page.get_by_role("button", name="Get new code").click()
    expect(page.get_by_text(re.compile("You can get a new code in"))).to_be_visible()
    visitor.type_pin(code)
    expect(visitor.heading()).to_contain_text("Add product to")
    page.locator("button[value=add]").click()  # the browser itself stops here: the box is required
    expect(visitor.heading()).to_contain_text("Add product to")
    visitor.add_product()
    assert visitor.arrived(f"{demo.url}/demo/callback")["code"]
    for name in ("Trade the code for tokens", "Ask who the subscriber is"):
        page.get_by_role("button", name=name).click()
    expect(page.locator("#response-2")).to_contain_text(visitor.number)


@pytest.mark.parametrize("locale", ["en", "sv", "nb"])
def test_nothing_is_wider_than_a_small_phone(demo: Demo, visit: Callable[..., Visitor], locale: str) -> None:
    """360 pixels, every page of the flow and the handset: no sideways scrolling, nothing too small to touch."""
    visitor = visit(**SMALL, locale=locale)
    page = visitor.tab

    def fits(tab: Page = page) -> None:
        expect(tab.locator("html")).to_have_attribute("lang", locale)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, tab.url
        for button in tab.locator("button:visible, a.button:visible, input.input:visible, .tick-row:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44 or "button-small" in (button.get_attribute("class") or ""), button
            assert box["x"] >= 0, button
            assert box["x"] + box["width"] <= 360, button

    visitor.open(f"{demo.url}/demo")
    fits()
    visitor.open(f"{demo.url}/handset")
    fits()
    visitor.open(demo.link("Tidbit"))
    fits()
    visitor.type_number("12")
    expect(page.get_by_role("alert")).to_be_visible()
    fits()
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    fits()
    handset = visitor.handset()
    code = code_on(handset)
    fits(handset)
    visitor.type_pin(wrong(code))
    expect(page.get_by_role("alert")).to_be_visible()
    fits()
    visitor.type_pin(code)
    expect(page.locator("form#add")).to_be_visible()
    fits()
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    for step in ("exchange", "userinfo", "introspect"):
        fits()
        page.locator(f"button[name=step][value={step}]").click()
        expect(page.locator(".tag").last).to_have_text("200")
    fits()
    visitor.open(f"{demo.url}/oauth2/sessions/logout")
    fits()
    visitor.open(f"{demo.url}/oauth2/auth?client_id=nobody")
    fits()
    page.locator("summary").click()
    fits()


def test_pasting_the_whole_message(demo: Demo, visitor: Visitor) -> None:
    """A message with its words, its host and its code goes into the field as the code, and is sent."""
    handset = visitor.handset()
    page = visitor.open(demo.link())
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    code = code_on(handset)
    copy(handset, handset.locator("[data-slot=body]").first, contains=f"@localhost #{code}")
    page.bring_to_front()
    visitor.pin_field().focus()
    page.keyboard.press("Control+V")
    expect(visitor.heading()).to_contain_text("Add product to")


def test_pasting_the_whole_message_without_scripts(demo: Demo, visit: Callable[..., Visitor]) -> None:
    """The code comes first in the message, so the field's length cuts it out."""
    visitor = visit()
    page = visitor.open(demo.link())
    visitor.type_number()
    handset = visitor.handset()
    code = code_on(handset)
    copy(handset, handset.locator("[data-slot=body]").first, contains=code)
    visitor.context.route("**/dialkey.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.bring_to_front()
    page.reload()
    visitor.pin_field().focus()
    page.keyboard.press("Control+V")
    expect(visitor.pin_field()).to_have_value(code)
    page.keyboard.press("Enter")
    expect(visitor.heading()).to_contain_text("Add product to")


def copy(tab: Page, source: Locator, *, contains: str) -> None:
    tab.bring_to_front()
    text = source.evaluate("element => { getSelection().selectAllChildren(element); return getSelection().toString() }")
    assert contains in text
    tab.keyboard.press("Control+C")


def test_code_copied_with_a_space_or_typed_in_two_halves(demo: Demo, visitor: Visitor) -> None:
    visitor.open(demo.link())
    visitor.type_number()
    code = visitor.newest_code()
    visitor.pin_field().press_sequentially(f"{code[:3]} {code[3:]}")
    expect(visitor.heading()).to_contain_text("Add product to")


def test_wrong_code_says_what_is_left_and_where_to_type(demo: Demo, visitor: Visitor) -> None:
    page = visitor.open(demo.link())
    visitor.type_number()
    code = visitor.newest_code()
    for left in (4, 3, 2, 1):
        visitor.type_pin(wrong(code))
        alert = page.get_by_role("alert").filter(has_text=f"You have {left} {'try' if left == 1 else 'tries'} left")
        expect(alert).to_be_visible()
        field = visitor.pin_field()
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(f"You have {left} tr"))
        expect(page).to_have_title(re.compile("^Check this: "))
    visitor.type_pin(wrong(code))
    expect(visitor.heading()).to_have_text("Take a short break")
    page.get_by_role("link", name="Start again").click()
    visitor.sign_in_here()
    visitor.add_product()
    assert visitor.arrived(f"{demo.url}/demo/callback")["code"]


def test_right_code_after_a_wrong_one(demo: Demo, visitor: Visitor) -> None:
    visitor.open(demo.link())
    visitor.type_number()
    code = visitor.newest_code()
    visitor.type_pin(wrong(code))
    expect(visitor.tab.get_by_role("alert")).to_be_visible()
    visitor.type_pin(code)
    expect(visitor.heading()).to_contain_text("Add product to")


@pytest.mark.parametrize("where", ["number", "pin", "consent"])
def test_swedish_keeps_the_request(demo: Demo, visitor: Visitor, where: str) -> None:
    """The language is switched in the middle; everything from there on speaks it, and the client gets its answer."""
    page = visitor.open(demo.link())

    def switch(at: str) -> None:
        if at == where:
            page.get_by_role("link", name="Svenska").click()
        expect(page.locator("html")).to_have_attribute("lang", "sv" if passed(at) else "en")

    def passed(at: str) -> bool:
        order = ("number", "pin", "consent", "after")
        return order.index(at) >= order.index(where)

    switch("number")
    visitor.type_number("12")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "sv" if passed("number") else "en")
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    switch("pin")
    expect(visitor.heading()).to_have_text("Skriv din kod" if passed("pin") else "Enter your code")
    code = visitor.newest_code()
    visitor.type_pin(wrong(code))
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "sv" if passed("pin") else "en")
    visitor.type_pin(code)
    expect(page.locator("form#add")).to_be_visible()
    switch("consent")
    expect(visitor.heading()).to_contain_text("Lägg till tjänst på")
    visitor.add_product()
    back = visitor.arrived(f"{demo.url}/demo/callback")
    assert back["state"] == "this-is-a-key-set-by-the-caller"
    assert back["scope"] == "phone offline_access"
    expect(page.locator("html")).to_have_attribute("lang", "sv")


def test_new_code_after_the_countdown(demo: Demo, visitor: Visitor) -> None:
    page = visitor.tab
    page.clock.install()
    visitor.open(demo.link())
    visitor.type_number()
    handset = visitor.handset()
    first = code_on(handset)
    again = page.get_by_role("button", name=re.compile("^Get new code in [0-9]+ s$"))
    expect(again).to_be_disabled()
    page.clock.fast_forward(31_000)
    demo.turn_back(visitor.number, seconds=31)
    ready = page.get_by_role("button", name="Get new code", exact=True)
    expect(ready).to_be_enabled()
    ready.click()
    expect(page.get_by_role("status").filter(has_text="A new code is on its way")).to_be_visible()
    expect(handset.locator("[data-bubbles] > li")).to_have_count(2)
    assert first
    visitor.type_pin(code_on(handset))
    expect(visitor.heading()).to_contain_text("Add product to")


def test_expired_code_leads_on(demo: Demo, visitor: Visitor) -> None:
    page = visitor.open(demo.link())
    visitor.type_number()
    code = visitor.newest_code()
    demo.turn_back(visitor.number, seconds=301)
    visitor.type_pin(code)
    expect(visitor.heading()).to_have_text("The code has expired")
    expect(page.get_by_role("button", name="Back to VoiceBox")).to_be_visible()
    page.get_by_role("link", name="Start again").click()
    visitor.sign_in_here()
    visitor.add_product()
    assert visitor.arrived(f"{demo.url}/demo/callback")["state"] == "this-is-a-key-set-by-the-caller"


def test_change_of_number_starts_over_with_it_filled_in(
    demo: Demo, visitor: Visitor, visit: Callable[..., Visitor]
) -> None:
    page = visitor.open(demo.link())
    visitor.type_number()
    page.get_by_role("link", name="Change number").click()
    expect(page.get_by_label("Phone number")).to_have_value(re.compile(r"^\+46 70 174 06 \d\d$"))
    expect(page.get_by_label("Phone number")).to_be_focused()
    other = visit().number
    visitor.type_number(other)
    visitor.type_pin(visitor.newest_code(other))
    expect(visitor.heading()).to_contain_text(other[-2:])


def test_number_in_the_link_is_filled_in_and_nothing_is_sent(demo: Demo, visitor: Visitor) -> None:
    page = visitor.open(f"{demo.link()}&login_hint=%2B{visitor.number[1:]}")
    expect(page.get_by_label("Phone number")).to_have_value(re.compile(visitor.number[-2:] + "$"))
    handset = visitor.handset()
    expect(handset.get_by_text("No messages yet")).to_be_visible()
    page.get_by_role("button", name="Get code").click()
    visitor.type_pin(code_on(handset))
    expect(visitor.heading()).to_contain_text("Add product to")


def test_product_that_nobody_verified_warns(demo: Demo, visitor: Visitor) -> None:
    visitor.sign_in(demo.link("Tidbit"))
    page = visitor.tab
    expect(page.get_by_role("region", name="Not verified")).to_be_visible()
    page.evaluate("document.querySelector('form#add').noValidate = true")
    page.get_by_role("button", name="Add product").click()
    expect(page.get_by_role("alert").first).to_contain_text("Tick both boxes")
    responsibility = page.get_by_role("checkbox", name=re.compile("take responsibility"))
    expect(responsibility).to_be_focused()
    visitor.add_product()
    assert visitor.arrived(f"{demo.url}/demo/callback")["state"] == "this-is-a-key-of-tidbit"


def test_optional_access_is_given_only_where_it_is_ticked(demo: Demo, visitor: Visitor) -> None:
    scope = "phone%20offline_access%20voicemail.get%20mms.send.from_subscriber"
    visitor.sign_in(demo.link().replace("phone%20offline_access", scope))
    visitor.tab.get_by_role("checkbox", name="Listen to your voicemail messages").check()
    visitor.add_product()
    granted = visitor.arrived(f"{demo.url}/demo/callback")["scope"].split()
    assert granted == ["phone", "offline_access", "voicemail.get"]


def test_product_that_is_not_offered_has_two_ways_on(demo: Demo, visit: Callable[..., Visitor]) -> None:
    """Tidbit is not at Fjordtel. The number page cannot tell, and neither does it send anything."""
    visitor = visit("+447700900050")
    visitor.open(demo.link())
    visitor.type_number()
    visitor.type_pin(visitor.newest_code())
    expect(visitor.heading()).to_contain_text("Add product to")
    page = visitor.open(demo.link("Tidbit"))
    expect(visitor.heading()).to_have_text("Tidbit isn't available here")
    page.get_by_role("link", name="Use another number").click()
    expect(page.get_by_label("Phone number")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Back to Tidbit").click()
    assert visitor.arrived(f"{demo.url}/demo/callback")["error"] == "access_denied"
