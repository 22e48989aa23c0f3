"""Signing in and out: equal answers, new sessions, local ways on, limits, and the second step."""

from __future__ import annotations

import re
import time

import pytest

from support.people import PASSWORD, alike, letters, member, person, real_passwords
from support.site import CHROME, Site

WRONG = "E-mail and password don't go together"


async def test_signing_in_and_out(site: Site) -> None:
    ada = await member(site)
    assert ada.path == "/portal"
    page = await ada.get("/portal/sign-in")
    assert ada.path == "/portal", "who is signed in needs no sign-in page"
    token = ada.cookie
    await ada.get("/portal/account")
    await ada.submit("/portal/sign-out")
    assert (ada.path, ada.cookie) == ("/portal/sign-in", None)
    assert "You are signed out" in ada.read.text
    ada.http.cookies.set("__Host-dialkey_portal", token or "", domain="id.localhost")
    await ada.get("/portal/account")
    assert ada.path == "/portal/sign-in", "the session itself is over, not only its cookie"
    assert page.headers["cache-control"] == "no-store"


async def test_s116_unknown_address_and_wrong_password_answer_alike(site: Site) -> None:
    await member(site, "known@voicebox.example")
    answers = []
    for email in ("known@voicebox.example", "nobody@voicebox.example", "not an address"):
        somebody = person(site, email, password="not the password")
        response = await somebody.sign_in()
        assert WRONG in somebody.read.text
        answers.append((response.status_code, alike(response.text, email)))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 422


async def test_s116_an_unknown_address_takes_as_long(site: Site) -> None:
    person(site)
    real_passwords(site)
    await member(site, "known@voicebox.example")
    spent: dict[str, list[float]] = {"known@voicebox.example": [], "nobody@voicebox.example": []}
    for _ in range(5):
        for email, times in spent.items():
            somebody = person(site, email, password="not the password")
            await somebody.get("/portal/sign-in")
            started = time.perf_counter()
            await somebody.submit("/sign-in", email=email, password="not the password")
            times.append(time.perf_counter() - started)
    known, nobody = (min(times) for times in spent.values())
    assert 0.5 < known / nobody < 2


async def test_no_password_comes_back_in_a_page(site: Site) -> None:
    ada = await member(site)
    other = ada.another_browser()
    await other.sign_in(password="my secret mistake")
    assert "my secret mistake" not in other.html
    assert 'value="ada@voicebox.example"' in other.html
    await other.sign_in(email="", password="")
    assert other.html.count('role="alert"') == 2


async def test_a_session_that_somebody_planted_is_not_taken_over(site: Site) -> None:
    """Session fixation: what the browser brought is worth nothing, and is replaced."""
    await member(site)
    ada = person(site)
    planted = "A" * 43
    ada.http.cookies.set("__Host-dialkey_portal", planted, domain="id.localhost")
    await ada.sign_in()
    values = [c.value for c in ada.http.cookies.jar if c.name == "__Host-dialkey_portal"]
    assert planted not in values and len(values) == 1


async def test_signing_in_again_ends_the_session_before(site: Site) -> None:
    ada, bo = await member(site), await member(site, "bo@voicebox.example", "Bo")
    before = ada.cookie
    await ada.get("/portal/account")
    # a second tab still shows the form; its browser signs in as somebody else
    browser_form = await bo.another_browser().get("/portal/sign-in")
    assert browser_form.status_code == 200
    await ada.get("/portal/sign-in?done=closed")
    await ada.submit("/sign-in", email=bo.email, password=PASSWORD)
    assert ada.cookie and ada.cookie != before
    assert bo.email in (await ada.get("/portal/account")).text
    thief = person(site)
    thief.http.cookies.set("__Host-dialkey_portal", before or "", domain="id.localhost")
    await thief.get("/portal/account")
    assert thief.path == "/portal/sign-in"


async def test_the_session_s_cookie(site: Site) -> None:
    await member(site)
    ada = person(site)
    await ada.get("/portal/sign-in")
    form = ada.read.form("/sign-in")
    response = await ada.http.post(
        form.action,
        data={**form.fields, "email": ada.email, "password": PASSWORD},
        headers={**CHROME, "origin": "null"},
    )
    assert response.status_code == 303
    (cookie,) = [c for c in response.headers.get_list("set-cookie") if "dialkey_portal=" in c]
    name, *attributes = [part.strip() for part in cookie.split(";")]
    assert name.startswith("__Host-dialkey_portal=")
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(attributes)
    assert not [a for a in attributes if a.lower().startswith("domain")]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/portal",
        "/\\evil.example",
        "/portal/../../evil",
        "/portal//evil.example",
        "/portal\r\nset-cookie: a=b",
        "javascript:alert(1)",
        "/portalevil",
        "/oauth2/auth",
        "portal",
        "/portal/" + "x" * 2000,
    ],
)
async def test_one_only_goes_on_within_the_portal(site: Site, target: str) -> None:
    await member(site)
    ada = person(site)
    await ada.sign_in(next_url=target)
    assert ada.cookie
    assert ada.path == "/portal"
    assert ada.visited[-1] == "/portal"
    # nor by the form's own field
    other = person(site)
    await other.get("/portal/sign-in?next=/portal/account")
    await other.submit("/sign-in", email=other.email, password=PASSWORD, next=target)
    assert other.path in ("/portal",), other.path


async def test_one_comes_back_to_where_one_was_headed(site: Site) -> None:
    await member(site)
    ada = person(site)
    await ada.get("/portal/account/sessions?a=b")
    assert ada.path == "/portal/sign-in"
    await ada.submit("/sign-in", email=ada.email, password="wrong password")
    await ada.submit("/sign-in", email=ada.email, password=PASSWORD)
    assert ada.visited[-1] == "/portal/account/sessions?a=b"


async def test_cross_site_posts_are_refused(site: Site) -> None:
    ada = await member(site)
    page = await ada.get("/portal/account")
    assert page.status_code == 200
    forms = {form.action: form.fields for form in ada.read.forms}
    for action, fields in forms.items():
        for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
            assert (await ada.post(action, fields, **headers)).status_code == 403, action
        assert (await ada.post(action, {**fields, "csrf": ""})).status_code == 403, action
    bo = await member(site, "bo@voicebox.example", "Bo")
    await bo.get("/portal/account")
    for action, fields in forms.items():
        assert (await bo.post(action, {**fields, "name": "Hacked"})).status_code == 403, "another session's form"
    assert (await bo.get("/portal/account")).status_code == 200 and "Hacked" not in bo.html


async def test_addresses_of_forms_can_be_typed(site: Site) -> None:
    ada = person(site)
    for path in ("/portal/sign-out", "/portal/sign-in/passkey", "/portal/sign-in/second"):
        await ada.get(path)
        assert ada.path == "/portal/sign-in", path


async def test_s116_wrong_passwords_are_limited_and_say_when(site: Site) -> None:
    await member(site)
    ada = person(site)
    statuses = [(await ada.sign_in(password=f"wrong password {n}")).status_code for n in range(11)]
    assert statuses == [422] * 10 + [429]
    wait = re.search(r"Too many tries. Wait (\d+) min", ada.read.text)
    assert wait and 0 < int(wait[1]) <= 20
    assert (await ada.sign_in()).status_code == 429, "the right one neither"
    site.clock.advance(minutes=int(wait[1]))
    await ada.sign_in()
    assert ada.cookie


async def test_s116_an_unknown_address_is_limited_alike(site: Site) -> None:
    ada = person(site, "nobody@voicebox.example")
    statuses = [(await ada.sign_in(password=f"wrong password {n}")).status_code for n in range(11)]
    assert statuses == [422] * 10 + [429]


# the second step


async def test_the_second_step_is_asked_for(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    other = ada.another_browser()
    await other.sign_in(next_url="/portal/account/sessions")
    assert (other.path, other.cookie) == ("/portal/sign-in/second", None)
    assert "Enter your code" in other.read.text
    site.clock.advance(seconds=30)
    await other.submit("/second", code="000000" if other.code() != "000000" else "111111")
    assert other.page and other.page.status_code == 422 and other.cookie is None
    assert "This code isn't right" in other.read.text
    await other.submit("/second", code=" " + other.code()[:3] + " " + other.code()[3:])
    assert other.cookie
    assert other.path == "/portal/account/sessions"


async def test_a_code_works_once(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    site.clock.advance(seconds=30)
    first, second = ada.another_browser(), ada.another_browser()
    await first.sign_in()
    await second.sign_in()
    await first.submit("/second", code=first.code())
    await second.submit("/second", code=second.code())
    assert first.cookie and second.cookie is None


async def test_a_recovery_code_signs_in_once(site: Site) -> None:
    ada = await member(site)
    codes = await ada.turn_totp_on()
    other = ada.another_browser()
    await other.sign_in()
    await other.get(next(link for link in other.read.links if "way=recovery" in link))
    await other.submit("/second", code="aaaaa-aaaaa")
    assert "This recovery code isn't right" in other.read.text
    await other.submit("/second", code=codes[3].upper())
    assert other.cookie
    await other.get("/portal/account/security")
    assert "9 recovery codes left" in other.read.text
    again = ada.another_browser()
    await again.sign_in()
    await again.submit("/second", code=codes[3])
    assert again.cookie is None
    await site.run_jobs()
    assert "A recovery code was used" in [letter.subject for letter in await letters(site)]


async def test_s116_codes_cannot_be_tried_for_long(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    other = ada.another_browser()
    await other.sign_in()
    for _ in range(5):
        await other.submit("/second", code="000000")
    assert "Sign in once more" in other.read.text and other.read.form("/portal/sign-in")
    await other.get("/portal/sign-in/second")
    assert other.path == "/portal/sign-in", "the first step is forgotten"
    await site.run_jobs()
    assert "Somebody knows your password" in [letter.subject for letter in await letters(site)]


async def test_the_first_step_alone_opens_nothing(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    other = ada.another_browser()
    await other.sign_in()
    for path in ("/portal", "/portal/account", "/portal/account/security"):
        await other.get(path)
        assert other.path == "/portal/sign-in"


async def test_a_broken_passkey_answer_is_calmly_refused(site: Site) -> None:
    ada = person(site)
    for credential in ("", "{}", "[]", "null", '{"rawId": "AA", "response": {}}', "x" * 20_000, '{"a":' * 2000):
        await ada.get("/portal/sign-in")
        await ada.submit("/passkey", credential=credential)
        assert ada.page and ada.page.status_code == 422, credential[:20]
        assert "This passkey didn't work here" in ada.read.text
