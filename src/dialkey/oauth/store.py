"""Authorizations and the grants that they become: all their SQL.

The three statements that spend are guarded: what they return happened, and happened once.
"""

from __future__ import annotations

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet
from dialkey.oauth.model import Fulfilled, Grant
from dialkey.storage import Row, Statement, Storage, Writer

_GRANT = (
    "a.id, a.client_id, a.product_id, a.subscription_id, a.operator_id, a.session_id, a.scope, a.refreshable, a.nonce,"
    " a.auth_time, a.amr, a.acr, a.requested_at, a.generation, a.rotated_at"
)
_RETURNED = _GRANT.replace("a.", "authorizations.")

_FULFIL = Statement(
    "authorizations.fulfil",
    "INSERT INTO authorizations (id, client_id, product_id, subscription_id, operator_id, session_id, redirect_uri,"
    " redirect_uri_sent, code_challenge, scope, refreshable, nonce, auth_time, amr, acr, requested_at,"
    " fulfilled_at, code_expires_at, generation, idle_expires_at, expires_at) VALUES (:id, :client_id, :product_id,"
    " :subscription_id, :operator_id, :session_id, :redirect_uri, :redirect_uri_sent, :code_challenge, :scope,"
    " :refreshable, :nonce, :auth_time, :amr, :acr, :requested_at, :fulfilled_at, :code_expires_at, 0,"
    " :code_expires_at, :code_expires_at) ON CONFLICT (id) DO NOTHING",
)
_CAP = Statement(
    "authorizations.cap",
    "UPDATE authorizations SET ended_at = :now, end_reason = 'capped' WHERE id IN (SELECT id FROM authorizations"
    " WHERE subscription_id = :subscription_id AND client_id = :client_id AND ended_at IS NULL AND refreshable = 1"
    " AND exchanged_at IS NOT NULL ORDER BY COALESCE(rotated_at, exchanged_at) DESC LIMIT 1000 OFFSET :most)",
)
_STAGE = Statement(
    "authorizations.stage",
    "SELECT client_id, subscription_id, redirect_uri, redirect_uri_sent, code_challenge, code_expires_at, exchanged_at,"
    " generation, rotated_at, idle_expires_at, expires_at, ended_at, end_reason FROM authorizations WHERE id = :id",
)
_EXCHANGE = Statement(
    "authorizations.exchange",
    "UPDATE authorizations SET exchanged_at = v.now, generation = authorizations.refreshable,"
    " idle_expires_at = CASE WHEN authorizations.refreshable = 1 THEN v.idle_expires_at ELSE v.access_expires_at END,"
    " expires_at = CASE WHEN authorizations.refreshable = 1 THEN v.expires_at ELSE v.access_expires_at END {from_batch}"
    " WHERE authorizations.id = v.id AND authorizations.client_id = v.client_id"
    " AND authorizations.exchanged_at IS NULL AND authorizations.ended_at IS NULL"
    " AND authorizations.code_expires_at > v.now AND authorizations.code_challenge = v.code_challenge"
    " AND (authorizations.redirect_uri = v.redirect_uri"
    " OR (authorizations.redirect_uri_sent = 0 AND v.redirect_uri = ''))"
    " RETURNING {ordinal} {grant}".replace("{grant}", _RETURNED),
    batch={
        "id": "text",
        "client_id": "text",
        "code_challenge": "text",
        "redirect_uri": "text",
        "now": "bigint",
        "access_expires_at": "bigint",
        "idle_expires_at": "bigint",
        "expires_at": "bigint",
    },
)
_ROTATE = Statement(
    "authorizations.rotate",
    "UPDATE authorizations SET generation = authorizations.generation + 1, rotated_at = v.now,"
    " idle_expires_at = v.idle_expires_at {from_batch} WHERE authorizations.id = v.id"
    " AND authorizations.client_id = v.client_id"
    " AND authorizations.generation = v.generation AND authorizations.generation > 0"
    " AND authorizations.ended_at IS NULL AND authorizations.exchanged_at IS NOT NULL"
    " AND authorizations.expires_at > v.now AND authorizations.idle_expires_at > v.now"
    " RETURNING {ordinal} {grant}".replace("{grant}", _RETURNED),
    batch={
        "id": "text",
        "client_id": "text",
        "generation": "bigint",
        "now": "bigint",
        "idle_expires_at": "bigint",
    },
)
_LIVE = Statement(
    "authorizations.live",
    f"SELECT {{ordinal}} {_GRANT}, p.phone_number FROM {{join_batch}} authorizations a"
    " JOIN subscriptions p ON p.id = a.subscription_id WHERE a.id = v.id AND a.exchanged_at IS NOT NULL"
    " AND a.ended_at IS NULL AND a.expires_at > v.now AND a.idle_expires_at > v.now AND p.status = 'active'",
    batch={"id": "text", "now": "bigint"},
)
_END = Statement(
    "authorizations.end",
    "UPDATE authorizations SET ended_at = :now, end_reason = :reason WHERE id = :id AND ended_at IS NULL"
    " RETURNING subscription_id, client_id, product_id",
)
_END_OF_PAIR = Statement(
    "authorizations.end_of_pair",
    "UPDATE authorizations SET ended_at = :now, end_reason = :reason WHERE subscription_id = :subscription_id"
    " AND product_id = :product_id AND ended_at IS NULL",
)
_END_OF_SESSION = Statement(
    "authorizations.end_of_session",
    "UPDATE authorizations SET ended_at = :now, end_reason = :reason WHERE session_id = :session_id"
    " AND refreshable = 0 AND ended_at IS NULL",
)
_END_TOKEN = Statement(
    "ended_tokens.add",
    "INSERT INTO ended_tokens (jti, expires_at) VALUES (:jti, :expires_at) ON CONFLICT DO NOTHING",
)
_TOKEN_ENDED = Statement(
    "ended_tokens.find",
    "SELECT {ordinal} e.expires_at FROM {join_batch} ended_tokens e WHERE e.jti = v.jti",
    batch={"jti": "text"},
)


class AuthorizationStore:
    """Rows of `authorizations` as values."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def fulfil(self, writer: Writer, authorization: Fulfilled) -> bool:
        """False where this authorization was fulfilled before."""
        a = authorization
        return (
            await writer.run(
                _FULFIL,
                id=a.id,
                client_id=a.client_id,
                product_id=a.product_id,
                subscription_id=a.subscription_id,
                operator_id=a.operator_id,
                session_id=a.session_id,
                redirect_uri=a.redirect_uri,
                redirect_uri_sent=int(a.redirect_uri_sent),
                code_challenge=a.code_challenge,
                scope=str(a.scope),
                refreshable=int(a.refreshable),
                nonce=a.nonce,
                auth_time=a.auth_time,
                amr=" ".join(a.amr),
                acr=a.acr,
                requested_at=a.requested_at,
                fulfilled_at=a.fulfilled_at,
                code_expires_at=a.code_expires_at,
            )
            == 1
        )

    async def cap(self, writer: Writer, subscription_id: str, client_id: str, most: int, now: Instant) -> None:
        """Ends the longest idle of more than `most` live grants."""
        await writer.run(_CAP, subscription_id=subscription_id, client_id=client_id, most=most, now=now)

    async def stage(self, authorization_id: str) -> Row | None:
        """Where an authorization stands, to explain a refusal."""
        return await self._storage.read.one(_STAGE, id=authorization_id)

    async def stage_inside(self, writer: Writer, authorization_id: str) -> Row | None:
        return await writer.one(_STAGE, id=authorization_id)

    async def exchange(
        self,
        authorization_id: str,
        *,
        client_id: str,
        code_challenge: str,
        redirect_uri: str,
        now: Instant,
        access_expires_at: Instant,
        idle_expires_at: Instant,
        expires_at: Instant,
    ) -> Grant | None:
        """Spends a code: for its client, before its time, with the right challenge and redirect URI; once."""
        row = await self._storage.claim(
            _EXCHANGE,
            id=authorization_id,
            client_id=client_id,
            code_challenge=code_challenge,
            redirect_uri=redirect_uri,
            now=now,
            access_expires_at=access_expires_at,
            idle_expires_at=idle_expires_at,
            expires_at=expires_at,
        )
        return None if row is None else _grant(row)

    async def rotate(
        self, grant_id: str, *, client_id: str, generation: int, now: Instant, idle_expires_at: Instant
    ) -> Grant | None:
        """Spends a refresh token; the grant returned has the next generation."""
        row = await self._storage.claim(
            _ROTATE,
            id=grant_id,
            client_id=client_id,
            generation=generation,
            now=now,
            idle_expires_at=idle_expires_at,
        )
        return None if row is None else _grant(row)

    async def find_live(self, grant_id: str, now: Instant) -> tuple[Grant, str | None] | None:
        """A grant that is neither ended nor over, of an active subscription; and the number it has now."""
        row = await self._storage.find(_LIVE, id=grant_id, now=now)
        return None if row is None else (_grant(row), row.phone_number)

    async def end(self, writer: Writer, grant_id: str, now: Instant, reason: str) -> Row | None:
        """Ends one grant and with it every token of it; None where it had ended."""
        return await writer.one(_END, id=grant_id, now=now, reason=reason)

    async def end_of_pair(
        self, writer: Writer, subscription_id: str, product_id: str, now: Instant, reason: str
    ) -> int:
        """Ends all grants of a subscription at a product, codes not yet exchanged among them."""
        return await writer.run(
            _END_OF_PAIR, subscription_id=subscription_id, product_id=product_id, now=now, reason=reason
        )

    async def end_of_session(self, writer: Writer, session_id: str, now: Instant, reason: str) -> int:
        """Ends the grants that were to live as long as the session: those without `offline_access`."""
        return await writer.run(_END_OF_SESSION, session_id=session_id, now=now, reason=reason)

    async def end_token(self, writer: Writer, jti: str, expires_at: Instant) -> None:
        """Remembers a token without a grant as revoked, until it would have expired."""
        await writer.run(_END_TOKEN, jti=jti, expires_at=expires_at)

    async def token_ended(self, jti: str) -> bool:
        return await self._storage.find(_TOKEN_ENDED, jti=jti) is not None


def _grant(row: Row) -> Grant:
    return Grant(
        id=row.id,
        client_id=row.client_id,
        product_id=row.product_id,
        subscription_id=row.subscription_id,
        operator_id=row.operator_id,
        session_id=row.session_id,
        scope=ScopeSet(row.scope.split()),
        refreshable=bool(row.refreshable),
        nonce=row.nonce,
        auth_time=row.auth_time,
        amr=tuple(row.amr.split()),
        acr=row.acr,
        requested_at=row.requested_at,
        generation=row.generation,
        rotated_at=row.rotated_at,
    )
