"""Ending consents with all that stands under them: one, or all of a product at an operator."""

from __future__ import annotations

from dataclasses import dataclass

from dialkey.base.clock import Clock, Instant
from dialkey.base.entropy import Entropy
from dialkey.consent.rules import Consents, Withdrawal, Withdrawn
from dialkey.events.ending import END_CONSENTS, end_consents
from dialkey.events.leaving import queue_subject_logout
from dialkey.jobs import Handler, Job
from dialkey.jobs.model import Context
from dialkey.oauth import withdrawing_store as store
from dialkey.oauth.store import AuthorizationStore
from dialkey.storage import Row, Storage, Writer

BATCH = 100
"""Consents that one transaction ends."""


@dataclass(frozen=True, slots=True)
class _Product:
    """Deleted ones too, so not the directory's."""

    id: str
    name: str
    organization_id: str
    terms_url: str | None


class Withdrawals:
    """Every door through which a consent ends leads here."""

    def __init__(
        self, storage: Storage, consents: Consents, authorizations: AuthorizationStore, clock: Clock, entropy: Entropy
    ) -> None:
        self._storage = storage
        self._consents = consents
        self._authorizations = authorizations
        self._clock = clock
        self._entropy = entropy
        self.handlers = {END_CONSENTS: Handler(run=self._end_some, retries=20)}

    async def inside(
        self,
        writer: Writer,
        *,
        subscription_id: str,
        product: Withdrawn,
        operator_id: str,
        how: Withdrawal,
        created_by: str = "",
    ) -> bool:
        """The consent, every grant under it, and the news of both, in the caller's transaction."""
        ended = await self._consents.withdraw(
            writer,
            subscription_id=subscription_id,
            product=product,
            operator_id=operator_id,
            how=how,
            created_by=created_by,
        )
        if created_by and not ended:
            return False
        now = self._clock.now()
        grants = await self._authorizations.end_of_pair(writer, subscription_id, product.id, now, "consent_withdrawn")
        if grants:
            await queue_subject_logout(
                writer, entropy=self._entropy, now=now, subscription_id=subscription_id, product_id=product.id
            )
        return ended

    async def _end_some(self, job: Job, context: Context) -> None:
        """One batch; what is left is queued in the same transaction."""
        product_id, operator_id = str(job.payload["product"]), str(job.payload["operator"])
        at, last = int(job.payload["at"]), str(job.payload["after"])

        async def unit(writer: Writer) -> None:
            if operator_id and await writer.one(store.STILL_ENABLED, product_id=product_id, operator_id=operator_id):
                return  # it was enabled again meanwhile: who is left, keeps it
            row = await writer.one(store.PRODUCT, id=product_id)
            if row is None:
                return
            product = _Product(row.id, row.name, row.organization_id, row.terms_url)
            found = await writer.all(
                store.LIVE, product_id=product_id, operator_id=operator_id, at=at, after=last, most=BATCH
            )
            for one in found:
                await self._end_one(writer, one, product, "operator" if operator_id else "product")
            if len(found) == BATCH:
                await end_consents(
                    writer,
                    entropy=context.entropy,
                    now=Instant(at),
                    product_id=product_id,
                    operator_id=operator_id,
                    after=found[-1].subscription_id,
                )

        await context.storage.write(unit)

    async def _end_one(self, writer: Writer, row: Row, product: _Product, by: str) -> None:
        how = Withdrawal(
            actor=f"operator:{row.operator_id}" if by == "operator" else f"organization:{product.organization_id}",
            page=f"{by}_ended",
            locale="en",
            client_id=None,
            session_id=None,
            request_id="",
        )
        await self.inside(
            writer, subscription_id=row.subscription_id, product=product, operator_id=row.operator_id, how=how
        )
