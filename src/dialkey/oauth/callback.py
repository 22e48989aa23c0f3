"""The way back to the client. A destination exists only for a redirect URI that its client registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from dialkey.base.url import host_of, policy_source, same_redirect
from dialkey.directory.model import Client
from dialkey.oauth.errors import OAuthError


@dataclass(frozen=True, slots=True)
class CallbackDestination:
    """Where the browser goes in the end, and how: `query`, or `form_post` (OAuth 2.0 Form Post Response Mode)."""

    redirect_uri: str
    response_mode: str
    state: str | None
    issuer: str
    pending: bool = False
    """The URI, or its whole client, waits for approval: only the organization's own test numbers may come back here."""

    @classmethod
    def of(
        cls, client: Client, redirect_uri: str, *, response_mode: str, state: str | None, issuer: str
    ) -> CallbackDestination | None:
        """None where the client did not register this URI: then nothing may be sent anywhere."""
        for pending, uris in ((client.pending, client.redirect_uris), (True, client.pending_redirect_uris)):
            if any(same_redirect(uri, redirect_uri, native=client.native) for uri in uris):
                return cls(redirect_uri, response_mode, state, issuer, pending)
        return None

    @property
    def policy_source(self) -> str:
        """What the policy of a page must name, so that its form's answer may lead here."""
        return policy_source(self.redirect_uri)

    @property
    def host(self) -> str:
        return host_of(self.redirect_uri)

    def success(self, code: str, scope: str) -> dict[str, str]:
        return self._with_common({"code": code, "scope": scope})

    def failure(self, error: OAuthError) -> dict[str, str]:
        return self._with_common(error.body())

    def url(self, parameters: Mapping[str, str]) -> str:
        """The redirect URI with `parameters`; its own query stays. A space is %20."""
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
        separator = "&" if "?" in self.redirect_uri else "?"
        if self.redirect_uri.endswith(("?", "&")):
            separator = ""
        return f"{self.redirect_uri}{separator}{query}"

    def _with_common(self, parameters: dict[str, str]) -> dict[str, str]:
        """`state` as it came and `iss` (RFC 9207)."""
        if self.state:
            parameters["state"] = self.state
        parameters["iss"] = self.issuer
        return parameters
