"""Test numbers of organizations: all their SQL."""

from __future__ import annotations

from dialkey.base.clock import Instant
from dialkey.base.entropy import Entropy
from dialkey.base.phone import PhoneNumber
from dialkey.storage import Reader, Row, Statement, Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.model import MOST_NUMBERS, SANDBOX_OPERATOR_ID, ForcedOutcome, SandboxNumber

_COLUMNS = (
    "n.phone_number, n.organization_id, n.subscription_id, n.label, s.locale, n.brand_operator_id, n.sealed_pin,"
    " n.outcome, n.once, n.created_at FROM sandbox_numbers n JOIN subscriptions s ON s.id = n.subscription_id"
)
_LIST = Statement(
    "sandbox_numbers.list",
    f"SELECT {_COLUMNS} WHERE n.organization_id = :organization_id ORDER BY n.created_at, n.position, n.phone_number"
    f" LIMIT {MOST_NUMBERS}",
)
_FIND = Statement("sandbox_numbers.find", f"SELECT {_COLUMNS} WHERE n.phone_number = :number")
_IS_OPEN = Statement("sandboxes.find", "SELECT numbers FROM sandboxes WHERE organization_id = :organization_id")
_OPEN = Statement(
    "sandboxes.open",
    "INSERT INTO sandboxes (organization_id, numbers, opened_at) VALUES (:organization_id, 0, :now)"
    " ON CONFLICT DO NOTHING",
)
_TAKE_ROOM = Statement(
    "sandboxes.take_room",
    "UPDATE sandboxes SET numbers = numbers + :count WHERE organization_id = :organization_id"
    f" AND numbers + :count <= {MOST_NUMBERS} RETURNING numbers",
)
_GIVE_ROOM = Statement(
    "sandboxes.give_room", "UPDATE sandboxes SET numbers = numbers - 1 WHERE organization_id = :organization_id"
)
_OPERATOR = Statement(
    "sandboxes.operator",
    "INSERT INTO operators (id, slug, name, country, locale, accent, icon_id, support, sms_sender, status, created_at)"
    f" VALUES ('{SANDBOX_OPERATOR_ID}', '{SANDBOX_OPERATOR_ID}', 'Test operator', 'ZZ', 'en', '#4b5563', NULL, NULL,"
    " 'Test', 'sandbox', :now) ON CONFLICT DO NOTHING",
)
_ADD = Statement(
    "sandbox_numbers.add",
    "INSERT INTO sandbox_numbers (phone_number, organization_id, subscription_id, label, brand_operator_id, sealed_pin,"
    " outcome, once, position, created_at) VALUES (:number, :organization_id, :subscription_id, '', NULL, NULL, 'none',"
    " 1, :position, :now)",
)
_REMOVE = Statement(
    "sandbox_numbers.remove",
    "DELETE FROM sandbox_numbers WHERE phone_number = :number AND organization_id = :organization_id"
    " RETURNING subscription_id",
)
_MOVE = Statement(
    "sandbox_numbers.move",
    "UPDATE sandbox_numbers SET subscription_id = :subscription_id, outcome = 'none', once = 1"
    " WHERE phone_number = :number",
)
_LABEL = Statement(
    "sandbox_numbers.label",
    "UPDATE sandbox_numbers SET label = :label, brand_operator_id = :brand_operator_id WHERE phone_number = :number",
)
_LOCALE = Statement("subscriptions.set_locale", "UPDATE subscriptions SET locale = :locale WHERE id = :id")
_PIN = Statement(
    "sandbox_numbers.set_pin", "UPDATE sandbox_numbers SET sealed_pin = :sealed_pin WHERE phone_number = :number"
)
_OUTCOME = Statement(
    "sandbox_numbers.set_outcome",
    "UPDATE sandbox_numbers SET outcome = :outcome, once = :once WHERE phone_number = :number",
)
_SPEND = Statement(
    "sandbox_numbers.spend_outcome",
    "UPDATE sandbox_numbers SET outcome = 'none' WHERE phone_number = :number AND outcome = :outcome AND once = 1",
)
_BRAND = Statement("operators.brand", "SELECT id FROM operators WHERE id = :id AND status = 'active'")


class SandboxStore:
    """Rows of `sandbox_numbers` as values. A fixed PIN is sealed at rest under its number."""

    def __init__(self, storage: Storage, keyring: Keyring, entropy: Entropy) -> None:
        self._storage = storage
        self._keyring = keyring
        self._entropy = entropy

    async def list(self, organization_id: str) -> list[SandboxNumber]:
        rows = await self._storage.read.all(_LIST, organization_id=organization_id)
        return [self._number(row) for row in rows]

    async def find(self, reader: Reader, number: PhoneNumber) -> SandboxNumber | None:
        """Whoever's it is; the caller looks at `organization_id`."""
        row = await reader.one(_FIND, number=number)
        return None if row is None else self._number(row)

    async def is_open(self, organization_id: str) -> bool:
        """Whether the organization has had its first numbers."""
        return await self._storage.read.one(_IS_OPEN, organization_id=organization_id) is not None

    async def open(self, writer: Writer, organization_id: str, now: Instant) -> bool:
        """True for the first who opens an organization's sandbox."""
        await writer.run(_OPERATOR, now=now)
        return await writer.run(_OPEN, organization_id=organization_id, now=now) == 1

    async def take_room(self, writer: Writer, organization_id: str, count: int) -> int | None:
        """How many numbers there are with `count` more; None where there is no room for them."""
        row = await writer.one(_TAKE_ROOM, organization_id=organization_id, count=count)
        return None if row is None else row.numbers

    async def add(
        self,
        writer: Writer,
        *,
        number: PhoneNumber,
        organization_id: str,
        subscription_id: str,
        position: int,
        now: Instant,
    ) -> None:
        await writer.run(
            _ADD,
            number=number,
            organization_id=organization_id,
            subscription_id=subscription_id,
            position=position,
            now=now,
        )

    async def remove(self, writer: Writer, organization_id: str, number: PhoneNumber) -> str | None:
        """The subscription that had it; None where the organization has no such number."""
        row = await writer.one(_REMOVE, number=number, organization_id=organization_id)
        if row is None:
            return None
        await writer.run(_GIVE_ROOM, organization_id=organization_id)
        return row.subscription_id

    async def move(self, writer: Writer, number: PhoneNumber, subscription_id: str) -> None:
        """To another subscription, with nothing forced."""
        await writer.run(_MOVE, number=number, subscription_id=subscription_id)

    async def label(
        self, writer: Writer, of: SandboxNumber, *, label: str, locale: str | None, brand_operator_id: str | None
    ) -> None:
        await writer.run(_LABEL, number=of.number, label=label, brand_operator_id=brand_operator_id)
        await writer.run(_LOCALE, id=of.subscription_id, locale=locale)

    async def set_pin(self, writer: Writer, number: PhoneNumber, pin: str | None) -> None:
        sealed = None if pin is None else self._keyring.box().close(self._entropy, _box(number), pin.encode())
        await writer.run(_PIN, number=number, sealed_pin=sealed)

    async def set_outcome(self, writer: Writer, number: PhoneNumber, outcome: ForcedOutcome, *, once: bool) -> None:
        await writer.run(_OUTCOME, number=number, outcome=outcome.value, once=int(once))

    async def spend_outcome(self, writer: Writer, found: SandboxNumber) -> ForcedOutcome:
        """What this sign-in comes to. One that was chosen for the next sign-in only is taken by the first."""
        if found.outcome is ForcedOutcome.NONE or not found.once:
            return found.outcome
        taken = await writer.run(_SPEND, number=found.number, outcome=found.outcome.value)
        return found.outcome if taken else ForcedOutcome.NONE

    async def is_brand(self, reader: Reader, operator_id: str) -> bool:
        """Whether an operator that works here has this id."""
        return await reader.one(_BRAND, id=operator_id) is not None

    def _number(self, row: Row) -> SandboxNumber:
        pin = None if row.sealed_pin is None else self._keyring.open_box(_box(row.phone_number), row.sealed_pin)
        return SandboxNumber(
            number=PhoneNumber(row.phone_number),
            organization_id=row.organization_id,
            subscription_id=row.subscription_id,
            label=row.label,
            locale=row.locale,
            brand_operator_id=row.brand_operator_id,
            pin=None if pin is None else pin.decode(),
            outcome=ForcedOutcome(row.outcome),
            once=bool(row.once),
            created_at=row.created_at,
        )


def _box(number: str) -> str:
    return f"sandbox-pin/{number}"
