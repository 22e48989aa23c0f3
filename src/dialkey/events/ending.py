"""Ending the consents of a product at an operator, or everywhere: asked for from below, done above, in batches."""

from __future__ import annotations

from dialkey.base.clock import Instant
from dialkey.base.entropy import Entropy
from dialkey.base.scopes import ScopeSet
from dialkey.events.model import Change, ChangeKind
from dialkey.events.recording import record_change
from dialkey.jobs import enqueue
from dialkey.storage import Statement, Writer

END_CONSENTS = "consents.end"
"""Payload: `product`, `operator` (empty: every one), `at`, `after` (the last subscription that is done)."""

_PRODUCT = Statement("events.product", "SELECT kind FROM products WHERE id = :id")
_SCOPES = Statement("events.scopes", "SELECT scope FROM product_scopes WHERE product_id = :id ORDER BY optional, scope")


async def end_consents(
    writer: Writer, *, entropy: Entropy, now: Instant, product_id: str, operator_id: str = "", after: str = ""
) -> None:
    """Queues it in the caller's transaction. Consents that are given later are not meant."""
    payload = {"product": product_id, "operator": operator_id, "at": now, "after": after}
    await enqueue(writer, entropy=entropy, kind=END_CONSENTS, payload=payload, now=now)


async def end_at_operator(
    writer: Writer, *, entropy: Entropy, now: Instant, product_id: str, operator_id: str
) -> None:
    """The operator no longer has the product: its own consent ends now, those of its subscribers by a job."""
    what = {"entropy": entropy, "now": now, "product_id": product_id, "operator_id": operator_id}
    await record_operator_change(writer, ChangeKind.REVOKED, **what)  # type: ignore[arg-type]
    await end_consents(writer, **what)  # type: ignore[arg-type]


async def record_operator_change(
    writer: Writer, kind: ChangeKind, *, entropy: Entropy, now: Instant, product_id: str, operator_id: str
) -> None:
    """An operator's own consent, for all its subscribers, to an operator product; nothing for any other product."""
    product = await writer.one(_PRODUCT, id=product_id)
    if product is None or product.kind != "operator":
        return
    scopes = ScopeSet(row.scope for row in await writer.all(_SCOPES, id=product_id))
    change = Change(kind=kind, product_id=product_id, operator_id=operator_id, scopes=scopes, at=now)
    await record_change(writer, change, entropy=entropy)
