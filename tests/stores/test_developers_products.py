"""Products in a developer's name, on both databases: edits before and after approval, pictures, offers, deletion."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from dialkey.audit import Tag
from dialkey.developers.access import Actor
from dialkey.developers.content import Availability, Picture, ProductKind, ProductPatch, Standing
from dialkey.developers.products import MAX_PICTURES, MAX_SCREENSHOTS
from dialkey.directory.store import ClientDirectory
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal
from support.clock import ManualClock, SeededEntropy
from support.developers import STAFF, Developers, drawing, make_developers

NEW = "https://voicebox.example/terms/2"
TRAIL = Statement("test.trail", "SELECT tag, actor, subject, organization_id, data FROM audit_events ORDER BY at, id")
IMAGES = Statement("test.images", "SELECT count(*) AS images FROM images")
GIVE = Statement(
    "test.give",
    """INSERT INTO consents (subscription_id, product_id, scopes, declined, terms_version, owner, given_at, updated_at)
    SELECT id, :product_id, '', '', 1, '', 0, 0 FROM subscriptions""",
)


@pytest.fixture
async def team(storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring) -> Developers:
    return await make_developers(storage, clock, entropy, keyring)


async def refused(work: object, code: str, status: int = 422) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    assert (caught.value.status, caught.value.code) == (status, code)
    return caught.value


async def operator(team: Developers, slug: str) -> str:
    return await team.directory.create_operator(
        actor=STAFF, slug=slug, name=slug.title(), country="SE", locale="sv", sms_sender=slug.title()
    )


async def test_a_new_product_is_a_draft_that_its_organization_alone_sees(team: Developers) -> None:
    product = await team.products.create(team.developer, team.organization, name=" VoiceBox ", kind=ProductKind.OPERATOR)
    view = await team.products.get(team.viewer, product)
    assert (view.standing, view.approved, view.kind) == (Standing.DRAFT, False, ProductKind.OPERATOR)
    assert view.draft is view.live and view.live.name == "VoiceBox" and view.open is None and view.last is None
    assert (view.counts.clients, view.counts.listed, view.counts.has_subscribers) == (0, 0, False)
    await refused(team.products.get(team.stranger, product), "no_such_product", 404)
    await refused(team.products.get(Actor.account("nobody"), product), "no_such_product", 404)
    await refused(team.products.get(team.viewer, "x' OR 1=1 --"), "no_such_product", 404)
    await refused(team.products.create(team.viewer, team.organization, name="X"), "role", 403)
    await refused(team.products.create(team.stranger, team.organization, name="X"), "no_such_organization", 404)


async def test_s108_s110_another_organization_and_a_viewer_change_nothing(team: Developers) -> None:
    product = await team.ready()
    key = Actor(kind="key", id="k", organization_id=team.organization, grants=frozenset({"products:read"}))

    def works(actor: Actor) -> list[object]:
        rooms = team.products, team.versions
        return [
            rooms[0].update(actor, product, ProductPatch(name="Taken")),
            rooms[0].set_scopes(actor, product, required=["openid"]),
            rooms[0].set_picture(actor, product, Picture.ICON, b"x"),
            rooms[0].remove_picture(actor, product, Picture.ICON),
            rooms[0].set_availability(actor, product, Availability.LIMITED),
            rooms[0].offer(actor, product, ["x"]),
            rooms[0].withdraw_offer(actor, product, "x"),
            rooms[0].delete(actor, product, confirmed=True),
            rooms[1].submit(actor, product),
            rooms[1].withdraw(actor, product),
            rooms[1].discard(actor, product),
        ]

    before = await team.products.get(team.owner, product)
    for work in works(team.stranger):
        await refused(work, "no_such_product", 404)
    for work in works(team.viewer):
        await refused(work, "role", 403)
    for work in works(key):
        await refused(work, "grant", 403)
    await refused(team.products.delete(team.developer, product), "role", 403)
    for work in (
        team.products.operators(team.stranger, product),
        team.versions.checklist(team.stranger, product),
        team.versions.list(team.stranger, product),
        team.versions.get(team.stranger, product, 1),
        team.versions.diff(team.stranger, product),
    ):
        await refused(work, "no_such_product", 404)
    after = await team.products.get(team.owner, product)
    assert (after.live, after.availability) == (before.live, before.availability)


async def test_s111_what_a_patch_leaves_out_stays(team: Developers) -> None:
    product = await team.ready()
    before = (await team.products.get(team.owner, product)).live
    made = await team.products.update(team.developer, product, ProductPatch(subtitle="Now in two taps"))
    assert made == msgspec.structs.replace(before, subtitle="Now in two taps")
    assert (await team.products.get(team.owner, product)).live == made
    assert (await team.products.update(team.developer, product, ProductPatch())) == made
    cleared = await team.products.update(team.developer, product, ProductPatch(support="", product_url=None))
    assert cleared.support is None and cleared.terms_url == made.terms_url


@pytest.mark.parametrize("field", ["status", "verified", "verified_at", "organization_id", "operator_id", "terms_version",
                                   "sector", "approved", "enabled_at", "icon_id", "required_scopes", "id"])  # fmt: skip
def test_s109_nothing_else_of_a_product_can_be_named(field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(json.dumps({"name": "X", field: "1"}).encode(), type=ProductPatch)
    with pytest.raises(TypeError):
        ProductPatch(**{field: "1"})


@pytest.mark.parametrize(
    ("patch", "code", "field"),
    [
        ({"name": ""}, "name_length", "name"),
        ({"name": "Voice\u202eBox"}, "name_characters", "name"),
        ({"name": "РауРаl"}, "name_mixed_alphabets", "name"),
        ({"subtitle": "x" * 201}, "name_length", "subtitle"),
        ({"description": "x" * 4001}, "description_length", "description"),
        ({"description": "a\u202eb"}, "description_characters", "description"),
        ({"accent": "red"}, "accent", "accent"),
        ({"support": "javascript:alert(1)"}, "support", "support"),
        ({"product_url": "http://voicebox.example"}, "link", "product_url"),
        ({"terms_url": "javascript:alert(1)"}, "link", "terms_url"),
        ({"terms_url": "https://voicebox.example/\u200b"}, "link", "terms_url"),
        ({"privacy_url": "data:text/html,<script>alert(1)</script>"}, "link", "privacy_url"),
    ],
)
async def test_s113_a_value_that_cannot_be_shown_is_refused(
    team: Developers, patch: dict[str, str], code: str, field: str
) -> None:
    product = await team.products.create(team.developer, team.organization, name="VoiceBox")
    refusal = await refused(team.products.update(team.developer, product, ProductPatch(**patch)), code)
    assert refusal.data["field"] == field
    assert (await team.products.get(team.owner, product)).live.name == "VoiceBox"


async def test_s112_after_the_first_approval_edits_wait_in_a_draft(
    team: Developers, storage: Storage, clock: ManualClock
) -> None:
    product = await team.ready()
    client = (await team.clients.list(team.viewer, product)).items[0].id
    await team.products.update(team.developer, product, ProductPatch(name="VoiceBox One"))
    seen = ClientDirectory(storage, clock)
    assert (await seen.find_client(client)).product.name == "VoiceBox One"  # type: ignore[union-attr]
    assert not (await seen.find_client(client)).product.verified  # type: ignore[union-attr]

    await team.approve(product)
    live = (await team.products.get(team.owner, product)).live
    await team.products.update(team.developer, product, ProductPatch(name="Bank of VoiceBox", terms_url=NEW))
    await team.products.set_scopes(team.developer, product, required=["openid", "phone", "sms.text:send_from_subscriber"])
    await team.products.set_picture(team.developer, product, Picture.ICON, drawing((300, 300)))
    view = await team.products.get(team.owner, product)
    assert view.standing is Standing.LIVE_DRAFT and view.live == live and view.draft.name == "Bank of VoiceBox"
    seen.forget()
    met = (await seen.find_client(client)).product  # type: ignore[union-attr]
    assert met.verified and (met.name, met.icon_id, met.terms_url) == ("VoiceBox One", live.icon_id, live.terms_url)
    agreed = met.terms_version
    assert set(met.scopes) == {"openid", "phone", "voicemail.get"}

    assert await team.approve(product) == 2
    seen.forget()
    met = (await seen.find_client(client)).product  # type: ignore[union-attr]
    assert (met.name, met.icon_id) == ("Bank of VoiceBox", view.draft.icon_id)
    assert (met.terms_url, met.terms_version) == (NEW, agreed + 1)
    assert set(met.required_scopes) == {"openid", "phone", "sms.text:send_from_subscriber"} and not met.optional_scopes


async def test_a_draft_that_says_what_is_live_is_none(team: Developers) -> None:
    product = await team.approved()
    await team.products.update(team.developer, product, ProductPatch(name="Other"))
    assert (await team.products.get(team.owner, product)).standing is Standing.LIVE_DRAFT
    await team.products.update(team.developer, product, ProductPatch(name="VoiceBox"))
    view = await team.products.get(team.owner, product)
    assert view.standing is Standing.LIVE and view.open is None


async def test_scopes_are_from_the_catalogue_and_once_only(team: Developers) -> None:
    product = await team.products.create(team.developer, team.organization, name="VoiceBox")
    set_scopes = team.products.set_scopes
    await refused(set_scopes(team.developer, product, required=["phone"], optional=["phone"]), "scope_twice")
    await refused(set_scopes(team.developer, product, required=["root"]), "unknown_scope")
    await refused(set_scopes(team.developer, product, required=[f"s{n}" for n in range(65)]), "too_many_scopes")
    made = await set_scopes(team.developer, product, required=["phone", "openid"], optional=["voicemail.get"])
    assert made.required_scopes == ("openid", "phone") and made.optional_scopes == ("voicemail.get",)
    made = await set_scopes(team.developer, product, required=["voicemail.get"])
    assert (await team.products.get(team.owner, product)).live == made and made.optional_scopes == ()


async def test_two_people_who_edit_at_once_lose_nothing(team: Developers) -> None:
    product = await team.approved()
    patches = [ProductPatch(name="A name"), ProductPatch(subtitle="A subtitle"), ProductPatch(price="€2"),
               ProductPatch(accent="#112233"), ProductPatch(description="Words"), ProductPatch(support="a@b.example")]  # fmt: skip
    await asyncio.gather(*(team.products.update(team.developer, product, patch) for patch in patches))
    draft = (await team.products.get(team.owner, product)).draft
    assert (draft.name, draft.subtitle, draft.price, draft.accent, draft.description, draft.support) == (
        "A name", "A subtitle", "€2", "#112233", "Words", "a@b.example")  # fmt: skip
    assert [one.number for one in (await team.versions.list(team.owner, product)).items] == [2, 1]


async def test_pictures_are_kept_anew_and_not_piled_up(team: Developers, storage: Storage) -> None:
    product = await team.products.create(team.developer, team.organization, name="VoiceBox")
    sizes = iter(range(300, 900))
    for _ in range(MAX_SCREENSHOTS):
        await team.products.set_picture(team.developer, product, Picture.SCREENSHOT, drawing((300, next(sizes))))
    await refused(
        team.products.set_picture(team.developer, product, Picture.SCREENSHOT, drawing((300, next(sizes)))),
        "too_many_screenshots",
    )
    shown = (await team.products.get(team.owner, product)).live.screenshots
    assert len(shown) == MAX_SCREENSHOTS
    made = await team.products.remove_picture(team.developer, product, Picture.SCREENSHOT, shown[0])
    assert made.screenshots == shown[1:]
    for _ in range(MAX_PICTURES):
        icon = await team.products.set_picture(team.developer, product, Picture.BANNER, drawing((600, next(sizes))))
    row = await storage.read.one(IMAGES)
    assert row.images == MAX_PICTURES
    seen = ClientDirectory(storage, team.office.clock)
    for one in (*shown[1:], icon):
        image = await seen.find_image(one)
        assert image is not None and image.media_type == "image/webp"


async def test_operators_are_found_by_what_is_typed(team: Developers) -> None:
    product = await team.products.create(team.developer, team.organization, name="VoiceBox")
    for slug in ("fjordtel", "nordcell", "nord-link", "westel"):
        await operator(team, slug)
    page = await team.products.operators(team.viewer, product, limit=3)
    assert [one.slug for one in page.items] == ["fjordtel", "nord-link", "nordcell"] and page.next == "nordcell"
    rest = await team.products.operators(team.viewer, product, after=page.next)
    assert [one.slug for one in rest.items] == ["westel"] and rest.next is None
    for search, found in (("NORD", 2), ("%", 0), ("_", 0), ("!", 0), ("se", 4), ("' OR 1=1 --", 0)):
        assert len((await team.products.operators(team.viewer, product, search=search)).items) == found


async def test_an_offer_is_the_developers_and_enabling_the_operators(team: Developers, storage: Storage) -> None:
    product = await team.ready()
    one, two = await operator(team, "nordcell"), await operator(team, "fjordtel")
    seen = ClientDirectory(storage, team.office.clock)
    await team.products.set_availability(team.developer, product, Availability.LIMITED)
    await team.products.offer(team.developer, product, [one])
    await refused(team.products.offer(team.developer, product, [two, "nobody"]), "no_such_operator", 404)
    assert [o.slug for o in (await team.products.operators(team.viewer, product, offered_only=True)).items] == ["nordcell"]
    await refused(team.directory.enable_product(actor=STAFF, product_id=product, operator_id=two), "not_listed", 409)
    await team.directory.enable_product(actor=STAFF, product_id=product, operator_id=one)
    assert (await team.products.get(team.viewer, product)).counts.enabled == 1

    await team.products.set_availability(team.developer, product, Availability.FULL)
    await refused(team.products.withdraw_offer(team.developer, product, one), "full_availability", 409)
    await team.directory.enable_product(actor=STAFF, product_id=product, operator_id=two)
    await team.products.offer(team.developer, product, [one])  # again: what the operator said stays
    assert await seen.enabled_at(product, one)

    await team.products.set_availability(team.developer, product, Availability.LIMITED)
    await refused(team.products.withdraw_offer(team.developer, product, one), "enabled_there", 409)
    await team.products.withdraw_offer(team.developer, product, one, confirmed=True)
    await refused(team.products.withdraw_offer(team.developer, product, one, confirmed=True), "not_listed", 409)
    seen.forget()
    assert not await seen.enabled_at(product, one) and await seen.enabled_at(product, two)


async def test_lists_are_paged_by_key(team: Developers, clock: ManualClock) -> None:
    made = []
    for n in range(5):
        made.append(await team.products.create(team.developer, team.organization, name=f"Product {n}"))
        clock.advance(seconds=n % 2)
    found, after = [], ""
    while True:
        page = await team.products.list(team.viewer, team.organization, after=after, limit=2)
        found += [one.id for one in page.items]
        if page.next is None:
            break
        after = page.next
    assert sorted(found) == sorted(made) and len(found) == 5
    assert (await team.products.list(team.viewer, team.organization, after="forged")).items == []
    elsewhere = await team.products.create(team.stranger, team.other_organization, name="Elsewhere")
    assert (await team.products.list(team.viewer, team.organization, after=elsewhere)).items == []
    await refused(team.products.list(team.stranger, team.organization), "no_such_organization", 404)


async def test_a_deleted_product_is_gone_at_once(team: Developers, storage: Storage, subscribers: object) -> None:
    product = await team.approved()
    client = (await team.clients.list(team.viewer, product)).items[0].id
    await team.products.delete(team.owner, product)
    assert not (await ClientDirectory(storage, team.office.clock).find_client(client)).active  # type: ignore[union-attr]
    for work in (
        team.products.get(team.owner, product),
        team.products.update(team.owner, product, ProductPatch(name="Back")),
        team.products.delete(team.owner, product),
        team.clients.list(team.owner, product),
        team.versions.list(team.owner, product),
        team.directory.resume_product(actor=STAFF, product_id=product),
    ):
        await refused(work, "no_such_product", 404)
    await refused(team.clients.get(team.owner, client), "no_such_client", 404)
    await refused(team.clients.add_secret(team.owner, client), "no_such_client", 404)
    assert (await team.products.list(team.viewer, team.organization)).items == []


async def test_a_product_that_subscribers_have_goes_only_when_confirmed(
    team: Developers, storage: Storage, subscribers: object
) -> None:
    from dialkey.base.phone import PhoneNumber

    product, nordcell = await team.approved(), await operator(team, "nordcell")
    await subscribers.add(actor=STAFF, operator_id=nordcell, number=PhoneNumber("+46701740605"), sandbox=True)  # type: ignore[attr-defined]

    async def give(writer: object) -> None:
        await writer.run(GIVE, product_id=product)  # type: ignore[attr-defined]

    await storage.write(give)
    assert (await team.products.get(team.viewer, product)).counts.has_subscribers
    await refused(team.products.delete(team.owner, product), "has_subscribers", 409)
    await team.products.delete(team.owner, product, confirmed=True)


async def test_s120_every_change_leaves_a_line_with_its_organization(team: Developers, storage: Storage) -> None:
    product = await team.approved()
    await team.products.update(team.developer, product, ProductPatch(support="secret-address@voicebox.example"))
    await team.products.delete(team.owner, product)
    rows = [row for row in await storage.read.all(TRAIL) if row.subject == f"product:{product}"]
    tags = {row.tag for row in rows}
    assert tags >= {Tag.PRODUCT_CREATED, Tag.PRODUCT_CHANGED, Tag.PRODUCT_SUBMITTED, Tag.PRODUCT_APPROVED, Tag.PRODUCT_DELETED}
    assert {row.organization_id for row in rows} == {team.organization}
    assert {row.actor for row in rows} == {team.developer.name, team.owner.name, STAFF}
    assert all("@" not in row.data for row in rows)


async def test_a_page_costs_few_statements(team: Developers, storage: Storage) -> None:
    product = await team.approved()
    for work, most in (
        (team.products.get(team.viewer, product), 4),
        (team.products.list(team.viewer, team.organization), 2),
        (team.products.operators(team.viewer, product), 2),
        (team.versions.checklist(team.viewer, product), 5),
        (team.versions.diff(team.viewer, product), 5),
        (team.versions.list(team.viewer, product), 2),
        (team.clients.list(team.viewer, product), 2),
    ):
        before = storage.statements
        await work
        assert storage.statements - before <= most
