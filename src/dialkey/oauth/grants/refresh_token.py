"""`refresh_token` (RFC 6749 section 6, RFC 9700 section 4.14): every use rotates.

A client whose answer got lost, or two of whose processes refresh at once, gets the same successor again inside a short
window. Anything older ends the grant.
"""

from __future__ import annotations

from collections.abc import Mapping

from dialkey.base.clock import SECOND, after
from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import Client
from dialkey.oauth.client_auth import AuthenticatedClient
from dialkey.oauth.errors import InvalidGrant, InvalidRequest, InvalidScope
from dialkey.oauth.grants.context import Issued, Parts
from dialkey.oauth.model import Grant
from dialkey.oauth.tokens import RefreshToken


class RefreshTokenGrant:
    """Rotates in one guarded statement; inserts nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._idle = parts.settings.tokens.refresh_idle_lifetime * SECOND
        self._window = parts.settings.tokens.refresh_retry_window * SECOND

    async def __call__(self, authenticated: AuthenticatedClient, form: Mapping[str, str]) -> Issued:
        client = authenticated.client
        text = form.get("refresh_token")
        if text is None:
            raise InvalidRequest("refresh_token is missing", description="The refresh_token is missing.")
        presented = self._parts.tokens.read_refresh_token(text)
        if presented is None:
            raise InvalidGrant("not a refresh token of ours")
        asked = _asked(form.get("scope"))
        if asked is not None:
            await self._check_scope(presented, client, asked)
        grant = await self._rotate(presented, client)
        scope = grant.scope if asked is None else grant.scope & asked
        return await self._parts.answer(client, grant, scope)

    async def _rotate(self, presented: RefreshToken, client: Client) -> Grant:
        now = self._parts.clock.now()
        grant = await self._parts.authorizations.rotate(
            presented.grant_id,
            client_id=client.id,
            generation=presented.generation,
            now=now,
            idle_expires_at=after(now, self._idle),
        )
        return grant if grant is not None else await self._retry(presented, client)

    async def _retry(self, presented: RefreshToken, client: Client) -> Grant:
        """The token was spent, or cannot be: the same successor once more, the end of the grant, or a plain refusal."""
        now = self._parts.clock.now()
        stage = await self._parts.authorizations.stage(presented.grant_id)
        if stage is None or stage.client_id != client.id:
            raise InvalidGrant("the refresh token is not this client's")
        if stage.ended_at is not None:
            raise InvalidGrant(f"the grant was ended: {stage.end_reason}")
        if stage.expires_at <= now or stage.idle_expires_at <= now:
            raise InvalidGrant("the grant has expired")
        window = self._window if client.retry_window is None else client.retry_window
        previous = presented.generation == stage.generation - 1
        if previous and stage.rotated_at is not None and now - stage.rotated_at <= window:
            found = await self._parts.authorizations.find_live(presented.grant_id, now)
            if found is None or found[0].generation != stage.generation:
                raise InvalidGrant("the successor was used meanwhile")
            return found[0]
        if presented.generation < stage.generation:
            await self._parts.end_grant(presented.grant_id, "refresh_token_replayed", client)
            raise InvalidGrant("the refresh token was used before")
        raise InvalidGrant("the subscription is not active")

    async def _check_scope(self, presented: RefreshToken, client: Client, asked: ScopeSet) -> None:
        """A scope that was not granted is refused before anything is spent."""
        found = await self._parts.authorizations.find_live(presented.grant_id, self._parts.clock.now())
        if found is not None and found[0].client_id == client.id and not asked <= found[0].scope:
            raise InvalidScope(
                "refresh asks for more than was granted", description="The scope exceeds what was granted."
            )


def _asked(text: str | None) -> ScopeSet | None:
    if text is None:
        return None
    asked = ScopeSet.parse(text)
    if asked is None:
        raise InvalidScope("the scope is malformed")
    return asked if len(asked) else None
