"""Pending becomes Fulfilled: the row is written and the code exists."""

from __future__ import annotations

from dialkey.base.clock import SECOND, Instant, after
from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import Client, GrantType
from dialkey.oauth.house import House
from dialkey.oauth.model import Fulfilled, Pending
from dialkey.signin.model import Session
from dialkey.storage import Writer


class Fulfilment:
    """Writes authorizations. Doing it twice gives the same code while it can be spent, and nothing afterwards."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._most = house.settings.tokens.grants_per_client
        self._lifetime = house.settings.tokens.code_lifetime * SECOND

    async def alone(self, pending: Pending, client: Client, session: Session, scope: ScopeSet) -> str | None:
        """In a transaction of its own: the code, or None where this authorization was finished before."""

        async def unit(writer: Writer) -> bool:
            return await self.inside(writer, pending, client, session, scope)

        return self._house.tokens.code(pending.id) if await self._house.storage.write(unit) else None

    async def inside(
        self, writer: Writer, pending: Pending, client: Client, session: Session, scope: ScopeSet
    ) -> bool:
        """Inside the caller's transaction: whether the code of `pending` can be given out."""
        now = self._house.clock.now()
        authorization = self._fulfilled(pending, client, session, scope, now)
        store = self._house.authorizations
        if not await store.fulfil(writer, authorization):
            stage = await store.stage_inside(writer, pending.id)
            return (
                stage is not None
                and stage.exchanged_at is None
                and stage.ended_at is None
                and stage.code_expires_at > now
                and stage.client_id == client.id
                and stage.subscription_id == session.subscription_id
            )
        if authorization.refreshable:
            await store.cap(writer, session.subscription_id, client.id, self._most - 1, now)
        return True

    def _fulfilled(
        self, pending: Pending, client: Client, session: Session, scope: ScopeSet, now: Instant
    ) -> Fulfilled:
        request = pending.request
        return Fulfilled(
            id=pending.id,
            client_id=client.id,
            product_id=client.product.id,
            subscription_id=session.subscription_id,
            operator_id=session.operator_id,
            session_id=session.id,
            redirect_uri=request.redirect_uri,
            redirect_uri_sent=request.redirect_uri_sent,
            code_challenge=request.code_challenge,
            scope=scope,
            refreshable="offline_access" in scope and GrantType.REFRESH_TOKEN in client.grant_types,
            nonce=request.nonce,
            auth_time=session.authenticated_at,
            amr=session.amr,
            acr=session.acr,
            requested_at=Instant(pending.started_at),
            fulfilled_at=now,
            code_expires_at=after(now, self._lifetime),
        )
