"""`client_credentials` (RFC 6749 section 4.4): the product for itself. No row, no refresh token, no subscriber's scope."""

from __future__ import annotations

from collections.abc import Mapping

from dialkey.base.scopes import ScopeSet
from dialkey.consent.model import UNSEEN
from dialkey.oauth.checks.scope import read_scope
from dialkey.oauth.client_auth import AuthenticatedClient
from dialkey.oauth.errors import InvalidScope, UnauthorizedClient
from dialkey.oauth.grants.context import Issued, Parts

_OF_A_SUBSCRIBER = UNSEEN | {"phone"}


class ClientCredentials:
    """Mints a token for the client itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, authenticated: AuthenticatedClient, form: Mapping[str, str]) -> Issued:
        client = authenticated.client
        if not authenticated.proven:
            raise UnauthorizedClient("a public client cannot stand for itself")
        text = form.get("scope")
        scope = ScopeSet()
        if text is not None:
            catalogue = await self._parts.directory.scope_names()
            scope = read_scope(text, enabled=client.product.scopes, catalogue=catalogue)
            if scope & _OF_A_SUBSCRIBER:
                raise InvalidScope(
                    "a subscriber's scope", description="The scope needs a subscriber: use the authorization code."
                )
        body = {
            "access_token": await self._parts.access_token(client, None, scope),
            "expires_in": self._parts.tokens.lifetime(client),
            "scope": str(scope),
            "token_type": "bearer",
        }
        return Issued(body, None)
