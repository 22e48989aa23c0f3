"""Organizations, in the name of somebody who belongs to them."""

from __future__ import annotations

from dataclasses import dataclass

from dialkey.audit import Tag, record
from dialkey.base.clock import DAY, HOUR, Instant, after
from dialkey.base.ids import new_id
from dialkey.developers import letters
from dialkey.developers import organizations_store as store
from dialkey.developers.access import Actor, Membership, Role, membership_of
from dialkey.developers.notices import NoticeKind, notify
from dialkey.developers.office import Office
from dialkey.directory.names import name_fault
from dialkey.directory.office import refuse
from dialkey.jobs import Schedule
from dialkey.jobs.model import Context
from dialkey.storage import Writer
from dialkey.web.errors import Refusal

MOST_ORGANIZATIONS = 20
"""That one account may have created; deleted ones count until they are gone."""
GRACE = 30 * DAY
"""Between the deletion of an organization and its end; until then an owner may undo it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMembership(Membership):
    """One of somebody's organizations, as the navigation shows it."""

    unread: int = 0
    """Notices of this organization that this person has not read, counted up to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much there is in an organization."""

    members: int
    products: int
    clients: int
    keys: int


class Organizations:
    """Use cases. Each checks access itself; refusals as in `Access`, besides those named."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def create(self, actor: Actor, *, name: str) -> str:
        """Gives the id; the creator becomes its owner. Every account has a verified address. 403 `account_only`; 409
        `too_many_organizations`; 422 with `field`."""
        account_id = actor.person()
        name = name.strip()
        refuse(name=name_fault(name))
        organization_id, now = new_id(self._office.entropy), self._office.clock.now()

        async def unit(writer: Writer) -> str:
            made = await writer.run(
                store.CREATE, id=organization_id, name=name, account_id=account_id, now=now, most=MOST_ORGANIZATIONS
            )
            if not made:
                raise Refusal(409, "too_many_organizations", most=MOST_ORGANIZATIONS)
            await writer.run(
                store.ADD_MEMBER,
                id=new_id(self._office.entropy),
                organization_id=organization_id,
                account_id=account_id,
                role=Role.OWNER.value,
                now=now,
            )
            subject = f"organization:{organization_id}"
            await self._office.record(writer, Tag.ORGANIZATION_CREATED, actor, subject, organization_id)
            return organization_id

        return await self._office.storage.write(unit)

    async def list_memberships(self, actor: Actor) -> list[OwnMembership]:
        """Every organization that the actor belongs to, by name, in one statement (for the navigation of every page)."""
        actor.need("organization:read")
        read = self._office.storage.read
        if actor.account_id is None:
            rows = await read.all(store.OWN, id=actor.organization_id or "")
        else:
            rows = await read.all(store.MINE, account_id=actor.account_id, now=self._office.clock.now())
        return [OwnMembership(**membership_of(row), unread=row.unread) for row in rows]

    async def get(self, actor: Actor, organization_id: str) -> Membership:
        """One of them, for everybody in it."""
        return await self._office.access.organization(actor, organization_id, Role.VIEWER)

    async def count(self, actor: Actor, organization_id: str) -> Counts:
        """What there is in it, for pages that ask before they delete."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        row = await self._office.storage.read.one(store.COUNTS, id=organization_id)
        assert row is not None
        return Counts(members=row.members, products=row.products, clients=row.clients, keys=row.keys)

    async def rename(self, actor: Actor, organization_id: str, *, name: str) -> None:
        """Owners. A verified organization is unverified again: what was checked was its name."""
        name = name.strip()
        refuse(name=name_fault(name))

        async def unit(writer: Writer) -> None:
            before = await writer.one(store.TOUCH, id=organization_id, now=self._office.clock.now())
            await self._office.access.organization(actor, organization_id, Role.OWNER, within=writer)
            assert before is not None
            if await writer.run(store.RENAME, id=organization_id, name=name, now=self._office.clock.now()):
                data = {"before": before.name, "after": name}
                subject = f"organization:{organization_id}"
                await self._office.record(writer, Tag.ORGANIZATION_RENAMED, actor, subject, organization_id, data)

        await self._office.storage.write(unit)

    async def delete(self, actor: Actor, organization_id: str, *, name: str) -> Instant:
        """Owners, with the name typed as confirmation (422 `name_differs`). Its clients stop at once, everybody in it is
        told, and it is gone at the instant that this gives."""
        account_id, now = actor.person(), self._office.clock.now()
        closes_at = after(now, GRACE)

        async def unit(writer: Writer) -> Instant:
            await writer.one(store.TOUCH, id=organization_id, now=now)
            found = await self._office.access.organization(actor, organization_id, Role.OWNER, within=writer)
            if name.strip() != found.organization_name:
                raise Refusal(422, "name_differs", field="name")
            await writer.run(store.CLOSE, id=organization_id, now=now, closes_at=closes_at)
            subject = f"organization:{organization_id}"
            await self._office.record(writer, Tag.ORGANIZATION_CLOSING, actor, subject, organization_id)
            await self._tell_all(writer, account_id, found, closes_at)
            return closes_at

        done = await self._office.storage.write(unit)
        self._office.mail.wake()
        return done

    async def undelete(self, actor: Actor, organization_id: str) -> None:
        """Owners, before its time is over; 409 `not_closing`."""
        account_id, now = actor.person(), self._office.clock.now()

        async def unit(writer: Writer) -> None:
            await writer.one(store.TOUCH, id=organization_id, now=now)
            found = await self._office.access.organization(
                actor, organization_id, Role.OWNER, within=writer, closing=True
            )
            if not await writer.run(store.KEEP, id=organization_id, now=now):
                raise Refusal(409, "not_closing")
            subject = f"organization:{organization_id}"
            await self._office.record(writer, Tag.ORGANIZATION_KEPT, actor, subject, organization_id)
            await self._tell_all(writer, account_id, found, None)

        await self._office.storage.write(unit)
        self._office.mail.wake()

    async def list_owned_alone(self, actor: Actor) -> list[tuple[str, str]]:
        """(id, name) of the organizations that would be without an owner if this account were closed."""
        rows = await self._office.storage.read.all(store.OWNED_ALONE, account_id=actor.person())
        return [(row.id, row.name) for row in rows]

    def closing_schedule(self) -> Schedule:
        """Ends the organizations whose time is over, every hour, on one node."""

        async def close(context: Context) -> None:
            for row in await context.storage.read.all(store.CLOSED, now=context.clock.now()):
                await self._close(row.id)

        return Schedule(name="organizations", every=HOUR, handler=close)

    async def _close(self, organization_id: str) -> None:
        """Forgets whose it was and what opened it. The rows that consents and the trail refer to stay, without a name."""
        now = self._office.clock.now()

        async def unit(writer: Writer) -> None:
            if not await writer.run(store.ANONYMISE, id=organization_id, now=now):
                return
            for statement in store.DROP:
                await writer.run(statement, id=organization_id)
            for statement in store.STOP:
                await writer.run(statement, id=organization_id, now=now)
            await record(
                writer,
                Tag.ORGANIZATION_CLOSED,
                entropy=self._office.entropy,
                now=now,
                actor="schedule:organizations",
                subject=f"organization:{organization_id}",
                organization_id=organization_id,
            )

        await self._office.storage.write(unit)

    async def _tell_all(
        self, writer: Writer, account_id: str, organization: Membership, closes_at: Instant | None
    ) -> None:
        """By mail and by notice: it is going, or it stays after all."""
        organization_id = organization.organization_id
        people = await writer.all(store.MEMBERS, organization_id=organization_id)
        who = next((row.name for row in people if row.account_id == account_id), "")
        url = f"{self._office.settings.base_url}/portal/o/{organization_id}"
        for row in people:
            letter = letters.closing(organization.organization_name, who, closes_at, Role(row.role), url)
            await self._office.mail.queue(writer, to=row.email, message=letter, now=self._office.clock.now())
        await notify(
            writer,
            NoticeKind.ORGANIZATION_KEPT if closes_at is None else NoticeKind.ORGANIZATION_CLOSING,
            entropy=self._office.entropy,
            now=self._office.clock.now(),
            organization_id=organization_id,
            path=f"/portal/o/{organization_id}",
            data={"who": who},
            besides=account_id,
        )
