"""POST /oauth2/introspect (RFC 7662)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dialkey.base.clock import SECOND, seconds
from dialkey.directory.model import Client
from dialkey.insights import Kind
from dialkey.oauth.client_auth import AuthenticatedClient, ClientAuthentication
from dialkey.oauth.endpoint import Endpoint, note
from dialkey.oauth.errors import InvalidRequest, UnauthorizedClient
from dialkey.oauth.grants import Parts
from dialkey.oauth.model import Grant
from dialkey.oauth.tokens import REFRESH, AccessToken
from dialkey.web.http import json_response

INACTIVE = {"active": False}


class IntrospectionEndpoint(Endpoint):
    """Tells a client about its own tokens, and a resource server about all. Everything else is inactive, no more."""

    cross_origin = False
    kind = Kind.INTROSPECT

    def __init__(self, authentication: ClientAuthentication, parts: Parts) -> None:
        super().__init__(parts.directory, authentication, parts.insights)
        self._parts = parts
        self._issuer = parts.settings.issuer

    async def answer(
        self, request: Request, authenticated: AuthenticatedClient, form: Mapping[str, str]
    ) -> Response:
        if not authenticated.proven:
            raise UnauthorizedClient("a public client cannot introspect")
        text = form.get("token")
        if text is None:
            raise InvalidRequest("token is missing", description="The token is missing.")
        described = await self._describe(authenticated.client, text)
        note(self._insights, request, authenticated.client, Kind.INTROSPECT)
        return json_response(described or INACTIVE)

    async def _describe(self, caller: Client, text: str) -> dict[str, Any] | None:
        if text.startswith(REFRESH):
            return await self._describe_refresh(caller, text)
        token = await self._parts.tokens.read_access_token(text)
        if token is None:
            return None
        if token.grant_id is None:
            return await self._describe_client_token(caller, token)
        found = await self._parts.authorizations.find_live(token.grant_id, self._parts.clock.now())
        if found is None:
            return None
        grant, _ = found
        owner = await self._owner(caller, grant)
        if owner is None:
            return None
        return await self._common(owner, grant, token) | self._of_grant(owner, grant)

    async def _describe_client_token(self, caller: Client, token: AccessToken) -> dict[str, Any] | None:
        assert token.client_id is not None
        if token.client_id != caller.id and not caller.may_introspect_all:
            return None
        owner = caller if token.client_id == caller.id else await self._parts.directory.find_client(token.client_id)
        if owner is None or not owner.active or await self._parts.authorizations.token_ended(token.jti):
            return None
        return await self._common(owner, None, token) | {"sub": owner.id}

    async def _describe_refresh(self, caller: Client, text: str) -> dict[str, Any] | None:
        token = self._parts.tokens.read_refresh_token(text)
        if token is None:
            return None
        found = await self._parts.authorizations.find_live(token.grant_id, self._parts.clock.now())
        if found is None or found[0].generation != token.generation:
            return None
        owner = await self._owner(caller, found[0])
        if owner is None:
            return None
        scope = str(found[0].scope & owner.product.scopes)
        common = {"active": True, "scope": scope, "client_id": owner.id, "iss": self._issuer}
        return common | self._of_grant(owner, found[0]) | {"token_type": "refresh_token"}

    async def _owner(self, caller: Client, grant: Grant) -> Client | None:
        """The live client of a grant that the caller may hear of."""
        if grant.client_id == caller.id:
            owner: Client | None = caller
        elif caller.may_introspect_all:
            owner = await self._parts.directory.find_client(grant.client_id)
        else:
            return None
        if owner is None or not owner.active:
            return None
        return owner if await self._parts.offered(grant) else None

    async def _common(self, owner: Client, grant: Grant | None, token: AccessToken) -> dict[str, Any]:
        scope = token.scope & owner.product.scopes
        audience = await self._parts.audience(owner, grant, scope) if token.audience is None else token.audience
        return {
            "active": True,
            "scope": str(scope),
            "client_id": owner.id,
            "iss": self._issuer,
            "aud": audience,
            "iat": seconds(token.issued_at),
            "exp": token.expires_at // SECOND,
            "jti": token.jti,
            "token_type": "bearer",
        }

    def _of_grant(self, owner: Client, grant: Grant) -> dict[str, Any]:
        return {
            "sub": self._parts.tokens.subject(owner, grant),
            "sid": self._parts.tokens.sid(owner, grant),
            "acr": grant.acr,
            "auth_time": seconds(grant.auth_time),
        }
