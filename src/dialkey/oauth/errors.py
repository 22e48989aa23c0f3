"""OAuth errors: one class per registered code. The docstring's first line is what the client is told; `detail` is for
the log and the developer's event log only."""

from __future__ import annotations

from typing import ClassVar

from dialkey.directory.model import Client


class OAuthError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 400

    def __init__(self, detail: str = "", *, description: str | None = None) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.about: Client | None = None
        """Whose log it belongs in, where that is known."""
        self._description = description

    @property
    def description(self) -> str:
        """ASCII without quotes and backslashes (RFC 6749 section 5.2)."""
        return self._description or (type(self).__doc__ or "").partition("\n")[0]

    def body(self) -> dict[str, str]:
        return {"error": self.code, "error_description": self.description}


class InvalidRequest(OAuthError):
    """The request is missing a parameter, repeats one, or is otherwise malformed.

    RFC 6749 sections 4.1.2.1 and 5.2.
    """

    code = "invalid_request"


class InvalidClient(OAuthError):
    """Client authentication failed.

    RFC 6749 section 5.2. The same answer for an unknown client and a wrong secret.
    """

    code = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The authorization code or refresh token is invalid, expired, revoked, or was issued to another client.

    RFC 6749 section 5.2.
    """

    code = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type or response type.

    RFC 6749 sections 4.1.2.1 and 5.2.
    """

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The grant type is not supported.

    RFC 6749 section 5.2.
    """

    code = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """The response type is not supported: use code.

    RFC 6749 section 4.1.2.1.
    """

    code = "unsupported_response_type"


class InvalidScope(OAuthError):
    """The scope is malformed, or the product does not have it enabled.

    RFC 6749 sections 4.1.2.1 and 5.2.
    """

    code = "invalid_scope"


class AccessDenied(OAuthError):
    """The subscriber or its operator did not allow the request.

    RFC 6749 section 4.1.2.1.
    """

    code = "access_denied"


class NotReached(AccessDenied):
    """Your product does not reach this.

    RFC 6750 section 3.1 names no code for it; that of an authorization response says what it is.
    """

    status = 403


class LoginRequired(OAuthError):
    """The subscriber is not signed in.

    OpenID Connect Core 1.0 section 3.1.2.6.
    """

    code = "login_required"


class ConsentRequired(OAuthError):
    """The subscriber has not agreed yet.

    OpenID Connect Core 1.0 section 3.1.2.6.
    """

    code = "consent_required"


class RequestNotSupported(OAuthError):
    """The request parameter is not supported.

    OpenID Connect Core 1.0 section 3.1.2.6.
    """

    code = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """The request_uri parameter is not supported.

    OpenID Connect Core 1.0 section 3.1.2.6.
    """

    code = "request_uri_not_supported"


class RegistrationNotSupported(OAuthError):
    """The registration parameter is not supported.

    OpenID Connect Core 1.0 section 3.1.2.6.
    """

    code = "registration_not_supported"


class UnmetAuthenticationRequirements(OAuthError):
    """The requested authentication context cannot be met.

    OpenID Connect Core Unmet Authentication Requirements 1.0.
    """

    code = "unmet_authentication_requirements"


class UnsupportedTokenType(OAuthError):
    """This kind of token cannot be revoked here.

    RFC 7009 section 2.2.1.
    """

    code = "unsupported_token_type"


class InvalidToken(OAuthError):
    """The access token is invalid, expired or revoked.

    RFC 6750 section 3.1.
    """

    code = "invalid_token"
    status = 401


class InsufficientScope(OAuthError):
    """The access token does not reach this far.

    RFC 6750 section 3.1.
    """

    code = "insufficient_scope"
    status = 403


class SlowDown(OAuthError):
    """Too many failed attempts: try again in a minute.

    RFC 6585 section 4; the code is the one that clients know for "later".
    """

    code = "temporarily_unavailable"
    status = 429
