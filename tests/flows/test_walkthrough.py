"""The walkthrough, from the authorization URL to userinfo, over HTTP, on both databases."""

from __future__ import annotations

from support.site import Site, exchange, refresh, userinfo
from support.world import ANNA


async def test_the_walkthrough(any_site: Site) -> None:
    client = any_site.world.web
    visitor = any_site.visitor()
    number_page = await visitor.start(client)
    assert number_page.status_code == 200
    assert "VoiceBox" in number_page.text
    pin_page = await visitor.type_number("0046 (0)70-174 06 05")
    assert pin_page.status_code == 200, pin_page.text
    assert "+46 70 174 06 05" in pin_page.text
    consent_page = await visitor.type_pin(await any_site.pin(ANNA))
    assert consent_page.status_code == 200, consent_page.text
    assert "Nordcell" in consent_page.text
    back = await visitor.add_product()
    assert back.status_code == 303
    location = back.headers["location"]
    assert location.startswith("https://app.example/cb?code=dk_ac_")
    assert "&scope=phone%20offline_access&state=this-is-a-key-set-by-the-caller&iss=" in location

    code = location.partition("code=")[2].partition("&")[0]
    tokens = await exchange(any_site, client, code)
    assert tokens.status_code == 200, tokens.text
    body = tokens.json()
    assert body.keys() == {"access_token", "expires_in", "refresh_token", "scope", "token_type"}
    assert (body["expires_in"], body["scope"], body["token_type"]) == (3600, "phone offline_access", "bearer")

    claims = (await userinfo(any_site, body["access_token"])).json()
    assert claims.keys() == {"phone_number", "phone_number_verified", "sid", "sub"}
    assert claims["phone_number"] == ANNA
    assert claims["phone_number_verified"] is True

    renewed = await refresh(any_site, client, body["refresh_token"])
    assert renewed.status_code == 200
    assert renewed.json()["refresh_token"] != body["refresh_token"]


async def test_the_next_product_skips_the_pin(site: Site) -> None:
    visitor = site.visitor()
    await visitor.complete(site.world.web, ANNA)
    page = await visitor.start(site.world.other)
    assert "/oauth2/auth/consent" in page.text
    back = await visitor.add_product()
    assert back.status_code == 303
    again = await visitor.start(site.world.other)
    assert again.status_code == 303
