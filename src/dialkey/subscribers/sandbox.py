"""The test numbers of organizations: made, labelled, given a fixed PIN or a forced outcome, recycled, removed."""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from dialkey.audit import Tag, record
from dialkey.base.clock import Clock, Instant
from dialkey.base.entropy import Entropy
from dialkey.base.ids import looks_like_id, new_id
from dialkey.base.phone import PhoneNumber
from dialkey.storage import Storage, Writer
from dialkey.storage.engine import Conflict, Unit
from dialkey.storage.keyring import Keyring
from dialkey.subscribers import store
from dialkey.subscribers.model import (
    FIRST_NUMBERS,
    MOST_NUMBERS,
    SANDBOX_OPERATOR_ID,
    ForcedOutcome,
    SandboxNumber,
    SubscriptionStatus,
)
from dialkey.subscribers.numbering import is_test_number, nth_test_number
from dialkey.subscribers.rules import SubscriptionRules
from dialkey.subscribers.sandbox_store import SandboxStore
from dialkey.web.errors import Refusal
from dialkey.web.i18n import LOCALES

T = TypeVar("T")
MAX_LABEL = 60
_SYSTEM = "system:sandbox"
_DRAWS = 5
"""How often numbers are drawn anew where one of them is taken already."""


class SandboxNumbers(SubscriptionRules):
    """Trusted: `actor` is a name for the trail; `developers.Sandbox` asks first whether it may.

    Refusals: 404 `no_such_number` for what is not one of the organization's test numbers.
    """

    def __init__(self, storage: Storage, clock: Clock, entropy: Entropy, keyring: Keyring, *, pin_digits: int) -> None:
        """`pin_digits`: how many a fixed PIN must have."""
        super().__init__(storage, clock, entropy)
        self._digits = pin_digits
        self.store = SandboxStore(storage, keyring, entropy)

    async def list_or_open(self, organization_id: str) -> Sequence[SandboxNumber]:
        """All numbers, the oldest first. The first ten are made when this is asked for the first time; not again where
        they were removed."""
        numbers = await self.store.list(organization_id)
        if not numbers:
            if not await self.store.is_open(organization_id):
                await self._draw(organization_id, FIRST_NUMBERS, _SYSTEM, first=True)
            numbers = await self.store.list(organization_id)
        return numbers

    async def get(self, organization_id: str, number: str) -> SandboxNumber:
        """`number` in E.164 form, with or without its plus sign."""
        number = number if number.startswith("+") else f"+{number}"
        found = None
        if is_test_number(number):
            found = await self.store.find(self._storage.read, PhoneNumber(number))
        if found is None or found.organization_id != organization_id:
            raise Refusal(404, "no_such_number")
        return found

    async def add(self, *, actor: str, organization_id: str, count: int) -> Sequence[SandboxNumber]:
        """So many new ones. 409 `sandbox_full` where there would be more than a hundred; 422 `count`."""
        if not 1 <= count <= MOST_NUMBERS:
            raise Refusal(422, "count", field="count")
        made = set(await self._draw(organization_id, count, actor))
        return [number for number in await self.store.list(organization_id) if number.number in made]

    async def remove(self, *, actor: str, organization_id: str, number: str) -> None:
        """For good: its sessions, grants and consents end, and there is room for another number."""
        found, now = await self.get(organization_id, number), self._clock.now()

        async def unit(writer: Writer) -> None:
            subscription_id = await self.store.remove(writer, organization_id, found.number)
            if subscription_id is None:
                raise Refusal(404, "no_such_number")
            await self._end(writer, actor, await self._require(writer, subscription_id), now)
            await self._line(writer, Tag.SANDBOX_NUMBER_REMOVED, actor, organization_id, subscription_id)

        await self._storage.write(unit)

    async def label(
        self,
        *,
        actor: str,
        organization_id: str,
        number: str,
        label: str,
        locale: str | None,
        brand_operator_id: str | None,
    ) -> SandboxNumber:
        """Its name, the language of its messages, and whose brand the consent page shows. 422 `label`, `locale`,
        `brand` (an operator that is not there)."""
        label = label.strip()
        if len(label) > MAX_LABEL or any(unicodedata.category(character)[0] == "C" for character in label):
            raise Refusal(422, "label", field="label")
        if locale is not None and locale not in LOCALES:
            raise Refusal(422, "locale", field="locale")

        async def change(writer: Writer, found: SandboxNumber) -> None:
            brand = brand_operator_id
            if brand is not None and (not looks_like_id(brand) or not await self.store.is_brand(writer, brand)):
                raise Refusal(422, "brand", field="brand")
            await self.store.label(writer, found, label=label, locale=locale, brand_operator_id=brand)

        return await self._change(actor, organization_id, number, "label", change)

    async def set_pin(self, *, actor: str, organization_id: str, number: str, pin: str | None) -> SandboxNumber:
        """The same PIN every time, or None for new ones. 422 `pin` unless it has as many digits as all PINs here."""
        if pin is not None and not (len(pin) == self._digits and pin.isascii() and pin.isdigit()):
            raise Refusal(422, "pin", field="pin", digits=self._digits)

        async def change(writer: Writer, found: SandboxNumber) -> None:
            await self.store.set_pin(writer, found.number, pin)

        return await self._change(actor, organization_id, number, "fixed_pin" if pin else "no_fixed_pin", change)

    async def set_outcome(
        self, *, actor: str, organization_id: str, number: str, outcome: ForcedOutcome, once: bool
    ) -> SandboxNumber:
        """What the next sign-in comes to, or every one until it is reset. A subscription is suspended at once and until
        it is reset."""
        now, once = self._clock.now(), once and outcome is not ForcedOutcome.SUSPENDED

        async def change(writer: Writer, found: SandboxNumber) -> None:
            await self.store.set_outcome(writer, found.number, outcome, once=once)
            of = await self._require(writer, found.subscription_id)
            if outcome is ForcedOutcome.SUSPENDED:
                await self._switch(writer, actor, of.id, store.SUSPEND, Tag.SUBSCRIPTION_SUSPENDED, now)
            elif of.status is SubscriptionStatus.SUSPENDED:
                await self._switch(writer, actor, of.id, store.RESUME, Tag.SUBSCRIPTION_RESUMED, now)

        return await self._change(actor, organization_id, number, outcome.value, change)

    async def recycle(self, *, actor: str, organization_id: str, number: str) -> SandboxNumber:
        """The number goes to somebody else, as when an operator gives it to a new customer: whoever had it keeps nothing,
        and the next sign-in has another subject. Its label and its PIN stay; a forced outcome does not."""
        found, now = await self.get(organization_id, number), self._clock.now()

        async def unit(writer: Writer) -> None:
            before = await self.store.find(writer, found.number)
            if before is None or before.organization_id != organization_id:
                raise Refusal(404, "no_such_number")
            await self._take_number(writer, actor, before.number, now)
            new = await self._new(writer, before.number, organization_id, before.locale, now)
            await self.store.move(writer, before.number, new)
            await self._line(writer, Tag.SANDBOX_NUMBER_RECYCLED, actor, organization_id, new)

        await self._write(unit)
        return await self.get(organization_id, number)

    async def _draw(
        self, organization_id: str, count: int, actor: str, *, first: bool = False
    ) -> Sequence[PhoneNumber]:
        """Makes `count` numbers that nobody has; `first`: only where the organization has had none before."""
        now = self._clock.now()

        async def unit(writer: Writer) -> list[PhoneNumber]:
            opened = await self.store.open(writer, organization_id, now)
            if first and not opened:
                return []
            if await self.store.take_room(writer, organization_id, count) is None:
                raise Refusal(409, "sandbox_full", most=MOST_NUMBERS)
            drawn: dict[PhoneNumber, None] = {}
            while len(drawn) < count:
                drawn[nth_test_number(int.from_bytes(self._entropy.take(8)))] = None
            for position, number in enumerate(drawn):
                subscription_id = await self._new(writer, number, organization_id, None, now)
                await self.store.add(
                    writer,
                    number=number,
                    organization_id=organization_id,
                    subscription_id=subscription_id,
                    position=position,
                    now=now,
                )
            await record(
                writer,
                Tag.SANDBOX_NUMBERS_ADDED,
                entropy=self._entropy,
                now=now,
                actor=actor,
                subject=f"organization:{organization_id}",
                organization_id=organization_id,
                data={"count": count},
            )
            return list(drawn)

        for _ in range(_DRAWS - 1):
            try:
                return await self._storage.write(unit)
            except Conflict:
                continue
        return await self._write(unit)

    async def _new(
        self, writer: Writer, number: PhoneNumber, organization_id: str, locale: str | None, now: Instant
    ) -> str:
        """A subscription with this number; its id."""
        subscription_id = new_id(self._entropy)
        await writer.run(
            store.ADD,
            id=subscription_id,
            operator_id=SANDBOX_OPERATOR_ID,
            phone_number=number,
            locale=locale,
            sandbox=1,
            organization_id=organization_id,
            now=now,
        )
        return subscription_id

    async def _change(
        self,
        actor: str,
        organization_id: str,
        number: str,
        what: str,
        change: Callable[[Writer, SandboxNumber], Awaitable[None]],
    ) -> SandboxNumber:
        found = await self.get(organization_id, number)

        async def unit(writer: Writer) -> SandboxNumber:
            before = await self.store.find(writer, found.number)
            if before is None or before.organization_id != organization_id:
                raise Refusal(404, "no_such_number")
            await change(writer, before)
            await self._line(writer, Tag.SANDBOX_NUMBER_CHANGED, actor, organization_id, before.subscription_id, what)
            after = await self.store.find(writer, found.number)
            assert after is not None
            return after

        return await self._storage.write(unit)

    async def _write(self, unit: Unit[T]) -> T:
        try:
            return await self._storage.write(unit)
        except Conflict:
            raise Refusal(409, "changed_meanwhile") from None

    async def _line(
        self, writer: Writer, tag: Tag, actor: str, organization_id: str, subscription_id: str, what: str = ""
    ) -> None:
        """One line of the organization's trail, without the number."""
        await record(
            writer,
            tag,
            entropy=self._entropy,
            now=self._clock.now(),
            actor=actor,
            subject=f"subscription:{subscription_id}",
            organization_id=organization_id,
            data={"what": what} if what else None,
        )
