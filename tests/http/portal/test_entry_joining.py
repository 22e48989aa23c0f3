"""Signing up: a verified address, an honest form, and answers that tell nobody who has an account."""

from __future__ import annotations

import re

import pytest

from support.people import PASSWORD, alike, letters, link_in, member, person
from support.site import Site


async def test_s114_signing_up_ends_signed_in_with_a_verified_address(site: Site) -> None:
    ada = person(site)
    await ada.sign_up()
    assert (ada.path, ada.cookie) == ("/portal/sign-up/sent", None)
    assert "ada@voicebox.example" in ada.html and "Look in your mailbox" in ada.read.text
    assert "/mailbox" in ada.read.links
    assert await site.built.portal.accounts.find_by_email(ada.email) is None, "not before the link was opened"
    await ada.follow_mail()
    assert ada.cookie is None
    await ada.submit("/verify")
    assert ada.cookie
    assert ada.path == "/portal"
    assert await site.built.portal.accounts.find_by_email(ada.email)


async def test_s114_nothing_can_be_made_before_the_address_is_verified(site: Site) -> None:
    ada = person(site)
    await ada.sign_up()
    for path in ("/portal", "/portal/account", "/portal/account/security", "/portal/account/sessions"):
        await ada.get(path)
        assert ada.path == "/portal/sign-in", path


async def test_s114_another_browser_confirms_with_the_chosen_password_only(site: Site) -> None:
    """Whoever signs up with somebody else's address must not get an account that its owner confirmed."""
    mallory, ada = person(site), person(site)
    await mallory.sign_up()
    link = link_in(await mallory.newest_mail())
    await ada.get(link)
    assert "You signed up in another browser" in ada.read.text
    await ada.submit("/verify")
    assert ada.page and ada.page.status_code == 422
    await ada.submit("/verify", password="something else entirely")
    assert ada.page.status_code == 422 and ada.cookie is None
    assert 'aria-invalid="true"' in ada.html and "something else" not in ada.html
    await ada.submit("/verify", password=PASSWORD)
    assert ada.cookie


async def test_looking_at_a_link_spends_nothing_and_a_spent_link_says_so(site: Site) -> None:
    ada = person(site)
    await ada.sign_up()
    link = link_in(await ada.newest_mail())
    for _ in range(3):
        assert (await ada.get(link)).status_code == 200
    await ada.submit("/verify")
    assert ada.cookie
    again = await ada.another_browser().get(link)
    assert again.status_code == 410 and "This link is over" in again.text


async def test_a_link_does_not_work_for_ever(site: Site) -> None:
    ada = person(site)
    await ada.sign_up()
    link = link_in(await ada.newest_mail())
    site.clock.advance(hours=24, seconds=1)
    assert (await ada.get(link)).status_code == 410


@pytest.mark.parametrize("path", ["/portal/verify", "/portal/verify-email", "/portal/undo-email", "/portal/reset"])
@pytest.mark.parametrize("token", ["", "x", "A" * 43, "%00", "é" * 30])
async def test_a_link_that_we_did_not_make_is_over(site: Site, path: str, token: str) -> None:
    ada = person(site)
    response = await ada.get(f"{path}?token={token}")
    assert response.status_code == 410
    assert (await ada.get(path)).status_code == 410


async def test_s116_signing_up_answers_alike_whether_or_not_the_address_is_known(site: Site) -> None:
    await member(site, "known@voicebox.example")
    answers = []
    for email in ("known@voicebox.example", "nobody@voicebox.example"):
        somebody = person(site, email)
        before = site.storage.statements
        response = await somebody.sign_up()
        answers.append((response.status_code, alike(response.text, email), site.storage.statements - before))
    assert answers[0] == answers[1]
    await site.run_jobs()
    subjects = {letter.to: letter.subject for letter in await letters(site)}
    assert subjects["known@voicebox.example"] == "You already have an account"
    assert subjects["nobody@voicebox.example"] == "Confirm your e-mail address"


async def test_every_problem_stands_beside_its_field_and_what_was_typed_stays(site: Site) -> None:
    ada = person(site, email="ada@", password="short")
    response = await ada.sign_up()
    assert response.status_code == 422
    for field in ("email", "password"):
        assert f'id="{field}-problem" role="alert"' in ada.html
    assert 'value="Ada Lind"' in ada.html and 'value="ada@"' in ada.html
    assert "short" not in re.sub(r"too short", "", ada.html)
    await ada.submit("/sign-up", name="", email="", password="")
    assert ada.page and ada.page.status_code == 422
    assert ada.html.count('role="alert"') == 3


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("nine char", "at least 10 characters"),
        ("password1234", "attackers try first"),
        ("1234567890", "attackers try first"),
        ("ada@voicebox.example", "too close to your name"),
        ("x" * 300, "at most 256"),
    ],
)
async def test_s115_passwords_are_long_and_not_everybody_s(site: Site, password: str, words: str) -> None:
    ada = person(site, password=password)
    response = await ada.sign_up()
    assert response.status_code == 422
    assert words in ada.read.text
    assert password not in ada.read.form("/sign-up").fields.get("password", "")


async def test_s115_any_kind_of_character_makes_a_password(site: Site) -> None:
    for number, password in enumerate(
        ("bara små bokstäver", "пароль из слов", "     spaces   ok    ", "🦊🐻🐼🦁🐯🐨🐸🐵🦉🐙")
    ):
        ada = person(site, f"p{number}@voicebox.example", password=password)
        assert (await ada.join()).status_code == 200 and ada.cookie, password
        again = ada.another_browser()
        await again.sign_in()
        assert again.cookie, password


async def test_where_one_was_headed_outlives_the_mail(site: Site) -> None:
    ada = person(site)
    await ada.get("/portal/account/sessions")
    assert ada.path == "/portal/sign-in"
    await ada.get(next(link for link in ada.read.links if link.startswith("/portal/sign-up")))
    await ada.submit("/sign-up", name=ada.name, email=ada.email, password=ada.password)
    await ada.follow_mail()
    await ada.submit("/verify")
    assert ada.path == "/portal/account/sessions"


async def test_s116_signing_up_is_limited_per_address(site: Site) -> None:
    ada = person(site)
    for number in range(60):
        ada.email = f"ada{number}@voicebox.example"
        response = await ada.sign_up()
        if response.status_code == 429:
            break
    assert response.status_code == 429 and "Too many tries" in ada.read.text
    assert number == 50


async def test_cross_site_and_foreign_forms_are_refused(site: Site) -> None:
    ada, mallory = person(site), person(site)
    await ada.get("/portal/sign-up")
    form = ada.read.form("/sign-up")
    fields = {**form.fields, "name": "Ada", "email": ada.email, "password": PASSWORD}
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        assert (await ada.post(form.action, fields, **headers)).status_code == 403
    await mallory.get("/portal/sign-up")
    assert (await mallory.post(form.action, fields)).status_code == 403, "the form belongs to another browser"
    assert (await person(site).post(form.action, fields)).status_code == 403, "no browser of ours"
    assert (await ada.post(form.action, {**fields, "csrf": "x"})).status_code == 403
    await site.run_jobs()
    assert await letters(site) == []
