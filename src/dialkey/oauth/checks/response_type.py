"""`code`, for clients that may use it (RFC 6749 section 3.1.1)."""

from __future__ import annotations

from dialkey.directory.model import GrantType
from dialkey.oauth.checks.context import Draft
from dialkey.oauth.errors import InvalidRequest, UnauthorizedClient, UnsupportedResponseType

RESPONSE_MODES = ("query", "form_post")


def check_response_type(draft: Draft) -> None:
    response_type = draft.parameters.get("response_type")
    if response_type is None:
        raise InvalidRequest("response_type is missing", description="The response_type is missing: use code.")
    if response_type != "code":
        raise UnsupportedResponseType(f"response_type {response_type[:40]!r}")
    mode = draft.parameters.get("response_mode", "query")
    if mode not in RESPONSE_MODES:
        raise InvalidRequest(
            f"response_mode {mode[:40]!r}", description="The response_mode is not supported: use query or form_post."
        )
    if GrantType.AUTHORIZATION_CODE not in draft.client.grant_types:
        raise UnauthorizedClient("the client does not have the authorization_code grant")
