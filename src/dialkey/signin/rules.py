"""The use cases of signing in: send a PIN, send it again, try one."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from dialkey.audit import Tag, record
from dialkey.base.clock import DAY, HOUR, SECOND, Clock, Instant, after
from dialkey.base.entropy import Entropy, random_text
from dialkey.base.ids import new_id
from dialkey.base.phone import PhoneNumber, prefix_of
from dialkey.directory.store import ClientDirectory
from dialkey.events.leaving import queue_session_logout
from dialkey.jobs import Job, Worker, enqueue, enqueue_claimed
from dialkey.settings import Settings
from dialkey.signin.limits import Limit, OverLimit, hit, minutes_until, reached
from dialkey.signin.model import (
    ACR,
    AMR,
    Expired,
    Finished,
    Locked,
    NotYet,
    Outcome,
    Passed,
    Sent,
    Session,
    SignIn,
    SignInStart,
    TooMany,
    Wrong,
)
from dialkey.signin.pins import new_seed, pin_of, same_pin
from dialkey.signin.store import SessionStore, SignInStore
from dialkey.storage import Storage, Writer
from dialkey.storage.engine import Unit
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.model import ForcedOutcome, Subscription
from dialkey.subscribers.sandbox_store import SandboxStore
from dialkey.subscribers.store import SubscriberStore
from dialkey.web.http import address_keys

T = TypeVar("T")
SEND_PIN = "signin.send_pin"
_GRACE = HOUR
"""How long a sign-in is remembered after its PIN ran out, so that its page can say so and go on."""
_MORE_DIGITS = 8
_FORCED_WAIT = 10
"""Minutes that a forced "too many" tells."""
_NOBODY = "-" * 22
"""The id of no subscription: looked up where nobody has the number, so that it takes as long."""


class SignIns:
    """Everything that a sign-in can do. Answers never tell whether anybody has the number."""

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        directory: ClientDirectory,
        subscribers: SubscriberStore,
        worker: Worker,
    ) -> None:
        """`worker` is the one of this process, which sends the messages where it is running."""
        self._storage = storage
        self._worker = worker
        self._policy = settings.signin
        self._limits = settings.limits
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._directory = directory
        self._subscribers = subscribers
        self._sandbox = SandboxStore(storage, keyring, entropy)
        self._store = SignInStore()
        self._sessions = SessionStore(storage)

    async def find(self, sign_in_id: str) -> SignIn | None:
        """None for one that never was or is past remembering."""
        sign_in = await self._store.find(self._storage.read, sign_in_id)
        return sign_in if sign_in is not None and sign_in.expires_at > self._clock.now() else None

    async def begin(
        self,
        start: SignInStart,
        number: PhoneNumber,
        browser_digest: str,
        address: IPv4Address | IPv6Address,
        locale: str,
    ) -> Sent | TooMany:
        """Makes a challenge and the job that sends its PIN, in one transaction."""
        now = self._clock.now()
        subscription = await self._reachable(start, number)
        sign_in = SignIn(
            id=new_id(self._entropy),
            browser_digest=browser_digest,
            start=start,
            locale=locale,
            phone_number=number,
            subscription_id=subscription.id if subscription else None,
            operator_id=subscription.operator_id if subscription else None,
            seed=new_seed(self._keyring, self._entropy),
            digits=self._policy.pin_digits,
            pin_expires_at=after(now, self._policy.pin_lifetime * SECOND),
            tries=0,
            sends=1,
            last_sent_at=now,
            session_id=None,
            passed_at=None,
            expires_at=after(now, self._policy.pin_lifetime * SECOND + _GRACE),
        )

        async def unit(writer: Writer) -> tuple[Sent | TooMany, Job | None]:
            await hit(writer, self._keyring, now, self._send_limits(sign_in, address))
            made = sign_in
            if sign_in.test:
                made = replace(sign_in, forced=await self._forced(writer, number))
                if made.forced is ForcedOutcome.TOO_MANY_MESSAGES:
                    return TooMany(_FORCED_WAIT), None
            elif await reached(writer, self._keyring, now, self._wrong_in_a_day()):
                made = replace(sign_in, digits=max(_MORE_DIGITS, sign_in.digits))
            await self._store.add(writer, made, now)
            return Sent(made.id), await self._enqueue_send(writer, made, now)

        return await self._sent(unit, now)

    async def send_again(self, sign_in: SignIn, address: IPv4Address | IPv6Address) -> Sent | TooMany | NotYet:
        """The same PIN once more; its life and its tries stay as they are."""
        now = self._clock.now()

        async def unit(writer: Writer) -> tuple[Sent | NotYet, Job | None]:
            counted = await self._store.count_send(
                writer,
                sign_in.id,
                sign_in.browser_digest,
                not_after=Instant(now - self._policy.resend_cooldown * SECOND),
                most=self._policy.pin_tries,
                now=now,
            )
            if counted is None:
                return NotYet(), None
            await hit(writer, self._keyring, now, self._send_limits(sign_in, address))
            return Sent(counted.id), await self._enqueue_send(writer, counted, now)

        return await self._sent(unit, now)

    async def _sent(self, unit: Unit[tuple[T, Job | None]], now: Instant) -> T | TooMany:
        try:
            outcome, job = await self._storage.write(unit)
        except OverLimit as over:
            return TooMany(minutes_until(over.retry_at, now))
        if job is None:
            self._worker.wake()
        else:
            self._worker.take(job)
        return outcome

    async def try_pin(
        self,
        sign_in_id: str,
        browser_digest: str,
        presented: str,
        address: IPv4Address | IPv6Address,
        *,
        replaces: str | None = None,
        request_id: str = "",
    ) -> Outcome:
        """Takes one try. Every outcome is stored before it is told. `replaces` is the digest of the session cookie that
        the browser had: that session ends when this one begins."""
        now = self._clock.now()
        token = "dk_ss_" + random_text(self._entropy, 32)
        session_id = new_id(self._entropy)

        async def unit(writer: Writer) -> Outcome:
            sign_in = await self._store.count_try(
                writer, sign_in_id, browser_digest, most=self._policy.pin_tries, now=now
            )
            if sign_in is None:
                return await self._why_not(writer, sign_in_id, now)
            if retry_at := await self._locked_until(writer, sign_in, address, now):
                return Locked(minutes_until(retry_at, now))
            if sign_in.forced is ForcedOutcome.PIN_EXPIRED:
                await self._store.expire(writer, sign_in.id, now)
                return Expired()
            right = await self._is_right(writer, sign_in, presented)
            subscription = await self._subscribers.find(writer, sign_in.subscription_id or _NOBODY)
            if not (right and _still_theirs(subscription, sign_in)):
                return await self._wrong(writer, sign_in, address, now, request_id)
            assert subscription is not None
            session = self._new_session(session_id, sign_in, subscription, now)
            if not await self._store.mark_passed(writer, sign_in.id, session.id, now):
                return Finished()
            if replaces is not None:
                replaced = await self._sessions.end_of_cookie(writer, replaces, now, "replaced")
                if replaced is not None and replaced.subscription_id != session.subscription_id:
                    await queue_session_logout(writer, entropy=self._entropy, now=now, session_id=replaced.id)
            await self._sessions.add(
                writer,
                session,
                self._keyring.digest("session", token),
                idle_expires_at=after(now, self._policy.session_idle_lifetime * SECOND),
                expires_at=after(now, self._policy.session_absolute_lifetime * SECOND),
            )
            await record(
                writer,
                Tag.SIGNED_IN,
                entropy=self._entropy,
                now=now,
                actor=f"subscription:{session.subscription_id}",
                subject=f"session:{session.id}",
                operator_id=session.operator_id,
                request_id=request_id,
                data={"client": sign_in.start.client_id, "sends": sign_in.sends, "tries": sign_in.tries},
            )
            return Passed(session, token)

        return await self._storage.write(unit)

    async def _reachable(self, start: SignInStart, number: PhoneNumber) -> Subscription | None:
        """The subscription to text: active, at an operator where the product is enabled; or a test number of the
        product's own organization, which needs no operator. The same look-ups are made whether or not somebody has the
        number."""
        subscription = await self._subscribers.find_by_number(self._storage.read, number)
        operator_id = subscription.operator_id if subscription and subscription.organization_id is None else "-"
        enabled = await self._directory.enabled_at(start.product.id, operator_id)
        if subscription is None or not subscription.active:
            return None
        if subscription.organization_id is not None:
            return subscription if subscription.organization_id == start.organization_id else None
        return subscription if enabled and not start.test_only else None

    async def _forced(self, writer: Writer, number: PhoneNumber) -> ForcedOutcome:
        """What was chosen for this test number; taken where it was chosen for one sign-in."""
        found = await self._sandbox.find(writer, number)
        return ForcedOutcome.NONE if found is None else await self._sandbox.spend_outcome(writer, found)

    async def _is_right(self, writer: Writer, sign_in: SignIn, presented: str) -> bool:
        expected = pin_of(self._keyring, sign_in.id, sign_in.phone_number, sign_in.seed, sign_in.digits)
        if sign_in.test:
            fixed = await self._sandbox.find(writer, sign_in.phone_number)
            expected = fixed.pin if fixed is not None and fixed.pin is not None else expected
        return same_pin(expected, presented) and sign_in.forced is not ForcedOutcome.WRONG_PIN

    def _send_limits(self, sign_in: SignIn, address: IPv4Address | IPv6Address) -> Sequence[Limit]:
        """Test numbers have limits of their own, so that tests take nothing from what subscribers can use."""
        most, client_id, number = self._limits, sign_in.start.client_id, sign_in.phone_number
        if sign_in.test:
            organization_id = sign_in.start.organization_id
            return (
                Limit("send-test-number", number, most.sends_per_test_number_10_minutes),
                Limit("send-tests", organization_id, most.sends_to_tests_per_organization_10_minutes),
            )
        near, around = address_keys(address)
        return (
            Limit("send-number", number, most.sends_per_number_10_minutes),
            Limit("send-number", number, most.sends_per_number_day, DAY),
            Limit("send-prefix", prefix_of(number), most.sends_per_prefix_10_minutes),
            Limit("send-address", near, most.sends_per_address_10_minutes),
            Limit("send-network", around, most.sends_per_network_10_minutes),
            Limit("send-client", client_id, most.sends_per_client_10_minutes),
        )

    def _wrong_limits(self, sign_in: SignIn, address: IPv4Address | IPv6Address) -> tuple[Limit, ...]:
        number = sign_in.phone_number
        if sign_in.test:
            return (Limit("wrong-test-number", number, self._limits.sends_per_test_number_10_minutes),)
        return (
            Limit("wrong-number", number, self._limits.wrong_pins_per_number_10_minutes),
            Limit("wrong-address", address_keys(address)[0], self._limits.wrong_pins_per_address_10_minutes),
        )

    def _wrong_in_a_day(self) -> Limit:
        return Limit("wrong-day", "", self._limits.wrong_pins_per_day, DAY)

    async def _locked_until(
        self, writer: Writer, sign_in: SignIn, address: IPv4Address | IPv6Address, now: Instant
    ) -> Instant | None:
        waits = [
            await reached(writer, self._keyring, now, limit)
            for limit in self._wrong_limits(sign_in, address)
        ]
        return max((wait for wait in waits if wait is not None), default=None)

    async def _wrong(
        self,
        writer: Writer,
        sign_in: SignIn,
        address: IPv4Address | IPv6Address,
        now: Instant,
        request_id: str,
    ) -> Outcome:
        never = 1_000_000_000
        counted = self._wrong_limits(sign_in, address)
        if not sign_in.test:
            counted += (self._wrong_in_a_day(),)
        await hit(writer, self._keyring, now, [Limit(c.name, c.value, never, c.window) for c in counted])
        left = self._policy.pin_tries - sign_in.tries
        if left > 0:
            return Wrong(left)
        await record(
            writer,
            Tag.PIN_LOCKED,
            entropy=self._entropy,
            now=now,
            actor="anonymous",
            subject=f"sign_in:{sign_in.id}",
            operator_id=sign_in.operator_id,
            request_id=request_id,
            data={"client": sign_in.start.client_id},
        )
        return Locked(1)

    async def _why_not(self, writer: Writer, sign_in_id: str, now: Instant) -> Outcome:
        sign_in = await self._store.find(writer, sign_in_id)
        if sign_in is None or sign_in.pin_expires_at <= now:
            return Expired() if sign_in is None or sign_in.passed_at is None else Finished()
        return Finished() if sign_in.passed_at is not None else Locked(1)

    def _new_session(self, session_id: str, sign_in: SignIn, subscription: Subscription, now: Instant) -> Session:
        assert sign_in.operator_id is not None
        return Session(
            id=session_id,
            subscription_id=subscription.id,
            operator_id=sign_in.operator_id,
            phone_number=sign_in.phone_number,
            authenticated_at=now,
            amr=AMR,
            acr=ACR,
            organization_id=subscription.organization_id,
        )

    async def _enqueue_send(self, writer: Writer, sign_in: SignIn, now: Instant) -> Job | None:
        """The job, where this process's worker does it; None where any worker may."""
        payload = {"sign_in": sign_in.id, "send": sign_in.sends}
        if self._worker.can_take():
            return await enqueue_claimed(writer, entropy=self._entropy, kind=SEND_PIN, payload=payload, now=now)
        await enqueue(writer, entropy=self._entropy, kind=SEND_PIN, payload=payload, now=now)
        return None


def read_pin(text: str) -> str:
    """What was typed, without spaces and dashes, any script's digits as ASCII; other characters stay and fail."""
    digits = []
    for character in text[:40]:
        if character.isspace() or character in "-\u2010\u2011\u2013.":
            continue
        value = unicodedata.digit(character, None)
        digits.append(character if value is None else str(value))
    return "".join(digits)


def _still_theirs(subscription: Subscription | None, sign_in: SignIn) -> bool:
    """The number may have changed hands while the message was on its way."""
    return subscription is not None and subscription.active and subscription.phone_number == sign_in.phone_number
