"""openid-client (JavaScript) as a relying party: sign-in, verified ID token, userinfo, refresh, revocation, logout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dialkey.directory.model import AuthMethod, ClientKind
from support.demo import Demo

AFTER_LOGIN = "http://localhost:9/cb"
AFTER_LOGOUT = "http://localhost:9/bye"
PUBLIC = {"auth_method": AuthMethod.NONE, "kind": ClientKind.BROWSER}


@pytest.mark.parametrize(
    ("options", "pkce"),
    [({}, False), ({}, True), (PUBLIC, True), ({"id_token_alg": "ES256"}, True)],
    ids=["web", "web-pkce", "public", "es256"],
)
@pytest.mark.parametrize("scope", ["openid phone offline_access", "phone offline_access"])
def test_openid_client_goes_all_the_way(
    demo: Demo, subscriber: Any, js_folder: Path, options: dict[str, Any], pkce: bool, scope: str
) -> None:
    registered = demo.register(AFTER_LOGIN, post_logout_redirect_uris=(AFTER_LOGOUT,), **options)
    given = {
        "issuer": demo.url,
        "id": registered.client_id,
        "secret": registered.client_secret,
        "redirectUri": AFTER_LOGIN,
        "scope": scope,
        "afterLogout": AFTER_LOGOUT,
        "pkce": pkce,
    }
    with subprocess.Popen(
        ["node", "openid-client.mjs", json.dumps(given)],
        cwd=js_folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.stderr.read() if process.stderr else ""
        assert ("code_challenge=" in url) == pkce
        answer, faults = process.communicate(subscriber.sign_in(url) + "\n", timeout=20)
    assert process.returncode == 0, faults
    got = json.loads(answer)
    assert got["tokens"]["scope"] == scope
    assert got["userinfo"]["phone_number"] == subscriber.number
    assert got["renewed"]["refresh_token"] != got["tokens"]["refresh_token"]
    assert got["afterRevocation"] == "invalid_grant"
    if registered.client_secret:
        assert got["introspected"]["active"] is True
    if "openid" in scope:
        assert got["claims"]["sub"] == got["userinfo"]["sub"]
        assert subscriber.leave(got["logout"]) == f"{AFTER_LOGOUT}?state=bye"
