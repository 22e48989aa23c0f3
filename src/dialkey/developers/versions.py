"""Versions of a product, in a developer's name: what is missing, handing in, taking back, comparing."""

from __future__ import annotations

import msgspec

from dialkey.audit import Tag
from dialkey.base.clock import Instant
from dialkey.developers import drafts
from dialkey.developers import products_store as store
from dialkey.developers.access import Actor, Role
from dialkey.developers.checklist import checklist, missing
from dialkey.developers.content import (
    Availability,
    CheckItem,
    ClientContent,
    FieldChange,
    Page,
    ProductContent,
    ProductKind,
    Version,
    VersionInfo,
    VersionState,
)
from dialkey.developers.drafts import Held
from dialkey.developers.markdown import description_fault, tidy
from dialkey.developers.office import Office
from dialkey.storage import Reader, Writer
from dialkey.web.errors import Refusal

MAX_NOTE = 1000
MAX_PAGE = 200


class Versions:
    """In a developer's name: 404 `no_such_product`, 403 `role`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def checklist(self, actor: Actor, product_id: str) -> tuple[CheckItem, ...]:
        """What a product needs before it can be handed in, done or not (viewer)."""
        await self._access(actor, product_id, Role.VIEWER)
        read = self._office.storage.read
        row = await read.one(store.PRODUCT_VIEW, id=product_id)
        if row is None:
            raise Refusal(404, "no_such_product")
        opened = await read.one(store.OPEN_VERSION, id=product_id)
        if opened is None:
            content = drafts.live_content(row, await read.all(store.SCOPES, id=product_id))
        else:
            content = drafts.decoded(opened.content)
        clients = drafts.client_contents(await read.all(store.CLIENTS_AND_URIS, id=product_id))
        return checklist(
            content,
            kind=ProductKind(row.kind),
            availability=Availability(row.availability),
            listed=row.listed,
            clients=clients,
        )

    async def list(self, actor: Actor, product_id: str, *, after: int = 0, limit: int = 50) -> Page[VersionInfo]:
        """The newest first; `after` is the last number of the page before, `Page.next` is that number as text
        (viewer)."""
        await self._access(actor, product_id, Role.VIEWER)
        limit = max(1, min(limit, MAX_PAGE))
        rows = await self._office.storage.read.all(store.VERSIONS, id=product_id, after=after, limit=limit + 1)
        items = [drafts.version_info(row) for row in rows[:limit]]
        return Page(items=items, next=str(items[-1].number) if len(rows) > limit else None)

    async def get(self, actor: Actor, product_id: str, number: int) -> Version:
        """404 `no_such_version` (viewer)."""
        await self._access(actor, product_id, Role.VIEWER)
        row = await self._office.storage.read.one(store.VERSION, id=product_id, number=number)
        if row is None:
            raise Refusal(404, "no_such_version")
        return drafts.version(row)

    async def diff(self, actor: Actor, product_id: str) -> tuple[FieldChange, ...]:
        """What the draft (or what is in review) would change of the live product, with its clients' waiting
        addresses; empty for a product that was never approved (viewer)."""
        await self._access(actor, product_id, Role.VIEWER)
        read = self._office.storage.read
        row = await read.one(store.PRODUCT_VIEW, id=product_id)
        if row is None:
            raise Refusal(404, "no_such_product")
        if row.verified_at is None:
            return ()
        live = drafts.live_content(row, await read.all(store.SCOPES, id=product_id))
        opened = await read.one(store.OPEN_VERSION, id=product_id)
        content = live if opened is None else drafts.decoded(opened.content)
        if opened is not None and opened.state == VersionState.SUBMITTED:
            return tuple(drafts.differences(live, content, content.clients))
        clients = drafts.client_contents(await read.all(store.CLIENTS_AND_URIS, id=product_id))
        return tuple(drafts.differences(live, content, clients))

    async def submit(self, actor: Actor, product_id: str, *, note: str = "") -> VersionInfo:
        """Hands the draft in (developer). 409 `incomplete` (data: `missing`), `in_review`, `nothing_changed`; 422
        `note_length`, `note_characters`."""
        note = tidy(note).strip()
        if len(note) > MAX_NOTE:
            raise Refusal(422, "note_length", field="note", most=MAX_NOTE)
        if description_fault(note):
            raise Refusal(422, "note_characters", field="note")

        async def unit(writer: Writer) -> VersionInfo:
            held = await self._hold(writer, actor, product_id)
            if _in_review(held):
                raise Refusal(409, "in_review")
            clients = await drafts.clients_of(writer, product_id)
            await self._require_complete(writer, held, clients)
            if held.approved and not drafts.differences(held.live, held.draft, clients):
                raise Refusal(409, "nothing_changed")
            content = msgspec.structs.replace(held.draft, clients=clients)
            number = await self._hand_in(writer, actor, held, content, note)
            data = {"number": number}
            await self._office.record(
                writer, Tag.PRODUCT_SUBMITTED, actor, f"product:{product_id}", held.organization_id, data
            )
            row = await writer.one(store.VERSION, id=product_id, number=number)
            return drafts.version_info(row)

        return await self._office.storage.write(unit)

    async def withdraw(self, actor: Actor, product_id: str) -> None:
        """Takes it back from review; editing goes on (developer). 409 `not_in_review`."""

        async def unit(writer: Writer) -> None:
            held = await self._hold(writer, actor, product_id)
            now = self._office.clock.now()
            row = await writer.one(store.WITHDRAW_VERSION, id=product_id, now=now)
            if row is None:
                raise Refusal(409, "not_in_review")
            await go_on(writer, held, drafts.decoded(row.content), now)
            data = {"number": row.number}
            await self._office.record(
                writer, Tag.PRODUCT_WITHDRAWN, actor, f"product:{product_id}", held.organization_id, data
            )

        await self._office.storage.write(unit)

    async def discard(self, actor: Actor, product_id: str) -> None:
        """Throws the draft of an approved product away: it is as the live one again (developer). 409 `no_draft`.
        Waiting addresses of clients stay with their clients."""

        async def unit(writer: Writer) -> None:
            held = await self._hold(writer, actor, product_id)
            if not await writer.run(store.DROP_DRAFT, id=product_id):
                raise Refusal(409, "no_draft")
            await self._office.record(
                writer, Tag.DRAFT_DISCARDED, actor, f"product:{product_id}", held.organization_id
            )

        await self._office.storage.write(unit)

    async def _access(self, actor: Actor, product_id: str, role: Role, within: Reader | None = None) -> None:
        member = await self._office.access.product(actor, product_id, role, within=within)
        if member.product_status == "deleted":
            raise Refusal(404, "no_such_product")

    async def _hold(self, writer: Writer, actor: Actor, product_id: str) -> Held:
        await self._access(actor, product_id, Role.DEVELOPER, writer)
        return await drafts.hold(writer, product_id, self._office.clock.now())

    async def _require_complete(self, writer: Writer, held: Held, clients: tuple[ClientContent, ...]) -> None:
        listed = await writer.one(store.COUNT_LISTINGS, id=held.id)
        items = checklist(
            held.draft,
            kind=ProductKind(held.kind),
            availability=Availability(held.availability),
            listed=listed.listed if listed is not None else 0,
            clients=clients,
        )
        if lacking := missing(items):
            raise Refusal(409, "incomplete", missing=" ".join(item.field for item in lacking))

    async def _hand_in(self, writer: Writer, actor: Actor, held: Held, content: ProductContent, note: str) -> int:
        """Gives the version's number."""
        now, text = self._office.clock.now(), drafts.encoded(content)
        if held.open is not None:
            number = held.open.info.number
            await writer.run(
                store.SUBMIT_DRAFT, id=held.id, number=number, content=text, note=note, actor=actor.name, now=now
            )
            return number
        number = held.last_number + 1
        await writer.run(
            store.ADD_VERSION,
            id=held.id,
            number=number,
            state=VersionState.SUBMITTED.value,
            content=text,
            note=note,
            submitted_by=actor.name,
            submitted_at=now,
            now=now,
        )
        return number


def _in_review(held: Held) -> bool:
    return held.open is not None and held.open.info.state is VersionState.SUBMITTED


async def go_on(writer: Writer, held: Held, content: ProductContent, now: Instant) -> None:
    """What was in review comes back to its developers. Of an approved product a new draft goes on from it; before the
    first approval the live rows are the draft, and what was added to the clients meanwhile waits for nobody."""
    if not held.approved:
        await writer.run(store.RELEASE_ALL_URIS, id=held.id)
        await writer.run(store.RELEASE_ALL_CLIENTS, id=held.id)
    elif (bare := msgspec.structs.replace(content, clients=())) != held.live:
        await drafts.add_draft(writer, held, bare, now)
