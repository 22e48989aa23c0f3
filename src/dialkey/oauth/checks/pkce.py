"""PKCE (RFC 7636): S256 only, required of public clients and wherever the client requires it."""

from __future__ import annotations

import re

from dialkey.oauth.checks.context import Draft
from dialkey.oauth.errors import InvalidRequest

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def check_pkce(draft: Draft) -> None:
    challenge = draft.parameters.get("code_challenge")
    method = draft.parameters.get("code_challenge_method")
    if challenge is None:
        if draft.client.public or draft.client.require_pkce:
            raise InvalidRequest("code_challenge is missing", description="The code_challenge is missing: PKCE is required.")
        if method is not None:
            raise InvalidRequest("method without challenge", description="code_challenge_method without code_challenge.")
        return
    if method != "S256":
        raise InvalidRequest(
            f"code_challenge_method {(method or 'plain')[:20]!r}",
            description="The code_challenge_method is not supported: use S256.",
        )
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest(
            "code_challenge has the wrong form", description="The code_challenge must be 43 base64url characters."
        )
    draft.code_challenge = challenge
