"""API keys, the trail of an organization, and webhooks, on both databases."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from conftest import settings_for
from dialkey.audit import Tag, record
from dialkey.base.clock import DAY
from dialkey.developers.access import Role
from dialkey.directory.rules import Directory
from dialkey.storage import Statement, Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal
from support.bureau import Bureau
from support.clock import ManualClock, SeededEntropy


@pytest.fixture
def bureau(storage: Storage, keyring: Keyring, clock: ManualClock, entropy: SeededEntropy) -> Bureau:
    return Bureau(storage, settings_for("sqlite:///unused"), keyring, clock, entropy)


async def refused(awaitable: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.status, caught.value.code


async def test_a_personal_key_acts_with_present_roles_within_its_scopes(
    bureau: Bureau, storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring
) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    member = await bureau.join(ada, organization, bo, Role.DEVELOPER)
    product = await Directory(storage, clock, entropy, keyring).create_product(
        actor="cli:tests", organization_id=organization, name="VoiceBox"
    )
    made = await bureau.keys.create_personal(bo, name="Laptop", scopes=["products:write", "analytics:read"])
    assert made.token.startswith("dk_ak_") and len(made.token) == 49
    before = storage.statements
    actor = await bureau.keys.authenticate(made.token)
    assert storage.statements - before == 1
    assert actor is not None
    assert (actor.kind, actor.account_id, actor.organization_id, actor.name) == ("key", bo.id, None, f"key:{made.id}")
    await bureau.access.product(actor, product, Role.DEVELOPER)
    await bureau.access.product(actor, product, Role.VIEWER)
    await bureau.access.product(actor, product, Role.VIEWER, grant="analytics:read")
    assert await refused(bureau.access.product(actor, product, Role.OWNER)) == (403, "role")
    assert await refused(bureau.access.organization(actor, organization, Role.VIEWER)) == (403, "grant")
    assert await refused(bureau.access.product(actor, product, Role.VIEWER, grant="events:read")) == (403, "grant")
    assert await refused(bureau.trail.list_events(actor, organization)) == (403, "grant")
    # no key makes keys, invites people, or ends anything
    for attempt in (
        bureau.keys.create_personal(actor, name="More", scopes=["products:write"]),
        bureau.keys.list_personal(actor),
        bureau.keys.revoke_personal(actor, made.id),
        bureau.keys.create_for_organization(actor, organization, name="More", scopes=["products:write"]),
        bureau.members.invite(actor, organization, email="x@y.example", role=Role.OWNER),
        bureau.members.change_role(actor, organization, member, Role.OWNER),
        bureau.members.leave(actor, organization),
        bureau.organizations.create(actor, name="Mine"),
        bureau.organizations.delete(actor, organization, name="VoiceBox AB"),
        bureau.organizations.undelete(actor, organization),
    ):
        assert await refused(attempt) == (403, "account_only")
    await bureau.members.change_role(ada, organization, member, Role.VIEWER)
    assert await refused(bureau.access.product(actor, product, Role.DEVELOPER)) == (403, "role")
    await bureau.members.remove(ada, organization, member)
    assert await refused(bureau.access.product(actor, product, Role.VIEWER)) == (404, "no_such_product")
    await bureau.close(bo)
    assert await bureau.keys.authenticate(made.token) is None


async def test_an_organizations_key_reaches_its_organization_only(
    bureau: Bureau, storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring
) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    second = await bureau.organizations.create(ada, name="Second AB")
    await bureau.join(ada, organization, bo, Role.OWNER)
    directory = Directory(storage, clock, entropy, keyring)
    own = await directory.create_product(actor="cli:tests", organization_id=organization, name="VoiceBox")
    other = await directory.create_product(actor="cli:tests", organization_id=second, name="Other")
    made = await bureau.keys.create_for_organization(bo, organization, name="CI", scopes=["products:write", "audit:read"])
    actor = await bureau.keys.authenticate(made.token)
    assert actor is not None and actor.account_id is None
    assert (await bureau.access.product(actor, own, Role.DEVELOPER)).role is Role.OWNER
    assert await refused(bureau.access.product(actor, other, Role.VIEWER)) == (404, "no_such_product")
    assert await refused(bureau.access.organization(actor, second, Role.VIEWER)) == (404, "no_such_organization")
    assert await refused(bureau.organizations.list_memberships(actor)) == (403, "grant")
    reader = await bureau.keys.authenticate(
        (await bureau.keys.create_for_organization(bo, organization, name="R", scopes=["organization:read"])).token
    )
    assert reader is not None
    assert [m.organization_id for m in await bureau.organizations.list_memberships(reader)] == [organization]
    # it belongs to the organization, not to who made it
    member = next(m.id for m in await bureau.members.list_members(ada, organization) if not m.me)
    await bureau.members.remove(ada, organization, member)
    assert await bureau.keys.authenticate(made.token) is not None
    (_, listed) = sorted(await bureau.keys.list_of_organization(ada, organization), key=lambda k: k.name != "R")
    assert (listed.name, listed.created_by, listed.scopes) == ("CI", "Bo", ("products:write", "audit:read"))
    assert listed.hint == made.token[-4:]
    # other owners' keys cannot be revoked by id
    assert await refused(bureau.keys.revoke_of_organization(ada, second, made.id)) == (404, "no_such_key")
    assert await refused(bureau.keys.revoke_personal(ada, made.id)) == (404, "no_such_key")
    await bureau.keys.revoke_of_organization(ada, organization, made.id)
    assert await bureau.keys.authenticate(made.token) is None
    assert await refused(bureau.keys.revoke_of_organization(ada, organization, made.id)) == (404, "no_such_key")


async def test_s119_a_key_is_stored_as_a_digest(bureau: Bureau, storage: Storage) -> None:
    ada = await bureau.person("Ada")
    made = await bureau.keys.create_personal(ada, name="CI", scopes=["products:read"])
    secret = made.token.removeprefix("dk_ak_")
    rows = await storage.read.all(Statement("tests.keys", "SELECT * FROM api_keys"))
    assert secret not in repr(rows) and secret[:20] not in repr(rows)
    (key,) = await bureau.keys.list_personal(ada)
    assert secret not in repr(key)
    for wrong in ("", "dk_ak_", made.token + "x", made.token[:-1], made.token.replace("dk_ak_", "dk_cs_"), "x" * 49):
        assert await bureau.keys.authenticate(wrong) is None
    changed = made.token[:-1] + ("A" if made.token[-1] != "A" else "E")
    assert await bureau.keys.authenticate(changed) is None


async def test_keys_expire_and_tell_when_they_were_used(bureau: Bureau, storage: Storage, clock: ManualClock) -> None:
    ada = await bureau.person("Ada")
    made = await bureau.keys.create_personal(
        ada, name="CI", scopes=["products:read"], expires_at=clock.now() + 30 * DAY  # type: ignore[arg-type]
    )
    (key,) = await bureau.keys.list_personal(ada)
    assert key.last_used_at is None
    for _ in range(3):
        await bureau.keys.authenticate(made.token)
        await storage.flush()
    used_at = clock.now()
    clock.advance(minutes=30)
    await bureau.keys.authenticate(made.token)
    await storage.flush()
    assert (await bureau.keys.list_personal(ada))[0].last_used_at == used_at
    clock.advance(minutes=30)
    await bureau.keys.authenticate(made.token)
    await storage.flush()
    assert (await bureau.keys.list_personal(ada))[0].last_used_at == clock.now()
    clock.advance(days=30)
    assert await bureau.keys.authenticate(made.token) is None
    assert len(await bureau.keys.list_personal(ada)) == 1
    clock.advance(days=8)
    assert await bureau.keys.list_personal(ada) == []


async def test_what_a_key_may_be(bureau: Bureau, clock: ManualClock) -> None:
    ada = await bureau.person("Ada")
    for values, code in (
        ({"name": "", "scopes": ["products:read"]}, "required"),
        ({"name": "a\x1bb", "scopes": ["products:read"]}, "name_characters"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "scopes": ["products:read"], "expires_at": clock.now()}, "expires_at"),
        ({"name": "x", "scopes": ["products:read"], "expires_at": clock.now() + 400 * DAY}, "expires_at"),
    ):
        assert await refused(bureau.keys.create_personal(ada, **values)) == (422, code)  # type: ignore[arg-type]
    for number in range(50):
        await bureau.keys.create_personal(ada, name=f"k{number}", scopes=["products:read"])
    more = bureau.keys.create_personal(ada, name="more", scopes=["products:read"])
    assert await refused(more) == (409, "too_many_keys")


async def _say(bureau: Bureau, organization: str, tag: Tag, actor: str, **data: Any) -> None:
    async def unit(writer: Writer) -> None:
        await record(
            writer, tag, entropy=bureau.entropy, now=bureau.clock.now(), actor=actor, subject="client:1",
            organization_id=organization, request_id="r1", data=data,
        )  # fmt: skip

    await bureau.storage.write(unit)


async def test_the_trail_is_paged_by_key(bureau: Bureau, storage: Storage, clock: ManualClock) -> None:
    ada, eve = await bureau.person("Ada"), await bureau.person("Eve")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    other = await bureau.organizations.create(eve, name="Evil AB")
    for number in range(25):
        if number % 4 == 0:
            clock.advance(seconds=1)
        await _say(bureau, organization, Tag.CLIENT_CHANGED if number % 2 else Tag.MEMBER_ADDED, ada.name, n=number)
        await _say(bureau, other, Tag.CLIENT_CHANGED, eve.name)
    seen: list[str] = []
    cursor = None
    while True:
        before = storage.statements
        page = await bureau.trail.list_events(ada, organization, cursor=cursor, limit=7)
        assert storage.statements - before == 2
        seen += [event.id for event in page.events]
        assert [e.at for e in page.events] == sorted((e.at for e in page.events), reverse=True)
        if page.cursor is None:
            break
        cursor = page.cursor
    assert len(seen) == len(set(seen)) == 26
    clients = await bureau.trail.list_events(ada, organization, tag="client", limit=100)
    assert {event.tag for event in clients.events} == {"client.changed"} and len(clients.events) == 12
    exact = await bureau.trail.list_events(ada, organization, tag="member.added", limit=100)
    assert len(exact.events) == 13
    assert (await bureau.trail.list_events(ada, organization, tag="mem")).events == ()
    assert (await bureau.trail.list_events(ada, organization, tag="%")).events == ()
    assert (await bureau.trail.list_events(ada, organization, by=eve.name)).events == ()
    assert (await bureau.trail.list_events(ada, organization, by=ada.name, limit=1)).events[0].actor_name == "Ada"


async def test_s117_forged_cursors_are_refused(bureau: Bureau) -> None:
    ada, eve = await bureau.person("Ada"), await bureau.person("Eve")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    other = await bureau.organizations.create(eve, name="Evil AB")
    for _ in range(3):
        await _say(bureau, organization, Tag.CLIENT_CHANGED, ada.name)
        await _say(bureau, other, Tag.CLIENT_CHANGED, eve.name)
    cursor = (await bureau.trail.list_events(ada, organization, limit=1)).cursor
    theirs = (await bureau.trail.list_events(eve, other, limit=1)).cursor
    assert cursor and theirs
    for forged in ("", "0", "' OR 1=1", "A" * 40, cursor[:-2], cursor + "A", theirs, "A" * 10_000, "\x00", "é"):
        attempt = bureau.trail.list_events(ada, organization, cursor=forged, limit=1)
        assert await refused(attempt) == (400, "cursor"), forged[:50]
    # made for other filters
    assert await refused(bureau.trail.list_events(ada, organization, tag="client", cursor=cursor)) == (400, "cursor")


async def test_s113_s120_the_trail_shows_no_control_characters_and_exports_no_formula(bureau: Bureau) -> None:
    ada = await bureau.person("=cmd|' /C calc'!A0")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    key = await bureau.keys.create_for_organization(ada, organization, name="+SUM(1)", scopes=["audit:read"])
    evil = "a\r\n2026-01-01 owner.added \x1b[31mred\x9b\u202e\u2028b"
    await _say(bureau, organization, Tag.CLIENT_CHANGED, f"key:{key.id}", name=evil, formula="@SUM(A1)", long="x" * 2000)
    page = await bureau.trail.list_events(ada, organization)
    event = next(e for e in page.events if e.tag == "client.changed")
    assert event.actor_name == "+SUM(1)"
    shown = dict(event.data)
    assert all(character.isprintable() for character in shown["name"])
    assert "\\u001b[31mred" in shown["name"].replace("\\001b", "\\u001b")
    assert len(shown["long"]) == 300
    text = b"".join([piece async for piece in await bureau.trail.export(ada, organization)]).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["time", "event", "actor", "actor_name", "subject", "request", "data"]
    assert len(rows) == 1 + 4  # that it was exported too
    for row in rows[1:]:
        assert len(row) == 7
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert {row[3] for row in rows[1:]} == {"'=cmd|' /C calc'!A0", "'+SUM(1)"}


async def test_webhooks(bureau: Bureau, storage: Storage, clock: ManualClock) -> None:
    ada, eve = await bureau.person("Ada"), await bureau.person("Eve")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    other = await bureau.organizations.create(eve, name="Evil AB")
    made = await bureau.webhooks.create(ada, organization, url="https://hooks.voicebox.example/a", description="Main")
    assert made.secret.startswith("whsec_")
    rows = await storage.read.all(Statement("tests.secrets", "SELECT * FROM webhook_secrets"))
    assert made.secret[6:] not in repr(rows)
    (first,) = await bureau.webhooks.signing_keys(made.webhook_id)
    assert len(first) == 32 and bytes(first) not in bytes(rows[0].sealed)
    clock.advance(hours=1)
    again = await bureau.webhooks.rotate(ada, organization, made.webhook_id, overlap=24 * 3600_000)
    assert again.secret != made.secret
    assert [first] == list(await bureau.webhooks.signing_keys(made.webhook_id))[1:]
    clock.advance(hours=1)
    await bureau.webhooks.rotate(ada, organization, made.webhook_id, overlap=7 * 24 * 3600_000)
    assert len((await bureau.webhooks.get(ada, organization, made.webhook_id)).secrets) == 3
    clock.advance(hours=23)
    assert len(await bureau.webhooks.signing_keys(made.webhook_id)) == 2
    await bureau.webhooks.rotate(ada, organization, made.webhook_id, overlap=0)
    (only,) = (await bureau.webhooks.get(ada, organization, made.webhook_id)).secrets
    assert only.expires_at is None
    await bureau.webhooks.disable(ada, organization, made.webhook_id)
    (listed,) = await bureau.webhooks.list_webhooks(ada, organization)
    assert (listed.enabled, listed.description) == (False, "Main")
    await bureau.webhooks.enable(ada, organization, made.webhook_id)
    await bureau.webhooks.change(ada, organization, made.webhook_id, url="https://hooks.voicebox.example/b")
    for attempt in (
        bureau.webhooks.get(eve, other, made.webhook_id),
        bureau.webhooks.change(eve, other, made.webhook_id, url="https://evil.example/x"),
        bureau.webhooks.rotate(eve, other, made.webhook_id, overlap=0),
        bureau.webhooks.disable(eve, other, made.webhook_id),
        bureau.webhooks.delete(eve, other, made.webhook_id),
        bureau.webhooks.get(ada, organization, "\x00" * 22),
    ):
        assert await refused(attempt) == (404, "no_such_webhook")
    assert await refused(bureau.webhooks.rotate(ada, organization, made.webhook_id, overlap=5)) == (422, "overlap")
    await bureau.webhooks.delete(ada, organization, made.webhook_id)
    assert await bureau.webhooks.list_webhooks(ada, organization) == []
    for number in range(10):
        await bureau.webhooks.create(ada, organization, url=f"https://h{number}.example/")
    more = bureau.webhooks.create(ada, organization, url="https://more.example/")
    assert await refused(more) == (409, "too_many_webhooks")
