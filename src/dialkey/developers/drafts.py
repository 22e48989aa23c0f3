"""A product's live text and its draft: how both are read, checked, compared and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from dialkey.base.clock import Instant
from dialkey.developers import products_store as store
from dialkey.developers.content import (
    ClientContent,
    FieldChange,
    ProductContent,
    ProductPatch,
    Standing,
    Version,
    VersionInfo,
    VersionState,
)
from dialkey.developers.markdown import description_fault, tidy
from dialkey.directory import names
from dialkey.directory.catalogue import CATALOGUE
from dialkey.directory.office import refuse
from dialkey.storage import Row, Writer
from dialkey.web.errors import Refusal

_decode = msgspec.json.Decoder(ProductContent).decode
_encode = msgspec.json.Encoder().encode
_ORDER = {entry.scope: place for place, entry in enumerate(CATALOGUE)}
_TEXTS = ("name", "subtitle", "price", "accent")
_LINKS = ("support", "product_url", "terms_url", "privacy_url")
_LIVE_FIELDS = (
    "name", "subtitle", "description", "price", "accent", "icon_id", "banner_id", "support", "product_url", "terms_url",
    "privacy_url",
)  # fmt: skip
SHOWN_FIELDS = (*_LIVE_FIELDS, "screenshots")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A product whose row is held until the transaction ends."""

    id: str
    organization_id: str
    kind: str
    availability: str
    approved: bool
    live: ProductContent
    open: Version | None
    last_number: int

    @property
    def draft(self) -> ProductContent:
        return self.live if self.open is None else self.open.content


async def hold(writer: Writer, product_id: str, now: Instant) -> Held:
    """Nobody else changes the product, its versions or its clients' addresses until the transaction ends."""
    row = await writer.one(store.HOLD_PRODUCT, id=product_id, now=now)
    if row is None:
        raise Refusal(404, "no_such_product")
    live = live_content(row, await writer.all(store.SCOPES, id=product_id))
    versions = [version(one) for one in await writer.all(store.LAST_VERSIONS, id=product_id)]
    return Held(
        id=row.id,
        organization_id=row.organization_id,
        kind=row.kind,
        availability=row.availability,
        approved=row.verified_at is not None,
        live=live,
        open=versions[0] if versions and versions[0].info.open else None,
        last_number=versions[0].info.number if versions else 0,
    )


def live_content(row: Row, scopes: Iterable[Row]) -> ProductContent:
    """The live text, from its rows."""
    optional = {one.scope: bool(one.optional) for one in scopes}
    return ProductContent(
        **{field: getattr(row, field) for field in _LIVE_FIELDS},
        screenshots=tuple(row.screenshots.split()),
        required_scopes=in_order(scope for scope, declinable in optional.items() if not declinable),
        optional_scopes=in_order(scope for scope, declinable in optional.items() if declinable),
    )


def in_order(scopes: Iterable[str]) -> tuple[str, ...]:
    """As the catalogue has them."""
    return tuple(sorted(scopes, key=lambda scope: (_ORDER.get(scope, len(_ORDER)), scope)))


def pictures(content: ProductContent) -> Iterator[str]:
    """The ids of those that it shows."""
    yield from filter(None, (content.icon_id, content.banner_id, *content.screenshots))


def version(row: Row) -> Version:
    """From its row."""
    return Version(info=version_info(row), content=decoded(row.content))


def version_info(row: Row) -> VersionInfo:
    return VersionInfo(
        number=row.number,
        state=VersionState(row.state),
        note=row.note,
        comment=row.comment,
        submitted_by=row.submitted_by,
        submitted_at=row.submitted_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def decoded(content: str) -> ProductContent:
    return _decode(content)


def encoded(content: ProductContent) -> str:
    return _encode(content).decode()


def standing(*, status: str, approved: bool, last: VersionState | None) -> Standing:
    """The badge, from the product's status, whether it was ever approved, and the state of its newest version."""
    if status != "active":
        return Standing.SUSPENDED
    if approved:
        if last is VersionState.SUBMITTED:
            return Standing.LIVE_IN_REVIEW
        return Standing.LIVE_DRAFT if last is VersionState.DRAFT else Standing.LIVE
    named = {
        VersionState.SUBMITTED: Standing.IN_REVIEW,
        VersionState.RETURNED: Standing.RETURNED,
        VersionState.REFUSED: Standing.REFUSED,
    }
    return named.get(last, Standing.DRAFT) if last is not None else Standing.DRAFT


def patched(content: ProductContent, patch: ProductPatch) -> ProductContent:
    """The content with the patch's fields, checked: Refusal 422 names the first `field` that cannot stand."""
    changes = {field: value for field in patch.__struct_fields__ if (value := getattr(patch, field)) is not UNSET}
    for field in _TEXTS:
        if field in changes:
            changes[field] = changes[field].strip()
    for field in _LINKS:
        if field in changes:
            changes[field] = (changes[field] or "").strip() or None
    if "description" in changes:
        changes["description"] = tidy(changes["description"])
    made = msgspec.structs.replace(content, **changes)
    check(made)
    return made


def check(content: ProductContent) -> None:
    """Refusal 422 with the first fault, and the field it is in."""
    refuse(name=names.name_fault(content.name), subtitle=names.text_fault(content.subtitle))
    refuse(description=description_fault(content.description), price=names.text_fault(content.price))
    refuse(accent=names.accent_fault(content.accent), support=names.support_fault(content.support))
    refuse(product_url=names.link_fault(content.product_url), terms_url=names.link_fault(content.terms_url))
    refuse(privacy_url=names.link_fault(content.privacy_url))


async def make_live(writer: Writer, held: Held, content: ProductContent, now: Instant, *, new_terms: bool) -> None:
    """Writes the text into the rows that the protocol reads; subscribers are asked to agree again where the terms'
    address changed, or `new_terms`."""
    values = {field: getattr(content, field) for field in _LIVE_FIELDS}
    agreed = int(new_terms or content.terms_url != held.live.terms_url)
    screenshots = " ".join(content.screenshots)
    await writer.run(store.SET_PRODUCT, id=held.id, screenshots=screenshots, new_terms=agreed, now=now, **values)
    before = dict.fromkeys(held.live.required_scopes, 0) | dict.fromkeys(held.live.optional_scopes, 1)
    after = dict.fromkeys(content.required_scopes, 0) | dict.fromkeys(content.optional_scopes, 1)
    for scope in before.keys() - after.keys():
        await writer.run(store.DROP_SCOPE, id=held.id, scope=scope)
    for scope, optional in after.items():
        if before.get(scope) != optional:
            await writer.run(store.PUT_SCOPE, id=held.id, scope=scope, optional=optional)


async def add_draft(writer: Writer, held: Held, content: ProductContent, now: Instant, *, after: int = 0) -> None:
    """A new draft behind the newest version (or behind number `after`)."""
    await writer.run(
        store.ADD_VERSION,
        id=held.id,
        number=max(held.last_number, after) + 1,
        state=VersionState.DRAFT.value,
        content=encoded(msgspec.structs.replace(content, clients=())),
        note="",
        submitted_by=None,
        submitted_at=None,
        now=now,
    )


async def clients_of(writer: Writer, product_id: str) -> tuple[ClientContent, ...]:
    """The product's clients with all their addresses, the oldest first."""
    return client_contents(await writer.all(store.CLIENTS_AND_URIS, id=product_id))


def client_contents(rows: Iterable[Row]) -> tuple[ClientContent, ...]:
    """From rows of clients with one address each."""
    by_client: dict[str, list[Row]] = {}
    for row in rows:
        by_client.setdefault(row.id, []).append(row)
    return tuple(_client(of_one) for of_one in by_client.values())


def _client(rows: Sequence[Row]) -> ClientContent:
    def uris(kind: str) -> tuple[str, ...]:
        return tuple(row.uri for row in rows if row.uri_kind == kind)

    first = rows[0]
    return ClientContent(
        client_id=first.id,
        description=first.description,
        kind=first.kind,
        pending=bool(first.pending),
        grant_types=tuple(first.grant_types.split()),
        redirect_uris=uris("redirect"),
        post_logout_redirect_uris=uris("post_logout"),
        post_revoke_redirect_uris=uris("post_revoke"),
        pending_uris=tuple(f"{row.uri_kind} {row.uri}" for row in rows if row.uri_pending),
    )


def differences(live: ProductContent, draft: ProductContent, clients: Iterable[ClientContent]) -> list[FieldChange]:
    """What `draft` would change of `live`, and what of the clients waits for approval."""
    return [*_text_changes(live, draft), *_client_changes(clients)]


def changed_fields(before: ProductContent, after: ProductContent) -> str:
    """Names, for the trail."""
    fields = [field for field in after.__struct_fields__ if getattr(before, field) != getattr(after, field)]
    return " ".join(fields)


def _text_changes(live: ProductContent, draft: ProductContent) -> Iterator[FieldChange]:
    for field in SHOWN_FIELDS:
        before, after = getattr(live, field), getattr(draft, field)
        if before != after:
            yield FieldChange(field=field, before=before, after=after, needs_review=True)
    gained = set(draft.required_scopes) - set(live.required_scopes)
    if set(live.required_scopes) ^ set(draft.required_scopes):
        yield FieldChange(
            field="required_scopes",
            before=live.required_scopes,
            after=draft.required_scopes,
            needs_review=bool(gained),
        )
    gained = set(draft.optional_scopes) - set(live.optional_scopes) - set(live.required_scopes)
    if set(live.optional_scopes) ^ set(draft.optional_scopes):
        yield FieldChange(
            field="optional_scopes",
            before=live.optional_scopes,
            after=draft.optional_scopes,
            needs_review=bool(gained),
        )
    if draft.new_terms:
        yield FieldChange(field="new_terms", before="no", after="yes", needs_review=True)


def _client_changes(clients: Iterable[ClientContent]) -> Iterator[FieldChange]:
    for client in clients:
        waiting = client.pending_uris
        if not waiting and not client.pending:
            continue
        every = [f"{kind} {uri}" for kind, uris in _kinds(client) for uri in uris]
        before = None if client.pending else tuple(uri for uri in every if uri not in waiting)
        yield FieldChange(field=f"clients.{client.client_id}", before=before, after=tuple(every), needs_review=True)


def _kinds(client: ClientContent) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "redirect", client.redirect_uris
    yield "post_logout", client.post_logout_redirect_uris
    yield "post_revoke", client.post_revoke_redirect_uris
