"""The virtual handset's SQL: its messages, and which numbers are test numbers."""

from __future__ import annotations

from dialkey.base.clock import DAY, Clock, Instant
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_id
from dialkey.base.phone import PhoneNumber
from dialkey.sms.model import Handset, Received, Sms
from dialkey.storage import Row, Statement, Storage, Writer
from dialkey.storage.keyring import Keyring

MESSAGE_LIFETIME = DAY
MOST_MESSAGES = 50

# The guard says once more what `Sms.sandbox` said: nobody's real messages lie on a page that others can open.
_KEEP = Statement(
    "handset.keep",
    "INSERT INTO handset_messages (id, phone_number, sender, sealed_body, received_at, expires_at)"
    " SELECT :id, phone_number, :sender, :sealed_body, :now, :expires_at FROM subscriptions"
    " WHERE phone_number = :number AND sandbox = 1",
)
_MESSAGES = Statement(
    "handset.messages",
    "SELECT id, sender, sealed_body, received_at FROM handset_messages WHERE phone_number = :number"
    " AND received_at >= :since AND expires_at > :now ORDER BY received_at DESC, id LIMIT :most",
)
_HANDSET = Statement(
    "handset.find",
    "SELECT o.name AS operator FROM subscriptions s JOIN operators o ON o.id = s.operator_id"
    " WHERE s.phone_number = :number AND s.sandbox = 1 AND s.organization_id IS NULL",
)
_HANDSETS = Statement(
    "handset.list",
    "SELECT s.phone_number, o.name AS operator, m.id, m.sender, m.sealed_body, m.received_at FROM subscriptions s"
    " JOIN operators o ON o.id = s.operator_id"
    " LEFT JOIN (SELECT phone_number, MAX(received_at) AS at FROM handset_messages WHERE expires_at > :now"
    " GROUP BY phone_number) newest ON newest.phone_number = s.phone_number"
    " LEFT JOIN handset_messages m ON m.phone_number = newest.phone_number AND m.received_at = newest.at"
    " WHERE s.sandbox = 1 AND s.phone_number IS NOT NULL AND s.organization_id IS NULL"
    " ORDER BY COALESCE(m.received_at, 0) DESC, s.phone_number, m.id LIMIT :most",
)


class HandsetStore:
    """Messages to test numbers. Their text is sealed at rest under its row's id."""

    def __init__(self, storage: Storage, keyring: Keyring, clock: Clock, entropy: Entropy) -> None:
        self._storage = storage
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy

    async def keep(self, sms: Sms) -> str | None:
        """Stores the message for a day and gives its id; None where the number is not a test number."""
        id = new_id(self._entropy)
        now = self._clock.now()
        sealed = self._keyring.box().close(self._entropy, f"handset/{id}", sms.text.encode())

        async def unit(writer: Writer) -> int:
            return await writer.run(
                _KEEP,
                id=id,
                number=sms.to,
                sender=sms.sender,
                sealed_body=sealed,
                now=now,
                expires_at=now + MESSAGE_LIFETIME,
            )

        return id if await self._storage.write(unit) else None

    async def find_handset(self, number: PhoneNumber) -> Handset | None:
        """A test number of an operator. Those of organizations are no business of who asks here."""
        row = await self._storage.read.one(_HANDSET, number=number)
        return None if row is None else Handset(number=number, operator=row.operator)

    async def list_handsets(self, most: int) -> list[Handset]:
        """The test numbers of operators, those with the latest messages first."""
        handsets: dict[str, Handset] = {}
        # two messages of one millisecond are two rows of one number
        for row in await self._storage.read.all(_HANDSETS, now=self._clock.now(), most=2 * most):
            if row.phone_number not in handsets:
                last = None if row.id is None else self._open(row)
                handsets[row.phone_number] = Handset(number=row.phone_number, operator=row.operator, last=last)
        return list(handsets.values())[:most]

    async def list_messages(self, number: PhoneNumber, *, since: Instant | None = None) -> list[Received]:
        """Those received at `since` or later, the latest first."""
        rows = await self._storage.read.all(
            _MESSAGES, number=number, since=since or 0, now=self._clock.now(), most=MOST_MESSAGES
        )
        return [message for row in rows if (message := self._open(row)) is not None]

    def _open(self, row: Row) -> Received | None:
        """None where the key that closed it is gone."""
        text = self._keyring.open_box(f"handset/{row.id}", row.sealed_body)
        if text is None:
            return None
        return Received(id=row.id, sender=row.sender, text=text.decode(), received_at=row.received_at)
