"""One's own account: name, address, sessions, proving again who one is, and the end."""

from __future__ import annotations

import pytest

from support.people import PASSWORD, letters, link_in, member, person
from support.site import Site


def stale(site: Site) -> None:
    """Lets a session's proof grow old."""
    site.clock.advance(minutes=16)


async def test_a_name_is_changed(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account")
    await ada.submit("/portal/account", name="  Ada   Lovelace ")
    assert ada.path == "/portal/account"
    assert 'value="Ada Lovelace"' in ada.html and "Saved" in ada.read.text
    for name, words in (("", "Enter your name"), ("x" * 81, "at most 80"), ("a\u202eb", "letters, digits")):
        await ada.submit("/portal/account", name=name)
        assert ada.page and ada.page.status_code == 422
        assert words in ada.read.text


async def test_a_hostile_name_stays_text(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account")
    await ada.submit("/portal/account", name="<script>alert(1)</script>{{7*7}}")
    assert "<script>alert" not in ada.html and "&lt;script&gt;" in ada.html and "{{7*7}}" in ada.html


@pytest.mark.parametrize("path", ["email", "close", "password", "totp", "passkeys/add"])
async def test_s114_what_changes_the_way_in_asks_who_one_is(site: Site, path: str) -> None:
    ada = await member(site)
    stale(site)
    await ada.get(f"/portal/account/{path}")
    assert ada.path == "/portal/account/confirm"
    await ada.submit("/confirm", password="not my password")
    assert ada.page and ada.page.status_code == 422 and "This isn't your password" in ada.read.text
    await ada.submit("/confirm", password=PASSWORD)
    assert ada.path == f"/portal/account/{path}"


async def test_s114_a_form_left_open_for_long_asks_too(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account/password")
    stale(site)
    await ada.submit("/password", password="five other tiny words")
    assert ada.path == "/portal/account/confirm"
    other = ada.another_browser()
    await other.sign_in(password="five other tiny words")
    assert other.cookie is None, "nothing was changed"


async def test_proving_asks_for_the_second_step_too(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    stale(site)
    await ada.get("/portal/account/email")
    await ada.submit("/confirm", password=PASSWORD)
    assert "That wasn't right" in ada.read.text
    await ada.submit("/confirm", password=PASSWORD, code=ada.code())
    assert ada.path == "/portal/account/email"


async def test_proving_goes_on_within_the_portal_only(site: Site) -> None:
    ada = await member(site)
    stale(site)
    await ada.get("/portal/account/confirm?next=https://evil.example")
    await ada.submit("/confirm", password=PASSWORD)
    assert ada.path == "/portal/account"


async def test_s114_an_address_is_changed_by_a_link_and_the_old_one_is_told(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account/email")
    await ada.submit("/account/email", email="ada@new.example")
    assert ada.path == "/portal/account/email/sent" and "ada@new.example" in ada.html
    assert ada.email in (await ada.get("/portal/account")).text, "not yet"
    await site.run_jobs()
    (letter,) = await letters(site, "ada@new.example")
    await ada.get(link_in(letter))
    await ada.submit("/verify-email")
    assert ada.path == "/portal/account" and "ada@new.example" in ada.html
    await site.run_jobs()
    notice = (await letters(site, "ada@voicebox.example"))[0]
    assert notice.subject == "Your e-mail address was changed"
    # the old address takes it back
    victim = person(site)
    await victim.get(link_in(notice))
    assert "Take my address back" in victim.html
    await victim.submit("/undo-email")
    assert victim.path == "/portal/sign-in" and "yours again" in victim.read.text
    await ada.get("/portal/account")
    assert ada.path == "/portal/sign-in", "whoever changed it is out"
    reset = (await letters(site, "ada@voicebox.example"))[0]
    await victim.get(link_in(reset))
    await victim.submit("/reset", password="mine again for ever")
    await victim.sign_in(password="mine again for ever")
    assert victim.cookie


async def test_s114_somebody_else_s_address_is_not_taken_and_the_answer_does_not_tell(site: Site) -> None:
    ada, _ = await member(site), await member(site, "bo@voicebox.example", "Bo")
    await ada.get("/portal/account/email")
    await ada.submit("/account/email", email="bo@voicebox.example")
    assert ada.path == "/portal/account/email/sent"
    await site.run_jobs()
    assert [letter.subject for letter in await letters(site, "bo@voicebox.example")] == [
        "This address has an account already"
    ]
    for email, words in (("", "Enter your e-mail"), ("x", "doesn't look like"), (ada.email, "you have now")):
        await ada.get("/portal/account/email")
        await ada.submit("/account/email", email=email)
        assert ada.page and ada.page.status_code == 422 and words in ada.read.text


async def test_sessions_are_listed_and_ended(site: Site) -> None:
    ada = await member(site)
    second, third = ada.another_browser(), ada.another_browser()
    await second.sign_in()
    await third.sign_in()
    await ada.get("/portal/account/sessions")
    assert ada.html.count("Firefox on Linux") >= 3 and ada.html.count("This one") == 1
    assert "198.51.100.0/24" in ada.html and "198.51.100.7" not in ada.html
    await ada.submit("/sessions/end")
    await ada.get("/portal/account/sessions")
    assert len([form for form in ada.read.forms if form.action.endswith("/sessions/end")]) == 1
    await ada.submit("/sessions/others")
    assert ada.path == "/portal/account/sessions"
    for other in (second, third):
        await other.get("/portal/account")
        assert other.path == "/portal/sign-in"
    await ada.get("/portal/account/sessions")
    assert ada.path == "/portal/account/sessions" and "/sessions/others" not in ada.html


async def test_another_account_s_session_cannot_be_ended(site: Site) -> None:
    ada, bo = await member(site), await member(site, "bo@voicebox.example", "Bo")
    other = ada.another_browser()
    await other.sign_in()
    await ada.get("/portal/account/sessions")
    wanted = ada.read.form("/sessions/end").fields["session"]
    second = bo.another_browser()
    await second.sign_in()
    await bo.get("/portal/account/sessions")
    await bo.submit("/sessions/end", session=wanted)
    assert bo.page and bo.page.status_code == 404
    await other.get("/portal/account")
    assert other.path == "/portal/account"


async def test_an_account_is_closed(site: Site) -> None:
    ada = await member(site)
    other = ada.another_browser()
    await other.sign_in()
    await ada.get("/portal/account/close")
    await ada.submit("/account/close")
    assert (ada.path, ada.cookie) == ("/portal/sign-in", None) and "Your account is closed" in ada.read.text
    await other.get("/portal/account")
    assert other.path == "/portal/sign-in"
    stranger = person(site)
    await stranger.sign_in()
    assert stranger.cookie is None
    again = person(site)
    await again.join()
    assert again.cookie, "the address is free again"


async def test_who_is_the_only_owner_cannot_leave(site: Site) -> None:
    ada = await member(site)
    portal = site.built.portal
    someone = await portal.accounts.find_by_email(ada.email)
    from dialkey.developers.access import Actor

    await portal.organizations.create(Actor.account(someone.id), name="Ada's <b>Lab</b>")
    await ada.get("/portal/account/close")
    assert "First, somebody else must own these" in ada.html and "<b>Lab" not in ada.html
    csrf = next(form.fields["csrf"] for form in ada.read.forms)
    await ada.get("/portal/account")
    csrf = ada.read.form("/portal/account").fields["csrf"]
    response = await ada.post("/portal/account/close", {"csrf": csrf})
    assert response.status_code == 409
    await ada.get("/portal/account")
    assert ada.path == "/portal/account"


@pytest.mark.parametrize(
    "path", ["", "/security", "/sessions", "/email", "/password", "/totp", "/passkeys/add", "/close"]
)
async def test_a_page_costs_few_statements(site: Site, path: str) -> None:
    ada = await member(site)
    await ada.get(f"/portal/account{path}")
    before = site.storage.statements
    response = await ada.get(f"/portal/account{path}")
    assert response.status_code == 200
    assert site.storage.statements - before <= 8
