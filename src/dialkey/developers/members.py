"""The people of an organization: members are accounts, invitations are addresses.

Every change holds the organization's row first, so that of two owners who step down at once one is refused: an
organization always has an owner.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialkey.audit import Tag
from dialkey.base.clock import Instant
from dialkey.base.ids import looks_like_id
from dialkey.developers import letters
from dialkey.developers import organizations_store as store
from dialkey.developers.access import Actor, Membership, Role
from dialkey.developers.invitations import INVITATION_LIFETIME, Invitation, Invitations, Invited
from dialkey.developers.notices import NoticeKind, notify
from dialkey.storage import Row, Writer
from dialkey.web.errors import Refusal

__all__ = ["INVITATION_LIFETIME", "Invitation", "Invited", "Member", "Members"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who belongs to an organization."""

    id: str
    account_id: str
    name: str
    email: str
    role: Role
    since: Instant
    me: bool


class Members(Invitations):
    """Use cases; what changes people is for people only (403 `account_only`). Refusals as in `Access`, besides those
    named."""

    async def list_members(self, actor: Actor, organization_id: str) -> list[Member]:
        """By role and name."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        rows = await self._office.storage.read.all(store.MEMBERS, organization_id=organization_id)
        return [_member(row, actor) for row in rows]

    async def get_member(self, actor: Actor, organization_id: str, member_id: str) -> Member:
        """One of them; 404 `no_such_member`."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        row = None
        if looks_like_id(member_id):
            row = await self._office.storage.read.one(store.MEMBER, id=member_id, organization_id=organization_id)
        if row is None:
            raise Refusal(404, "no_such_member")
        return _member(row, actor)

    async def change_role(self, actor: Actor, organization_id: str, member_id: str, role: Role) -> None:
        """Owners. Who is no longer an owner takes their invitations along. 404 `no_such_member`; 409 `last_owner`."""
        actor.person()

        async def unit(writer: Writer) -> None:
            found = await self._hold(writer, actor, organization_id)
            row = await self._get(writer, organization_id, member_id)
            if row.role != role.value:
                await self._set_role(writer, actor, found, row, role)

        await self._write(unit)

    async def remove(self, actor: Actor, organization_id: str, member_id: str) -> None:
        """Owners. They lose access with their next request. 404 `no_such_member`; 409 `last_owner`."""
        account_id, office = actor.person(), self._office

        async def unit(writer: Writer) -> None:
            found = await self._hold(writer, actor, organization_id)
            row = await self._get(writer, organization_id, member_id)
            await self._remove(writer, actor, organization_id, row, Tag.MEMBER_REMOVED)
            if row.account_id != account_id:
                me = await writer.one(store.MEMBER_OF_ACCOUNT, organization_id=organization_id, account_id=account_id)
                letter = letters.removed(found.organization_name, me.name if me else "")
                await office.mail.queue(writer, to=row.email, message=letter, now=office.clock.now())

        await self._write(unit)

    async def leave(self, actor: Actor, organization_id: str) -> None:
        """Anybody; 409 `last_owner`."""
        account_id, office = actor.person(), self._office

        async def unit(writer: Writer) -> None:
            await self._hold(writer, actor, organization_id, role=Role.VIEWER)
            row = await writer.one(store.MEMBER_OF_ACCOUNT, organization_id=organization_id, account_id=account_id)
            if row is None:
                raise Refusal(404, "no_such_organization")
            await self._remove(writer, actor, organization_id, row, Tag.MEMBER_LEFT)
            await notify(
                writer,
                NoticeKind.MEMBER_LEFT,
                entropy=office.entropy,
                now=office.clock.now(),
                organization_id=organization_id,
                path=f"/portal/o/{organization_id}/members",
                data={"who": row.name},
                role=Role.OWNER,
            )

        await self._write(unit)

    async def leave_all(self, actor: Actor) -> None:
        """Before an account is closed. 409 `last_owner` where an organization would be without an owner."""
        rows = await self._office.storage.read.all(store.MINE, account_id=actor.person(), now=self._office.clock.now())
        for row in rows:
            await self.leave(actor, row.organization_id)

    async def transfer(self, actor: Actor, organization_id: str, member_id: str) -> None:
        """Makes a member an owner and the actor a developer, in one transaction. 404 `no_such_member`; 422 `yourself`."""
        account_id = actor.person()

        async def unit(writer: Writer) -> None:
            found = await self._hold(writer, actor, organization_id)
            heir = await self._get(writer, organization_id, member_id)
            if heir.account_id == account_id:
                raise Refusal(422, "yourself", field="member")
            me = await writer.one(store.MEMBER_OF_ACCOUNT, organization_id=organization_id, account_id=account_id)
            assert me is not None
            if heir.role != Role.OWNER.value:
                await self._set_role(writer, actor, found, heir, Role.OWNER)
            await self._set_role(writer, actor, found, me, Role.DEVELOPER)

        await self._write(unit)

    # steps

    async def _get(self, writer: Writer, organization_id: str, member_id: str) -> Row:
        row = await writer.one(store.MEMBER, id=member_id, organization_id=organization_id)
        if row is None:
            raise Refusal(404, "no_such_member")
        return row

    async def _set_role(self, writer: Writer, actor: Actor, organization: Membership, row: Row, role: Role) -> None:
        organization_id, office = organization.organization_id, self._office
        if not await writer.run(store.SET_ROLE, id=row.id, organization_id=organization_id, role=role.value):
            raise Refusal(409, "last_owner")
        if row.role == Role.OWNER.value:
            await writer.run(
                store.WITHDRAW_INVITATIONS_OF, organization_id=organization_id, account_id=row.account_id
            )
        data = {"before": row.role, "after": role.value}
        subject = f"member:{row.id}"
        await office.record(writer, Tag.MEMBER_ROLE_CHANGED, actor, subject, organization_id, data)
        if row.account_id == actor.account_id:
            return
        path = f"/portal/o/{organization_id}"
        await notify(
            writer,
            NoticeKind.ROLE_CHANGED,
            entropy=office.entropy,
            now=office.clock.now(),
            organization_id=organization_id,
            path=path,
            data={"role": role.value},
            account_id=row.account_id,
        )
        if role is Role.OWNER:
            me = await writer.one(
                store.MEMBER_OF_ACCOUNT, organization_id=organization_id, account_id=actor.account_id
            )
            url = office.settings.base_url + path
            letter = letters.made_owner(organization.organization_name, me.name if me else "", url)
            await office.mail.queue(writer, to=row.email, message=letter, now=office.clock.now())

    async def _remove(self, writer: Writer, actor: Actor, organization_id: str, row: Row, tag: Tag) -> None:
        if not await writer.run(store.REMOVE_MEMBER, id=row.id, organization_id=organization_id):
            raise Refusal(409, "last_owner")
        values = {"organization_id": organization_id, "account_id": row.account_id}
        await writer.run(store.WITHDRAW_INVITATIONS_OF, **values)
        await writer.run(store.DROP_NOTICES_OF, **values)
        data = {"role": row.role, "account": row.account_id}
        await self._office.record(writer, tag, actor, f"member:{row.id}", organization_id, data)

def _member(row: Row, actor: Actor) -> Member:
    return Member(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        email=row.email,
        role=Role(row.role),
        since=Instant(row.created_at),
        me=row.account_id == actor.account_id,
    )
