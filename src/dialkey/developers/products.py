"""Products, in a developer's name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from dialkey.audit import Tag, record
from dialkey.base.ids import looks_like_id, new_id
from dialkey.developers import drafts
from dialkey.developers import products_store as store
from dialkey.developers.access import Actor, ProductMembership, Role
from dialkey.developers.content import (
    Availability,
    OperatorOffer,
    Page,
    Picture,
    ProductContent,
    ProductCounts,
    ProductKind,
    ProductLine,
    ProductPatch,
    ProductView,
    VersionState,
)
from dialkey.developers.drafts import Held
from dialkey.developers.office import Office
from dialkey.developers.pictures import MadePicture, remake
from dialkey.directory import names
from dialkey.directory import store as directory_store
from dialkey.directory.images import image_id
from dialkey.directory.office import refuse
from dialkey.events.ending import end_at_operator, end_consents
from dialkey.storage import Reader, Row, Writer
from dialkey.web.errors import Refusal

MAX_PRODUCTS = 200
"""Of an organization."""
MAX_SCOPES = 64
"""What one authorization request can name."""
MAX_SCREENSHOTS = 6
MAX_PICTURES = 60
"""Kept of a product; the oldest that neither its live text nor its draft shows goes first."""
MAX_OFFERS = 200
MAX_PAGE = 200
Change = Callable[[ProductContent], ProductContent]


class Products:
    """Every method fetches in the actor's name first: 404 `no_such_organization` or `no_such_product`, 403 `role`.

    Edits go to the live product until its first approval, then to a draft. While a version is in review they are
    refused with 409 `in_review`. A refused value is a 422 whose data names the `field`.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._drawing = asyncio.Semaphore(1)

    async def create(
        self, actor: Actor, organization_id: str, *, name: str, kind: ProductKind = ProductKind.SUBSCRIBER
    ) -> str:
        """Gives the product's id (developer). 422 by name; 409 `too_many_products`."""
        name = name.strip()
        refuse(name=names.name_fault(name))
        office, product_id = self._office, new_id(self._office.entropy)

        async def unit(writer: Writer) -> str:
            await office.access.organization(
                actor, organization_id, Role.DEVELOPER, grant="products:write", within=writer
            )
            await writer.one(store.HOLD_ORGANIZATION, id=organization_id)
            count = await writer.one(store.COUNT_PRODUCTS, id=organization_id)
            if count is not None and count.products >= MAX_PRODUCTS:
                raise Refusal(409, "too_many_products", most=MAX_PRODUCTS)
            fresh = ProductContent(name=name)
            values = {"price": "", "icon_id": None, "support": None, "product_url": None, "terms_url": None}
            await writer.run(
                directory_store.ADD_PRODUCT,
                id=product_id,
                organization_id=organization_id,
                kind=ProductKind(kind).value,
                sector=product_id,
                name=name,
                subtitle="",
                accent=fresh.accent,
                privacy_url=None,
                now=office.clock.now(),
                **values,
            )
            data = {"kind": ProductKind(kind).value}
            await office.record(writer, Tag.PRODUCT_CREATED, actor, f"product:{product_id}", organization_id, data)
            return product_id

        return await office.storage.write(unit)

    async def get(self, actor: Actor, product_id: str) -> ProductView:
        """Three statements (viewer)."""
        if not looks_like_id(product_id):
            raise Refusal(404, "no_such_product")
        access, read = self._office.access, self._office.storage.read
        row = await access.read(
            actor, store.PRODUCT_SEEN, product_id, grant="products:read", missing="no_such_product"
        )
        scopes = await read.all(store.SCOPES, id=product_id)
        return _view(row, scopes, await read.all(store.LAST_VERSIONS, id=product_id))

    async def list(self, actor: Actor, organization_id: str, *, after: str = "", limit: int = 50) -> Page[ProductLine]:
        """The newest first; `after` is the last id of the page before (viewer)."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER, grant="products:read")
        limit = max(1, min(limit, MAX_PAGE))
        rows = await self._office.storage.read.all(
            store.PRODUCTS, organization_id=organization_id, after=after, limit=limit + 1
        )
        items = [_line(row) for row in rows[:limit]]
        return Page(items=items, next=items[-1].id if len(rows) > limit else None)

    async def update(self, actor: Actor, product_id: str, patch: ProductPatch) -> ProductContent:
        """Changes the fields that the patch has, and gives what now stands in the draft (developer). Codes by field:
        `name_*`, `link`, `support`, `accent`, `description_length`, `description_characters`."""
        return await self._edit(actor, product_id, lambda content: drafts.patched(content, patch))

    async def set_scopes(
        self, actor: Actor, product_id: str, *, required: Iterable[str], optional: Iterable[str] = ()
    ) -> ProductContent:
        """All of the product's scopes, instead of those it had (developer). 422 `unknown_scope`, `scope_twice`,
        `too_many_scopes`."""
        needed, declinable = tuple(dict.fromkeys(required)), tuple(dict.fromkeys(optional))
        if set(needed) & set(declinable):
            raise Refusal(422, "scope_twice", field="scopes")
        if len(needed) + len(declinable) > MAX_SCOPES:
            raise Refusal(422, "too_many_scopes", field="scopes", most=MAX_SCOPES)
        await self._access(actor, product_id, Role.DEVELOPER)
        known = [row.scope for row in await self._office.storage.read.all(directory_store.SCOPE_NAMES)]
        for scope in (*needed, *declinable):
            if scope not in known:
                raise Refusal(422, "unknown_scope", detail=scope[:80], field="scopes")
        scopes = {
            "required_scopes": drafts.in_order(needed),
            "optional_scopes": drafts.in_order(declinable),
        }
        return await self._edit(actor, product_id, lambda content: msgspec.structs.replace(content, **scopes))

    async def set_picture(self, actor: Actor, product_id: str, picture: Picture, content: bytes) -> str:
        """Keeps a PNG, JPEG or WebP, made anew without what else was in the file, and gives the picture's id; a
        screenshot is added behind the others (developer). 422 `picture_type`, `picture_broken`, `picture_bytes`,
        `picture_small`, `picture_large`, `too_many_screenshots`."""
        await self._access(actor, product_id, Role.DEVELOPER)
        async with self._drawing:  # one at a time: each may need 50 MB while it is decoded
            made = await asyncio.to_thread(remake, picture, content)
        name = image_id(made.content)

        def change(now: ProductContent) -> ProductContent:
            if picture is Picture.ICON:
                return msgspec.structs.replace(now, icon_id=name)
            if picture is Picture.BANNER:
                return msgspec.structs.replace(now, banner_id=name)
            if name not in now.screenshots and len(now.screenshots) >= MAX_SCREENSHOTS:
                raise Refusal(422, "too_many_screenshots", field=picture.value, most=MAX_SCREENSHOTS)
            return msgspec.structs.replace(now, screenshots=tuple(dict.fromkeys((*now.screenshots, name))))

        await self._edit(actor, product_id, change, made)
        return name

    async def remove_picture(
        self, actor: Actor, product_id: str, picture: Picture, image_id: str | None = None
    ) -> ProductContent:
        """Takes the icon, the banner or the screenshot with this id away (developer)."""

        def change(now: ProductContent) -> ProductContent:
            if picture is Picture.ICON:
                return msgspec.structs.replace(now, icon_id=None)
            if picture is Picture.BANNER:
                return msgspec.structs.replace(now, banner_id=None)
            return msgspec.structs.replace(now, screenshots=tuple(one for one in now.screenshots if one != image_id))

        return await self._edit(actor, product_id, change)

    async def operators(
        self,
        actor: Actor,
        product_id: str,
        *,
        search: str = "",
        offered_only: bool = False,
        after: str = "",
        limit: int = 50,
    ) -> Page[OperatorOffer]:
        """Operators in the order of their slugs, those whose name, slug or country has `search` in it (viewer)."""
        await self._access(actor, product_id, Role.VIEWER)
        limit = max(1, min(limit, MAX_PAGE))
        text = search.strip().lower()[:80]
        for special in "!%_":
            text = text.replace(special, "!" + special)
        rows = await self._office.storage.read.all(
            store.OPERATORS,
            product_id=product_id,
            after=after,
            offered_only=int(offered_only),
            like=f"%{text}%",
            limit=limit + 1,
        )
        items = [
            OperatorOffer(
                operator_id=row.id,
                slug=row.slug,
                name=row.name,
                country=row.country,
                icon_id=row.icon_id,
                accent=row.accent,
                listed_at=row.listed_at,
                enabled_at=row.enabled_at,
            )
            for row in rows[:limit]
        ]
        return Page(items=items, next=items[-1].slug if len(rows) > limit else None)

    async def set_availability(self, actor: Actor, product_id: str, availability: Availability) -> None:
        """At once, without review: an operator decides for itself (developer)."""
        wanted = Availability(availability)

        async def unit(writer: Writer) -> None:
            held = await self._hold(writer, actor, product_id)
            if await writer.run(store.SET_AVAILABILITY, id=product_id, availability=wanted.value):
                await self._record(writer, Tag.PRODUCT_CHANGED, actor, held, {"availability": wanted.value})

        await self._office.storage.write(unit)

    async def offer(self, actor: Actor, product_id: str, operator_ids: Iterable[str]) -> None:
        """Offers the product to these operators besides the others (developer). 404 `no_such_operator`, 422
        `too_many_operators` for more than 200 at once."""
        wanted = list(dict.fromkeys(operator_ids))
        if len(wanted) > MAX_OFFERS:
            raise Refusal(422, "too_many_operators", most=MAX_OFFERS)

        async def unit(writer: Writer) -> None:
            held = await self._hold(writer, actor, product_id)
            for operator_id in wanted:
                row = await writer.one(directory_store.OPERATOR_STATUS, id=operator_id)
                if row is None or row.status != "active":
                    raise Refusal(404, "no_such_operator")
                values = {"product_id": product_id, "operator_id": operator_id, "now": self._office.clock.now()}
                if await writer.run(directory_store.ADD_LISTING, **values):
                    await self._record(writer, Tag.PRODUCT_LISTED, actor, held, operator_id=operator_id)

        await self._office.storage.write(unit)

    async def withdraw_offer(
        self, actor: Actor, product_id: str, operator_id: str, *, confirmed: bool = False
    ) -> None:
        """Ends the offer, and with it what the operator enabled: its subscribers cannot use the product from now on
        (developer). 409 `enabled_there` unless confirmed, where the operator has it enabled; 409 `full_availability`;
        409 `not_listed`."""

        async def unit(writer: Writer) -> None:
            held = await self._hold(writer, actor, product_id)
            if held.availability == Availability.FULL:
                raise Refusal(409, "full_availability")
            row = await writer.one(store.DROP_LISTING, product_id=product_id, operator_id=operator_id)
            if row is None:
                raise Refusal(409, "not_listed")
            if row.enabled_at is not None and not confirmed:
                raise Refusal(409, "enabled_there")
            data = {"enabled": int(row.enabled_at is not None)}
            await self._record(writer, Tag.PRODUCT_UNLISTED, actor, held, data, operator_id=operator_id)
            if row.enabled_at is not None:
                key = {"product_id": product_id, "operator_id": operator_id}
                await end_at_operator(writer, entropy=self._office.entropy, now=self._office.clock.now(), **key)

        await self._office.storage.write(unit)

    async def delete(self, actor: Actor, product_id: str, *, confirmed: bool = False) -> None:
        """Its clients stop at once, its grants are refused, and it is in no list any more (owner). 409
        `has_subscribers` unless confirmed, where subscribers have it."""

        async def unit(writer: Writer) -> None:
            held = await self._hold(writer, actor, product_id, Role.OWNER)
            if not confirmed and await writer.one(store.HAS_SUBSCRIBERS, id=product_id) is not None:
                raise Refusal(409, "has_subscribers")
            now = self._office.clock.now()
            await writer.run(store.DELETE_PRODUCT, id=product_id)
            await writer.run(store.DROP_PRODUCT_ORIGINS, id=product_id)
            await writer.one(store.WITHDRAW_VERSION, id=product_id, now=now)
            await self._record(writer, Tag.PRODUCT_DELETED, actor, held)
            await end_consents(writer, entropy=self._office.entropy, now=now, product_id=product_id)

        await self._office.storage.write(unit)

    # the ground of the edits

    async def _access(
        self, actor: Actor, product_id: str, role: Role, within: Reader | None = None
    ) -> ProductMembership:
        member = await self._office.access.product(actor, product_id, role, within=within)
        if member.product_status == "deleted":
            raise Refusal(404, "no_such_product")
        return member

    async def _hold(self, writer: Writer, actor: Actor, product_id: str, role: Role = Role.DEVELOPER) -> Held:
        await self._access(actor, product_id, role, writer)
        return await drafts.hold(writer, product_id, self._office.clock.now())

    async def _edit(
        self, actor: Actor, product_id: str, change: Change, picture: MadePicture | None = None
    ) -> ProductContent:
        async def unit(writer: Writer) -> ProductContent:
            held = await self._hold(writer, actor, product_id)
            if held.open is not None and held.open.info.state is VersionState.SUBMITTED:
                raise Refusal(409, "in_review")
            made = change(held.draft)
            if picture is not None:
                await self._keep_picture(writer, held, made, picture)
            if made != held.draft:
                await self._write(writer, held, made)
                data = {"fields": drafts.changed_fields(held.draft, made), "draft": int(held.approved)}
                await self._record(writer, Tag.PRODUCT_CHANGED, actor, held, data)
            return made

        return await self._office.storage.write(unit)

    async def _write(self, writer: Writer, held: Held, made: ProductContent) -> None:
        """To the live rows before the first approval, to the draft after it. A draft that says what is live is none."""
        now = self._office.clock.now()
        if not held.approved:
            await drafts.make_live(writer, held, made, now, new_terms=made.new_terms)
        elif made == held.live:
            await writer.run(store.DROP_DRAFT, id=held.id)
        elif held.open is not None:
            number = held.open.info.number
            await writer.run(store.SET_DRAFT, id=held.id, number=number, content=drafts.encoded(made), now=now)
        else:
            await drafts.add_draft(writer, held, made, now)

    async def _keep_picture(self, writer: Writer, held: Held, made: ProductContent, picture: MadePicture) -> None:
        now, name = self._office.clock.now(), image_id(picture.content)
        values = {"id": name, "media_type": picture.media_type, "content": picture.content}
        await writer.run(directory_store.ADD_IMAGE, **values, now=now)
        await writer.run(store.ADD_PICTURE, id=held.id, image_id=name, now=now)
        kept = [row.image_id for row in await writer.all(store.PICTURES, id=held.id)]
        shown = {one for content in (held.live, made) for one in drafts.pictures(content)}
        idle = [one for one in kept if one not in shown]
        for one in idle[: max(0, len(kept) - MAX_PICTURES)]:
            await writer.run(store.DROP_PICTURE, id=held.id, image_id=one)
            await writer.run(store.DROP_IMAGE, image_id=one)

    async def _record(
        self,
        writer: Writer,
        tag: Tag,
        actor: Actor,
        held: Held,
        data: dict[str, str | int | None] | None = None,
        *,
        operator_id: str | None = None,
    ) -> None:
        await record(
            writer,
            tag,
            entropy=self._office.entropy,
            now=self._office.clock.now(),
            actor=actor.name,
            subject=f"product:{held.id}",
            operator_id=operator_id,
            organization_id=held.organization_id,
            data=data,
        )


def _view(row: Row, scopes: list[Row], versions: list[Row]) -> ProductView:
    live = drafts.live_content(row, scopes)
    found = [drafts.version(one) for one in versions]
    newest = found[0] if found else None
    opened = newest if newest is not None and newest.info.open else None
    decided = [one for one in found if not one.info.open]
    approved = row.verified_at is not None
    return ProductView(
        id=row.id,
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        organization_verified=row.organization_verified_at is not None,
        kind=ProductKind(row.kind),
        availability=Availability(row.availability),
        standing=drafts.standing(status=row.status, approved=approved, last=newest.info.state if newest else None),
        approved=approved,
        draft=opened.content if opened is not None else live,
        live=live,
        open=opened.info if opened is not None else None,
        last=decided[0].info if decided else None,
        terms_version=row.terms_version,
        counts=ProductCounts(
            clients=row.clients,
            listed=row.listed,
            enabled=row.enabled,
            has_subscribers=bool(row.has_subscribers),
        ),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _line(row: Row) -> ProductLine:
    last = None if row.state is None else VersionState(row.state)
    return ProductLine(
        id=row.id,
        name=row.name,
        subtitle=row.subtitle,
        icon_id=row.icon_id,
        accent=row.accent,
        kind=ProductKind(row.kind),
        standing=drafts.standing(status=row.status, approved=row.verified_at is not None, last=last),
        clients=row.clients,
        enabled=row.enabled,
        updated_at=row.updated_at,
    )
