"""Organizations and their people, on both databases: who may, who is last, who was meant."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import settings_for
from dialkey.base.clock import DAY
from dialkey.developers.access import Actor, Role
from dialkey.developers.notices import NoticeKind
from dialkey.directory.rules import Directory
from dialkey.directory.store import ClientDirectory
from dialkey.jobs.model import Context
from dialkey.storage import Statement, Storage
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


async def test_who_makes_an_organization_owns_it(bureau: Bureau, storage: Storage) -> None:
    ada, eve = await bureau.person("Ada"), await bureau.person("Eve")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    before = storage.statements
    (mine,) = await bureau.organizations.list_memberships(ada)
    assert storage.statements - before == 1
    assert (mine.organization_id, mine.organization_name, mine.role, mine.verified, mine.unread) == (
        organization, "VoiceBox AB", Role.OWNER, False, 0,
    )  # fmt: skip
    assert await bureau.organizations.list_memberships(eve) == []
    before = storage.statements
    assert (await bureau.organizations.get(ada, organization)).role is Role.OWNER
    assert storage.statements - before == 1
    assert await refused(bureau.organizations.get(eve, organization)) == (404, "no_such_organization")
    assert [event.tag for event in await bureau.events()] == ["organization.created"]


async def test_names_are_checked_and_organizations_counted(bureau: Bureau) -> None:
    ada = await bureau.person("Ada")
    assert await refused(bureau.organizations.create(ada, name="")) == (422, "name_length")
    assert await refused(bureau.organizations.create(ada, name="Voice\u202eBox")) == (422, "name_characters")
    for number in range(20):
        await bureau.organizations.create(ada, name=f"Company {number}")
    assert await refused(bureau.organizations.create(ada, name="One more")) == (409, "too_many_organizations")
    assert len(await bureau.organizations.list_memberships(ada)) == 20


async def test_s108_roles_and_other_organizations(bureau: Bureau) -> None:
    ada, dev, eye, eve = [await bureau.person(name) for name in ("Ada", "Dev", "Eye", "Eve")]
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    other = await bureau.organizations.create(eve, name="Evil AB")
    theirs = (await bureau.members.list_members(eve, other))[0].id
    await bureau.join(ada, organization, dev, Role.DEVELOPER)
    await bureau.join(ada, organization, eye, Role.VIEWER)
    mine = (await bureau.members.list_members(ada, organization))[0].id
    for actor, expected in ((dev, (403, "role")), (eye, (403, "role")), (eve, (404, "no_such_organization"))):
        for attempt in (
            bureau.organizations.rename(actor, organization, name="Taken over"),
            bureau.organizations.delete(actor, organization, name="VoiceBox AB"),
            bureau.organizations.undelete(actor, organization),
            bureau.members.invite(actor, organization, email="x@y.example", role=Role.OWNER),
            bureau.members.change_role(actor, organization, mine, Role.VIEWER),
            bureau.members.remove(actor, organization, mine),
            bureau.members.transfer(actor, organization, mine),
            bureau.keys.list_of_organization(actor, organization),
            bureau.keys.create_for_organization(actor, organization, name="k", scopes=["products:read"]),
        ):
            assert await refused(attempt) == expected
    # an owner of one organization, with ids of another
    for attempt in (
        bureau.members.change_role(ada, organization, theirs, Role.VIEWER),
        bureau.members.remove(ada, organization, theirs),
        bureau.members.transfer(ada, organization, theirs),
        bureau.members.get_member(ada, organization, theirs),
    ):
        assert await refused(attempt) == (404, "no_such_member")
    assert (await bureau.members.list_members(eve, other))[0].role is Role.OWNER
    for attempt in (
        bureau.members.list_members(eve, organization),
        bureau.members.list_invitations(eve, organization),
        bureau.trail.list_events(eve, organization),
        bureau.trail.export(eve, organization),
        bureau.notices.list_mine(eve, organization),
        bureau.webhooks.list_webhooks(eve, organization),
        bureau.organizations.count(eve, organization),
        bureau.members.leave(eve, organization),
    ):
        assert await refused(attempt) == (404, "no_such_organization")
    assert await refused(bureau.webhooks.create(eye, organization, url="https://a.example/hook")) == (403, "role")


async def test_s114_an_invitation_is_for_one_address(bureau: Bureau) -> None:
    ada, eve = await bureau.person("Ada"), await bureau.person("Eve", "eve@evil.example")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    await bureau.members.invite(ada, organization, email=" Bo@VoiceBox.example ", role=Role.DEVELOPER)
    token = await bureau.token("bo@voicebox.example")
    seen = await bureau.members.find_invited(eve, token)
    assert seen is not None and not seen.mine
    assert await refused(bureau.members.accept(eve, token)) == (403, "other_address")
    assert await bureau.organizations.list_memberships(eve) == []
    bo = await bureau.person("Bo", "bo@voicebox.example")
    seen = await bureau.members.find_invited(bo, token)
    assert seen is not None and seen.mine
    assert (seen.organization_name, seen.role, seen.invited_by) == ("VoiceBox AB", Role.DEVELOPER, "Ada")
    assert await bureau.members.accept(bo, token) == organization
    assert await refused(bureau.members.accept(bo, token)) == (404, "no_such_invitation")
    assert (await bureau.organizations.get(bo, organization)).role is Role.DEVELOPER
    told = [(kind, to) for kind, to, *_ in await bureau.mails()]
    assert sorted(told) == [("invitation", "bo@voicebox.example"), ("invitation_accepted", "ada@voicebox.example")]
    (notice,) = await bureau.notices.list_mine(ada, organization)
    assert (notice.kind, notice.data["who"], notice.unread) == (NoticeKind.INVITATION_ACCEPTED, "Bo", True)
    assert (await bureau.organizations.list_memberships(ada))[0].unread == 1
    await bureau.notices.mark_read(ada, organization)
    assert (await bureau.organizations.list_memberships(ada))[0].unread == 0


async def test_s114_a_freed_address_opens_nothing(bureau: Bureau) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    await bureau.join(ada, organization, bo, Role.OWNER)
    await bureau.close(bo)
    again = await bureau.person("Bo again", "bo@voicebox.example")
    assert await bureau.organizations.list_memberships(again) == []
    assert await refused(bureau.organizations.get(again, organization)) == (404, "no_such_organization")
    # who closed their account counts as no owner any more, and is not listed
    (left,) = await bureau.members.list_members(ada, organization)
    assert left.me
    assert await refused(bureau.members.leave(ada, organization)) == (409, "last_owner")
    # and an address that moves takes no membership along
    await bureau.move(ada, "ada@new.example")
    heir = await bureau.person("Heir", "ada@voicebox.example")
    assert await bureau.organizations.list_memberships(heir) == []
    assert (await bureau.organizations.get(ada, organization)).role is Role.OWNER


async def test_invitations_run_out_are_renewed_and_withdrawn(bureau: Bureau, clock: ManualClock) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    invite = await bureau.members.invite(ada, organization, email="bo@voicebox.example", role=Role.VIEWER)
    first = await bureau.token("bo@voicebox.example")
    again = bureau.members.invite(ada, organization, email="BO@voicebox.example", role=Role.OWNER)
    assert await refused(again) == (409, "invited_already")
    assert await refused(bureau.members.resend(ada, organization, invite)) == (429, "too_soon")
    clock.advance(minutes=11)
    await bureau.members.resend(ada, organization, invite)
    second = await bureau.token("bo@voicebox.example")
    assert second != first
    assert await refused(bureau.members.accept(bo, first)) == (404, "no_such_invitation")
    clock.advance(days=7)
    assert await bureau.members.find_invited(bo, second) is None
    assert await refused(bureau.members.accept(bo, second)) == (404, "no_such_invitation")
    third = await bureau.members.invite(ada, organization, email="bo@voicebox.example", role=Role.VIEWER)
    assert [item.id for item in await bureau.members.list_invitations(ada, organization)] == [third]
    token = await bureau.token("bo@voicebox.example")
    await bureau.members.withdraw(ada, organization, third)
    assert await refused(bureau.members.accept(bo, token)) == (404, "no_such_invitation")
    assert await refused(bureau.members.withdraw(ada, organization, third)) == (404, "no_such_invitation")
    assert await refused(bureau.members.accept(bo, "x" * 43)) == (404, "no_such_invitation")
    for wrong in ("", "bo", "bo@", "a@b.example,c@d.example", "a@b.example\r\nBcc: c@d.example"):
        attempt = bureau.members.invite(ada, organization, email=wrong, role=Role.VIEWER)
        assert await refused(attempt) == (422, "email")


async def test_a_member_is_not_invited_again_and_mails_are_counted(bureau: Bureau, clock: ManualClock) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    await bureau.join(ada, organization, bo, Role.VIEWER)
    attempt = bureau.members.invite(ada, organization, email="bo@voicebox.example", role=Role.OWNER)
    assert await refused(attempt) == (409, "member_exists")
    for number in range(49):
        invite = await bureau.members.invite(ada, organization, email=f"n{number}@a.example", role=Role.VIEWER)
        await bureau.members.withdraw(ada, organization, invite)
    attempt = bureau.members.invite(ada, organization, email="more@a.example", role=Role.VIEWER)
    assert await refused(attempt) == (429, "too_many_invitations")
    clock.advance(hours=25)
    await bureau.members.invite(ada, organization, email="more@a.example", role=Role.VIEWER)


async def test_who_is_no_owner_any_more_has_invited_nobody(bureau: Bureau) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    member = await bureau.join(ada, organization, bo, Role.OWNER)
    await bureau.members.invite(bo, organization, email="backdoor@evil.example", role=Role.OWNER)
    await bureau.members.remove(ada, organization, member)
    eve = await bureau.person("Eve", "backdoor@evil.example")
    token = await bureau.token("backdoor@evil.example")
    assert await refused(bureau.members.accept(eve, token)) == (404, "no_such_invitation")
    # removed: at the next request, and told
    assert await refused(bureau.organizations.get(bo, organization)) == (404, "no_such_organization")
    assert ("member_removed", "bo@voicebox.example") in [(kind, to) for kind, to, *_ in await bureau.mails()]


async def test_the_last_owner_stays(bureau: Bureau) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    member = await bureau.join(ada, organization, bo, Role.VIEWER)
    me = next(m.id for m in await bureau.members.list_members(ada, organization) if m.me)
    for attempt in (
        bureau.members.leave(ada, organization),
        bureau.members.leave_all(ada),
        bureau.members.remove(ada, organization, me),
        bureau.members.change_role(ada, organization, me, Role.DEVELOPER),
    ):
        assert await refused(attempt) == (409, "last_owner")
    assert await bureau.organizations.list_owned_alone(ada) == [(organization, "VoiceBox AB")]
    await bureau.members.transfer(ada, organization, member)
    assert (await bureau.organizations.get(bo, organization)).role is Role.OWNER
    assert (await bureau.organizations.get(ada, organization)).role is Role.DEVELOPER
    assert await bureau.organizations.list_owned_alone(ada) == []
    await bureau.members.leave(ada, organization)
    assert await bureau.organizations.list_memberships(ada) == []
    tags = [event.tag for event in await bureau.events()]
    assert tags.count("member.role_changed") == 2
    assert tags[-1] == "member.left" or "member.left" in tags


@pytest.mark.parametrize("way", ["leave", "demote_each_other", "remove_each_other", "transfer"])
async def test_owners_who_race_leave_one(bureau: Bureau, way: str) -> None:
    for _ in range(6):
        people = [await bureau.person(f"P{n}", f"p{n}-{bureau.entropy.take(4).hex()}@a.example") for n in range(4)]
        organization = await bureau.organizations.create(people[0], name="VoiceBox AB")
        ids = {people[0].id: next(iter(await bureau.members.list_members(people[0], organization))).id}
        for person in people[1:]:
            ids[person.id] = await bureau.join(people[0], organization, person, Role.OWNER)
        ring = zip(people, people[1:] + people[:1], strict=True)

        def attempt(a: Actor, b: Actor, organization: str = organization, ids: dict[str, str] = ids) -> Any:
            match way:
                case "leave":
                    return bureau.members.leave(a, organization)
                case "demote_each_other":
                    return bureau.members.change_role(a, organization, ids[b.id], Role.VIEWER)
                case "remove_each_other":
                    return bureau.members.remove(a, organization, ids[b.id])
                case _:
                    return bureau.members.transfer(a, organization, ids[b.id])

        results = await asyncio.gather(*(attempt(a, b) for a, b in ring), return_exceptions=True)
        assert all(result is None or isinstance(result, Refusal) for result in results), results
        rows = await bureau.storage.read.all(
            Statement("tests.owners", "SELECT id FROM members WHERE organization_id = :o AND role = 'owner'"),
            o=organization,
        )
        assert len(rows) >= 1


async def test_an_invitation_is_accepted_once(bureau: Bureau) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    await bureau.members.invite(ada, organization, email="bo@voicebox.example", role=Role.DEVELOPER)
    token = await bureau.token("bo@voicebox.example")
    results = await asyncio.gather(*(bureau.members.accept(bo, token) for _ in range(5)), return_exceptions=True)
    assert results.count(organization) == 1
    assert len(await bureau.members.list_members(ada, organization)) == 2


async def test_deleted_kept_deleted_and_gone(
    bureau: Bureau, storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring
) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    directory = Directory(storage, clock, entropy, keyring)
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    await bureau.join(ada, organization, bo, Role.DEVELOPER)
    product = await directory.create_product(actor="cli:tests", organization_id=organization, name="VoiceBox")
    from dialkey.directory.model import ClientKind
    from dialkey.directory.registration import ClientRegistration

    made = await directory.create_client(
        actor="cli:tests",
        product_id=product,
        registration=ClientRegistration(kind=ClientKind.WEB, redirect_uris=("https://a.example/cb",)),
    )
    key = await bureau.keys.create_for_organization(ada, organization, name="CI", scopes=["clients:read"])

    async def active() -> bool:
        client = await ClientDirectory(storage, clock).find_client(made.client_id)
        assert client is not None
        return client.active

    assert await active()
    assert await refused(bureau.organizations.delete(ada, organization, name="Voicebox")) == (422, "name_differs")
    closes_at = await bureau.organizations.delete(ada, organization, name="VoiceBox AB")
    assert closes_at == clock.now() + 30 * DAY
    assert not await active()
    assert await bureau.keys.authenticate(key.token) is None
    told = [(kind, to) for kind, to, *_ in await bureau.mails()]
    assert told.count(("organization_closing", "ada@voicebox.example")) == 1
    assert told.count(("organization_closing", "bo@voicebox.example")) == 1
    assert (await bureau.organizations.get(bo, organization)).closes_at == closes_at
    for attempt in (
        bureau.organizations.rename(ada, organization, name="New"),
        bureau.members.invite(ada, organization, email="x@y.example", role=Role.VIEWER),
        bureau.access.product(ada, product, Role.DEVELOPER),
        bureau.access.client(ada, made.client_id, Role.DEVELOPER),
        bureau.organizations.delete(ada, organization, name="VoiceBox AB"),
    ):
        assert await refused(attempt) == (409, "organization_closing")
    assert await refused(bureau.organizations.undelete(bo, organization)) == (403, "role")
    await bureau.organizations.undelete(ada, organization)
    assert await active()
    assert await bureau.keys.authenticate(key.token) is not None
    assert await refused(bureau.organizations.undelete(ada, organization)) == (409, "not_closing")
    await bureau.organizations.delete(ada, organization, name="VoiceBox AB")
    context = Context(storage=storage, clock=clock, entropy=entropy)
    clock.advance(days=30, seconds=-0.001)
    await bureau.organizations.closing_schedule().handler(context)
    assert (await bureau.organizations.get(ada, organization)).organization_name == "VoiceBox AB"
    clock.advance(seconds=0.002)
    assert await refused(bureau.organizations.undelete(ada, organization)) == (409, "not_closing")
    for _ in range(2):
        await bureau.organizations.closing_schedule().handler(context)
    assert await bureau.organizations.list_memberships(ada) == []
    assert await refused(bureau.organizations.get(ada, organization)) == (404, "no_such_organization")
    assert not await active()
    assert await bureau.keys.authenticate(key.token) is None
    assert [event.tag for event in await bureau.events()].count("organization.closed") == 1
    row = await storage.read.one(
        Statement("tests.o", "SELECT name, created_by FROM organizations WHERE id = :id"), id=organization
    )
    assert (row.name, row.created_by) == ("", None)


async def test_s120_no_address_or_token_in_the_trail(bureau: Bureau) -> None:
    ada, bo = await bureau.person("Ada"), await bureau.person("Bo")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    await bureau.join(ada, organization, bo, Role.VIEWER)
    token = await bureau.token("bo@voicebox.example")
    made = await bureau.keys.create_personal(ada, name="CI", scopes=["clients:read"])
    for event in await bureau.events():
        line = " ".join((event.tag, event.actor, event.subject, event.data))
        assert "@" not in line and token not in line and made.token[6:] not in line


async def test_product_and_client_are_fetched_with_the_role(
    bureau: Bureau, storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring
) -> None:
    ada, eve = await bureau.person("Ada"), await bureau.person("Eve")
    organization = await bureau.organizations.create(ada, name="VoiceBox AB")
    directory = Directory(storage, clock, entropy, keyring)
    product = await directory.create_product(actor="cli:tests", organization_id=organization, name="VoiceBox")
    before = storage.statements
    found = await bureau.access.product(ada, product, Role.OWNER)
    assert storage.statements - before == 1
    assert (found.product_id, found.product_name, found.organization_id) == (product, "VoiceBox", organization)
    assert await refused(bureau.access.product(eve, product, Role.VIEWER)) == (404, "no_such_product")
    before = storage.statements
    for wrong in ("", "x", "\x00" * 22, "' OR 1=1 --", "../" * 8):
        assert await refused(bureau.access.product(ada, wrong, Role.VIEWER)) == (404, "no_such_product")
        assert await refused(bureau.access.client(ada, wrong, Role.VIEWER)) == (404, "no_such_client")
        assert await refused(bureau.access.organization(ada, wrong, Role.VIEWER)) == (404, "no_such_organization")
    assert storage.statements == before
    nobody = Actor(kind="key", id="k", account_id=None, organization_id=None, grants=frozenset({"products:read"}))
    assert await refused(bureau.access.product(nobody, product, Role.VIEWER)) == (404, "no_such_product")
