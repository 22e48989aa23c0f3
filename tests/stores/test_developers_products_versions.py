"""Versions of a product on both databases: what is missing, review, races, and what becomes live when."""

from __future__ import annotations

import asyncio

import pytest

from dialkey.base.clock import Instant
from dialkey.developers.clients import ClientDraft, ClientPatch
from dialkey.developers.content import Availability, ProductKind, ProductPatch, Standing, VersionState
from dialkey.directory.model import Client, ClientKind, GrantType
from dialkey.directory.store import ClientDirectory
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal
from support.clock import ManualClock, SeededEntropy
from support.developers import STAFF, Developers, make_developers

STATES = Statement("test.states", "SELECT number, state FROM product_versions WHERE product_id = :id ORDER BY number")
NOTICES = Statement("test.notices", "SELECT kind, data FROM notices")
OLD, NEW = "https://app.example/cb", "https://app.example/new"


@pytest.fixture
async def team(storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring) -> Developers:
    return await make_developers(storage, clock, entropy, keyring)


async def refused(work: object, code: str, status: int = 409) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    assert (caught.value.status, caught.value.code) == (status, code)
    return caught.value


async def states(storage: Storage, product: str) -> list[tuple[int, str]]:
    return [(row.number, row.state) for row in await storage.read.all(STATES, id=product)]


async def met(team: Developers, client_id: str) -> Client:
    """As the protocol meets it."""
    client = await ClientDirectory(team.office.storage, team.office.clock).find_client(client_id)
    assert client is not None
    return client


async def only_client(team: Developers, product: str) -> str:
    return (await team.clients.list(team.viewer, product)).items[0].id


async def test_the_checklist_says_what_is_missing_and_where(team: Developers) -> None:
    product = await team.products.create(team.developer, team.organization, name="VoiceBox")
    refusal = await refused(team.versions.submit(team.developer, product), "incomplete")
    assert refusal.data["missing"] == (
        "subtitle description icon_id support terms_url privacy_url price scopes operators clients redirect_uris"
    )
    items = await team.versions.checklist(team.viewer, product)
    assert {item.tab for item in items} == {"general", "listing", "scopes", "clients"}
    assert all(item.code == f"missing_{item.field}" for item in items)
    assert {item.field for item in items if not item.required} == {"product_url", "banner_id", "screenshots"}
    ready = await team.ready("NoteBox")
    assert all(item.done for item in await team.versions.checklist(team.viewer, ready) if item.required)


async def test_an_operator_product_needs_a_client_that_acts_for_itself(team: Developers) -> None:
    product = await team.products.create(team.developer, team.organization, name="Box", kind=ProductKind.OPERATOR)
    missing = (await refused(team.versions.submit(team.developer, product), "incomplete")).data["missing"].split()
    assert "client_credentials" in missing and "redirect_uris" not in missing and "price" not in missing
    await team.clients.create(team.developer, product, ClientDraft(kind=ClientKind.MACHINE))
    missing = (await refused(team.versions.submit(team.developer, product), "incomplete")).data["missing"].split()
    assert "client_credentials" not in missing and "clients" not in missing


async def test_in_review_nothing_can_be_edited_until_it_is_decided(team: Developers, storage: Storage) -> None:
    product = await team.ready()
    info = await team.versions.submit(team.developer, product, note="Please look")
    assert (info.number, info.state, info.note, info.submitted_by) == (1, VersionState.SUBMITTED, "Please look", team.developer.name)
    assert (await team.products.get(team.viewer, product)).standing is Standing.IN_REVIEW
    await refused(team.products.update(team.developer, product, ProductPatch(name="Bank")), "in_review")
    await refused(team.products.set_scopes(team.developer, product, required=["phone"]), "in_review")
    await refused(team.versions.submit(team.developer, product), "in_review")
    await refused(team.versions.discard(team.developer, product), "no_draft")
    await refused(team.reviews.decide(STAFF, product, 2, "approve"), "not_in_review")
    await refused(team.reviews.decide(STAFF, product, 1, "return"), "comment_missing", 422)
    await refused(team.reviews.decide(STAFF, product, 1, "refuse", comment="\x1b[2J"), "comment_characters", 422)
    await team.reviews.decide(STAFF, product, 1, "return", comment="The icon is blurred")
    view = await team.products.get(team.viewer, product)
    assert view.standing is Standing.RETURNED and not view.approved
    assert view.last is not None and (view.last.comment, view.last.decided_by) == ("The icon is blurred", STAFF)
    assert [row.kind for row in await storage.read.all(NOTICES)] == ["review_decided"] * 3
    await team.products.update(team.developer, product, ProductPatch(name="VoiceBox Two"))
    await team.approve(product)
    view = await team.products.get(team.viewer, product)
    assert (view.standing, view.approved, view.live.name) == (Standing.LIVE, True, "VoiceBox Two")
    assert await states(storage, product) == [(1, "returned"), (2, "approved")]


async def test_versions_follow_each_other(team: Developers, storage: Storage, clock: ManualClock) -> None:
    product = await team.approved()
    await refused(team.versions.submit(team.developer, product), "nothing_changed")
    await refused(team.versions.withdraw(team.developer, product), "not_in_review")
    await refused(team.versions.discard(team.developer, product), "no_draft")
    await team.products.update(team.developer, product, ProductPatch(name="Two"))
    await team.versions.submit(team.developer, product)
    await team.versions.withdraw(team.developer, product)  # and it goes on as a draft of its own
    view = await team.products.get(team.viewer, product)
    assert (view.standing, view.draft.name, view.live.name) == (Standing.LIVE_DRAFT, "Two", "VoiceBox")
    info = await team.versions.submit(team.developer, product)
    await team.reviews.decide(STAFF, product, info.number, "refuse", comment="No")
    view = await team.products.get(team.viewer, product)
    assert (view.standing, view.draft.name) == (Standing.LIVE, "VoiceBox")
    await team.products.update(team.developer, product, ProductPatch(name="Four"))
    await team.versions.discard(team.developer, product)
    await team.products.update(team.developer, product, ProductPatch(name="Five"))
    await team.approve(product)
    assert await states(storage, product) == [
        (1, "superseded"), (2, "withdrawn"), (3, "refused"), (4, "approved")]  # fmt: skip
    page = await team.versions.list(team.viewer, product, limit=3)
    assert [one.number for one in page.items] == [4, 3, 2] and page.next == "2"
    rest = await team.versions.list(team.viewer, product, after=int(page.next))
    assert [one.number for one in rest.items] == [1]
    assert (await team.versions.get(team.viewer, product, 1)).content.name == "VoiceBox"
    await refused(team.versions.get(team.viewer, product, 9), "no_such_version", 404)


async def test_s112_a_new_address_of_an_approved_product_waits(team: Developers) -> None:
    product = await team.approved()
    client = await only_client(team, product)
    view = await team.clients.update(team.developer, client, ClientPatch(redirect_uris=(OLD, NEW)))
    assert [(uri.uri, uri.pending) for uri in view.redirect_uris] == [(OLD, False), (NEW, True)]
    one = await met(team, client)
    assert (one.redirect_uris, one.pending_redirect_uris) == ((OLD,), (NEW,))
    (change,) = await team.versions.diff(team.viewer, product)
    assert (change.field, change.before, change.after) == (
        f"clients.{client}", (f"redirect {OLD}",), (f"redirect {OLD}", f"redirect {NEW}"))  # fmt: skip

    info = await team.versions.submit(team.developer, product)
    later = "https://app.example/unseen"
    await team.clients.update(team.developer, client, ClientPatch(redirect_uris=(OLD, NEW, later)))
    review = await team.reviews.get(product)
    assert review.changes[0].after == (f"redirect {OLD}", f"redirect {NEW}")
    await team.reviews.decide(STAFF, product, info.number, "approve")
    one = await met(team, client)
    assert (one.redirect_uris, one.pending_redirect_uris) == ((OLD, NEW), (later,))

    view = await team.clients.update(team.developer, client, ClientPatch(redirect_uris=(NEW,)))
    assert (await met(team, client)).redirect_uris == (NEW,)  # taking away needs nobody
    view = await team.clients.update(team.developer, client, ClientPatch(redirect_uris=(NEW, OLD)))
    assert [uri.pending for uri in view.redirect_uris] == [False, True]


async def test_s112_a_new_client_of_an_approved_product_waits(team: Developers) -> None:
    product = await team.approved()
    new = await team.client(product, "https://new.example/cb", post_logout_redirect_uris=("https://new.example/out",),
                            grant_types=(GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS))  # fmt: skip
    one = await met(team, new)
    assert one.pending and one.active and one.redirect_uris == () and one.post_logout_redirect_uris == ()
    assert one.pending_redirect_uris == ("https://new.example/cb",)
    assert one.grant_types == {GrantType.AUTHORIZATION_CODE}
    assert (await team.clients.get(team.viewer, new)).pending
    await team.approve(product)
    one = await met(team, new)
    assert not one.pending and one.redirect_uris == ("https://new.example/cb",) and one.pending_redirect_uris == ()
    assert one.post_logout_redirect_uris == ("https://new.example/out",)
    assert GrantType.CLIENT_CREDENTIALS in one.grant_types


@pytest.mark.parametrize("ending", ["withdraw", "return", "refuse"])
async def test_what_is_added_during_a_first_review_waits_only_as_long(team: Developers, ending: str) -> None:
    product = await team.ready()
    client = await only_client(team, product)
    info = await team.versions.submit(team.developer, product)
    await team.clients.update(team.developer, client, ClientPatch(redirect_uris=(OLD, NEW)))
    machine = (await team.clients.create(team.developer, product, ClientDraft(kind=ClientKind.MACHINE))).client_id
    assert (await met(team, client)).redirect_uris == (OLD,) and (await met(team, machine)).pending
    if ending == "withdraw":
        await team.versions.withdraw(team.developer, product)
    else:
        await team.reviews.decide(STAFF, product, info.number, ending, comment="No")  # type: ignore[arg-type]
    assert (await met(team, client)).redirect_uris == (OLD, NEW) and not (await met(team, machine)).pending


async def test_what_was_not_seen_in_a_first_review_goes_on_waiting(team: Developers) -> None:
    product = await team.ready()
    client = await only_client(team, product)
    info = await team.versions.submit(team.developer, product)
    await team.clients.update(team.developer, client, ClientPatch(redirect_uris=(OLD, NEW)))
    await team.reviews.decide(STAFF, product, info.number, "approve")
    one = await met(team, client)
    assert (one.redirect_uris, one.pending_redirect_uris) == ((OLD,), (NEW,)) and one.product.verified


async def test_two_tabs_hand_in_once(team: Developers, storage: Storage) -> None:
    product = await team.ready()
    outcomes = await asyncio.gather(
        *(team.versions.submit(team.developer, product) for _ in range(6)), return_exceptions=True
    )
    assert sum(not isinstance(one, Exception) for one in outcomes) == 1
    assert {one.code for one in outcomes if isinstance(one, Refusal)} == {"in_review"}
    assert not [one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Refusal)]
    assert await states(storage, product) == [(1, "submitted")]


async def test_two_reviewers_decide_once(team: Developers, storage: Storage) -> None:
    product = await team.ready()
    await team.versions.submit(team.developer, product)
    outcomes = await asyncio.gather(
        team.reviews.decide(STAFF, product, 1, "approve"),
        team.reviews.decide(STAFF, product, 1, "refuse", comment="No"),
        team.reviews.decide(STAFF, product, 1, "return", comment="No"),
        team.versions.withdraw(team.developer, product),
        return_exceptions=True,
    )
    assert sum(one is None for one in outcomes) == 1
    assert all(isinstance(one, Refusal) and one.code == "not_in_review" for one in outcomes if one is not None)


async def test_what_is_approved_is_what_was_seen_whoever_edits_meanwhile(team: Developers) -> None:
    """Withdrawn, edited and handed in again is another number: a reviewer's stale page approves nothing."""
    product = await team.approved()
    await team.products.update(team.developer, product, ProductPatch(name="Seen"))
    seen = await team.versions.submit(team.developer, product)

    async def swap() -> None:
        await team.versions.withdraw(team.developer, product)
        await team.products.update(team.developer, product, ProductPatch(name="Bank of Anna"))
        await team.versions.submit(team.developer, product)

    outcomes = await asyncio.gather(
        swap(), team.reviews.decide(STAFF, product, seen.number, "approve"), return_exceptions=True
    )
    assert sum(isinstance(one, Refusal) for one in outcomes) == 1
    assert (await team.products.get(team.viewer, product)).live.name in ("VoiceBox", "Seen")


async def test_an_edit_that_races_with_an_approval_becomes_a_draft_or_is_refused(team: Developers) -> None:
    product = await team.ready()
    await team.versions.submit(team.developer, product)
    outcomes = await asyncio.gather(
        team.reviews.decide(STAFF, product, 1, "approve"),
        *(team.products.update(team.developer, product, ProductPatch(price=f"€{n}")) for n in range(5)),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert all(isinstance(one, Refusal) and one.code == "in_review" for one in outcomes if isinstance(one, Exception))
    view = await team.products.get(team.viewer, product)
    assert (view.live.price, view.approved) == ("Free", True)


async def test_terms_are_agreed_to_again_when_they_changed(team: Developers) -> None:
    product = await team.approved()
    version = (await team.products.get(team.viewer, product)).terms_version
    await team.products.update(team.developer, product, ProductPatch(name="Two"))
    await team.approve(product)
    assert (await team.products.get(team.viewer, product)).terms_version == version
    await team.products.update(team.developer, product, ProductPatch(new_terms=True))
    assert [one.field for one in await team.versions.diff(team.viewer, product)] == ["new_terms"]
    await team.approve(product)
    view = await team.products.get(team.viewer, product)
    assert view.terms_version == version + 1 and not view.live.new_terms and view.standing is Standing.LIVE
    await team.products.update(team.developer, product, ProductPatch(name="Three"))
    await team.approve(product, new_terms=True)
    assert (await team.products.get(team.viewer, product)).terms_version == version + 2


async def test_the_diff_says_what_needs_a_look(team: Developers) -> None:
    product = await team.ready()
    assert await team.versions.diff(team.viewer, product) == ()
    await team.approve(product)
    assert await team.versions.diff(team.viewer, product) == ()
    await team.products.update(team.developer, product, ProductPatch(name="Two", support=None))
    await team.products.set_scopes(team.developer, product, required=["openid"], optional=["phone"])
    changes = {one.field: one for one in await team.versions.diff(team.viewer, product)}
    assert set(changes) == {"name", "support", "required_scopes", "optional_scopes"}
    assert (changes["name"].before, changes["name"].after, changes["name"].needs_review) == ("VoiceBox", "Two", True)
    assert changes["support"].after is None
    assert not changes["required_scopes"].needs_review and not changes["optional_scopes"].needs_review
    await team.products.set_scopes(team.developer, product, required=["openid", "voicemail.delete"])
    changes = {one.field: one for one in await team.versions.diff(team.viewer, product)}
    assert changes["required_scopes"].needs_review


async def test_the_queue_is_first_come_first_served(team: Developers, clock: ManualClock) -> None:
    products = []
    for n in range(3):
        product = await team.ready(f"Box {n}")
        await team.versions.submit(team.developer, product)
        products.append(product)
        clock.advance(seconds=1)
    page = await team.reviews.queue(limit=2)
    assert [line.product_id for line in page.items] == products[:2] and page.items[0].first
    rest = await team.reviews.queue(after=page.next or "", limit=2)
    assert [line.product_id for line in rest.items] == products[2:] and rest.next is None
    await refused(team.reviews.get("nobody"), "no_such_product", 404)
    review = await team.reviews.get(products[0])
    assert not review.approved and review.version.content.clients[0].redirect_uris == (OLD,)
    await team.versions.withdraw(team.developer, products[0])
    await refused(team.reviews.get(products[0]), "not_in_review")


async def test_a_verified_product_without_a_version_is_edited_in_a_draft_too(team: Developers) -> None:
    product = await team.ready()
    await team.directory.verify_product(actor=STAFF, product_id=product)
    await team.products.update(team.developer, product, ProductPatch(name="Two"))
    view = await team.products.get(team.viewer, product)
    assert (view.standing, view.live.name, view.draft.name) == (Standing.LIVE_DRAFT, "VoiceBox", "Two")
    assert await team.approve(product) == 1


async def test_availability_is_no_part_of_a_version(team: Developers) -> None:
    product = await team.approved()
    await team.products.set_availability(team.developer, product, Availability.LIMITED)
    view = await team.products.get(team.viewer, product)
    assert (view.availability, view.standing) == (Availability.LIMITED, Standing.LIVE)
    assert isinstance(view.created_at, int) and view.updated_at >= Instant(view.created_at)
