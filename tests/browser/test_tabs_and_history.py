"""Two tabs, two clients, the back button, reloads: nothing is mixed up, and every page leads on."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from support.chromium import Visitor, parameters
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.demo]

VOICEBOX = "this-is-a-key-set-by-the-caller"
TIDBIT = "this-is-a-key-of-tidbit"


def identity(page: Page) -> dict[str, str]:
    """What the client of a callback page learns of its subscriber."""
    page.locator("button[name=step][value=exchange]").click()
    expect(page.locator("#step-1 .tag")).to_have_text("200")
    page.locator("button[name=step][value=userinfo]").click()
    expect(page.locator("#step-2 .tag")).to_have_text("200")
    command = page.locator("#curl-1").text_content() or ""
    claims = page.locator("#response-2").text_content() or ""
    number = re.search(r'"phone_number": "(\+\d+)"', claims)
    subject = re.search(r'"sub": "([^"]+)"', claims)
    client = re.search(r"-u (\S+?):", command)
    assert number
    assert subject
    assert client
    return {"number": number[1], "sub": subject[1], "client": client[1]}


def trade(demo: Demo, code: str) -> dict[str, str]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{demo.url}/demo/callback"}
    secrets = demo.secrets
    answer = httpx.post(
        f"{demo.url}/oauth2/token", data=form, auth=(secrets["CLIENT_ID"], secrets["CLIENT_SECRET"])
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask_userinfo(demo: Demo, access_token: str) -> int:
    return httpx.get(f"{demo.url}/userinfo", headers={"authorization": f"Bearer {access_token}"}).status_code


def test_s027_consents_of_two_clients_answered_crosswise(demo: Demo, visitor: Visitor) -> None:
    """One browser, one number, two products: each answer goes to its own client, whichever comes first."""
    first = visitor.tab
    visitor.sign_in(demo.link("VoiceBox"))
    second = visitor.open(demo.link("Tidbit"), visitor.context.new_page())
    expect(second.locator("form#add")).to_be_visible()

    visitor.add_product(second)
    assert visitor.arrived(f"{demo.url}/demo/callback", second)["state"] == TIDBIT
    expect(visitor.heading(first)).to_contain_text("Add product to")
    visitor.add_product(first)
    assert visitor.arrived(f"{demo.url}/demo/callback", first)["state"] == VOICEBOX

    one, two = identity(first), identity(second)
    assert one["client"] == demo.secrets["CLIENT_ID"]
    assert two["client"] == demo.secrets["TIDBIT_CLIENT_ID"]
    assert one["number"] == two["number"] == visitor.number
    assert one["sub"] != two["sub"]


def test_s027_cancel_in_one_tab_adds_nothing_in_the_other(demo: Demo, visitor: Visitor) -> None:
    first = visitor.tab
    visitor.sign_in(demo.link("VoiceBox"))
    second = visitor.open(demo.link("Tidbit"), visitor.context.new_page())
    second.get_by_role("button", name="Cancel").click()
    assert visitor.arrived(f"{demo.url}/demo/callback", second)["error"] == "access_denied"
    visitor.add_product(first)
    assert visitor.arrived(f"{demo.url}/demo/callback", first)["code"]
    visitor.open(demo.link("Tidbit"), second)
    expect(second.locator("form#add")).to_be_visible()


def test_s027_two_sign_ins_under_way_completed_crosswise(demo: Demo, visitor: Visitor) -> None:
    """Both tabs ask for a number, both get a code; what one tab does never counts for the other."""
    first = visitor.open(demo.link("VoiceBox"))
    second = visitor.open(demo.link("Tidbit"), visitor.context.new_page())
    visitor.type_number(tab=first)
    first_code = visitor.newest_code()
    visitor.type_number(tab=second)
    handset = visitor.handset()
    expect(handset.locator("[data-bubbles] > li")).to_have_count(2)
    codes = [button.get_attribute("data-copy") for button in handset.locator("[data-bubbles] [data-copied]").all()]
    second_code = next(code for code in codes if code != first_code)
    assert second_code

    visitor.type_pin(first_code, second)  # the code of the other tab
    expect(second.get_by_role("alert")).to_contain_text("4 tries left")
    visitor.type_pin(second_code, second)
    expect(second.locator("form#add")).to_be_visible()
    visitor.type_pin(first_code, first)
    expect(first.locator("form#add")).to_be_visible()

    visitor.add_product(second)
    if second.locator("form#add").count():  # the first tab's login is the younger one: it is asked again
        visitor.add_product(second)
    assert visitor.arrived(f"{demo.url}/demo/callback", second)["state"] == TIDBIT
    visitor.add_product(first)
    assert visitor.arrived(f"{demo.url}/demo/callback", first)["state"] == VOICEBOX
    assert identity(first)["client"] == demo.secrets["CLIENT_ID"]
    assert identity(second)["client"] == demo.secrets["TIDBIT_CLIENT_ID"]


def test_s027_another_number_in_the_other_tab(
    demo: Demo, visitor: Visitor, visit: Callable[..., Visitor]
) -> None:
    """The consent page names a number. When the browser meanwhile logged in with another one, pressing Add gives neither
    the named number's consent nor its answer: the page comes again and names the other."""
    named, other = visitor.number, visit().number
    first = visitor.tab
    visitor.sign_in(demo.link("VoiceBox"))
    expect(visitor.heading(first)).to_contain_text(named[-2:])
    second = visitor.open(demo.link("Tidbit") + "&prompt=login", visitor.context.new_page())
    visitor.sign_in_here(other, second)
    visitor.add_product(second)
    visitor.arrived(f"{demo.url}/demo/callback", second)
    assert identity(second)["number"] == other

    visitor.add_product(first)
    expect(visitor.heading(first)).to_have_text(re.compile(rf"^Add product to .* {other[-2:]}$"))
    visitor.add_product(first)
    assert visitor.arrived(f"{demo.url}/demo/callback", first)["state"] == VOICEBOX
    assert identity(first)["number"] == other


def test_s027_same_client_in_two_tabs(demo: Demo, visitor: Visitor) -> None:
    """Two runs of one client stay two: the states come back each in its tab, and both codes work."""
    first = visitor.tab
    visitor.sign_in(demo.link())
    link = demo.link().replace(VOICEBOX, "another-tab")
    second = visitor.open(link, visitor.context.new_page())
    visitor.add_product(second)
    assert visitor.arrived(f"{demo.url}/demo/callback", second)["state"] == "another-tab"
    visitor.add_product(first)
    assert visitor.arrived(f"{demo.url}/demo/callback", first)["state"] == VOICEBOX
    assert parameters(first.url)["code"] != parameters(second.url)["code"]
    assert identity(first) == identity(second)


def test_back_before_the_client_took_its_code_delivers_it_again(demo: Demo, visitor: Visitor) -> None:
    visitor.sign_in(demo.link())
    visitor.add_product()
    first = visitor.arrived(f"{demo.url}/demo/callback")
    visitor.tab.go_back()
    assert visitor.arrived(f"{demo.url}/demo/callback") == first
    assert identity(visitor.tab)["number"] == visitor.number


def test_back_after_finishing_gives_a_way_on(demo: Demo, visitor: Visitor) -> None:
    """A code that was traded never travels again."""
    visitor.sign_in(demo.link())
    visitor.add_product()
    first = visitor.arrived(f"{demo.url}/demo/callback")["code"]
    page = visitor.tab
    tokens = trade(demo, first)
    page.go_back()
    expect(visitor.heading()).to_have_text("You're already done")
    page.get_by_role("link", name="Start again").click()
    again = visitor.arrived(f"{demo.url}/demo/callback")
    assert again["code"] != first
    assert again["state"] == VOICEBOX
    assert identity(page)["number"] == visitor.number
    assert ask_userinfo(demo, tokens["access_token"]) == 200, "going back ended nothing"


def test_every_step_back_after_finishing_gives_a_way_on(demo: Demo, visitor: Visitor) -> None:
    """Number, PIN, consent, callback: back and back and back, and each time there is something to press."""
    visitor.sign_in(demo.link())
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    page = visitor.tab
    for _ in range(3):
        page.go_back()
        assert page.url != "about:blank"
        if "/demo/callback" not in page.url:
            expect(page.locator("main a[href], main button").first).to_be_visible()
    visitor.open(demo.link())
    assert visitor.arrived(f"{demo.url}/demo/callback")["code"]


def test_back_from_the_code_to_another_number(demo: Demo, visitor: Visitor, visit: Callable[..., Visitor]) -> None:
    other = visit().number
    page = visitor.open(demo.link())
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Phone number")).to_be_visible()
    visitor.sign_in_here(other)
    expect(visitor.heading()).to_contain_text(other[-2:])


def test_back_from_consent_is_not_a_second_login(demo: Demo, visitor: Visitor) -> None:
    visitor.sign_in(demo.link())
    page = visitor.tab
    page.go_back()  # to the PIN page, whose sign-in is over
    expect(page.locator("form#add")).to_be_visible()
    visitor.add_product()
    assert visitor.arrived(f"{demo.url}/demo/callback")["code"]


def test_forward_again_after_back(demo: Demo, visitor: Visitor) -> None:
    visitor.sign_in(demo.link())
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    visitor.tab.go_back()
    visitor.tab.go_forward()
    expect(visitor.tab.locator("main a[href], main button").first).to_be_visible()


def test_reload_of_each_page_shows_it_again(demo: Demo, visitor: Visitor) -> None:
    page = visitor.open(demo.link())
    page.reload()
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    page.reload()
    expect(visitor.pin_field()).to_be_visible()
    visitor.type_pin(visitor.newest_code())
    expect(page.locator("form#add")).to_be_visible()
    page.reload()
    visitor.add_product()
    visitor.arrived(f"{demo.url}/demo/callback")
    page.reload()
    assert identity(page)["number"] == visitor.number


def test_link_carried_to_another_browser_starts_there(
    demo: Demo, visitor: Visitor, visit: Callable[..., Visitor]
) -> None:
    """The address of a PIN page is of no use to somebody else, and says how to begin."""
    page = visitor.open(demo.link())
    visitor.type_number()
    expect(visitor.pin_field()).to_be_visible()
    stranger = visit()
    stranger.open(page.url)
    expect(stranger.heading()).to_have_text("Continue where you started")
    stranger.tab.get_by_role("link", name="Start again").click()
    expect(stranger.tab.get_by_label("Phone number")).to_be_visible()


def test_double_click_on_add_product_is_one_answer(demo: Demo, visitor: Visitor) -> None:
    visitor.sign_in(demo.link())
    page = visitor.tab
    for box in page.locator("form#add input[required]").all():
        box.check()
    page.locator("button[name=decision][value=add]").dblclick()
    visitor.arrived(f"{demo.url}/demo/callback")
    assert len([url for url in visitor.watch.requests if url.endswith("/oauth2/auth/consent")]) == 1
    assert identity(page)["number"] == visitor.number
