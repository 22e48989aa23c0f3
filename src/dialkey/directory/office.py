"""What every use case of the directory stands on: storage, clock, entropy, keys, and the trail."""

from __future__ import annotations

from collections.abc import Mapping

from dialkey.audit import Tag, record
from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy
from dialkey.directory import store
from dialkey.storage import Row, Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal


class Rules:
    """The ground of the directory's use cases."""

    def __init__(self, storage: Storage, clock: Clock, entropy: Entropy, keyring: Keyring) -> None:
        self._storage = storage
        self._clock = clock
        self._entropy = entropy
        self._keyring = keyring

    async def _record(
        self,
        writer: Writer,
        tag: Tag,
        actor: str,
        subject: str,
        *,
        operator_id: str | None = None,
        organization_id: str | None = None,
        data: Mapping[str, str | int | None] | None = None,
    ) -> None:
        await record(
            writer,
            tag,
            entropy=self._entropy,
            now=self._clock.now(),
            actor=actor,
            subject=subject,
            operator_id=operator_id,
            organization_id=organization_id,
            data=data,
        )

    async def _require_organization(self, writer: Writer, organization_id: str) -> None:
        if await writer.one(store.ORGANIZATION, id=organization_id) is None:
            raise Refusal(404, "no_such_organization")

    async def _touch_product(self, writer: Writer, product_id: str) -> str:
        """Holds the product's row until the transaction ends, and gives the organization."""
        row = await writer.one(store.TOUCH_PRODUCT, id=product_id, now=self._clock.now())
        if row is None:
            raise Refusal(404, "no_such_product")
        return row.organization_id

    async def _touch_client(self, writer: Writer, client_id: str) -> Row:
        """Holds the client's row until the transaction ends."""
        row = await writer.one(store.TOUCH_CLIENT, id=client_id, now=self._clock.now())
        if row is None:
            raise Refusal(404, "no_such_client")
        return row


def refuse(**faults: str | None) -> None:
    """Refusal 422 with the first fault, and the field it is in."""
    for field, fault in faults.items():
        if fault is not None:
            raise Refusal(422, fault, field=field)
