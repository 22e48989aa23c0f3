"""Audit: what was changed, by whom, when; appended in the transaction of the change, never altered.

The door: `record`, called inside a unit of work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dialkey.audit.tags import Tag
from dialkey.base.clock import Instant
from dialkey.base.entropy import Entropy, random_text
from dialkey.storage import Statement, Writer

__all__ = ["Tag", "record"]


_APPEND = Statement(
    "audit.append",
    "INSERT INTO audit_events (id, at, tag, actor, subject, operator_id, organization_id, request_id, data) VALUES"
    " (:id, :at, :tag, :actor, :subject, :operator_id, :organization_id, :request_id, :data)",
)


async def record(
    writer: Writer,
    tag: Tag,
    *,
    entropy: Entropy,
    now: Instant,
    actor: str,
    subject: str,
    operator_id: str | None = None,
    organization_id: str | None = None,
    request_id: str = "",
    data: Mapping[str, str | int | None] | None = None,
) -> None:
    """Appends one event. `actor` and `subject` are ids with their kind (`subscription:…`, `client:…`), never numbers,
    addresses or secrets."""
    await writer.run(
        _APPEND,
        id=random_text(entropy, 16),
        at=now,
        tag=tag.value,
        actor=actor,
        subject=subject,
        operator_id=operator_id,
        organization_id=organization_id,
        request_id=request_id or None,
        data=json.dumps(dict(data or {}), ensure_ascii=True, separators=(",", ":")),
    )
