"""The `claims` parameter (OpenID Connect Core 1.0 section 5.5): what it may insist on is the subject and the context."""

from __future__ import annotations

from typing import Any

from dialkey.oauth.checks.context import Draft
from dialkey.oauth.errors import InvalidRequest, UnmetAuthenticationRequirements
from dialkey.oauth.jose import parse_object
from dialkey.signin.model import ACR

_INSISTENT = ("acr", "sub")
"""Claims that a request can make conditions of. All others are given by scope."""
_BAD = "The claims parameter is malformed."


def check_claims(draft: Draft) -> None:
    text = draft.parameters.get("claims")
    if text is None:
        return
    claims = parse_object(text.encode())
    if claims is None:
        raise InvalidRequest("claims is not a JSON object of unique names", description=_BAD)
    for place in ("userinfo", "id_token"):
        section = claims.get(place)
        if section is None:
            continue
        if not isinstance(section, dict):
            raise InvalidRequest(f"claims.{place} is not an object", description=_BAD)
        for name in _INSISTENT:
            if name in section:
                _insist(draft, name, section[name])


def _insist(draft: Draft, name: str, demand: Any) -> None:
    if demand is None:
        return
    if not isinstance(demand, dict):
        raise InvalidRequest(f"claims: {name} is not an object", description=_BAD)
    if name == "sub" and ("value" in demand or "values" in demand):
        value = demand.get("value")
        if not isinstance(value, str) or "values" in demand or draft.required_sub not in (None, value):
            raise InvalidRequest("claims: sub must be one string", description=_BAD)
        draft.required_sub = value
    if name == "acr" and demand.get("essential") is True:
        values = demand.get("values", [demand["value"]] if "value" in demand else [ACR])
        if not isinstance(values, list) or ACR not in values:
            raise UnmetAuthenticationRequirements("essential acr")
