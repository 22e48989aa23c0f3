"""Consents and their evidence: all their SQL."""

from __future__ import annotations

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet
from dialkey.consent.model import Consent
from dialkey.storage import Reader, Row, Statement, Storage, Writer

_COLUMNS = "subscription_id, product_id, scopes, declined, terms_version, owner, given_at, updated_at"
_FIND = Statement(
    "consents.find",
    "SELECT {ordinal} c.subscription_id, c.product_id, c.scopes, c.declined, c.terms_version, c.owner, c.given_at,"
    " c.updated_at FROM {join_batch} consents c WHERE c.subscription_id = v.subscription_id"
    " AND c.product_id = v.product_id AND c.withdrawn_at IS NULL",
    batch={"subscription_id": "text", "product_id": "text"},
)
_SAVE = Statement(
    "consents.save",
    f"INSERT INTO consents AS c ({_COLUMNS}) VALUES (:subscription_id, :product_id, :scopes, :declined, :terms_version,"
    " :owner, :now, :now) ON CONFLICT (subscription_id, product_id) DO UPDATE SET scopes = excluded.scopes,"
    " declined = excluded.declined, terms_version = excluded.terms_version, owner = excluded.owner,"
    " given_at = CASE WHEN c.withdrawn_at IS NULL THEN c.given_at ELSE excluded.given_at END,"
    " updated_at = excluded.updated_at, withdrawn_at = NULL",
)
_WITHDRAW = Statement(
    "consents.withdraw",
    "UPDATE consents SET withdrawn_at = :now, updated_at = :now WHERE subscription_id = :subscription_id"
    " AND product_id = :product_id AND withdrawn_at IS NULL RETURNING scopes, declined, terms_version",
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

    async def find_inside(self, reader: Reader, subscription_id: str, product_id: str) -> Consent | None:
        """As `find`, within a unit of work."""
        row = await reader.one(_FIND, subscription_id=subscription_id, product_id=product_id)
        return None if row is None else _consent(row)

    async def save(self, writer: Writer, consent: Consent, now: Instant) -> None:
        await writer.run(
            _SAVE,
            subscription_id=consent.subscription_id,
            product_id=consent.product_id,
            scopes=str(consent.scopes),
            declined=str(consent.declined),
            terms_version=consent.terms_version,
            owner=consent.owner,
            now=now,
        )

    async def withdraw(self, writer: Writer, subscription_id: str, product_id: str, now: Instant) -> Row | None:
        return await writer.one(_WITHDRAW, subscription_id=subscription_id, product_id=product_id, now=now)

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
    )
