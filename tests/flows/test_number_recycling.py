"""S087: a number passes to somebody else, and nothing passes with it."""

from __future__ import annotations

from dialkey.storage import Statement
from support.site import Site, exchange, refresh, signed_in_tokens, userinfo
from support.world import ANNA, BO, NOBODY

ACTOR = "cli:tests"
LIVING = Statement(
    "test.living",
    """SELECT (SELECT count(*) FROM sessions WHERE subscription_id = :id AND ended_at IS NULL) AS sessions,
      (SELECT count(*) FROM authorizations WHERE subscription_id = :id AND ended_at IS NULL) AS grants,
      (SELECT count(*) FROM consents WHERE subscription_id = :id AND withdrawn_at IS NULL) AS consents""",
)


async def living(site: Site, subscription_id: str) -> tuple[int, int, int]:
    """How many sessions, grants and consents live."""
    row = await site.storage.read.one(LIVING, id=subscription_id)
    return row.sessions, row.grants, row.consents


async def reassign(site: Site) -> str:
    made = await site.subscribers.reassign_number(
        actor=ACTOR, number=ANNA, operator_id=site.world.nordcell, sandbox=True
    )
    return made.id


async def test_s087_the_new_holder_of_a_number_meets_nothing_of_the_old_one(any_site: Site) -> None:
    site, client = any_site, any_site.world.web
    visitor = site.visitor()
    back = await visitor.complete(client, ANNA)
    tokens = (await exchange(site, client, back["code"])).json()
    await site.visitor().complete(client, BO)
    old = site.world.subscriptions[ANNA]
    assert await living(site, old) == (1, 1, 1)
    before = (await userinfo(site, tokens["access_token"])).json()

    new = await reassign(site)

    assert await living(site, old) == (0, 0, 0)
    assert await living(site, site.world.subscriptions[BO]) == (1, 1, 1)
    assert (await userinfo(site, tokens["access_token"])).status_code == 401
    assert (await refresh(site, client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    page = await visitor.start(client)
    assert page.status_code == 200 and visitor.read.form("/signin")

    site.clock.advance(minutes=11)
    consent_page = await site.visitor().sign_in(client, ANNA)
    assert consent_page.status_code == 200  # asked for consent anew
    site.clock.advance(minutes=11)
    after = await signed_in_tokens(site, client, ANNA)
    claims = (await userinfo(site, after["access_token"])).json()
    assert claims["phone_number"] == before["phone_number"] == ANNA
    assert claims["sub"] != before["sub"] and claims["sid"] != before["sid"]
    assert (await living(site, new))[1:] == (1, 1)


async def test_s087_a_code_that_was_not_spent_yet_opens_nothing(any_site: Site) -> None:
    site, client = any_site, any_site.world.web
    back = await site.visitor().complete(client, ANNA)
    await reassign(site)
    response = await exchange(site, client, back["code"])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


async def test_s087_a_pin_that_was_sent_to_the_old_holder_signs_nobody_in(any_site: Site) -> None:
    site, client = any_site, any_site.world.web
    visitor = site.visitor()
    await visitor.start(client)
    await visitor.type_number(ANNA)
    pin = await site.pin(ANNA)
    new = await reassign(site)
    page = await visitor.type_pin(pin)
    assert not page.is_redirect and "Add VoiceBox" not in page.text
    assert await living(site, new) == await living(site, site.world.subscriptions[ANNA]) == (0, 0, 0)


async def test_s087_suspending_ends_sessions_and_grants_and_keeps_consents(any_site: Site) -> None:
    site, client = any_site, any_site.world.web
    tokens = await signed_in_tokens(site, client, ANNA)
    subscription = site.world.subscriptions[ANNA]
    await site.subscribers.suspend(actor=ACTOR, subscription_id=subscription)
    assert await living(site, subscription) == (0, 0, 1)
    assert (await userinfo(site, tokens["access_token"])).status_code == 401
    await site.subscribers.resume(actor=ACTOR, subscription_id=subscription)
    assert (await userinfo(site, tokens["access_token"])).status_code == 401


async def test_a_changed_number_is_what_userinfo_tells_from_then_on(any_site: Site) -> None:
    site, client = any_site, any_site.world.web
    tokens = await signed_in_tokens(site, client, ANNA)
    before = (await userinfo(site, tokens["access_token"])).json()
    subscription = site.world.subscriptions[ANNA]
    await site.subscribers.change_number(actor=ACTOR, subscription_id=subscription, new=NOBODY)
    after = (await userinfo(site, tokens["access_token"])).json()
    assert (after["sub"], after["phone_number"]) == (before["sub"], NOBODY)
