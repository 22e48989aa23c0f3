"""`authorization_code` (RFC 6749 section 4.1.3, RFC 7636 section 4.6)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from dialkey.base.clock import SECOND, after
from dialkey.base.signed import b64
from dialkey.directory.model import Client
from dialkey.oauth.client_auth import AuthenticatedClient
from dialkey.oauth.errors import InvalidGrant, InvalidRequest
from dialkey.oauth.grants.context import Issued, Parts

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class AuthorizationCode:
    """Spends a code in one guarded statement: client, redirect URI, challenge and time are part of its guard."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        tokens = parts.settings.tokens
        self._idle = tokens.refresh_idle_lifetime * SECOND
        self._absolute = tokens.refresh_absolute_lifetime * SECOND

    async def __call__(self, authenticated: AuthenticatedClient, form: Mapping[str, str]) -> Issued:
        client = authenticated.client
        code = form.get("code")
        if code is None:
            raise InvalidRequest("code is missing", description="The code is missing.")
        challenge = _challenge(form.get("code_verifier"))
        authorization_id = self._parts.tokens.read_code(code)
        if authorization_id is None:
            raise InvalidGrant("not a code of ours")
        now = self._parts.clock.now()
        redirect_uri = form.get("redirect_uri", "")
        grant = await self._parts.authorizations.exchange(
            authorization_id,
            client_id=client.id,
            code_challenge=challenge,
            redirect_uri=redirect_uri,
            now=now,
            access_expires_at=after(now, self._parts.tokens.lifetime(client) * SECOND),
            idle_expires_at=after(now, self._idle),
            expires_at=after(now, self._absolute),
        )
        if grant is None:
            raise await self._why_not(client, authorization_id, challenge, redirect_uri)
        return await self._parts.answer(client, grant, grant.scope)

    async def _why_not(
        self, client: Client, authorization_id: str, challenge: str, redirect_uri: str
    ) -> InvalidGrant:
        """The reason. A replay that is right in everything else ends the grant (RFC 6749 section 4.1.2); one that is
        not, does not, or whoever saw a code could sign a subscriber out."""
        stage = await self._parts.authorizations.stage(authorization_id)
        if stage is None or stage.client_id != client.id:
            return InvalidGrant("the code is not this client's")
        if stage.code_challenge != challenge:
            return InvalidGrant("code_verifier does not fit code_challenge, or one of them is missing")
        if redirect_uri != stage.redirect_uri and not (redirect_uri == "" and not stage.redirect_uri_sent):
            return InvalidGrant("redirect_uri differs from the authorization request's")
        if stage.exchanged_at is not None:
            await self._parts.end_grant(authorization_id, "code_replayed", client)
            return InvalidGrant("the code was used before")
        return InvalidGrant("the authorization was ended" if stage.ended_at is not None else "the code has expired")


def _challenge(verifier: str | None) -> str:
    """S256 of the verifier; empty without one, which fits only an authorization without a challenge."""
    if verifier is None:
        return ""
    if not _VERIFIER.fullmatch(verifier):
        raise InvalidGrant("code_verifier has the wrong form")
    return b64(hashlib.sha256(verifier.encode()).digest())
