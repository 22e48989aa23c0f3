"""Parameters of features that are not here: refused by name, and nothing is fetched (OpenID Connect Core 6, 7)."""

from __future__ import annotations

from dialkey.oauth.checks.context import Draft
from dialkey.oauth.errors import RegistrationNotSupported, RequestNotSupported, RequestUriNotSupported


def check_unsupported(draft: Draft) -> None:
    if "request" in draft.parameters:
        raise RequestNotSupported
    if "request_uri" in draft.parameters:
        raise RequestUriNotSupported
    if "registration" in draft.parameters:
        raise RegistrationNotSupported
