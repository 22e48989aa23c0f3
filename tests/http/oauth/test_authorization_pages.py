"""The pages between a client's request and its answer: their headers, their words, and whose request they answer."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import httpx
import pytest

from support.html import read
from support.relying_party import CALLBACK, ask, links, query_of, refused, register, returned
from support.site import CHROME, Registered, Site, Visitor, exchange, userinfo
from support.world import ACTOR, ANNA, BO


async def _every_page(site: Site) -> dict[str, httpx.Response]:
    """One of each page that somebody can come to see."""
    client, pages, visitor = site.world.web, {}, site.visitor()
    pages["number"] = await visitor.start(client)
    pages["number-empty"] = await visitor.type_number("")
    pages["pin"] = await visitor.type_number(ANNA)
    pages["pin-malformed"] = await visitor.type_pin("12")
    right = await site.pin(ANNA)
    pages["pin-wrong"] = await visitor.type_pin(f"{(int(right) + 1) % 1_000_000:06d}")
    pages["consent"] = await visitor.type_pin(right)
    pages["consent-unticked"] = await visitor.submit("/oauth2/auth/consent", decision="add")
    await visitor.add_product()
    pages["sign-out"] = await visitor.get("/oauth2/sessions/logout")
    pages["stayed"] = await visitor.submit("/confirm", decision="stay")
    pages["form-post"] = await visitor.start(client, response_mode="form_post")
    pages["lost"] = await visitor.get("/oauth2/auth/consent")
    pages["gone"] = await visitor.get("/signin/nothing-known")
    pages["error"] = await visitor.get("/error")
    pages["client-unknown"] = await visitor.start(client, client_id="x")
    pages["redirect-uri-wrong"] = await visitor.start(client, redirect_uri="https://evil.tld")
    pages["repeated"] = await visitor.get("/oauth2/auth?a=1&a=1")
    pages["returnable"] = await ask(site, site.world.draft, scope="nothing")
    pages["not-found"] = await visitor.get("/nothing-here")
    pages["cross-site"] = await visitor.http.post("/signin", data={}, headers={**CHROME, "sec-fetch-site": "cross-site"})
    pages["media-type"] = await visitor.http.post("/signin", content="x", headers={**CHROME, "content-type": "text/plain"})
    return pages


async def test_s023_every_page_carries_its_headers(site: Site) -> None:
    for name, page in (await _every_page(site)).items():
        headers = page.headers
        assert headers["content-type"].startswith("text/html"), name
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3, name
        assert (policy["script-src"], policy["style-src"], policy["connect-src"]) == ("'self'",) * 3, name
        assert policy["img-src"] == "'self' data:", name
        assert "unsafe" not in headers["content-security-policy"], name
        assert headers["x-frame-options"] == "DENY", name
        assert headers["referrer-policy"] == "no-referrer", name
        assert headers["x-content-type-options"] == "nosniff", name
        assert headers["cross-origin-opener-policy"] == "same-origin", name
        assert headers["cache-control"] == "no-store", name
        age = re.search(r"max-age=(\d+)", headers["strict-transport-security"])
        assert age is not None, name
        assert int(age[1]) >= 365 * 86400, name
        assert "access-control-allow-origin" not in headers, name
        assert "server" not in headers, name


async def test_s023_pages_run_and_load_nothing_but_our_own(site: Site) -> None:
    loaded: set[str] = set()
    for name, page in (await _every_page(site)).items():
        text = page.text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), name
        assert not re.search(r"<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:", text, re.I), name
        assert not re.search(r"<(iframe|object|embed|base|audio|video)\b", text), name
        resources = re.findall(r'<(?:script|img|link|source|input)\b[^>]*?\b(?:src|href|srcset)="([^"]*)"', text)
        assert resources, name
        assert all(url.startswith("/") and not url.startswith("//") for url in resources), (name, resources)
        loaded.update(resources)
    async with site.http() as http:
        for url in loaded:
            asset = await http.get(url)
            assert asset.status_code == 200, url
            assert set(asset.headers.get_list("x-content-type-options", split_commas=True)) == {"nosniff"}
            if "css" in asset.headers["content-type"]:
                assert "@import" not in asset.text
                assert all(not target.strip("'\"").startswith(("http", "//")) for target in re.findall(r"url\(([^)]*)", asset.text))
            if "javascript" in asset.headers["content-type"]:
                assert not re.search(r"https?://(?!www\.w3\.org)", asset.text)


async def test_s023_redirects_leak_no_referrer_and_are_not_stored(site: Site) -> None:
    response = await ask(site, site.world.web, prompt="none")
    assert response.status_code == 303
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    assert "strict-transport-security" in response.headers


async def test_s023_no_cors_on_the_authorization_endpoint(site: Site) -> None:
    async with site.http() as http:
        for origin in ("https://spa.example", "https://evil.tld", "null"):
            response = await http.get(f"/oauth2/auth?{query_of(site.world.web)}", headers={**CHROME, "origin": origin})
            assert not any(name.startswith("access-control") for name in response.headers)


async def test_s024_forms_may_lead_to_the_client_and_to_us(site: Site) -> None:
    """Chromium holds form-action against every redirect that follows the post."""
    client = await register(site, "https://app.example:8443/cb;script-src,x?y=1")
    visitor = site.visitor()
    stages = [
        await visitor.start(client),
        await visitor.type_number("12"),
        await visitor.type_number(ANNA),
        await visitor.type_pin("12"),
        await visitor.type_pin(await site.pin(ANNA)),
        await visitor.submit("/oauth2/auth/consent", decision="add"),
    ]
    for page in stages:
        policy = page.headers["content-security-policy"]
        sources = next(part.split()[1:] for part in policy.split("; ") if part.startswith("form-action "))
        assert sources == ["'self'", "https:", "https://app.example:8443"], policy
        assert policy.count("script-src") == 1
    response = await visitor.add_product()
    assert response.headers["location"].startswith(client.redirect_uri)


NAME = '<b>"Box" & \'Co\'</b><script>alert(1)</script>'


async def _odd_client(site: Site, *, verified: bool) -> Registered:
    directory = site.directory
    organization = await directory.create_organization(actor=ACTOR, name=NAME)
    if verified:
        await directory.verify_organization(actor=ACTOR, organization_id=organization)
    product = await directory.create_product(
        actor=ACTOR, organization_id=organization, name="<i>Odd</i> <img src=x>", subtitle='"><script>alert(2)</script>',
        terms_url="https://odd.example/terms?a=1&b=2",
    )  # fmt: skip
    from dialkey.base.scopes import ScopeSet

    await directory.set_product_scopes(actor=ACTOR, product_id=product, required=ScopeSet(["phone"]), optional=ScopeSet())
    await directory.list_product(actor=ACTOR, product_id=product, operator_id=site.world.nordcell)
    await directory.enable_product(actor=ACTOR, product_id=product, operator_id=site.world.nordcell)
    site.clock.advance(seconds=2)
    return await register(site, "https://odd.example/cb?<".rstrip("<"), product_id=product)


async def test_s025_names_are_escaped_wherever_they_stand(site: Site) -> None:
    client = await _odd_client(site, verified=True)
    visitor = site.visitor()
    pages = [await visitor.start(client, scope="phone"), await visitor.type_number(ANNA)]
    pages.append(await visitor.type_pin(await site.pin(ANNA)))
    pages.append(await visitor.submit("/oauth2/auth/consent", decision="add"))
    for page in pages:
        assert "<i>Odd" not in page.text
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "<b>" not in page.text
    assert "&lt;i&gt;Odd&lt;/i&gt;" in pages[-1].text
    assert NAME.replace("  ", " ") in visitor.read.text


async def test_s025_the_consent_page_says_who_and_where_to(site: Site) -> None:
    visitor = site.visitor()
    await visitor.sign_in(site.world.web, ANNA)
    assert "VoiceBox AB" in visitor.read.text
    assert "app.example" in visitor.read.text


async def test_s025_an_unverified_organization_is_not_named(site: Site) -> None:
    client = await _odd_client(site, verified=False)
    visitor = site.visitor()
    await visitor.sign_in(client, ANNA, scope="phone")
    assert "odd.example" in visitor.read.text
    assert "'Co'" not in visitor.read.text


async def _at_consent(site: Site, number: str = ANNA, client: Registered | None = None, **parameters: str) -> Visitor:
    visitor = site.visitor()
    await visitor.sign_in(client or site.world.web, number, **parameters)
    assert visitor.read.form("/oauth2/auth/consent")
    site.clock.advance(seconds=1)
    return visitor


ADD = {"decision": "add", "terms": "on", "responsibility": "on"}


async def test_s026_nothing_is_approved_by_get(any_site: Site) -> None:
    visitor = await _at_consent(any_site)
    form = visitor.read.form("/oauth2/auth/consent")
    for query in ({**form.fields, **ADD}, ADD):
        response = await visitor.get(f"/oauth2/auth/consent?{urlencode(query)}")
        assert not response.is_redirect
        request = query_of(any_site.world.web)
        response = await visitor.get(f"/oauth2/auth?{request}&{urlencode(query)}")
        assert response.status_code == 200
        assert visitor.read.form("/oauth2/auth/consent")
    refused(await visitor.start(any_site.world.web, prompt="none"), "consent_required")


@pytest.mark.parametrize("change", ["missing", "empty", "garbage", "cut", "flipped", "other-purpose"])
async def test_s026_the_answer_needs_the_pages_own_ticket(site: Site, change: str) -> None:
    visitor = await _at_consent(site)
    ticket = visitor.read.form("/oauth2/auth/consent").fields["ticket"]
    await visitor.start(site.world.web, prompt="login")
    foreign = visitor.read.form("/signin").fields["ticket"]
    bad = {"missing": None, "empty": "", "garbage": "x", "cut": ticket[:-4], "other-purpose": foreign,
           "flipped": ticket[:60] + ("A" if ticket[60] != "A" else "B") + ticket[61:]}[change]  # fmt: skip
    fields = ADD if bad is None else {**ADD, "ticket": bad}
    response = await visitor.post("/oauth2/auth/consent", fields)
    assert response.status_code in (400, 404)
    refused(await visitor.start(site.world.web, prompt="none"), "consent_required")


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"}])
async def test_s026_the_answer_comes_from_our_own_page(site: Site, headers: dict[str, str]) -> None:
    visitor = await _at_consent(site)
    form = visitor.read.form("/oauth2/auth/consent")
    response = await visitor.http.post(form.action, data={**form.fields, **ADD}, headers={**CHROME, **headers})
    assert response.status_code == 403
    older = {"accept": "text/html", "origin": "https://evil.tld"}
    assert (await visitor.http.post(form.action, data={**form.fields, **ADD}, headers=older)).status_code == 403
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        body = urlencode({**form.fields, **ADD})
        response = await visitor.http.post(form.action, content=body, headers={**CHROME, "content-type": kind})
        assert response.status_code == 415
    refused(await visitor.start(site.world.web, prompt="none"), "consent_required")


async def test_s026_a_consent_page_is_no_good_in_another_browser(any_site: Site) -> None:
    """Login CSRF: whoever brings somebody else's page gets nowhere, signed in or not."""
    mallory = await _at_consent(any_site, BO)
    form = mallory.read.form("/oauth2/auth/consent")
    for victim in (await _at_consent(any_site, ANNA), any_site.visitor()):
        response = await victim.post(form.action, {**form.fields, **ADD})
        assert response.status_code == 400
        assert "location" not in response.headers
    assert "code" in returned(await mallory.post(form.action, {**form.fields, **ADD}))


async def test_s026_a_sign_in_is_no_good_in_another_browser(any_site: Site) -> None:
    mallory = any_site.visitor()
    await mallory.start(any_site.world.web)
    number_form = mallory.read.form("/signin")
    page = await mallory.type_number(BO)
    run = str(page.url).rpartition("/")[2]
    pin_form = mallory.read.form("/pin")
    pin = await any_site.pin(BO)
    signed_in = await _at_consent(any_site, ANNA)
    for victim in (signed_in, any_site.visitor()):
        for response in (
            await victim.post("/signin", {**number_form.fields, "number": BO}),
            await victim.post(f"/signin/{run}/pin", {**pin_form.fields, "pin": pin}),
            await victim.get(f"/signin/{run}"),
            await victim.get(f"/oauth2/auth/continue/{run}"),
        ):
            assert response.status_code == 400
            assert "session" not in response.headers.get("set-cookie", "")
    consent = await mallory.type_pin(pin)
    assert consent.status_code == 200
    for victim in (signed_in, any_site.visitor()):
        assert (await victim.get(f"/oauth2/auth/continue/{run}")).status_code == 400
    refused(await signed_in.start(any_site.world.web, prompt="none"), "consent_required")


async def test_s026_a_page_is_no_good_in_another_session_of_the_same_browser(any_site: Site) -> None:
    """The page asked Anna; Bo signed in meanwhile; her page is not his answer."""
    visitor = await _at_consent(any_site, ANNA)
    form = visitor.read.form("/oauth2/auth/consent")
    await visitor.start(any_site.world.other, prompt="login")
    await visitor.type_number(BO)
    await visitor.type_pin(await any_site.pin(BO))
    page = await visitor.post(form.action, {**form.fields, **ADD})
    assert page.status_code == 200
    assert "+46 70 174 06 06" in visitor.read.text
    refused(await visitor.start(any_site.world.web, prompt="none"), "consent_required")


async def test_s026_a_page_is_no_good_after_signing_out(site: Site) -> None:
    visitor = await _at_consent(site)
    form = visitor.read.form("/oauth2/auth/consent")
    await visitor.get("/oauth2/sessions/logout")
    await visitor.submit("/confirm", decision="sign_out")
    page = await visitor.post(form.action, {**form.fields, **ADD})
    assert 'name="number"' in page.text


async def test_s026_a_page_left_open_too_long_is_asked_again(site: Site) -> None:
    visitor = await _at_consent(site)
    form = visitor.read.form("/oauth2/auth/consent")
    site.clock.advance(seconds=site.settings.signin.ticket_lifetime)
    page = await visitor.post(form.action, {**form.fields, **ADD})
    assert page.status_code == 200
    assert "code" in returned(await visitor.add_product())


async def test_s027_two_tabs_answer_two_requests(any_site: Site) -> None:
    visitor = await _at_consent(any_site, state="tab-one")
    first = visitor.read.form("/oauth2/auth/consent")
    other = any_site.world.other
    await visitor.start(other, state="tab-two", scope="openid phone")
    second = visitor.read.form("/oauth2/auth/consent")
    back = returned(await visitor.post(first.action, {**first.fields, **ADD}))
    assert back["state"] == "tab-one"
    assert (await exchange(any_site, other, back["code"])).json()["error"] == "invalid_grant"
    assert (await exchange(any_site, any_site.world.web, back["code"])).status_code == 200
    refused(await visitor.start(other, prompt="none"), "consent_required", other.redirect_uri)
    back = returned(await visitor.post(second.action, {**second.fields, **ADD}), other.redirect_uri)
    assert back["state"] == "tab-two"
    tokens = (await exchange(any_site, other, back["code"])).json()
    assert tokens["scope"] == "openid phone"


async def test_s027_cancelling_one_tab_leaves_the_other(any_site: Site) -> None:
    visitor = await _at_consent(any_site, state="tab-one")
    first = visitor.read.form("/oauth2/auth/consent")
    await visitor.start(any_site.world.other, state="tab-two")
    second = visitor.read.form("/oauth2/auth/consent")
    back = refused(await visitor.post(first.action, {**first.fields, "decision": "cancel"}), "access_denied")
    assert back["state"] == "tab-one"
    back = returned(await visitor.post(second.action, {**second.fields, **ADD}), any_site.world.other.redirect_uri)
    assert back["state"] == "tab-two"


async def test_s027_two_sign_ins_in_two_tabs_do_not_meet(any_site: Site) -> None:
    visitor = any_site.visitor()
    await visitor.start(any_site.world.web, state="tab-one")
    await visitor.type_number(ANNA)
    first, first_pin = visitor.read.form("/pin"), await any_site.pin(ANNA)
    await visitor.start(any_site.world.other, state="tab-two")
    await visitor.type_number(BO)
    second, second_pin = visitor.read.form("/pin"), await any_site.pin(BO)
    if first_pin != second_pin:
        assert (await visitor.post(first.action, {**first.fields, "pin": second_pin})).status_code == 422
    await visitor.post(first.action, {**first.fields, "pin": first_pin})
    back = returned(await visitor.add_product())
    assert back["state"] == "tab-one"
    tokens = (await exchange(any_site, any_site.world.web, back["code"])).json()
    assert (await userinfo(any_site, tokens["access_token"])).json()["phone_number"] == ANNA
    any_site.clock.advance(seconds=1)
    await visitor.post(second.action, {**second.fields, "pin": second_pin})
    back = returned(await visitor.add_product(), any_site.world.other.redirect_uri)
    assert back["state"] == "tab-two"


async def test_s027_going_back_and_answering_again_gives_nothing_new(any_site: Site) -> None:
    client = any_site.world.web
    visitor = await _at_consent(any_site)
    form = visitor.read.form("/oauth2/auth/consent")
    first = returned(await visitor.post(form.action, {**form.fields, **ADD}))
    twice = returned(await visitor.post(form.action, {**form.fields, **ADD}))
    assert twice["code"] == first["code"]
    tokens = (await exchange(any_site, client, first["code"])).json()
    page = await visitor.post(form.action, {**form.fields, **ADD})
    assert page.status_code == 200
    assert "location" not in page.headers
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 200


EVIL = '"><script>alert(1)</script>'


@pytest.mark.parametrize("name", ["error", "error_description", "error_hint", "error_uri", "error_debug", "client_id", "state", "reason",
                                  "request_id", "return_url", EVIL])  # fmt: skip
async def test_s031_the_error_page_shows_nothing_that_was_sent_to_it(site: Site, name: str) -> None:
    async with site.http() as http:
        for value in (EVIL, "javascript:alert(1)", "https://evil.tld/", "&lt;script&gt;alert(1)", "{{7*191}}", "Call 0900-EVIL now"):
            for path in ("/error", "/oauth2/auth", "/oauth2/auth/consent", "/oauth2/auth/continue/x", "/signin/x", "/nothing"):
                page = await http.get(f"{path}?{urlencode({name: value})}", headers=CHROME)
                assert page.status_code in (400, 404), path
                assert "alert(1)" not in page.text, path
                seen = read(page.text).text
                assert not any(text in seen for text in ("evil", "1337", "0900-EVIL")), path
                assert all(not link.startswith(("http", "javascript", "//")) for link in links(page))


async def test_s031_an_error_page_with_a_way_back_escapes_it(site: Site) -> None:
    client = site.world.draft
    page = await ask(site, client, scope=EVIL, state=EVIL, login_hint=EVIL, ui_locales=EVIL)
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert next(link for link in links(page) if link.startswith("http")).startswith("https://tidbit.example/cb?error=invalid_scope")


PLACES = ["//evil.tld", "/\\evil.tld", "/\t//evil.tld", "https:evil.tld", "%2f%2fevil.tld", "javascript:alert(1)", "https://evil.tld/",
          "\\\\evil.tld", "///evil.tld", "/%09/evil.tld", "https:///evil.tld", "http://id.localhost@evil.tld", "data:text/html,evil"]  # fmt: skip
NAMES = ["next", "return_to", "return_url", "redirect", "redirect_url", "continue", "url", "again_url", "here", "back_url", "target",
         "post_logout_redirect_uri", "post_revoke_redirect_uri", "login_challenge", "ui_locales", "resent"]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
async def test_s032_no_parameter_leads_anywhere_else(site: Site, place: str) -> None:
    visitor = await _at_consent(site)
    form = visitor.read.form("/oauth2/auth/consent")
    request = query_of(site.world.web)
    everything = urlencode(dict.fromkeys(NAMES, place))
    for path in (f"/oauth2/auth?{request}&", "/oauth2/auth?", "/oauth2/auth/consent?", "/oauth2/auth/continue/x?", "/oauth2/auth/cancel?",
                 "/error?", "/signin?", "/signin/x?", "/signin/x/number?", "/oauth2/sessions/logout?", "/oauth2/sessions/logout/confirm?"):  # fmt: skip
        for http in (visitor.http, site.http()):
            _leads_to_us(await http.get(path + everything, headers=CHROME))
    fields = {**dict.fromkeys(NAMES, place), "decision": "sign_out"}
    for path in ("/oauth2/auth/cancel", "/signin", "/signin/x/pin", "/oauth2/sessions/logout", "/oauth2/sessions/logout/confirm"):
        _leads_to_us(await visitor.http.post(path, data=fields, headers=CHROME))
    answer = await visitor.http.post(form.action, data={**fields, **form.fields, **ADD}, headers=CHROME)
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")


@pytest.mark.parametrize("path", ["//evil.tld", "//evil.tld/", "/\\evil.tld/", "/%5cevil.tld/", "/%2f%2fevil.tld/", "//evil.tld/..;/"])
async def test_s032_nor_does_a_path(site: Site, path: str) -> None:
    async with site.http() as http:
        for method in ("GET", "POST"):
            response = await http.request(method, f"https://id.localhost{path}", headers=CHROME)
            assert response.status_code in (404, 405)
            _leads_to_us(response)


def _leads_to_us(response: httpx.Response) -> None:
    location = response.headers.get("location", "/")
    assert location.startswith("/"), location
    assert not location.startswith(("//", "/\\", "/\t")), location
    for link in links(response):
        assert link.startswith(("/", "#", "mailto:", "https://voicebox.example/")), link
        assert not re.match(r"/[\\/\t]", link), link
