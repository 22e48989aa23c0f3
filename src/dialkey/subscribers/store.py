"""Subscriptions, their numbers, and what ends with them."""

from __future__ import annotations

import json

from dialkey.base.clock import Instant
from dialkey.base.entropy import Entropy
from dialkey.base.ids import looks_like_id
from dialkey.base.phone import PhoneNumber
from dialkey.base.scopes import ScopeSet
from dialkey.events import Change, ChangeKind, record_change
from dialkey.events.leaving import queue_subject_logout
from dialkey.storage import Reader, Row, Statement, Storage, Writer
from dialkey.subscribers.model import Subscription, SubscriptionStatus

_FIND = Statement(
    "subscriptions.find",
    """SELECT {ordinal} s.id, s.operator_id, s.status, s.phone_number, s.number_since, s.locale, s.sandbox,
      s.organization_id
    FROM {join_batch} subscriptions s WHERE s.id = v.id""",
    batch={"id": "text"},
)
_FIND_BY_NUMBER = Statement(
    "subscriptions.find_by_number",
    """SELECT {ordinal} s.id, s.operator_id, s.status, s.phone_number, s.number_since, s.locale, s.sandbox,
      s.organization_id
    FROM {join_batch} subscriptions s WHERE s.phone_number = v.phone_number""",
    batch={"phone_number": "text"},
)

ADD = Statement(
    "subscriptions.add",
    """INSERT INTO subscriptions (id, operator_id, status, phone_number, number_since, locale, sandbox, organization_id,
      created_at, ended_at)
    VALUES (:id, :operator_id, 'active', :phone_number, :now, :locale, :sandbox, :organization_id, :now, NULL)""",
)
CHANGE_NUMBER = Statement(
    "subscriptions.change_number",
    """UPDATE subscriptions SET phone_number = :new, number_since = :since
    WHERE id = :id AND phone_number = :old AND status <> 'ended'""",
)
SUSPEND = Statement(
    "subscriptions.suspend",
    "UPDATE subscriptions SET status = 'suspended' WHERE id = :id AND status = 'active' RETURNING operator_id",
)
RESUME = Statement(
    "subscriptions.resume",
    "UPDATE subscriptions SET status = 'active' WHERE id = :id AND status = 'suspended' RETURNING operator_id",
)
END = Statement(
    "subscriptions.end",
    """UPDATE subscriptions SET status = 'ended', phone_number = NULL, ended_at = :now
    WHERE id = :id AND phone_number = :phone_number AND status <> 'ended' RETURNING operator_id""",
)
TAKE_NUMBER = Statement(
    "subscriptions.take_number",
    """UPDATE subscriptions SET status = 'ended', phone_number = NULL, ended_at = :now
    WHERE phone_number = :phone_number RETURNING id, operator_id, number_since""",
)
REMEMBER_NUMBER = Statement(
    "number_history.add",
    """INSERT INTO number_history (subscription_id, phone_number, from_at, until_at)
    VALUES (:subscription_id, :phone_number, :from_at, :until_at)""",
)
NUMBER_HISTORY = Statement(
    "number_history.of",
    """SELECT phone_number, from_at, until_at FROM number_history WHERE subscription_id = :subscription_id
    ORDER BY from_at""",
)

_END_SESSIONS = Statement(
    "subscriptions.end_sessions",
    """UPDATE sessions SET ended_at = :now, end_reason = :reason
    WHERE subscription_id = :subscription_id AND ended_at IS NULL""",
)
_END_AUTHORIZATIONS = Statement(
    "subscriptions.end_authorizations",
    """UPDATE authorizations SET ended_at = :now, end_reason = :reason
    WHERE subscription_id = :subscription_id AND ended_at IS NULL""",
)
_WITHDRAW_CONSENTS = Statement(
    "subscriptions.withdraw_consents",
    """UPDATE consents SET withdrawn_at = :now,
      updated_at = CASE WHEN updated_at < :now THEN :now ELSE updated_at + 1 END
    WHERE subscription_id = :subscription_id AND withdrawn_at IS NULL
    RETURNING product_id, scopes, metadata, updated_at""",
)


class SubscriberStore:
    """Looks subscriptions up. `find` and `find_by_number` read through what they are given, so that a unit of work
    sees its own writes; `find_hot` shares its statement with other callers."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def find_by_number(self, reader: Reader, number: PhoneNumber) -> Subscription | None:
        """Who has the number now."""
        row = await reader.one(_FIND_BY_NUMBER, phone_number=number)
        return None if row is None else _subscription(row)

    async def find(self, reader: Reader, subscription_id: str) -> Subscription | None:
        if not looks_like_id(subscription_id):
            return None
        row = await reader.one(_FIND, id=subscription_id)
        return None if row is None else _subscription(row)

    async def find_hot(self, subscription_id: str) -> Subscription | None:
        row = await self._storage.find(_FIND, id=subscription_id)
        return None if row is None else _subscription(row)


async def end_sign_ins_of(
    writer: Writer, subscription_id: str, now: Instant, reason: str, *, entropy: Entropy
) -> tuple[int, int]:
    """Ends a subscription's sessions and grants, and tells their clients; gives how many of each. What was allowed stays
    remembered."""
    values = {"subscription_id": subscription_id, "now": now, "reason": reason}
    sessions, grants = await writer.run(_END_SESSIONS, **values), await writer.run(_END_AUTHORIZATIONS, **values)
    if grants:
        await queue_subject_logout(writer, entropy=entropy, now=now, subscription_id=subscription_id)
    return sessions, grants


async def end_everything_of(
    writer: Writer, subscription_id: str, now: Instant, reason: str, *, entropy: Entropy
) -> tuple[int, int, int]:
    """Ends a subscription's sessions and grants and withdraws its consents, and tells their products; gives how many of
    each.

    These three tables belong to the rooms above. They are changed here because the moment in which a number passes to
    somebody else must be one transaction: there may be no instant, and no crash, after which the new holder of a number
    meets what the old one left. A job would be too late, and calling upwards is not allowed.
    """
    sessions, grants = await end_sign_ins_of(writer, subscription_id, now, reason, entropy=entropy)
    withdrawn = await writer.all(_WITHDRAW_CONSENTS, subscription_id=subscription_id, now=now)
    for row in withdrawn:
        change = Change(
            kind=ChangeKind.REVOKED,
            product_id=row.product_id,
            subscription_id=subscription_id,
            scopes=ScopeSet(row.scopes.split()),
            metadata=json.loads(row.metadata),
            at=Instant(row.updated_at),
        )
        await record_change(writer, change, entropy=entropy)
    return sessions, grants, len(withdrawn)


def _subscription(row: Row) -> Subscription:
    return Subscription(
        id=row.id,
        operator_id=row.operator_id,
        status=SubscriptionStatus(row.status),
        phone_number=row.phone_number,
        number_since=row.number_since,
        locale=row.locale,
        sandbox=bool(row.sandbox),
        organization_id=row.organization_id,
    )
