"""OAuth 2.0 Form Post Response Mode, and the response modes that there are not."""

from __future__ import annotations

import re

import pytest

from support.relying_party import CALLBACK, ask, refused
from support.site import Site, exchange
from support.world import ANNA

EVIL = '"><script>alert(1)</script><input value=\'x\' onfocus=alert(2)> &amp;\r\n<!--'


@pytest.mark.parametrize("mode", ["fragment", "web_message", "jwt", "query.jwt", "form_post.jwt", "FORM_POST", "form_post query", "x"])
@pytest.mark.parametrize("prompt", [None, "none"])
async def test_s014_other_response_modes_are_refused(site: Site, mode: str, prompt: str | None) -> None:
    response = await ask(site, site.world.web, response_mode=mode, prompt=prompt)
    refused(response, "invalid_request")
    assert "#" not in response.headers["location"]


async def test_s014_the_metadata_lists_what_works(site: Site) -> None:
    async with site.http() as http:
        metadata = (await http.get("/.well-known/openid-configuration")).json()
    assert metadata["response_modes_supported"] == ["query", "form_post"]


async def test_s014_query_may_be_asked_for(site: Site) -> None:
    refused(await ask(site, site.world.web, response_mode="query", prompt="none"), "login_required")


async def test_s014_form_post_carries_the_answer(any_site: Site) -> None:
    visitor = any_site.visitor()
    await visitor.sign_in(any_site.world.web, ANNA, response_mode="form_post", state="s s")
    page = await visitor.add_product()
    assert page.status_code == 200
    assert "location" not in page.headers
    form = visitor.read.form("/cb")
    assert (form.action, form.method) == (CALLBACK, "post")
    assert form.fields.keys() == {"code", "scope", "state", "iss"}
    assert (form.fields["state"], form.fields["iss"]) == ("s s", "https://id.localhost")
    assert (await exchange(any_site, any_site.world.web, form.fields["code"])).status_code == 200


@pytest.mark.parametrize("way", ["success", "error", "cancelled"])
async def test_s014_every_value_is_escaped(site: Site, way: str) -> None:
    visitor = site.visitor()
    asked = {"response_mode": "form_post", "state": EVIL}
    if way == "error":
        page = await visitor.start(site.world.web, **asked, scope=EVIL)
    elif way == "cancelled":
        await visitor.start(site.world.web, **asked)
        page = await visitor.submit("/oauth2/auth/cancel")
    else:
        await visitor.sign_in(site.world.web, ANNA, **asked)
        page = await visitor.add_product()
    assert page.status_code == 200
    # browsers read CR LF in an attribute as a newline, and send a newline as CR LF
    assert visitor.read.form("/cb").fields["state"].replace("\r\n", "\n") == EVIL.replace("\r\n", "\n")
    assert "<script>alert" not in page.text
    assert "<input value='x'" not in page.text
    assert len(re.findall(r"<script", page.text)) == 1
    assert "<!--" not in page.text


async def test_s014_the_page_has_a_policy_without_inline_script(site: Site) -> None:
    visitor = site.visitor()
    page = await visitor.start(site.world.web, response_mode="form_post", prompt="none")
    assert page.status_code == 200
    assert visitor.read.form("/cb").fields["error"] == "login_required"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https: https://app.example;" in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
