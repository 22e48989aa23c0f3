"""A forgotten password: equal answers, a link that works once, and no way around the second step."""

from __future__ import annotations

from support.people import alike, letters, link_in, member, person
from support.site import Site

NEW = "five other tiny words there"


async def test_a_new_password_by_mail(site: Site) -> None:
    ada = await member(site)
    other = person(site)
    await other.get("/portal/forgot")
    await other.submit("/forgot", email=ada.email.upper())
    assert other.path == "/portal/forgot/sent"
    await other.follow_mail()
    assert 'autocomplete="new-password"' in other.html and f'value="{ada.email}"' in other.html
    await other.submit("/reset", password="short")
    assert other.page and other.page.status_code == 422 and "at least 10" in other.read.text
    await other.submit("/reset", password=NEW)
    assert (other.path, other.cookie) == ("/portal/sign-in", None)
    assert "Your password is changed" in other.read.text
    await ada.get("/portal/account")
    assert ada.path == "/portal/sign-in", "all sessions are over"
    await other.sign_in()
    assert other.cookie is None, "and the old password"
    await ada.sign_in(password=NEW)
    assert ada.cookie
    await site.run_jobs()
    assert (await letters(site, ada.email))[0].subject == "Your password was changed"


async def test_s116_forgetting_answers_alike(site: Site) -> None:
    await member(site, "known@voicebox.example")
    answers = []
    for email in ("known@voicebox.example", "nobody@voicebox.example"):
        somebody = person(site, email)
        await somebody.get("/portal/forgot")
        before = site.storage.statements
        response = await somebody.submit("/forgot", email=email)
        answers.append((response.status_code, alike(response.text, email), site.storage.statements - before))
    assert answers[0] == answers[1]
    await site.run_jobs()
    assert [letter.to for letter in await letters(site)] == ["known@voicebox.example"]


async def test_a_link_works_once(site: Site) -> None:
    await member(site)
    other = person(site)
    await other.get("/portal/forgot")
    await other.submit("/forgot", email=other.email)
    link = link_in(await other.newest_mail())
    await other.get(link)
    form = other.read.form("/reset")
    await other.submit("/reset", password=NEW)
    assert (await other.get(link)).status_code == 410
    response = await other.post(form.action, {**form.fields, "password": "yet another password"})
    assert response.status_code == 410
    await other.sign_in(password=NEW)
    assert other.cookie


async def test_s116_a_reset_does_not_get_around_the_second_step(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    other = ada.another_browser()
    await other.get("/portal/forgot")
    await other.submit("/forgot", email=ada.email)
    await other.follow_mail()
    await other.submit("/reset", password=NEW)
    assert other.cookie is None
    await other.sign_in(password=NEW)
    assert (other.path, other.cookie) == ("/portal/sign-in/second", None)


async def test_the_form_helps(site: Site) -> None:
    ada = person(site)
    await ada.get("/portal/forgot")
    await ada.submit("/forgot", email="ada@")
    assert ada.page and ada.page.status_code == 422
    assert 'value="ada@"' in ada.html and "doesn't look like" in ada.read.text
    await ada.submit("/forgot", email="")
    assert "Enter your e-mail address" in ada.read.text
