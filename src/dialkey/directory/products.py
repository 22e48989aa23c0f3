"""Products: what an organization offers, what it may ask for, and where."""

from __future__ import annotations

from collections.abc import Iterable

from dialkey.audit import Tag
from dialkey.base.ids import new_id
from dialkey.directory import names, store
from dialkey.directory.catalogue import CATALOGUE, ScopeEntry
from dialkey.directory.images import image_fault, image_id
from dialkey.directory.office import Rules, refuse
from dialkey.events.ending import end_at_operator, record_operator_change
from dialkey.events.model import ChangeKind
from dialkey.storage import Writer
from dialkey.web.errors import Refusal


class ProductRules(Rules):
    """Products, the scope catalogue they choose from, and their listings."""

    async def create_product(
        self,
        *,
        actor: str,
        organization_id: str,
        name: str,
        kind: str = "subscriber",
        subtitle: str = "",
        price: str = "",
        accent: str = "#1f5eff",
        icon_id: str | None = None,
        support: str | None = None,
        product_url: str | None = None,
        terms_url: str | None = None,
        privacy_url: str | None = None,
        shares_subjects_with: str | None = None,
    ) -> str:
        """Gives the product's id. Subscribers have a subject of their own at every product, unless it
        `shares_subjects_with` another product of the same organization."""
        refuse(name=names.name_fault(name), subtitle=names.text_fault(subtitle), price=names.text_fault(price))
        refuse(accent=names.accent_fault(accent), support=names.support_fault(support))
        refuse(product_url=names.link_fault(product_url), terms_url=names.link_fault(terms_url))
        refuse(privacy_url=names.link_fault(privacy_url))
        product_id, now = new_id(self._entropy), self._clock.now()

        async def unit(writer: Writer) -> str:
            await self._require_organization(writer, organization_id)
            sector = product_id
            if shares_subjects_with is not None:
                other = await writer.one(store.PRODUCT, id=shares_subjects_with)
                if other is None or other.organization_id != organization_id:
                    raise Refusal(404, "no_such_product")
                sector = other.sector
            await writer.run(
                store.ADD_PRODUCT,
                id=product_id,
                organization_id=organization_id,
                kind=kind,
                sector=sector,
                name=name,
                subtitle=subtitle,
                price=price,
                accent=accent,
                icon_id=icon_id,
                support=support,
                product_url=product_url,
                terms_url=terms_url,
                privacy_url=privacy_url,
                now=now,
            )
            await self._record(
                writer, Tag.PRODUCT_CREATED, actor, f"product:{product_id}", organization_id=organization_id
            )
            return product_id

        return await self._storage.write(unit)

    async def find_product(self, organization_id: str, name: str) -> str | None:
        """The id of the organization's oldest product of this name."""
        row = await self._storage.read.one(store.PRODUCT_BY_NAME, organization_id=organization_id, name=name)
        return None if row is None else row.id

    async def set_product_scopes(
        self, *, actor: str, product_id: str, required: Iterable[str], optional: Iterable[str] = ()
    ) -> None:
        """What the product's clients may ask for, instead of what they could before. A subscriber may decline the
        optional ones. Refusal 422 `unknown_scope` or `scope_twice`."""
        needed, declinable = list(dict.fromkeys(required)), list(dict.fromkeys(optional))
        if set(needed) & set(declinable):
            raise Refusal(422, "scope_twice")

        async def unit(writer: Writer) -> None:
            organization_id = await self._touch_product(writer, product_id)
            known = {row.scope for row in await writer.all(store.SCOPE_NAMES)}
            await writer.run(store.DROP_PRODUCT_SCOPES, product_id=product_id)
            for scope in (*needed, *declinable):
                if scope not in known:
                    raise Refusal(422, "unknown_scope", detail=scope)
                values = {"product_id": product_id, "scope": scope, "optional": int(scope in declinable)}
                await writer.run(store.ADD_PRODUCT_SCOPE, **values)
            data = {"required": " ".join(needed), "optional": " ".join(declinable)}
            await self._record(
                writer, Tag.PRODUCT_CHANGED, actor, f"product:{product_id}", organization_id=organization_id, data=data
            )

        await self._storage.write(unit)

    async def verify_product(self, *, actor: str, product_id: str) -> None:
        """Somebody checked it: the consent page then shows no warning."""

        async def unit(writer: Writer) -> None:
            await self._touch_product(writer, product_id)
            row = await writer.one(store.VERIFY_PRODUCT, id=product_id, now=self._clock.now())
            if row is not None:
                data = {"verified": 1}
                tag = Tag.PRODUCT_CHANGED
                await self._record(
                    writer, tag, actor, f"product:{product_id}", organization_id=row.organization_id, data=data
                )

        await self._storage.write(unit)

    async def suspend_product(self, *, actor: str, product_id: str) -> None:
        """None of its clients can do anything from now on (within a second everywhere)."""
        await self._set_product_status(actor, product_id, "suspended", Tag.PRODUCT_SUSPENDED)

    async def resume_product(self, *, actor: str, product_id: str) -> None:
        await self._set_product_status(actor, product_id, "active", Tag.PRODUCT_CHANGED)

    async def list_product(self, *, actor: str, product_id: str, operator_id: str) -> None:
        """Offers the product to an operator, who can then enable it."""

        async def unit(writer: Writer) -> None:
            organization_id = await self._touch_product(writer, product_id)
            if await writer.one(store.OPERATOR_STATUS, id=operator_id) is None:
                raise Refusal(404, "no_such_operator")
            values = {"product_id": product_id, "operator_id": operator_id, "now": self._clock.now()}
            if await writer.run(store.ADD_LISTING, **values):
                await self._record(
                    writer,
                    Tag.PRODUCT_LISTED,
                    actor,
                    f"product:{product_id}",
                    operator_id=operator_id,
                    organization_id=organization_id,
                )

        await self._storage.write(unit)

    async def enable_product(self, *, actor: str, product_id: str, operator_id: str) -> bool:
        """From now on the operator's subscribers can add it. False where it was so before; Refusal 409 `not_listed`."""

        async def unit(writer: Writer) -> bool:
            key = {"product_id": product_id, "operator_id": operator_id}
            if await writer.one(store.LISTING, **key) is None:
                if await writer.one(store.OFFERED_TO_ALL, product_id=product_id) is None:
                    raise Refusal(409, "not_listed")
                await writer.run(store.ADD_LISTING, **key, now=self._clock.now())
            if not await writer.run(store.ENABLE_LISTING, **key, now=self._clock.now()):
                return False
            await self._record(writer, Tag.PRODUCT_ENABLED, actor, f"product:{product_id}", operator_id=operator_id)
            now = self._clock.now()
            await record_operator_change(writer, ChangeKind.ADDED, entropy=self._entropy, now=now, **key)
            return True

        return await self._storage.write(unit)

    async def disable_product(self, *, actor: str, product_id: str, operator_id: str) -> bool:
        """From now on the operator's subscribers can neither add nor use it: every use of a grant asks for the
        listing. Their consents and grants end one by one, by a job, and the product is told of each. False where it was
        not enabled."""

        async def unit(writer: Writer) -> bool:
            key = {"product_id": product_id, "operator_id": operator_id}
            if not await writer.run(store.DISABLE_LISTING, **key):
                return False
            await self._record(writer, Tag.PRODUCT_DISABLED, actor, f"product:{product_id}", operator_id=operator_id)
            await end_at_operator(writer, entropy=self._entropy, now=self._clock.now(), **key)
            return True

        return await self._storage.write(unit)

    async def put_scopes(self, *, actor: str, entries: Iterable[ScopeEntry] = CATALOGUE) -> int:
        """Brings the scope catalogue up to date; gives how many changed. Scopes are never taken away."""

        async def unit(writer: Writer) -> int:
            changed = 0
            for entry in entries:
                changed += await writer.run(
                    store.PUT_SCOPE,
                    scope=entry.scope,
                    category=entry.category,
                    description=entry.description,
                    audience=entry.audience,
                    subscriber_facing=int(entry.subscriber_facing),
                )
            if changed:
                data = {"changed": changed}
                await self._record(writer, Tag.SCOPES_CHANGED, actor, "scopes:catalogue", data=data)
            return changed

        return await self._storage.write(unit)

    async def add_image(self, *, content: bytes, media_type: str = "image/png") -> str:
        """Keeps a picture and gives its id; the same picture has the same id."""
        refuse(image=image_fault(media_type, content))
        name = image_id(content)

        async def unit(writer: Writer) -> str:
            await writer.run(store.ADD_IMAGE, id=name, media_type=media_type, content=content, now=self._clock.now())
            return name

        return await self._storage.write(unit)

    async def _set_product_status(self, actor: str, product_id: str, status: str, tag: Tag) -> None:
        async def unit(writer: Writer) -> None:
            await self._touch_product(writer, product_id)
            row = await writer.one(store.SET_PRODUCT_STATUS, id=product_id, status=status, now=self._clock.now())
            if row is not None:
                data = {"status": status}
                await self._record(
                    writer, tag, actor, f"product:{product_id}", organization_id=row.organization_id, data=data
                )

        await self._storage.write(unit)
