"""POST /oauth2/revoke (RFC 7009): either token of a grant ends the grant; the consent stays."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from dialkey.insights import Kind
from dialkey.oauth.client_auth import AuthenticatedClient, ClientAuthentication
from dialkey.oauth.endpoint import Endpoint, note
from dialkey.oauth.errors import InvalidRequest
from dialkey.oauth.grants import Parts
from dialkey.oauth.tokens import AccessToken
from dialkey.storage import Writer
from dialkey.web.http import NO_STORE


class RevocationEndpoint(Endpoint):
    """200 for whatever is not this client's living token, too: there is nothing to learn here."""

    kind = Kind.REVOKE

    def __init__(self, authentication: ClientAuthentication, parts: Parts) -> None:
        super().__init__(parts.directory, authentication, parts.insights)
        self._parts = parts

    async def answer(
        self, request: Request, authenticated: AuthenticatedClient, form: Mapping[str, str]
    ) -> Response:
        text = form.get("token")
        if text is None:
            raise InvalidRequest("token is missing", description="The token is missing.")
        client = authenticated.client
        refresh = self._parts.tokens.read_refresh_token(text)
        access = None if refresh else await self._parts.tokens.read_access_token(text)
        grant_id = refresh.grant_id if refresh else access.grant_id if access else None
        if grant_id is not None:
            stage = await self._parts.authorizations.stage(grant_id)
            if stage is not None and stage.client_id == client.id and stage.ended_at is None:
                await self._parts.end_grant(grant_id, "revoked", client)
        elif access is not None and access.client_id == client.id and authenticated.proven:
            await self._end_token(access)
        note(self._insights, request, client, Kind.REVOKE)
        return Response(None, 200, dict(NO_STORE))

    async def _end_token(self, token: AccessToken) -> None:
        async def unit(writer: Writer) -> None:
            await self._parts.authorizations.end_token(writer, token.jti, token.expires_at)

        await self._parts.storage.write(unit)
