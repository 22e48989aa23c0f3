"""Use cases of organizations over a test's database: accounts by a row, mails that are read back."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dialkey.base.ids import new_id
from dialkey.developers.access import Access, Actor
from dialkey.developers.keys import ApiKeys
from dialkey.developers.members import Members
from dialkey.developers.notices import Notices
from dialkey.developers.office import Office
from dialkey.developers.organizations import Organizations
from dialkey.developers.trail import Trail
from dialkey.developers.webhooks import Webhooks
from dialkey.mail.outbox import Mail
from dialkey.settings import Settings
from dialkey.storage import Statement, Storage, Writer
from dialkey.storage.keyring import Keyring

_ADD = Statement(
    "tests.account", "INSERT INTO accounts (id, email, name, created_at) VALUES (:id, :email, :name, :now)"
)
_CLOSE = Statement(
    "tests.close", "UPDATE accounts SET email = 'closed:' || id, name = '', closed_at = 1 WHERE id = :id"
)
_EMAIL = Statement("tests.email", "UPDATE accounts SET email = :email WHERE id = :id")
_WHO = Statement("tests.who", "SELECT email FROM accounts WHERE id = :id")
_MAILS = Statement("tests.mails", "SELECT id, kind, sealed FROM mail_messages ORDER BY queued_at, id")
_EVENTS = Statement("tests.events", "SELECT tag, actor, subject, data FROM audit_events ORDER BY at, id")


class Bureau:
    """Every use-case class, and the people who use them."""

    def __init__(self, storage: Storage, settings: Settings, keyring: Keyring, clock: Any, entropy: Any) -> None:
        self.storage, self.keyring, self.clock, self.entropy = storage, keyring, clock, entropy
        self.access = Access(storage)
        self.office = Office(
            settings=settings,
            storage=storage,
            clock=clock,
            entropy=entropy,
            keyring=keyring,
            access=self.access,
            mail=Mail(storage, settings, keyring, clock, entropy),
        )
        self.organizations = Organizations(self.office)
        self.members = Members(self.office)
        self.keys = ApiKeys(self.office)
        self.trail = Trail(self.office)
        self.notices = Notices(self.office)
        self.webhooks = Webhooks(self.office)

    async def person(self, name: str, email: str | None = None) -> Actor:
        """Somebody with an account."""
        id = new_id(self.entropy)
        email = email or f"{name.lower()}@voicebox.example"
        await self.run(_ADD, id=id, email=email, name=name, now=self.clock.now())
        return Actor.account(id)

    async def close(self, actor: Actor) -> None:
        await self.run(_CLOSE, id=actor.id)

    async def move(self, actor: Actor, email: str) -> None:
        await self.run(_EMAIL, id=actor.id, email=email)

    async def run(self, statement: Statement, **values: Any) -> None:
        async def unit(writer: Writer) -> None:
            await writer.run(statement, **values)

        await self.storage.write(unit)

    async def join(self, owner: Actor, organization_id: str, person: Actor, role: Any) -> str:
        """Invites an account's own address and accepts; gives the member's id."""
        row = await self.storage.read.one(_WHO, id=person.id)
        await self.members.invite(owner, organization_id, email=row.email, role=role)
        await self.members.accept(person, await self.token(row.email))
        members = await self.members.list_members(owner, organization_id)
        return next(member.id for member in members if member.account_id == person.id)

    async def mails(self) -> list[tuple[str, str, str, str]]:
        """(kind, to, subject, text), the oldest first."""
        found = []
        for row in await self.storage.read.all(_MAILS):
            content = msgspec.json.decode(self.keyring.open_box(f"mail/{row.id}", row.sealed))
            found.append((row.kind, content["to"], content["subject"], content["text"]))
        return found

    async def token(self, to: str) -> str:
        """Of the newest invitation to an address. Mails of one instant have no order: move the clock between two."""
        tokens = [
            re.search(r"token=([\w-]+)", text)[1]  # type: ignore[index]
            for kind, address, _, text in await self.mails()
            if kind == "invitation" and address == to
        ]
        return tokens[-1]

    async def events(self) -> list[Any]:
        return await self.storage.read.all(_EVENTS)
