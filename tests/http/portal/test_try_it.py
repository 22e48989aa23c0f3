"""Try it: the whole walkthrough in the portal, against a test number, and what must not come of it."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from dialkey.developers.access import Role
from dialkey.developers.clients import ClientDraft
from dialkey.directory.model import AuthMethod, ClientKind
from dialkey.portal.kept_secret import lock, unlock
from dialkey.portal.snippets import KEYS
from support.portal import Developer, developer, join, organization
from support.site import CHROME, Registered, Site, callback
from support.world import ANNA

OWN = "https://app.example/cb"
SECRET = re.compile(r"dk_cs_[\w-]{43}")


@pytest.fixture
async def ada(site: Site) -> Developer:
    return await developer(site)


@pytest.fixture
async def owner(site: Site, ada: Developer) -> str:
    return await organization(site, ada)


@pytest.fixture
async def product(site: Site, ada: Developer, owner: str) -> str:
    products = site.built.portal.products
    made = await products.create(ada.actor, owner, name="VoiceBox")
    await products.set_scopes(ada.actor, made, required=["phone", "openid", "offline_access"], optional=[])
    return made


async def client_of(site: Site, ada: Developer, product: str, **fields: object) -> Registered:
    draft = ClientDraft(**{"kind": ClientKind.WEB, "redirect_uris": (OWN,), "description": "Web shop", **fields})
    made = await site.built.portal.clients.create(ada.actor, product, draft)
    return Registered(made.client_id, made.client_secret, OWN, product)


@pytest.fixture
async def client(site: Site, ada: Developer, product: str) -> Registered:
    return await client_of(site, ada, product)


async def number(site: Site, ada: Developer, owner: str) -> str:
    """A test number of the organization."""
    return str((await site.built.portal.sandbox.list(ada.actor, owner))[0].number)


def start_of(ada: Developer) -> str:
    return next(link for link in ada.read.links if link.startswith("/oauth2/auth"))


async def sign_in(site: Site, ada: Developer, number: str, url: str | None = None) -> httpx.Response:
    """From the start page to where the browser lands."""
    page = await ada.get(url or start_of(ada))
    assert page.status_code == 200, page.text[:500]
    await ada.type_number(number)
    await ada.type_pin(await site.pin(number))
    return await ada.add_product()


async def press(ada: Developer, step: str, **fields: str) -> httpx.Response:
    return await ada.submit("/try/step", step=step, **fields)


async def test_the_whole_walkthrough(site: Site, ada: Developer, owner: str, client: Registered) -> None:
    phone = await number(site, ada, owner)
    page = await ada.get(f"/portal/c/{client.client_id}/try")
    assert "Send the browser to us" in page.text and "code_challenge" in page.text
    page = await sign_in(site, ada, phone)
    assert page.status_code == 200 and urlsplit(ada.visited[-1]).path == "/portal/try/callback"
    assert "Exchange the code for tokens" in page.text and "dk_ac_" in page.text
    assert client.client_secret is not None
    texts = [page.text]
    page = await press(ada, "exchange", client_secret=client.client_secret)
    assert "Inside the ID token" in page.text and "&#34;access_token&#34;" in page.text
    texts.append(page.text)
    for step, words in (
        ("userinfo", phone),
        ("refresh", "&#34;refresh_token&#34;"),
        ("introspect", "&#34;active&#34;: true"),
        ("revoke", "an empty body"),
        ("userinfo", "invalid_token"),
    ):
        page = await press(ada, step)
        assert page.status_code == 200 and words in page.text, step
        texts.append(page.text)
    assert "The walkthrough is done" in page.text
    for text in texts:
        assert client.client_secret[6:] not in text
        assert not re.search(r"dk_(at|rt)_[\w.-]{24}", text)
        assert not re.search(r"ey[\w-]{30,}\.", text)


async def test_s119_the_secret_is_lent_in_a_locked_cookie(
    site: Site, ada: Developer, owner: str, product: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await ada.get(f"/portal/p/{product}/clients/new")
    page = await ada.submit("/clients/new", redirect_uris=OWN)
    (secret,) = set(SECRET.findall(page.text))
    page = await ada.submit("/try/saved")
    assert "Your secret is lent" in page.text
    cookie = ada.http.cookies["__Host-dialkey_try"]
    assert secret not in cookie and len(cookie) < 512
    page = await sign_in(site, ada, await number(site, ada, owner))
    assert "With the secret that you lent" in page.text and 'name="client_secret"' not in page.text
    page = await press(ada, "exchange")
    assert "&#34;access_token&#34;" in page.text
    assert secret[6:] not in page.text and secret[6:] not in caplog.text
    await ada.get(ada.read.links[-1])
    await ada.submit("/try/forget")
    assert "__Host-dialkey_try" not in ada.http.cookies
    assert "Your secret is lent" not in ada.page.text  # type: ignore[union-attr]


async def test_the_lent_secret_opens_for_its_client_session_and_half_hour_only(
    site: Site, ada: Developer, product: str, client: Registered
) -> None:
    portal, session = site.built.portal, f"session-of-{ada.account_id}"
    locked = lock(portal, session, client.client_id, "dk_cs_" + "a" * 43)
    assert unlock(portal, session, client.client_id, locked) == "dk_cs_" + "a" * 43
    assert unlock(portal, "session-of-eve", client.client_id, locked) is None
    assert unlock(portal, session, "other", locked) is None
    for broken in ("", "x", locked[:-2], "A" * 600):
        assert unlock(portal, session, client.client_id, broken) is None
    site.clock.advance(minutes=31)
    assert unlock(portal, session, client.client_id, locked) is None


async def test_a_wrong_secret_is_answered_as_it_is(site: Site, ada: Developer, owner: str, client: Registered) -> None:
    await ada.get(f"/portal/c/{client.client_id}/try")
    await sign_in(site, ada, await number(site, ada, owner))
    page = await press(ada, "exchange", client_secret="hello")
    assert page.status_code == 422 and "Paste the whole secret" in page.text
    page = await press(ada, "exchange", client_secret="dk_cs_" + "x" * 43)
    assert "invalid_client" in page.text and "401" in page.text and 'name="client_secret"' in page.text
    page = await press(ada, "exchange", client_secret=client.client_secret or "")
    assert "&#34;access_token&#34;" in page.text


async def test_cancelling_is_an_answer_too(site: Site, ada: Developer, client: Registered) -> None:
    await ada.get(f"/portal/c/{client.client_id}/try")
    await ada.get(start_of(ada))
    page = await ada.submit("/oauth2/auth/cancel")
    assert "access_denied" in page.text and "came back with an error" in page.text
    assert "The subscriber pressed Cancel" in page.text and "/try/step" not in page.text


async def test_with_an_address_of_ones_own(site: Site, ada: Developer, owner: str, client: Registered) -> None:
    query = urlencode({"redirect": OWN, "chosen": "1", "scope:phone": "on", "pkce": "on"})
    await ada.get(f"/portal/c/{client.client_id}/try?{query}")
    start = start_of(ada)
    asked = dict(parse_qsl(urlsplit(start).query))
    assert (asked["redirect_uri"], asked["scope"]) == (OWN, "phone") and len(asked["state"]) == 22
    form = ada.read.form("/try/returned")
    landed = (await sign_in(site, ada, await number(site, ada, owner), start)).headers["location"]
    assert landed.startswith(OWN)
    for wrong, words in (
        (landed.replace(OWN, "https://evil.example/cb"), "another address"),
        (re.sub("state=[^&]+", "state=x", landed), "another run"),
        ("", "another address"),
    ):
        page = await ada.post(form.action, {**form.fields, "returned": wrong})
        assert page.status_code == 422 and words in page.text
        assert "state=x" not in wrong or "&amp;state=x" in page.text
    page = await ada.post(form.action, {**form.fields, "returned": landed})
    assert page.status_code == 200 and "Exchange the code" in page.text
    page = await press(ada, "exchange", client_secret=client.client_secret or "")
    assert "&#34;access_token&#34;" in page.text and "id_token" not in page.text
    page = await press(ada, "userinfo")
    assert "phone_number" in page.text


@pytest.mark.parametrize("method", [AuthMethod.POST, AuthMethod.NONE])
async def test_other_ways_to_authenticate(
    site: Site, ada: Developer, owner: str, product: str, method: AuthMethod
) -> None:
    kind = ClientKind.BROWSER if method is AuthMethod.NONE else ClientKind.WEB
    client = await client_of(site, ada, product, kind=kind, auth_method=method)
    await ada.get(f"/portal/c/{client.client_id}/try")
    await sign_in(site, ada, await number(site, ada, owner))
    secret = {"client_secret": client.client_secret} if client.client_secret else {}
    page = await press(ada, "exchange", **secret)
    assert "&#34;access_token&#34;" in page.text
    if client.client_secret:
        assert "client_secret=" in page.text and client.client_secret[6:16] not in page.text


async def test_a_machine(site: Site, ada: Developer, owner: str) -> None:
    products = site.built.portal.products
    product = await products.create(ada.actor, owner, name="Report")
    await products.set_scopes(ada.actor, product, required=["products.tenant:read"], optional=[])
    client = await client_of(site, ada, product, kind=ClientKind.MACHINE, redirect_uris=())
    page = await ada.get(f"/portal/c/{client.client_id}/try")
    assert "grant_type=client_credentials" in page.text and "/oauth2/auth" not in "".join(ada.read.links)
    page = await press(ada, "credentials")
    assert page.status_code == 422 and "Paste the whole secret" in page.text
    page = await press(ada, "credentials", client_secret=client.client_secret or "")
    assert "&#34;access_token&#34;" in page.text
    page = await press(ada, "introspect")
    assert "&#34;active&#34;: true" in page.text


async def test_a_client_that_signs_is_given_an_assertion(site: Site, ada: Developer, owner: str, product: str) -> None:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    jwks = json.dumps({"keys": [key.as_dict(private=False)]})
    client = await client_of(site, ada, product, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=jwks)
    await ada.get(f"/portal/c/{client.client_id}/try")
    await sign_in(site, ada, await number(site, ada, owner))
    page = await press(ada, "exchange")
    assert page.status_code == 422 and "Paste a JWT" in page.text
    now = site.clock.now() // 1000
    claims = {"iss": client.client_id, "sub": client.client_id, "aud": site.settings.issuer, "jti": "j1", "iat": now}
    assertion = jwt.encode({"alg": "ES256", "kid": "one"}, {**claims, "exp": now + 60}, key)
    page = await press(ada, "exchange", client_assertion=assertion)
    assert "&#34;access_token&#34;" in page.text and assertion not in page.text


# what must not come of it


async def test_the_portal_address_is_taken_from_a_sealed_run_only(
    site: Site, ada: Developer, product: str, client: Registered
) -> None:
    other = await client_of(site, ada, product, description="Other")
    await ada.get(f"/portal/c/{client.client_id}/try")
    asked = dict(parse_qsl(urlsplit(start_of(ada)).query))
    visitor = site.visitor()

    async def refused(**changes: str) -> bool:
        page = await visitor.get("/oauth2/auth?" + urlencode({**asked, **changes}))
        return page.status_code == 400 and "number" not in {f for form in visitor.read.forms for f in form.fields}

    assert not await refused()
    assert await refused(state="x")
    assert await refused(state=asked["state"][:-3])
    assert await refused(state="")
    assert await refused(client_id=other.client_id)
    assert await refused(redirect_uri=asked["redirect_uri"] + "/x")
    assert await refused(redirect_uri=asked["redirect_uri"] + "?a=b")
    site.clock.advance(minutes=16)
    assert await refused()


async def test_no_subscriber_comes_through(site: Site, ada: Developer, client: Registered) -> None:
    """Neither with a number, nor with a session of before."""
    await ada.get(f"/portal/c/{client.client_id}/try")
    start = start_of(ada)
    victim = site.visitor()
    await victim.complete(site.world.web, ANNA)
    page = await victim.get(start)
    assert 'name="number"' in page.text
    before = len(await site.messages(ANNA))
    page = await victim.type_number(ANNA)  # answered as any number is, and nobody is texted
    await site.run_jobs()
    assert len(await site.messages(ANNA)) == before
    page = await victim.type_pin("123456")
    assert "dk_ac_" not in page.text and "/portal/try/callback" not in victim.visited


async def test_the_answer_is_read_by_who_began_the_run_only(
    site: Site, ada: Developer, owner: str, client: Registered
) -> None:
    phone = await number(site, ada, owner)
    await ada.get(f"/portal/c/{client.client_id}/try")
    start = start_of(ada)
    bo = await developer(site, "Bo", "bo@voicebox.example")
    await join(site, owner, bo, Role.OWNER)
    page = await sign_in(site, bo, phone, start)
    assert page.status_code == 400 and "This run is over" in page.text and "dk_ac_" not in page.text
    stranger = site.visitor()
    await stranger.get(start)
    await stranger.type_number(phone)
    await stranger.type_pin(await site.pin(phone))
    response = await stranger.http.get("/portal/try/callback?code=x&state=y", headers=CHROME)
    assert response.status_code == 303 and response.headers["location"] == "/portal/sign-in"


@pytest.mark.parametrize(
    "query", ["", "code=x", "code=x&state=y", "state=" + "a" * 3000, "a=1&a=2", "%zz", "&".join("abcdefghijklmno")]
)
async def test_stray_answers(ada: Developer, site: Site, query: str) -> None:
    response = await ada.http.get(f"/portal/try/callback?{query}", headers=CHROME)
    assert response.status_code == 400 and "dk_" not in response.text


async def test_only_steps_that_are_offered(site: Site, ada: Developer, owner: str, client: Registered) -> None:
    await ada.get(f"/portal/c/{client.client_id}/try")
    await sign_in(site, ada, await number(site, ada, owner))
    form = ada.read.form("/try/step")
    for step in ("userinfo", "refresh", "credentials", "x", ""):
        page = await ada.post(form.action, {**form.fields, "step": step})
        assert page.status_code == 400
    for run in ("", "x", form.fields["run"][:-4], "A" * 61_000):
        page = await ada.post(form.action, {**form.fields, "run": run, "step": "exchange"})
        assert f"/portal/c/{client.client_id}/try?done=already-done" in ada.visited[-1]
    eve = await developer(site, "Eve", "eve@voicebox.example")
    await join(site, owner, eve, Role.DEVELOPER)
    csrf = site.built.portal.session_token(f"session-of-{eve.account_id}", "client.try")
    await eve.post(form.action, {**form.fields, "csrf": csrf, "step": "exchange"})
    assert "already-done" in eve.visited[-1]
    site.clock.advance(hours=2)
    page = await ada.post(form.action, {**form.fields, "step": "exchange"})
    assert "already-done" in ada.visited[-1]


async def test_the_addresses_of_steps_lead_to_the_start(site: Site, ada: Developer, client: Registered) -> None:
    for step in ("saved", "forget", "returned", "step"):
        await ada.get(f"/portal/c/{client.client_id}/try/{step}")
        assert ada.visited[-1] == f"/portal/c/{client.client_id}/try"


# ready code


async def test_ready_code_in_every_language(site: Site, ada: Developer, client: Registered) -> None:
    await ada.get(f"/portal/c/{client.client_id}/try")
    tabs = [link for link in ada.read.links if "code=" in link and link.endswith("#code")]
    assert [dict(parse_qsl(urlsplit(tab).query))["code"] for tab in tabs] == list(KEYS)
    for tab in tabs:
        page = await ada.get(tab)
        assert page.status_code == 200 and client.client_id in page.text.split('id="code"')[1]
        assert SECRET.search(page.text) is None


async def test_choices_stay_when_the_language_changes(site: Site, ada: Developer, client: Registered) -> None:
    query = urlencode({"chosen": "1", "scope:phone": "on", "prompt": "login", "redirect": OWN})
    await ada.get(f"/portal/c/{client.client_id}/try?{query}")
    tab = next(link for link in ada.read.links if "code=go" in link)
    await ada.get(tab)
    asked = dict(parse_qsl(urlsplit(start_of(ada)).query))
    assert (asked["scope"], asked["prompt"], asked["redirect_uri"]) == ("phone", "login", OWN)
    assert "code_challenge" not in asked


def test_the_callback_of_a_client_is_read_back() -> None:
    assert callback(httpx.Response(303, headers={"location": OWN + "?code=1"})) == {"code": "1"}
