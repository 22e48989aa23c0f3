"""Writing a change down, beside the change itself."""

from __future__ import annotations

import json

from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_id
from dialkey.events import store
from dialkey.events.model import Change, ChangeKind
from dialkey.storage import Writer

PHONE = "phone"


async def record_change(writer: Writer, change: Change, *, entropy: Entropy) -> None:
    """One statement, in the caller's transaction: told if, and only if, that is committed. No number is stored; it is
    looked up in the subscription's history when the event is read."""
    await writer.run(
        store.ADD,
        id=new_id(entropy),
        product_id=change.product_id,
        kind=change.kind.value,
        subscription_id=change.subscription_id,
        operator_id=change.operator_id,
        scopes=str(change.scopes) if change.kind is not ChangeKind.REVOKED else "",
        numbered=int(change.subscription_id is not None and PHONE in change.scopes),
        metadata=json.dumps(dict(change.metadata), ensure_ascii=True, separators=(",", ":")),
        at=change.at,
    )
