"""The checks of an authorization request, in the order in which they are made. All run after client and redirect URI
were proven, so that what they raise can travel to the client."""

from __future__ import annotations

from collections.abc import Callable

from dialkey.oauth.checks.claims import check_claims
from dialkey.oauth.checks.context import Draft
from dialkey.oauth.checks.pkce import check_pkce
from dialkey.oauth.checks.prompt import check_max_age, check_prompt
from dialkey.oauth.checks.response_type import check_response_type
from dialkey.oauth.checks.scope import check_scope
from dialkey.oauth.checks.unsupported import check_unsupported

Check = Callable[[Draft], None]

CHECKS: tuple[Check, ...] = (
    check_unsupported,
    check_response_type,
    check_pkce,
    check_prompt,
    check_max_age,
    check_claims,
    check_scope,
)

__all__ = ["CHECKS", "Draft"]
