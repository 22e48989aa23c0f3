"""Metadata and public keys (OpenID Connect Discovery 1.0, RFC 8414, RFC 7517): what works, and nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dialkey.directory.model import AuthMethod, GrantType
from dialkey.directory.store import ClientDirectory
from dialkey.oauth.checks.prompt import PROMPTS
from dialkey.oauth.checks.response_type import RESPONSE_MODES
from dialkey.oauth.client_auth import ASSERTION_ALGORITHMS
from dialkey.oauth.keys import ALGORITHMS, SigningKeys
from dialkey.settings import Settings
from dialkey.signin.model import ACR
from dialkey.web.i18n import LOCALES


def metadata(settings: Settings, scopes: list[str]) -> dict[str, Any]:
    """The document of both well-known addresses."""
    base = settings.base_url
    methods = [method.value for method in AuthMethod]
    proven = [method.value for method in AuthMethod if method is not AuthMethod.NONE]
    return {
        "issuer": settings.issuer,
        "authorization_endpoint": f"{base}/oauth2/auth",
        "token_endpoint": f"{base}/oauth2/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "introspection_endpoint": f"{base}/oauth2/introspect",
        "end_session_endpoint": f"{base}/oauth2/sessions/logout",
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": [grant.value for grant in GrantType],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": proven,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "acr_values_supported": [ACR],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "acr", "amr", "at_hash", "aud", "auth_time", "azp", "exp", "iat", "iss", "jti", "nonce", "phone_number",
            "phone_number_verified", "rat", "sid", "sub",
        ],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "prompt_values_supported": list(PROMPTS),
        "display_values_supported": ["page", "touch"],
        "ui_locales_supported": list(LOCALES),
    }  # fmt: skip


class Discovery:
    """Serves bytes that were made before; they may be cached."""

    def __init__(self, settings: Settings, directory: ClientDirectory, signing: SigningKeys) -> None:
        self._settings = settings
        self._directory = directory
        self._signing = signing
        self._age = settings.keys.jwks_max_age
        self._scopes: frozenset[str] | None = None
        self._document = Response()
        self._jwks: bytes | None = None
        self._key_set = Response()

    async def configuration(self, request: Request) -> Response:
        scopes = await self._directory.scope_names()
        if scopes is not self._scopes:
            self._document = self._cacheable(msgspec.json.encode(metadata(self._settings, sorted(scopes))))
            self._scopes = scopes
        return self._unless_known(request, self._document)

    async def keys(self, request: Request) -> Response:
        await self._signing.refresh()
        jwks = self._signing.jwks()
        if jwks is not self._jwks:
            self._key_set = self._cacheable(jwks)
            self._jwks = jwks
        return self._unless_known(request, self._key_set)

    def _cacheable(self, body: bytes) -> Response:
        headers = {
            "Cache-Control": f"public, max-age={min(self._age, 300)}",
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            "Access-Control-Allow-Origin": "*",
        }
        return Response(body, 200, headers, "application/json")

    @staticmethod
    def _unless_known(request: Request, made: Response) -> Response:
        known = request.headers.get("if-none-match")
        if known is not None and known == made.headers["etag"]:
            kept = ("cache-control", "etag", "access-control-allow-origin")
            return Response(None, 304, {name: made.headers[name] for name in kept})
        return made
