"""Who calls an API of ours: a client that stands for its product, by a token of its own (client credentials)."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import Client
from dialkey.oauth.errors import InsufficientScope, InvalidToken
from dialkey.oauth.grants import Parts
from dialkey.oauth.tokens import AccessToken
from dialkey.oauth.userinfo import bearer_of


@dataclass(frozen=True, slots=True)
class Caller:
    client: Client
    token: AccessToken

    @property
    def scope(self) -> ScopeSet:
        """What the token still reaches: nothing that the product no longer has."""
        return self.token.scope & self.client.product.scopes

    def need(self, *scopes: str) -> None:
        """403 unless one of these is among them."""
        if not any(scope in self.scope for scope in scopes):
            raise InsufficientScope(f"needs {scopes[0]}", description=f"The token needs the scope {scopes[0]}.")


class Callers:
    """Reads and judges the bearer of a request."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def of(self, request: Request) -> Caller:
        """Raises InvalidToken."""
        token = await self._parts.tokens.read_access_token(bearer_of(request.headers.getlist("authorization")))
        if token is None or token.grant_id is not None or token.client_id is None:
            raise InvalidToken("the bearer must be a living client credentials token")
        return Caller(await self._alive(token), token)

    async def still(self, caller: Caller) -> Caller:
        """The same caller as it is now: for answers that take a while. Raises InvalidToken."""
        if caller.token.expires_at <= self._parts.clock.now():
            raise InvalidToken("the bearer has expired")
        return Caller(await self._alive(caller.token), caller.token)

    async def _alive(self, token: AccessToken) -> Client:
        assert token.client_id is not None
        if await self._parts.authorizations.token_ended(token.jti):
            raise InvalidToken("the bearer was revoked")
        client = await self._parts.directory.find_client(token.client_id)
        if client is None or not client.active:
            raise InvalidToken("client or product is disabled")
        return client
