"""A consent change event in words for its product: on the stream, and in a webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dialkey.base.clock import Instant
from dialkey.events import ChangeKind, Event
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.subjects import subject


def subject_of(event: Event, keyring: Keyring) -> str | None:
    """The `sub` by which the product knows the subscriber."""
    return None if event.subscription_id is None else subject(keyring, event.sector, event.subscription_id)


def change_of(event: Event, keyring: Keyring) -> dict[str, Any]:
    """One of `added`, `updated`, `revoked`; and whose: `number` where the consent covers it, else `subject`; `tenant` for
    an operator's own consent."""
    told: dict[str, Any] = {
        event.kind.value: {} if event.kind is ChangeKind.REVOKED else {"scopes": list(event.scopes)}
    }
    if event.number is not None:
        told["number"] = {"e164": event.number}
    elif event.subscription_id is not None:
        told["subject"] = subject_of(event, keyring)
    else:
        told["tenant"] = event.operator
    if event.metadata:
        told["metadata"] = dict(event.metadata)
    return told


def identifier_of(event: Event, keyring: Keyring) -> dict[str, Any]:
    """What stays the same when the number changes."""
    if event.subscription_id is None:
        return {"tenant": {"name": event.operator}}
    return {"subscriptionIdentifier": {"value": subject_of(event, keyring)}}


def webhook_of(event: Event, keyring: Keyring) -> dict[str, Any]:
    """As the Standard Webhooks specification proposes: `type`, `timestamp`, `data`."""
    data = {"productId": event.product_id, "identifier": identifier_of(event, keyring), **change_of(event, keyring)}
    return {"type": f"consent.{event.kind.value}", "timestamp": rfc3339(event.at), "data": data}


def rfc3339(at: Instant) -> str:
    """In UTC, to the millisecond."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
