"""Authlib's client and requests-oauthlib as relying parties."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as OAuthlibSession

from dialkey.directory.model import AuthMethod, ClientKind
from support.demo import Demo

AFTER_LOGIN = "http://localhost:9/cb"
AFTER_LOGOUT = "http://localhost:9/bye"
VERIFIER = "v" * 64
PUBLIC = {"auth_method": AuthMethod.NONE, "kind": ClientKind.BROWSER}


def _metadata(demo: Demo) -> dict[str, Any]:
    return httpx.get(f"{demo.url}/.well-known/openid-configuration").json()


def _verified(demo: Demo, id_token: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token, its signature checked with the published keys and its claims by Authlib's rules."""
    keys = KeySet.import_key_set(httpx.get(_metadata(demo)["jwks_uri"]).json())
    decoded = jwt.decode(id_token, keys, algorithms=["RS256", "ES256"])
    options = {"iss": {"essential": True, "value": demo.url}, "aud": {"essential": True, "value": client_id}}
    claims = CodeIDToken(decoded.claims, decoded.header, options, {"nonce": nonce, "client_id": client_id})
    claims.validate()
    return dict(claims)


@pytest.mark.parametrize(
    ("options", "verifier"),
    [({}, None), ({}, VERIFIER), ({"auth_method": AuthMethod.POST}, VERIFIER), (PUBLIC, VERIFIER)],
    ids=["basic", "basic-pkce", "post", "public"],
)
@pytest.mark.parametrize("scope", ["openid phone offline_access", "phone offline_access"])
def test_authlib_goes_all_the_way(
    demo: Demo, subscriber: Any, options: dict[str, Any], verifier: str | None, scope: str
) -> None:
    registered = demo.register(AFTER_LOGIN, post_logout_redirect_uris=(AFTER_LOGOUT,), **options)
    server = _metadata(demo)
    method = options.get("auth_method", AuthMethod.BASIC).value
    session = AuthlibSession(
        registered.client_id,
        registered.client_secret,
        scope=scope,
        redirect_uri=AFTER_LOGIN,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        code_challenge_method="S256" if verifier else None,
    )
    url, state = session.create_authorization_url(
        server["authorization_endpoint"], code_verifier=verifier, nonce="n-0S6_WzA2Mj"
    )
    assert ("code_challenge=" in url) == bool(verifier)
    back = subscriber.sign_in(url)
    tokens = session.fetch_token(
        server["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    userinfo = session.get(server["userinfo_endpoint"]).json()
    assert userinfo["phone_number"] == subscriber.number
    renewed = session.refresh_token(server["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert renewed["refresh_token"] != tokens["refresh_token"]
    if "openid" in scope:
        claims = _verified(demo, tokens["id_token"], registered.client_id, "n-0S6_WzA2Mj")
        assert claims["sub"] == userinfo["sub"]
        leaving = f"{server['end_session_endpoint']}?id_token_hint={tokens['id_token']}"
        assert subscriber.leave(f"{leaving}&post_logout_redirect_uri={AFTER_LOGOUT}") == AFTER_LOGOUT
    revoked = session.revoke_token(server["revocation_endpoint"], token=renewed["refresh_token"])
    assert revoked.status_code == 200
    assert httpx.get(server["userinfo_endpoint"], headers={"authorization": f"Bearer {renewed['access_token']}"}).status_code == 401


@pytest.mark.parametrize("pkce", [None, "S256"])
@pytest.mark.parametrize("scope", ["openid phone offline_access", "phone offline_access"])
def test_requests_oauthlib_goes_all_the_way(
    demo: Demo, subscriber: Any, monkeypatch: pytest.MonkeyPatch, scope: str, pkce: str | None
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    registered = demo.register(AFTER_LOGIN, post_logout_redirect_uris=(AFTER_LOGOUT,))
    server, basic = _metadata(demo), HTTPBasicAuth(registered.client_id, registered.client_secret)
    session = OAuthlibSession(registered.client_id, redirect_uri=AFTER_LOGIN, scope=scope.split(), pkce=pkce)
    url, _ = session.authorization_url(server["authorization_endpoint"], nonce="abc")
    assert ("code_challenge=" in url) == bool(pkce)
    back = subscriber.sign_in(url)
    tokens = session.fetch_token(server["token_endpoint"], authorization_response=back, auth=basic)
    assert tokens["token_type"] == "bearer"
    userinfo = session.get(server["userinfo_endpoint"]).json()
    assert userinfo["phone_number"] == subscriber.number
    renewed = session.refresh_token(server["token_endpoint"], auth=basic)
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert session.get(server["userinfo_endpoint"]).json() == userinfo
    if "openid" in scope:
        assert _verified(demo, tokens["id_token"], registered.client_id, "abc")["sub"] == userinfo["sub"]
        leaving = f"{server['end_session_endpoint']}?id_token_hint={tokens['id_token']}"
        assert subscriber.leave(f"{leaving}&post_logout_redirect_uri={AFTER_LOGOUT}") == AFTER_LOGOUT
