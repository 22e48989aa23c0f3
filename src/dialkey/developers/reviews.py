"""The platform's decisions about versions that developers hand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dialkey.audit import Tag, record
from dialkey.base.clock import Instant
from dialkey.developers import drafts
from dialkey.developers import products_store as store
from dialkey.developers.content import FieldChange, Page, ProductContent, Version, VersionState
from dialkey.developers.drafts import Held
from dialkey.developers.markdown import description_fault, tidy
from dialkey.developers.notices import NoticeKind, notify
from dialkey.developers.office import Office
from dialkey.developers.versions import go_on
from dialkey.storage import Writer
from dialkey.web.errors import Refusal

Decision = Literal["approve", "return", "refuse"]
MAX_COMMENT = 2000
MAX_PAGE = 200
_OUTCOMES = {
    "approve": (VersionState.APPROVED, Tag.PRODUCT_APPROVED),
    "return": (VersionState.RETURNED, Tag.PRODUCT_RETURNED),
    "refuse": (VersionState.REFUSED, Tag.PRODUCT_REFUSED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """A version that waits for a decision."""

    product_id: str
    number: int
    product_name: str
    """The live one."""
    organization_id: str
    organization_name: str
    submitted_at: Instant
    first: bool
    """The product was never approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a reviewer decides about."""

    product_id: str
    product_name: str
    organization_name: str
    organization_verified: bool
    kind: str
    approved: bool
    version: Version
    live: ProductContent
    changes: tuple[FieldChange, ...]
    """Of the live product; where it was never approved, all of `version.content` is new."""


class Reviews:
    """In the platform's name: `actor` is `cli:<name>` or `staff:<id>`, and who it is was checked before."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def queue(self, *, after: str = "", limit: int = 50) -> Page[QueueLine]:
        """What waits longest first. `after` is a product's id."""
        limit = max(1, min(limit, MAX_PAGE))
        rows = await self._office.storage.read.all(store.QUEUE, after=after, limit=limit + 1)
        items = [
            QueueLine(
                product_id=row.product_id,
                number=row.number,
                product_name=row.name,
                organization_id=row.organization_id,
                organization_name=row.organization_name,
                submitted_at=row.submitted_at,
                first=row.verified_at is None,
            )
            for row in rows[:limit]
        ]
        return Page(items=items, next=items[-1].product_id if len(rows) > limit else None)

    async def get(self, product_id: str) -> Review:
        """What is in review; 404 `no_such_product`, 409 `not_in_review`."""
        read = self._office.storage.read
        row = await read.one(store.PRODUCT_VIEW, id=product_id)
        if row is None:
            raise Refusal(404, "no_such_product")
        opened = await read.one(store.OPEN_VERSION, id=product_id)
        if opened is None or opened.state != VersionState.SUBMITTED:
            raise Refusal(409, "not_in_review")
        version = drafts.version(opened)
        live = drafts.live_content(row, await read.all(store.SCOPES, id=product_id))
        return Review(
            product_id=product_id,
            product_name=row.name,
            organization_name=row.organization_name,
            organization_verified=row.organization_verified_at is not None,
            kind=row.kind,
            approved=row.verified_at is not None,
            version=version,
            live=live,
            changes=tuple(drafts.differences(live, version.content, version.content.clients)),
        )

    async def decide(
        self,
        actor: str,
        product_id: str,
        number: int,
        decision: Decision,
        *,
        comment: str = "",
        new_terms: bool = False,
    ) -> None:
        """Decides about exactly the version that was seen. Approving makes its content, its waiting addresses and its
        new clients live in one transaction; `new_terms` asks subscribers to agree again. 409 `not_in_review` where it
        was withdrawn or decided meanwhile; 422 `comment_missing` for a return or refusal without words."""
        comment = tidy(comment).strip()
        if not comment and decision != "approve":
            raise Refusal(422, "comment_missing", field="comment")
        if len(comment) > MAX_COMMENT:
            raise Refusal(422, "comment_length", field="comment", most=MAX_COMMENT)
        if description_fault(comment):
            raise Refusal(422, "comment_characters", field="comment")
        state, tag = _OUTCOMES[decision]

        async def unit(writer: Writer) -> None:
            now = self._office.clock.now()
            held = await drafts.hold(writer, product_id, now)
            key = {"id": product_id, "number": number}
            if decision == "approve":
                await writer.run(store.SUPERSEDE_VERSIONS, id=product_id, now=now)
            values = {"state": state.value, "comment": comment, "actor": actor, "now": now}
            row = await writer.one(store.DECIDE_VERSION, **key, **values)
            if row is None:
                raise Refusal(409, "not_in_review")
            content = drafts.decoded(row.content)
            if decision == "approve":
                await self._approve(writer, held, content, now, new_terms=new_terms or content.new_terms)
            elif decision == "return" or not held.approved:
                await go_on(writer, held, content, now)
            await self._tell(writer, tag, actor, held, content, number, decision, now)

        await self._office.storage.write(unit)

    async def _approve(
        self, writer: Writer, held: Held, content: ProductContent, now: Instant, *, new_terms: bool
    ) -> None:
        """What was added to the clients after it was handed in was not seen, and goes on waiting."""
        await drafts.make_live(writer, held, content, now, new_terms=new_terms)
        await writer.run(store.APPROVE_PRODUCT, id=held.id, now=now)
        for client in content.clients:
            if client.pending:
                await writer.run(store.RELEASE_CLIENT, id=held.id, client_id=client.client_id, now=now)
            for waiting in client.pending_uris:
                kind, _, uri = waiting.partition(" ")
                await writer.run(store.RELEASE_URI, client_id=client.client_id, kind=kind, uri=uri)

    async def _tell(
        self,
        writer: Writer,
        tag: Tag,
        actor: str,
        held: Held,
        content: ProductContent,
        number: int,
        decision: Decision,
        now: Instant,
    ) -> None:
        await record(
            writer,
            tag,
            entropy=self._office.entropy,
            now=now,
            actor=actor,
            subject=f"product:{held.id}",
            organization_id=held.organization_id,
            data={"number": number},
        )
        await notify(
            writer,
            NoticeKind.REVIEW_DECIDED,
            entropy=self._office.entropy,
            now=now,
            organization_id=held.organization_id,
            path=f"/portal/p/{held.id}/submit",
            data={"product": content.name, "decision": decision},
        )
