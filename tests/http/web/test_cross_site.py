"""Nothing changes by GET, by another site's form, or by a body that only looks like a form."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest

from dialkey.storage import Statement
from support.site import Site, Visitor
from support.world import ANNA

FORM = "application/x-www-form-urlencoded"
STATE = Statement(
    "tests.state",
    "SELECT (SELECT COUNT(*) FROM sign_ins) AS a, (SELECT COALESCE(SUM(tries + sends), 0) FROM sign_ins) AS b,"
    " (SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL) AS c, (SELECT COUNT(*) FROM consents) AS d,"
    " (SELECT COUNT(*) FROM authorizations) AS e, (SELECT COUNT(*) FROM jobs) AS f",
)
PAGES = ("number", "pin", "resend", "consent", "consent cancel", "cancel", "sign out")


async def at(site: Site, page: str) -> tuple[Visitor, str, dict[str, str]]:
    """A browser on a page, with the address and the right fields of its form."""
    visitor = site.visitor()
    await visitor.start(site.world.web)
    if page == "number":
        return visitor, "/signin", {**visitor.read.form("/signin").fields, "number": ANNA}
    if page == "cancel":
        form = visitor.read.form("/oauth2/auth/cancel")
        return visitor, form.action, form.fields
    await visitor.type_number(ANNA)
    pin = await site.pin(ANNA)
    if page in ("pin", "resend"):
        form = visitor.read.form(f"/{page}")
        site.clock.advance(seconds=31)
        return visitor, form.action, {**form.fields, **({"pin": pin} if page == "pin" else {})}
    await visitor.type_pin(pin)
    if page == "sign out":
        await visitor.get("/oauth2/sessions/logout")
        form = visitor.read.form("/confirm")
        return visitor, form.action, {**form.fields, "decision": "sign_out"}
    form = visitor.read.form("/oauth2/auth/consent")
    decision = "cancel" if page.endswith("cancel") else "add"
    return visitor, form.action, {**form.fields, "terms": "on", "decision": decision}


async def state(site: Site) -> tuple[int, ...]:
    return tuple(int(value) for value in await site.storage.read.one(STATE))


def led_on(response: httpx.Response) -> bool:
    return "code=" in response.headers.get("location", "")


@pytest.mark.parametrize("page", PAGES)
async def test_s096_the_form_itself_works(site: Site, page: str) -> None:
    visitor, address, fields = await at(site, page)
    before = await state(site)
    response = await visitor.http.post(address, data=fields, headers={"sec-fetch-site": "same-origin", "origin": "null"})
    assert response.status_code in (200, 303)
    assert page in ("cancel", "consent cancel") or await state(site) != before


ELSEWHERE = [
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"sec-fetch-site": "same-site", "origin": "https://other.localhost"},
    {"sec-fetch-site": "cross-site", "origin": "null"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": "https://id.localhost"},
    {"origin": "https://evil.example"},
    {"origin": "https://id.localhost.evil.example"},
    {"origin": "https://id.localhost:8443"},
    {"origin": "https://app.example", "referer": "https://id.localhost/signin"},
]


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
@pytest.mark.parametrize("page", PAGES)
async def test_s096_another_sites_form_changes_nothing(site: Site, page: str, headers: dict[str, str]) -> None:
    visitor, address, fields = await at(site, page)
    before = await state(site)
    response = await visitor.http.post(address, data=fields, headers=headers)
    assert response.status_code == 403
    assert await state(site) == before


@pytest.mark.parametrize("page", PAGES)
async def test_s096_the_pages_value_is_needed_even_from_the_same_origin(site: Site, page: str) -> None:
    visitor, address, fields = await at(site, page)
    before = await state(site)
    kept = {name: value for name, value in fields.items() if name not in ("ticket", "csrf")}
    for extra in ({}, {"ticket": "x", "csrf": "x"}):
        response = await visitor.http.post(address, data={**kept, **extra}, headers={"sec-fetch-site": "same-origin"})
        assert response.status_code in (303, 400, 403, 404)
        assert not led_on(response)
    other = site.visitor()
    await other.start(site.world.web)
    response = await other.http.post(address, data=fields, headers={"sec-fetch-site": "same-origin"})
    assert response.headers.get("location", "/").startswith("/"), "nothing is said to the client"
    assert await state(site) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("page", PAGES)
async def test_s096_no_other_method_does_it(site: Site, page: str, method: str) -> None:
    visitor, address, fields = await at(site, page)
    before = await state(site)
    headers = {"sec-fetch-site": "same-origin", "content-type": FORM, "x-http-method-override": "POST",
               "x-http-method": "POST", "x-method-override": "POST"}  # fmt: skip
    url = f"{address}?{urlencode({**fields, '_method': 'POST'})}"
    response = await visitor.http.request(method, url, content=urlencode(fields), headers=headers)
    assert not led_on(response)
    assert await state(site) == before


@pytest.mark.parametrize("override", ["GET", "DELETE", "PUT"])
async def test_s096_method_overrides_are_ignored(site: Site, override: str) -> None:
    headers = {"x-http-method-override": override, "x-http-method": override, "x-method-override": override}
    async with site.http(headers=headers) as http:
        form = {"grant_type": "client_credentials", "_method": override}
        assert (await http.post("/oauth2/token", data=form, auth=site.world.web.basic)).status_code == 200
    async with site.http(headers=dict.fromkeys(headers, "POST")) as http:
        for path in ("/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"):
            assert (await http.get(path, params=form, auth=site.world.web.basic)).status_code == 405


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", "application/json", "", "text/plain;" + FORM,
                                        "application/x-www-form-urlencoded-x"])  # fmt: skip
@pytest.mark.parametrize("page", PAGES)
async def test_s096_other_media_types_change_nothing(site: Site, page: str, media_type: str) -> None:
    visitor, address, fields = await at(site, page)
    before = await state(site)
    headers = {"sec-fetch-site": "same-origin", **({"content-type": media_type} if media_type else {})}
    response = await visitor.http.post(address, content=urlencode(fields), headers=headers)
    assert response.status_code == 415
    assert await state(site) == before
