"""Sends the PIN. The job names the sign-in; the PIN is derived when the message is written and kept nowhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from dialkey.base.clock import MINUTE, SECOND, Clock
from dialkey.base.entropy import Entropy
from dialkey.directory.store import ClientDirectory
from dialkey.jobs import PutOff
from dialkey.settings import Settings
from dialkey.signin.pins import pin_of
from dialkey.signin.store import SignInStore
from dialkey.sms.delivery import Delivery
from dialkey.sms.model import Refused, Sms
from dialkey.sms.texts import pin_text
from dialkey.storage import Storage
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.model import ForcedOutcome
from dialkey.subscribers.sandbox_store import SandboxStore
from dialkey.subscribers.store import SubscriberStore


class SendPin:
    """The handler of `signin.send_pin`. Runs at most once per message that a subscriber asked for."""

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        directory: ClientDirectory,
        subscribers: SubscriberStore,
        delivery: Delivery,
    ) -> None:
        self._storage = storage
        self._host = urlsplit(settings.issuer).hostname or ""
        self._minutes = max(1, settings.signin.pin_lifetime * SECOND // MINUTE)
        self._keyring = keyring
        self._clock = clock
        self._directory = directory
        self._subscribers = subscribers
        self._delivery = delivery
        self._sandbox = SandboxStore(storage, keyring, entropy)
        self._store = SignInStore()

    async def __call__(self, sign_in_id: str) -> None:
        """Nothing is sent where nobody enabled has the number, or where the sign-in is over."""
        sign_in = await self._store.find(self._storage.read, sign_in_id)
        if sign_in is None or sign_in.subscription_id is None or sign_in.passed_at is not None:
            return
        if sign_in.pin_expires_at <= self._clock.now():
            return
        subscription = await self._subscribers.find(self._storage.read, sign_in.subscription_id)
        operator = await self._directory.find_operator(sign_in.operator_id or "")
        if subscription is None or operator is None or subscription.phone_number != sign_in.phone_number:
            return
        pin = pin_of(self._keyring, sign_in.id, sign_in.phone_number, sign_in.seed, sign_in.digits)
        locale = sign_in.locale
        if sign_in.test:
            test = await self._sandbox.find(self._storage.read, sign_in.phone_number)
            if test is None or sign_in.forced is ForcedOutcome.NOT_DELIVERED:
                return
            pin, locale = test.pin or pin, test.locale or locale
            operator = await self._directory.find_operator(test.brand_operator_id or "") or operator
        text = pin_text(
            locale=locale,
            product=sign_in.start.product.name,
            pin=pin,
            host=self._host,
            minutes=self._minutes,
        )
        outcome = await self._delivery.send(
            Sms(
                to=sign_in.phone_number,
                sender=operator.sms_sender,
                text=text,
                reference=f"{sign_in.id}/{sign_in.sends}",
                sandbox=subscription.sandbox,
            )
        )
        if isinstance(outcome, Refused):
            if outcome.retry:
                raise PutOff(outcome.code)
            raise NotSent(outcome.code)


class NotSent(Exception):
    """The route refused the message for good: the job is kept as failed, with the route's code."""
