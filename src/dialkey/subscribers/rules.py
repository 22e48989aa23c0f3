"""Use cases of subscriptions: each is one transaction with its line in the audit trail, which never holds a number."""

from __future__ import annotations

from dialkey.audit import Tag, record
from dialkey.base.clock import Clock, Instant
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_id
from dialkey.base.phone import PhoneNumber
from dialkey.storage import Statement, Storage, Writer
from dialkey.storage.engine import Conflict
from dialkey.subscribers import store
from dialkey.subscribers.model import Subscription, SubscriptionStatus
from dialkey.subscribers.numbering import is_test_number
from dialkey.subscribers.store import SubscriberStore, end_everything_of, end_sign_ins_of
from dialkey.web.errors import Refusal


class SubscriptionRules:
    """The ground of all use cases: what may happen to a subscription, inside the caller's transaction."""

    def __init__(self, storage: Storage, clock: Clock, entropy: Entropy) -> None:
        self._storage = storage
        self._clock = clock
        self._entropy = entropy
        self._store = SubscriberStore(storage)

    async def _add(
        self,
        writer: Writer,
        actor: str,
        operator_id: str,
        number: PhoneNumber,
        locale: str | None,
        *,
        sandbox: bool,
        organization_id: str | None = None,
    ) -> Subscription:
        now, subscription_id = self._clock.now(), new_id(self._entropy)
        await writer.run(
            store.ADD,
            id=subscription_id,
            operator_id=operator_id,
            phone_number=number,
            locale=locale,
            sandbox=int(sandbox),
            organization_id=organization_id,
            now=now,
        )
        await self._record(writer, Tag.SUBSCRIPTION_CREATED, actor, subscription_id, operator_id, now)
        return Subscription(
            id=subscription_id,
            operator_id=operator_id,
            status=SubscriptionStatus.ACTIVE,
            phone_number=number,
            number_since=now,
            locale=locale,
            sandbox=sandbox,
            organization_id=organization_id,
        )

    async def _switch(
        self, writer: Writer, actor: str, subscription_id: str, statement: Statement, tag: Tag, now: Instant
    ) -> None:
        """Suspends or resumes; nothing happens where it was so before."""
        row = await writer.one(statement, id=subscription_id)
        if row is None:
            return
        data = {}
        if tag is Tag.SUBSCRIPTION_SUSPENDED:
            sessions, grants = await end_sign_ins_of(
                writer, subscription_id, now, tag.value, entropy=self._entropy
            )
            data = {"sessions": sessions, "grants": grants}
        await self._record(writer, tag, actor, subscription_id, row.operator_id, now, data)

    async def _take_number(self, writer: Writer, actor: str, number: PhoneNumber, now: Instant) -> None:
        """Whoever has the number keeps a row without it, ended in every respect."""
        old = await writer.one(store.TAKE_NUMBER, phone_number=number, now=now)
        if old is not None:
            await self._remember(writer, old.id, number, old.number_since, now)
            await self._end_everything(writer, Tag.NUMBER_REASSIGNED, actor, old.id, old.operator_id, now)

    async def _end(self, writer: Writer, actor: str, before: Subscription, now: Instant) -> None:
        """For good."""
        if await writer.one(store.END, id=before.id, phone_number=before.phone_number, now=now) is None:
            raise Refusal(409, "changed_meanwhile")
        await self._close_number(writer, before, now)
        await self._end_everything(writer, Tag.SUBSCRIPTION_ENDED, actor, before.id, before.operator_id, now)

    async def _require(self, writer: Writer, subscription_id: str) -> Subscription:
        found = await self._store.find(writer, subscription_id)
        if found is None or found.status is SubscriptionStatus.ENDED:
            raise Refusal(404, "no_such_subscription")
        return found

    async def _close_number(self, writer: Writer, before: Subscription, now: Instant) -> Instant:
        """Writes the number that ends into the history; gives the moment from which another one may begin."""
        if before.phone_number is None:
            return now
        return await self._remember(writer, before.id, before.phone_number, before.number_since, now)

    async def _remember(
        self, writer: Writer, subscription_id: str, number: PhoneNumber, since: Instant, now: Instant
    ) -> Instant:
        until = Instant(max(now, since + 1))  # two changes in one millisecond are still two lines
        await writer.run(
            store.REMEMBER_NUMBER, subscription_id=subscription_id, phone_number=number, from_at=since, until_at=until
        )
        return until

    async def _end_everything(
        self, writer: Writer, tag: Tag, actor: str, subscription_id: str, operator_id: str, now: Instant
    ) -> None:
        sessions, grants, consents = await end_everything_of(
            writer, subscription_id, now, tag.value, entropy=self._entropy
        )
        data = {"sessions": sessions, "grants": grants, "consents": consents}
        await self._record(writer, tag, actor, subscription_id, operator_id, now, data)

    async def _record(
        self,
        writer: Writer,
        tag: Tag,
        actor: str,
        subscription_id: str,
        operator_id: str,
        now: Instant,
        data: dict[str, int] | None = None,
    ) -> None:
        await record(
            writer,
            tag,
            entropy=self._entropy,
            now=now,
            actor=actor,
            subject=f"subscription:{subscription_id}",
            operator_id=operator_id,
            data=data,
        )


class Subscribers(SubscriptionRules):
    """What an operator tells of its subscribers. Refusals: 404 `no_such_subscription`, 409 `number_taken` where
    another subscription has the number, 409 `changed_meanwhile` where two changes met, 422 `test_number` for a number
    that no operator can have."""

    async def add(
        self,
        *,
        actor: str,
        operator_id: str,
        number: PhoneNumber,
        locale: str | None = None,
        sandbox: bool = False,
    ) -> Subscription:
        """A new subscription with a number that nobody has."""
        _refuse_test_number(number)

        async def unit(writer: Writer) -> Subscription:
            return await self._add(writer, actor, operator_id, number, locale, sandbox=sandbox)

        try:
            return await self._storage.write(unit)
        except Conflict:
            raise Refusal(409, "number_taken") from None

    async def change_number(self, *, actor: str, subscription_id: str, new: PhoneNumber) -> Subscription:
        """The same subscription, the same subject, another number; sessions and grants go on."""
        _refuse_test_number(new)
        now = self._clock.now()

        async def unit(writer: Writer) -> Subscription:
            before = await self._require(writer, subscription_id)
            if before.phone_number == new:
                return before
            since = await self._close_number(writer, before, now)
            values = {"id": before.id, "old": before.phone_number, "new": new, "since": since}
            if not await writer.run(store.CHANGE_NUMBER, **values):
                raise Refusal(409, "changed_meanwhile")
            await self._record(writer, Tag.SUBSCRIPTION_NUMBER_CHANGED, actor, before.id, before.operator_id, now)
            return await self._require(writer, before.id)

        try:
            return await self._storage.write(unit)
        except Conflict:
            raise Refusal(409, "number_taken") from None

    async def suspend(self, *, actor: str, subscription_id: str) -> None:
        """Signing in is refused; sessions and grants end. Consents stay, for when it is resumed."""
        await self._switch_one(actor, subscription_id, store.SUSPEND, Tag.SUBSCRIPTION_SUSPENDED)

    async def resume(self, *, actor: str, subscription_id: str) -> None:
        """Signing in works again. What was ended stays ended."""
        await self._switch_one(actor, subscription_id, store.RESUME, Tag.SUBSCRIPTION_RESUMED)

    async def end(self, *, actor: str, subscription_id: str) -> None:
        """For good: sessions, grants and consents end, the number is free, and the subject is never used again."""
        now = self._clock.now()

        async def unit(writer: Writer) -> None:
            await self._end(writer, actor, await self._require(writer, subscription_id), now)

        await self._storage.write(unit)

    async def reassign_number(
        self,
        *,
        actor: str,
        number: PhoneNumber,
        operator_id: str,
        locale: str | None = None,
        sandbox: bool = False,
    ) -> Subscription:
        """The number went to somebody else. Whoever had it keeps a row without number, ended in every respect; the new
        subscription shares nothing with it, and so has other subjects."""
        _refuse_test_number(number)
        now = self._clock.now()

        async def unit(writer: Writer) -> Subscription:
            await self._take_number(writer, actor, number, now)
            return await self._add(writer, actor, operator_id, number, locale, sandbox=sandbox)

        try:
            return await self._storage.write(unit)
        except Conflict:
            raise Refusal(409, "changed_meanwhile") from None

    async def _switch_one(self, actor: str, subscription_id: str, statement: Statement, tag: Tag) -> None:
        now = self._clock.now()

        async def unit(writer: Writer) -> None:
            await self._require(writer, subscription_id)
            await self._switch(writer, actor, subscription_id, statement, tag, now)

        await self._storage.write(unit)


def _refuse_test_number(number: PhoneNumber) -> None:
    if is_test_number(number):
        raise Refusal(422, "test_number")
