"""Invitations: an address that was asked to join an organization.

A token is worth nothing without the account that has proved to own the invited address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from dialkey.accounts import emails
from dialkey.audit import Tag
from dialkey.base.clock import DAY, MINUTE, Instant, after
from dialkey.base.entropy import random_text
from dialkey.base.ids import new_id
from dialkey.developers import letters
from dialkey.developers import organizations_store as store
from dialkey.developers.access import Actor, Membership, Role
from dialkey.developers.notices import NoticeKind, notify
from dialkey.developers.office import Office
from dialkey.storage import Writer
from dialkey.storage.engine import Unit
from dialkey.web.errors import Refusal

T = TypeVar("T")
INVITATION_LIFETIME = 7 * DAY
RESEND_PAUSE = 10 * MINUTE
MOST_INVITATIONS_A_DAY = 50
"""Mails with an invitation that one organization may cause in 24 hours."""
MOST_MEMBERS = 500
TOKEN_LENGTH = 43
"""Characters of an invitation's token: 32 random bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An address that was asked to join."""

    id: str
    email: str
    role: Role
    invited_by: str
    """The name of who did."""
    sent_at: Instant
    expires_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """What the holder of an invitation's token is shown before they accept."""

    organization_id: str
    organization_name: str
    role: Role
    invited_by: str
    expires_at: Instant
    mine: bool
    """The asker's verified address is the one that was invited."""


class Invitations:
    """Use cases; the part of `Members` about who is not one yet."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def list_invitations(self, actor: Actor, organization_id: str) -> list[Invitation]:
        """Those that can still be accepted, and those that ran out in the last week."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        rows = await self._office.storage.read.all(store.INVITATIONS, organization_id=organization_id)
        return [
            Invitation(
                id=row.id,
                email=row.email,
                role=Role(row.role),
                invited_by=row.invited_by,
                sent_at=Instant(row.sent_at),
                expires_at=Instant(row.expires_at),
            )
            for row in rows
        ]

    async def invite(self, actor: Actor, organization_id: str, *, email: str, role: Role) -> str:
        """Owners. Gives the invitation's id; its token leaves by mail only. 409 `member_exists`, `invited_already`,
        `too_many_members`; 422 `email`; 429 `too_many_invitations`."""
        account_id, email = actor.person(), normalized(email)
        office, now = self._office, self._office.clock.now()
        invitation_id, token = new_id(office.entropy), random_text(office.entropy, 32)

        async def unit(writer: Writer) -> str:
            found = await self._hold(writer, actor, organization_id)
            if await writer.one(store.IS_MEMBER, organization_id=organization_id, email=email) is not None:
                raise Refusal(409, "member_exists", field="email")
            await self._check_room(writer, organization_id, now)
            added = await writer.run(
                store.ADD_INVITATION,
                id=invitation_id,
                organization_id=organization_id,
                email=email,
                role=role.value,
                token_digest=self._digest(token),
                invited_by=account_id,
                now=now,
                expires_at=after(now, INVITATION_LIFETIME),
            )
            if not added:
                raise Refusal(409, "invited_already", field="email")
            data = {"role": role.value}
            subject = f"invitation:{invitation_id}"
            await office.record(writer, Tag.MEMBER_INVITED, actor, subject, organization_id, data)
            await self._send(writer, account_id, found, email, role, token)
            return invitation_id

        return await self._write(unit)

    async def resend(self, actor: Actor, organization_id: str, invitation_id: str) -> None:
        """Owners. A new token, good for a week; the one before it is void. 404 `no_such_invitation`; 429 `too_soon`."""
        account_id, office, now = actor.person(), self._office, self._office.clock.now()
        token = random_text(office.entropy, 32)

        async def unit(writer: Writer) -> None:
            found = await self._hold(writer, actor, organization_id)
            row = await writer.one(store.INVITATION, id=invitation_id, organization_id=organization_id)
            if row is None:
                raise Refusal(404, "no_such_invitation")
            await self._check_room(writer, organization_id, now)
            sent = await writer.run(
                store.RESEND_INVITATION,
                id=invitation_id,
                organization_id=organization_id,
                token_digest=self._digest(token),
                invited_by=account_id,
                now=now,
                before=now - RESEND_PAUSE,
                expires_at=after(now, INVITATION_LIFETIME),
            )
            if not sent:
                raise Refusal(429, "too_soon")
            subject = f"invitation:{invitation_id}"
            await office.record(writer, Tag.MEMBER_INVITED_AGAIN, actor, subject, organization_id)
            await self._send(writer, account_id, found, row.email, Role(row.role), token)

        await self._write(unit)

    async def withdraw(self, actor: Actor, organization_id: str, invitation_id: str) -> None:
        """Owners. 404 `no_such_invitation`."""
        actor.person()

        async def unit(writer: Writer) -> None:
            await self._hold(writer, actor, organization_id)
            if not await writer.run(store.WITHDRAW_INVITATION, id=invitation_id, organization_id=organization_id):
                raise Refusal(404, "no_such_invitation")
            subject = f"invitation:{invitation_id}"
            await self._office.record(writer, Tag.MEMBER_UNINVITED, actor, subject, organization_id)

        await self._write(unit)

    async def find_invited(self, actor: Actor | None, token: str) -> Invited | None:
        """What the token invites to, for whoever holds it, signed in or not; None for one that is unknown, used,
        withdrawn or too old."""
        if len(token) != TOKEN_LENGTH:
            return None
        row = await self._office.storage.read.one(
            store.INVITED,
            token_digest=self._digest(token),
            account_id="" if actor is None else actor.person(),
            now=self._office.clock.now(),
        )
        if row is None:
            return None
        return Invited(
            organization_id=row.organization_id,
            organization_name=row.organization_name,
            role=Role(row.role),
            invited_by=row.invited_by,
            expires_at=Instant(row.expires_at),
            mine=bool(row.mine),
        )

    async def accept(self, actor: Actor, token: str) -> str:
        """Spends the token and gives the organization's id. Only an account whose verified address is exactly the invited
        one: 403 `other_address`; 404 `no_such_invitation`."""
        account_id, office, now = actor.person(), self._office, self._office.clock.now()
        digest = self._digest(token)

        async def unit(writer: Writer) -> str:
            seen = await writer.one(store.INVITED, token_digest=digest, account_id=account_id, now=now)
            if seen is None:
                raise Refusal(404, "no_such_invitation")
            if not seen.mine:
                raise Refusal(403, "other_address")
            organization_id = seen.organization_id
            held = await writer.one(store.TOUCH, id=organization_id, now=now)
            spent = await writer.one(store.SPEND_INVITATION, token_digest=digest, account_id=account_id, now=now)
            if held is None or held.deleted_at is not None or spent is None:
                raise Refusal(404, "no_such_invitation")
            member_id, role = new_id(office.entropy), Role(spent.role)
            joined = await writer.run(
                store.ADD_MEMBER,
                id=member_id,
                organization_id=organization_id,
                account_id=account_id,
                role=role.value,
                now=now,
            )
            if joined:
                data = {"role": role.value, "invitation": spent.id}
                await office.record(writer, Tag.MEMBER_ADDED, actor, f"member:{member_id}", organization_id, data)
                await self._tell_inviter(writer, organization_id, held.name, account_id, spent.invited_by, role)
            return organization_id

        return await self._write(unit)

    # steps

    async def _hold(
        self, writer: Writer, actor: Actor, organization_id: str, *, role: Role = Role.OWNER
    ) -> Membership:
        """Holds the organization's row, then looks at the actor's role: nobody can change it any more."""
        await writer.one(store.TOUCH, id=organization_id, now=self._office.clock.now())
        return await self._office.access.organization(actor, organization_id, role, within=writer)

    async def _check_room(self, writer: Writer, organization_id: str, now: Instant) -> None:
        row = await writer.one(store.MEMBER_COUNT, organization_id=organization_id)
        if row is not None and row.members >= MOST_MEMBERS:
            raise Refusal(409, "too_many_members", most=MOST_MEMBERS)
        row = await writer.one(store.INVITATIONS_SENT, organization_id=organization_id, since=now - DAY)
        if row is not None and row.sent >= MOST_INVITATIONS_A_DAY:
            raise Refusal(429, "too_many_invitations", most=MOST_INVITATIONS_A_DAY)

    async def _send(
        self, writer: Writer, account_id: str, organization: Membership, email: str, role: Role, token: str
    ) -> None:
        me = await writer.one(
            store.MEMBER_OF_ACCOUNT, organization_id=organization.organization_id, account_id=account_id
        )
        url = f"{self._office.settings.base_url}/portal/invitations?token={token}"
        name = organization.organization_name
        letter = letters.invitation(name, me.name if me else "", role, url, INVITATION_LIFETIME)
        await self._office.mail.queue(writer, to=email, message=letter, now=self._office.clock.now())

    async def _tell_inviter(
        self, writer: Writer, organization_id: str, name: str, account_id: str, inviter_id: str, role: Role
    ) -> None:
        office = self._office
        path = f"/portal/o/{organization_id}/members"
        me = await writer.one(store.MEMBER_OF_ACCOUNT, organization_id=organization_id, account_id=account_id)
        inviter = await writer.one(store.MEMBER_OF_ACCOUNT, organization_id=organization_id, account_id=inviter_id)
        who = me.name if me else ""
        await notify(
            writer,
            NoticeKind.INVITATION_ACCEPTED,
            entropy=office.entropy,
            now=office.clock.now(),
            organization_id=organization_id,
            path=path,
            data={"who": who, "role": role.value},
            role=Role.OWNER,
            besides=account_id,
        )
        if inviter is not None:
            letter = letters.joined(name, who, role, office.settings.base_url + path)
            await office.mail.queue(writer, to=inviter.email, message=letter, now=office.clock.now())

    def _digest(self, token: str) -> str:
        return self._office.keyring.digest("invitation", token)

    async def _write(self, unit: Unit[T]) -> T:
        done = await self._office.storage.write(unit)
        self._office.mail.wake()
        return done


def normalized(email: str) -> str:
    """An address as accounts keep it; Refusal 422 `email` for what is none."""
    address = emails.normalized(email)
    if address is None:
        raise Refusal(422, "email", field="email")
    return address
