"""POST /oauth2/token (RFC 6749 section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from dialkey.directory.model import GrantType
from dialkey.directory.store import ClientDirectory
from dialkey.insights import Kind
from dialkey.oauth.client_auth import AuthenticatedClient, ClientAuthentication
from dialkey.oauth.endpoint import Endpoint, note
from dialkey.oauth.errors import InvalidRequest, UnauthorizedClient, UnsupportedGrantType
from dialkey.oauth.grants import Parts, exchanges
from dialkey.oauth.keys import SigningKeys
from dialkey.web.http import json_response

_KINDS: Mapping[str, Kind] = {
    GrantType.AUTHORIZATION_CODE: Kind.TOKEN,
    GrantType.REFRESH_TOKEN: Kind.REFRESH,
    GrantType.CLIENT_CREDENTIALS: Kind.CLIENT_CREDENTIALS,
}


class TokenEndpoint(Endpoint):
    """Authenticates the client, then lets the grant type answer. The answer leaves after the commit."""

    def __init__(
        self, directory: ClientDirectory, authentication: ClientAuthentication, parts: Parts, signing: SigningKeys
    ) -> None:
        super().__init__(directory, authentication, parts.insights)
        self._exchanges = exchanges(parts)
        self._signing = signing

    async def answer(
        self, request: Request, authenticated: AuthenticatedClient, form: Mapping[str, str]
    ) -> Response:
        name = form.get("grant_type")
        if name is None:
            raise InvalidRequest("grant_type is missing", description="The grant_type is missing.")
        try:
            grant_type = GrantType(name)
        except ValueError:
            raise UnsupportedGrantType(f"grant_type {name[:60]!r}") from None
        if grant_type not in authenticated.client.grant_types:
            raise UnauthorizedClient(f"the client does not have the grant {grant_type}")
        await self._signing.refresh()
        issued = await self._exchanges[grant_type](authenticated, form)
        operator_id = issued.grant.operator_id if issued.grant is not None else ""
        note(self._insights, request, authenticated.client, _KINDS[grant_type], operator_id=operator_id)
        return json_response(issued.body)

    def kind_of(self, form: Mapping[str, str]) -> Kind:
        return _KINDS.get(form.get("grant_type", ""), Kind.TOKEN)
