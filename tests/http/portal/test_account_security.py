"""Ways to sign in: the password, the authenticator app, recovery codes shown once, passkeys."""

from __future__ import annotations

import re

import pytest
import segno

from dialkey.portal.account_views import qr_path
from support.people import PASSWORD, letters, member, recovery_codes
from support.site import Site

NEW = "five other tiny words there"


async def test_s115_a_password_is_changed(site: Site) -> None:
    ada = await member(site)
    other = ada.another_browser()
    await other.sign_in()
    await ada.get("/portal/account/password")
    for password, words in (("", "Choose a password"), ("short", "at least 10"), ("qwertyuiop", "attackers")):
        await ada.submit("/password", password=password)
        assert ada.page and ada.page.status_code == 422 and words in ada.read.text
    await ada.submit("/password", password=NEW)
    assert ada.path == "/portal/account/security" and "Your password is changed" in ada.read.text
    await other.get("/portal/account")
    assert other.path == "/portal/sign-in"
    await other.sign_in(password=NEW)
    assert other.cookie


async def test_the_app_is_set_up(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account/totp")
    first = ada.html
    assert '<svg class="qr"' in first and "otpauth://totp/" in first
    await ada.submit("/totp", code="")
    assert ada.page and ada.page.status_code == 422 and "Enter the code" in ada.read.text
    await ada.submit("/totp", code="12345")
    assert ada.page.status_code == 422 and "This code isn't right" in ada.read.text
    codes = await ada.turn_totp_on()
    assert len(set(codes)) == 10
    await ada.get("/portal/account/security")
    assert "10 recovery codes left" in ada.read.text
    await ada.get("/portal/account/totp")
    assert ada.path == "/portal/account/security", "it is on already"
    await site.run_jobs()
    assert (await letters(site, ada.email))[0].subject == "An authenticator app was added"


def test_the_picture_is_the_qr_code_of_the_address() -> None:
    text = "otpauth://totp/Dialkey:ada%40voicebox.example?secret=JBSWY3DPEHPK3PXP&issuer=Dialkey"
    path, size = qr_path(text)
    drawn = {
        (int(x) + step, int(y))
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path)
        for step in range(int(width))
    }
    rows = segno.make(text, error="m", mask=2, boost_error=False, micro=False).matrix
    assert size == len(rows) + 8
    assert drawn == {(x + 4, y + 4) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark}


async def test_s119_the_secret_is_not_shown_again(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    for path in ("", "/security", "/totp", "/sessions", "/codes"):
        await ada.get(f"/portal/account{path}")
        assert "otpauth" not in ada.html and "totp-secret" not in ada.html


async def test_s119_recovery_codes_are_shown_once(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account/totp")
    codes = await ada.turn_totp_on()
    assert ada.page and ada.page.headers["cache-control"] == "no-store"
    for path in ("", "/security", "/codes", "/totp"):
        await ada.get(f"/portal/account{path}")
        assert not [code for code in codes if code in ada.html]


async def test_s119_a_repeated_form_makes_no_other_codes(site: Site) -> None:
    ada = await member(site)
    old = await ada.turn_totp_on()
    await ada.get("/portal/account/codes")
    assert "stop working at once" in ada.read.text
    form = ada.read.form("/account/codes")
    new = recovery_codes((await ada.post(form.action, form.fields)).text)
    assert len(new) == 10 and not set(new) & set(old)
    await ada.post(form.action, form.fields)
    assert ada.path == "/portal/account/security" and "were made already" in ada.read.text
    other = ada.another_browser()
    await other.sign_in()
    await other.submit("/second", code=old[0])
    assert other.cookie is None
    await other.submit("/second", code=new[0])
    assert other.cookie, "the first ones that were shown still work"


async def test_turning_the_app_on_twice_shows_nothing_twice(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account/totp")
    form = ada.read.form("/account/totp")
    await ada.turn_totp_on()
    await ada.post(form.action, {**form.fields, "code": ada.code()})
    assert ada.path == "/portal/account/security" and not recovery_codes(ada.html)


async def test_the_app_is_turned_off(site: Site) -> None:
    ada = await member(site)
    await ada.turn_totp_on()
    await ada.get("/portal/account/totp/remove")
    assert "Your recovery codes stop working" in ada.read.text
    await ada.submit("/totp/remove")
    assert "The second step is off" in ada.read.text
    other = ada.another_browser()
    await other.sign_in()
    assert other.cookie
    await ada.get("/portal/account/totp/remove")
    assert ada.path == "/portal/account/security"
    await ada.get("/portal/account/codes")
    assert ada.path == "/portal/account/security"


async def test_turning_the_app_on_ends_other_sessions(site: Site) -> None:
    ada = await member(site)
    other = ada.another_browser()
    await other.sign_in()
    await ada.turn_totp_on()
    await other.get("/portal/account")
    assert other.path == "/portal/sign-in"
    await ada.get("/portal/account")
    assert ada.path == "/portal/account"


async def test_a_passkey_that_is_none_is_calmly_refused(site: Site) -> None:
    ada = await member(site)
    await ada.get("/portal/account/passkeys/add")
    for credential in ("", "{}", "null", '{"rawId": "AA", "response": {"clientDataJSON": "AA"}}'):
        await ada.submit("/passkeys/add", credential=credential, label="My laptop")
        assert ada.page and ada.page.status_code == 422
        assert "could not be added" in ada.read.text and 'value="My laptop"' in ada.html
    await ada.submit("/passkeys/add", label="")
    assert "Give it a name" in ada.read.text


@pytest.mark.parametrize("method", ["get", "post"])
async def test_a_passkey_that_does_not_exist(site: Site, method: str) -> None:
    ada = await member(site)
    await ada.get("/portal/account")
    csrf = ada.read.form("/portal/account").fields["csrf"]
    for path in ("/portal/account/passkeys/nothing", "/portal/account/passkeys/nothing/remove"):
        response = await (ada.get(path) if method == "get" else ada.post(path, {"csrf": csrf, "label": "x"}))
        assert response.status_code == 404


async def test_s119_no_page_or_log_holds_a_password_or_a_token(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    ada = await member(site)
    codes = await ada.turn_totp_on()
    for path in ("", "/security", "/sessions", "/email", "/password", "/close"):
        await ada.get(f"/portal/account{path}")
        assert PASSWORD not in ada.html and (ada.cookie or "") not in ada.html
    said = "".join(capfd.readouterr())
    for secret in (PASSWORD, ada.cookie or "", ada.email, *codes):
        assert secret not in said
