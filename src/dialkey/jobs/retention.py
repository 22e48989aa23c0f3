"""How long things are kept. Correctness never waits for this: whoever reads a row looks at its times.

Deleting by age concerns every table and no rule of any room, so the statements for other rooms' tables stand here, and
only these. `RETENTION` says what goes when, `KEPT` what stays, and why; every table is in one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from dialkey.base.clock import DAY, MINUTE, Instant
from dialkey.base.entropy import random_text
from dialkey.jobs.model import Context, Schedule
from dialkey.storage import Statement, Storage, Writer

BATCH = 500
"""Rows that one transaction deletes."""
MOST_BATCHES = 100
"""Per entity and run; what is left waits a minute."""
SLICE = 1000
"""Rows that one statement of a walk looks at."""
MOST_SLICES = 20
"""Per entity and run: twenty-nine million rows a day."""
MOST_COUNTED = 10_000
BREATH = 0.005
"""Seconds between two batches, in which others write."""

_DELETED = Counter("dialkey_retention_deleted_rows", "Rows deleted because their time had passed.", ["entity"])
_PAST = Gauge(
    "dialkey_retention_past_rows",
    "Rows whose time has passed and that are still there, counted up to 10,000; for an entity that is walked through:"
    " those that the last walk from end to end found and deleted.",
    ["entity"],
    multiprocess_mode="mostrecent",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Rows of `table` are deleted once `past` holds, where `:before` is `after` milliseconds ago.

    With an index for `past` they are looked up. Without one (`walked`) the table is walked through by its key, some
    thousand rows every minute: cheaper than an index over a time that every refresh changes.
    """

    table: str
    past: str
    after: int
    why: str
    key: str = "id"
    walked: bool = False


RETENTION: Mapping[str, Kept] = {
    "sign_ins": Kept(
        table="sign_ins",
        past="expires_at < :before",
        after=0,
        why="A login page that was left open. Names a phone number, so it goes at once.",
    ),
    "sessions": Kept(
        table="sessions",
        past="expires_at < :before",
        after=30 * DAY,
        why="Lets an operator answer who signed in last month.",
    ),
    "authorizations_never_exchanged": Kept(
        table="authorizations",
        past="exchanged_at IS NULL AND code_expires_at < :before",
        after=DAY,
        why="The code was never used; kept so that a late client gets a precise error in its log.",
        walked=True,
    ),
    "grants_ended": Kept(
        table="authorizations",
        past="ended_at < :before OR idle_expires_at < :before OR expires_at < :before",
        after=30 * DAY,
        why="Lets an old refresh token be told from an invented one, and an operator see why it ended.",
        walked=True,
    ),
    "removal_links": Kept(
        table="removal_links",
        past="expires_at < :before",
        after=DAY,
        why="A link to remove a product works for an hour; a late click is told so.",
        key="digest",
    ),
    "ended_tokens": Kept(
        table="ended_tokens",
        past="expires_at < :before",
        after=0,
        why="An access token that was revoked and has expired needs no remembering.",
        key="jti",
    ),
    "client_assertions": Kept(
        table="client_assertions",
        past="expires_at < :before",
        after=0,
        why="An assertion that has expired cannot be replayed.",
        key="client_id, jti",
    ),
    "client_events": Kept(
        table="client_events",
        past="last_at < :before",
        after=7 * DAY,
        why="A developer looks for what went wrong this week. At most some 500 lines a client.",
    ),
    "traffic_hours": Kept(
        table="traffic_hours",
        past="bucket < :before",
        after=90 * DAY,
        why="Counts by hour; the days are kept longer.",
        key="product_id, sandbox, bucket, client_id, operator_id, kind, outcome, reason",
    ),
    "traffic_days": Kept(
        table="traffic_days",
        past="bucket < :before",
        after=730 * DAY,
        why="Counts by day, to compare a year with the one before.",
        key="product_id, sandbox, bucket, client_id, operator_id, kind, outcome, reason",
    ),
    "limits": Kept(
        table="limits",
        past="expires_at < :before",
        after=0,
        why="The windows that were counted are over.",
        key="key",
    ),
    "handset_messages": Kept(
        table="handset_messages",
        past="expires_at < :before",
        after=0,
        why="Messages to test numbers, readable for a day.",
    ),
    "jobs_over": Kept(
        table="jobs",
        past="state IN ('failed', 'unknown') AND run_at < :before",
        after=DAY,
        why="Failures stay for the operator to see. What was done is deleted when it is done.",
    ),
    "jobs_nobody_does": Kept(
        table="jobs",
        past="state = 'waiting' AND run_at < :before",
        after=7 * DAY,
        why="Of a kind that no running release knows.",
    ),
    "mail_messages": Kept(
        table="mail_messages",
        past="expires_at < :before",
        after=0,
        why="A mail goes when it was delivered; one that never was, after two days; the virtual mailbox keeps a day.",
    ),
    "account_links": Kept(
        table="account_links",
        past="expires_at < :before",
        after=DAY,
        why="A mailed link that is over. An address that was never confirmed goes with it.",
    ),
    "account_sessions": Kept(
        table="account_sessions",
        past="expires_at < :before",
        after=0,
        why="A session that is over; the trail keeps that it was.",
    ),
    "account_sign_ins": Kept(
        table="account_sign_ins",
        past="expires_at < :before",
        after=0,
        why="A sign-in whose second factor never came.",
    ),
    "account_challenges": Kept(
        table="account_challenges",
        past="expires_at < :before",
        after=0,
        why="A passkey's challenge that has expired cannot be answered again.",
        key="digest",
    ),
    "invitations": Kept(
        table="invitations",
        past="expires_at < :before",
        after=7 * DAY,
        why="An invitation that nobody accepted names an address; its organization sees for a week that it ran out.",
    ),
    "notices": Kept(
        table="notices",
        past="expires_at < :before",
        after=0,
        why="What somebody should have read ninety days ago.",
    ),
    "webhook_secrets": Kept(
        table="webhook_secrets",
        past="expires_at < :before",
        after=0,
        why="A secret that was replaced signs nothing any more.",
    ),
    "api_answers": Kept(
        table="api_answers",
        past="expires_at < :before",
        after=0,
        why="The answer to a request with an Idempotency-Key, sealed, is given again for a day.",
        key="digest",
    ),
    "consent_events": Kept(
        table="consent_events",
        past="expires_at < :before AND position IS NOT NULL",
        after=0,
        why="Kept for `events.retention_days` (30) for consumers that were away. Names a subscription, not its number.",
    ),
    "event_queues": Kept(
        table="event_queues",
        past="expires_at < :before",
        after=0,
        why="A consumer's place, from its last request on for as long as events are kept.",
    ),
    "event_leases": Kept(
        table="event_leases",
        past="expires_at < :before",
        after=0,
        why="Handed out and never acknowledged; the event itself is gone by then.",
        key="queue_id, position",
    ),
    "webhook_deliveries": Kept(
        table="webhook_deliveries",
        past="expires_at < :before",
        after=0,
        why="What became of a message, for `webhooks.log_days` (14). Holds no content.",
        key="webhook_id, message_id",
    ),
    "withdrawn_versions": Kept(
        table="product_versions",
        past="state = 'withdrawn' AND submitted_at < :before",
        after=90 * DAY,
        why="Nobody decided about it, and what it said goes on in the version behind it.",
        key="product_id, number",
    ),
}
"""What goes, by entity."""

KEPT: Mapping[str, str] = {
    "secrets": "The installation's own; retired versions may still have to open what they closed.",
    "signing_keys": "A few rows a year.",
    "operators": "Grows with operators.",
    "organizations": "Grows with developer companies.",
    "members": "Grows with their people.",
    "api_keys": "At most fifty live ones per account and organization; a revoked one keeps its name for the trail.",
    "event_heads": "One row per product that has had an event.",
    "webhooks": "At most ten per organization.",
    "products": "Grows with products.",
    "scopes": "A fixed list.",
    "product_scopes": "Grows with products.",
    "listings": "Grows with products.",
    "clients": "Grows with clients.",
    "client_uris": "Grows with clients.",
    "client_origins": "Grows with clients.",
    "client_secrets": "Grows with clients; a revoked secret stays in their history.",
    "images": "Grows with products.",
    "product_pictures": "At most sixty per product.",
    "subscriptions": "A subject is never given to anybody else, so the row it comes from outlives the contract.",
    "sandboxes": "One row per organization.",
    "sandbox_numbers": "At most a hundred per organization.",
    "number_history": "Grows with number changes; tells whose a number was.",
    "consents": "One row per subscription and product, whatever the traffic.",
    "consent_evidence": "What was shown and chosen has to be provable (GDPR Article 7).",
    "accounts": "Grows with people; a closed one keeps its id and nothing else.",
    "account_totp": "At most one per account.",
    "account_recovery_codes": "At most ten per account.",
    "account_passkeys": "At most twenty per account.",
    "schedules": "One row per schedule.",
    "audit_events": "The trail is never altered; exporting and pruning it is the operator's decision.",
    "migrations": "One row per migration.",
}
"""What stays, by table."""


def retention_schedule() -> Schedule:
    """Deletes what has passed its time, every minute, on one node."""
    return Schedule(name="retention", every=MINUTE, handler=_Retention().run)


class _Lookup:
    """Deletes what an index finds."""

    def __init__(self, entity: str, kept: Kept) -> None:
        self._entity = entity
        self._after = kept.after
        chosen = f"SELECT {kept.key} FROM {kept.table} WHERE {kept.past} LIMIT :most"
        self._delete = Statement(
            f"retention.{entity}.delete",
            f"DELETE FROM {kept.table} WHERE ({kept.key}) IN ({chosen} {{skip_locked}})",
        )
        self._count = Statement(f"retention.{entity}.count", f"SELECT COUNT(*) AS past FROM ({chosen}) AS chosen")

    async def run(self, context: Context) -> None:
        before = Instant(context.clock.now() - self._after)
        for _ in range(MOST_BATCHES):
            deleted = await _run(context.storage, self._delete, before=before, most=BATCH)
            _DELETED.labels(self._entity).inc(deleted)
            if deleted < BATCH:
                break
            await asyncio.sleep(BREATH)
        row = await context.storage.read.one(self._count, before=before, most=MOST_COUNTED)
        assert row is not None
        _PAST.labels(self._entity).set(row.past)


class _Walk:
    """Goes through a table by its key, from where the last run ended; the first one starts anywhere, so that a process
    that is restarted often still comes by every row."""

    def __init__(self, entity: str, kept: Kept) -> None:
        self._entity = entity
        self._after = kept.after
        self._last: str | None = None
        self._found: int | None = None
        self._slice = Statement(
            f"retention.{entity}.slice",
            f"SELECT COUNT(*) AS seen, MAX({kept.key}) AS until, SUM(past) AS past FROM"
            f" (SELECT {kept.key}, CASE WHEN {kept.past} THEN 1 ELSE 0 END AS past FROM {kept.table}"
            f" WHERE {kept.key} > :last ORDER BY {kept.key} LIMIT :most) AS part",
        )
        self._delete = Statement(
            f"retention.{entity}.delete",
            f"DELETE FROM {kept.table} WHERE {kept.key} > :last AND {kept.key} <= :until AND ({kept.past})",
        )

    async def run(self, context: Context) -> None:
        before = Instant(context.clock.now() - self._after)
        last = random_text(context.entropy) if self._last is None else self._last
        wrapped = 0
        for _ in range(MOST_SLICES):
            row = await context.storage.read.one(self._slice, before=before, last=last, most=SLICE)
            assert row is not None
            if row.past:
                deleted = await _run(context.storage, self._delete, before=before, last=last, until=row.until)
                _DELETED.labels(self._entity).inc(deleted)
                if self._found is not None:
                    self._found += deleted
            last = row.until or ""
            if row.seen < SLICE:
                last = ""
                wrapped += 1
                if self._found is not None:
                    _PAST.labels(self._entity).set(self._found)
                self._found = 0
                if wrapped == 2:
                    break
            await asyncio.sleep(BREATH)
        self._last = last


class _Retention:
    """All of `RETENTION`, one after the other."""

    def __init__(self) -> None:
        self._rules = [
            (_Walk if kept.walked else _Lookup)(entity, kept)  # the order of the table
            for entity, kept in RETENTION.items()
        ]

    async def run(self, context: Context) -> None:
        for rule in self._rules:
            await rule.run(context)


async def _run(storage: Storage, statement: Statement, **values: str | int) -> int:
    async def unit(writer: Writer) -> int:
        return await writer.run(statement, **values)

    return await storage.write(unit)
