"""The outbox: a mail is queued in the transaction that causes it, sealed at rest, and gone once it was delivered."""

from __future__ import annotations

from typing import Protocol

import msgspec

from dialkey.base.clock import DAY, Clock, Instant, after
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_id
from dialkey.jobs import enqueue
from dialkey.mail.model import Letter, Message
from dialkey.mail.parts import checked, recipient
from dialkey.mail.store import MailStore, Sealed, Stored
from dialkey.settings import Settings
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import Keyring

SEND = "mail.send"
LIFETIME = 2 * DAY
"""A mail that could not be delivered within this time is dropped: what it says is old."""
MAILBOX_LIFETIME = DAY


class Waker(Protocol):
    """Has the worker of this process look now."""

    def wake(self) -> None: ...


class Mail:
    """Queues mails, and shows those that the virtual mailbox holds."""

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        waker: Waker | None = None,
    ) -> None:
        """`waker` is the worker of this process, or who wakes it."""
        self._storage = storage
        self._route = settings.mail_route
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._waker = waker
        self._store = MailStore(keyring)

    async def queue(self, writer: Writer, *, to: str, message: Message, now: Instant) -> str:
        """Queues one mail to one address in the caller's transaction and gives its id; awaits nothing but `writer`.
        Raises Unmailable. Call `wake` once that is committed, or leave it: a worker looks every second."""
        checked(message)
        id = new_id(self._entropy)
        content = Sealed(to=recipient(to), subject=message.subject, text=message.text)
        kept = self._route == "mailbox"
        stored = Stored(
            id=id,
            kind=message.kind,
            sealed=self._keyring.box().close(self._entropy, f"mail/{id}", msgspec.json.encode(content)),
            queued_at=now,
            delivered_at=now if kept else None,
            expires_at=after(now, MAILBOX_LIFETIME if kept else LIFETIME),
        )
        await self._store.add(writer, stored)
        if not kept:
            await enqueue(writer, entropy=self._entropy, kind=SEND, payload={"mail": id}, now=now)
        return id

    def wake(self) -> None:
        """Has the worker of this process look now."""
        if self._waker is not None:
            self._waker.wake()

    async def list_letters(self, *, after: str | None = None, limit: int = 50) -> list[Letter]:
        """The virtual mailbox, the latest first; the next page starts `after` the last one's id. Empty unless
        `mail.route` is `mailbox`."""
        if self._route != "mailbox":
            return []
        return await self._store.list_delivered(self._storage.read, after=after, limit=limit, now=self._clock.now())

    async def find_letter(self, mail_id: str) -> Letter | None:
        """One mail of the virtual mailbox."""
        if self._route != "mailbox":
            return None
        return await self._store.find_delivered(self._storage.read, mail_id, now=self._clock.now())
