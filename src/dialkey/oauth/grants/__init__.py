"""The grant types, by name."""

from __future__ import annotations

from collections.abc import Mapping

from dialkey.directory.model import GrantType
from dialkey.oauth.grants.authorization_code import AuthorizationCode
from dialkey.oauth.grants.client_credentials import ClientCredentials
from dialkey.oauth.grants.context import Exchange, Parts
from dialkey.oauth.grants.refresh_token import RefreshTokenGrant

__all__ = ["Exchange", "Parts", "exchanges"]


def exchanges(parts: Parts) -> Mapping[GrantType, Exchange]:
    return {
        GrantType.AUTHORIZATION_CODE: AuthorizationCode(parts),
        GrantType.REFRESH_TOKEN: RefreshTokenGrant(parts),
        GrantType.CLIENT_CREDENTIALS: ClientCredentials(parts),
    }
