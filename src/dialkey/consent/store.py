"""Consents and their evidence: all their SQL."""

from __future__ import annotations

import json

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet
from dialkey.consent.model import Consent
from dialkey.storage import Row, Statement, Storage, Writer

_COLUMNS = (
    "subscription_id, product_id, scopes, declined, terms_version, owner, given_at, updated_at, withdrawn_at, created_by,"
    " metadata"
)
_FIND = Statement(
    "consents.find",
    "SELECT {ordinal} c.subscription_id, c.product_id, c.scopes, c.declined, c.terms_version, c.owner, c.given_at,"
    " c.updated_at, c.withdrawn_at, c.created_by, c.metadata FROM {join_batch} consents c"
    " WHERE c.subscription_id = v.subscription_id AND c.product_id = v.product_id AND c.withdrawn_at IS NULL",
    batch={"subscription_id": "text", "product_id": "text"},
)
# Holds the row until the transaction ends; a pair that has none gets one that counts as withdrawn. Two answers for one
# pair follow each other, and the second one sees what the first one left.
_HOLD = Statement(
    "consents.hold",
    "INSERT INTO consents AS c (subscription_id, product_id, scopes, declined, terms_version, owner, given_at, updated_at,"
    " withdrawn_at) VALUES (:subscription_id, :product_id, '', '', 0, 'subscription', 0, 0, 0)"
    f" ON CONFLICT (subscription_id, product_id) DO UPDATE SET updated_at = c.updated_at RETURNING {_COLUMNS}",
)
_SAVE = Statement(
    "consents.save",
    "UPDATE consents SET scopes = :scopes, declined = :declined, terms_version = :terms_version, owner = :owner,"
    " given_at = :given_at, updated_at = :updated_at, withdrawn_at = NULL, created_by = :created_by,"
    " metadata = :metadata, subject = :subject"
    " WHERE subscription_id = :subscription_id AND product_id = :product_id",
)
_WITHDRAW = Statement(
    "consents.withdraw",
    "UPDATE consents SET withdrawn_at = :now,"
    " updated_at = CASE WHEN updated_at < :now THEN :now ELSE updated_at + 1 END"
    " WHERE subscription_id = :subscription_id AND product_id = :product_id AND withdrawn_at IS NULL"
    " AND (:created_by = '' OR created_by = :created_by)"
    " RETURNING scopes, declined, terms_version, updated_at, metadata",
)
_EVIDENCE = Statement(
    "consent_evidence.add",
    "INSERT INTO consent_evidence (id, subscription_id, product_id, change, scopes, declined, text_version, locale,"
    " shown, terms_url, terms_version, client_id, session_id, at) VALUES (:id, :subscription_id, :product_id, :change,"
    " :scopes, :declined, :text_version, :locale, :shown, :terms_url, :terms_version, :client_id, :session_id, :now)",
)

_LINK = "digest, subscription_id, product_id, operator_id, client_id, grant_id, redirect_uri, state, expires_at, outcome"
ADD_LINK = Statement(
    "removal_links.add",
    "INSERT INTO removal_links (digest, subscription_id, product_id, operator_id, client_id, grant_id, redirect_uri,"
    " state, created_at, expires_at) VALUES (:digest, :subscription_id, :product_id, :operator_id, :client_id,"
    " :grant_id, :redirect_uri, :state, :now, :expires_at)",
)
FIND_LINK = Statement("removal_links.find", f"SELECT {_LINK} FROM removal_links WHERE digest = :digest")
SPEND_LINK = Statement(
    "removal_links.spend",
    "UPDATE removal_links SET used_at = :now, outcome = :outcome WHERE digest = :digest AND used_at IS NULL"
    " AND expires_at > :now RETURNING digest",
)


class ConsentStore:
    """Rows of `consents` as values."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def find(self, subscription_id: str, product_id: str) -> Consent | None:
        row = await self._storage.find(_FIND, subscription_id=subscription_id, product_id=product_id)
        return None if row is None else _consent(row)

    async def hold(self, writer: Writer, subscription_id: str, product_id: str) -> tuple[Consent | None, Instant]:
        """The consent, held until the transaction ends, and the earliest instant of its next change."""
        row = await writer.one(_HOLD, subscription_id=subscription_id, product_id=product_id)
        assert row is not None
        return (None if row.withdrawn_at is not None else _consent(row)), Instant(row.updated_at + 1)

    async def save(self, writer: Writer, consent: Consent, subject: str) -> None:
        """Of a pair that is held."""
        await writer.run(
            _SAVE,
            subscription_id=consent.subscription_id,
            product_id=consent.product_id,
            scopes=str(consent.scopes),
            declined=str(consent.declined),
            terms_version=consent.terms_version,
            owner=consent.owner,
            given_at=consent.given_at,
            updated_at=consent.updated_at,
            created_by=consent.created_by,
            metadata=json.dumps(dict(consent.metadata), ensure_ascii=True, separators=(",", ":")),
            subject=subject,
        )

    async def withdraw(
        self, writer: Writer, subscription_id: str, product_id: str, now: Instant, created_by: str = ""
    ) -> Row | None:
        """`created_by`: only where this product made it."""
        return await writer.one(
            _WITHDRAW, subscription_id=subscription_id, product_id=product_id, now=now, created_by=created_by
        )

    async def add_evidence(self, writer: Writer, **values: str | int | None) -> None:
        await writer.run(_EVIDENCE, **values)


def _consent(row: Row) -> Consent:
    return Consent(
        subscription_id=row.subscription_id,
        product_id=row.product_id,
        scopes=ScopeSet(row.scopes.split()),
        declined=ScopeSet(row.declined.split()),
        terms_version=row.terms_version,
        owner=row.owner,
        given_at=row.given_at,
        updated_at=row.updated_at,
        created_by=row.created_by,
        metadata=json.loads(row.metadata),
    )
