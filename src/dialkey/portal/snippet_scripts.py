"""Code for one client in the languages that a script is written in: curl, Python, JavaScript."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from dialkey.directory.model import AuthMethod, ClientKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The client that the code is for."""

    issuer: str
    base_url: str
    client_id: str
    kind: ClientKind
    auth_method: AuthMethod
    redirect_uri: str
    scope: str
    pkce: bool = True

    @property
    def machine(self) -> bool:
        return self.kind is ClientKind.MACHINE

    @property
    def secret(self) -> bool:
        return self.auth_method in (AuthMethod.BASIC, AuthMethod.POST)

    @property
    def signs(self) -> bool:
        return self.auth_method is AuthMethod.PRIVATE_KEY_JWT

    @property
    def local(self) -> bool:
        """Plain http on this machine: libraries want to be told."""
        return self.base_url.startswith("http://")


def quoted(value: str) -> str:
    """A string literal that Python, JavaScript, Java and Go read alike (JSON in ASCII)."""
    return json.dumps(value).replace("\\/", "/")


def lines(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part is not None) + "\n"


_VERIFIER = """# A secret of this sign-in (PKCE, RFC 7636), and its SHA-256
VERIFIER=$(openssl rand -base64 48 | tr '+/' '-_' | tr -d '=\\n')
CHALLENGE=$(printf %s "$VERIFIER" | openssl dgst -sha256 -binary |
  openssl base64 -A | tr '+/' '-_' | tr -d '=')
"""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CREDENTIALS = {
    AuthMethod.BASIC: ('-u "$DIALKEY_CLIENT_ID:$DIALKEY_CLIENT_SECRET"',),
    AuthMethod.POST: (
        '--data "client_id=$DIALKEY_CLIENT_ID"',
        '--data "client_secret=$DIALKEY_CLIENT_SECRET"',
    ),
    AuthMethod.PRIVATE_KEY_JWT: (
        f'--data "client_assertion_type={_ASSERTION_TYPE}"',
        '--data "client_assertion=$DIALKEY_CLIENT_ASSERTION"',
    ),
    AuthMethod.NONE: ('--data "client_id=$DIALKEY_CLIENT_ID"',),
}


def _command(title: str, *arguments: str) -> str:
    return f"# {title}\n" + " \\\n  ".join(("curl", *arguments)) + "\n"


def curl(target: Target) -> str:
    """The walkthrough's commands for a POSIX shell."""

    def ask_token(title: str, *fields: str) -> str:
        url = f"--url {shlex.quote(target.base_url + '/oauth2/token')}"
        return _command(
            title, url, *_CREDENTIALS[target.auth_method], *(f"--data-urlencode {field}" for field in fields)
        )

    head = f"DIALKEY_CLIENT_ID={shlex.quote(target.client_id)}\n"
    if target.secret:
        head += "# DIALKEY_CLIENT_SECRET is in the .env file that you saved:  set -a; . ./.env; set +a\n"
    if target.signs:
        head += "# DIALKEY_CLIENT_ASSERTION is a JWT signed with your key (RFC 7523, section 2.2); each works once\n"
    scope = f"scope={shlex.quote(target.scope)}"
    if target.machine:
        fields = ("grant_type=client_credentials", *((scope,) if target.scope else ()))
        return "\n".join((head, ask_token("1. Get an access token", *fields)))
    redirect = f"redirect_uri={shlex.quote(target.redirect_uri)}"
    challenge = ('--data "code_challenge=$CHALLENGE"', "--data code_challenge_method=S256") if target.pkce else ()
    verifier = ('code_verifier="$VERIFIER"',) if target.pkce else ()
    begin = _command(
        "1. Open this address in a browser, sign in, and copy `code` from the address you come back to",
        "--get --silent --output /dev/null --write-out '%{url_effective}\\n'",
        f"--url {shlex.quote(target.base_url + '/oauth2/auth')}",
        "--data response_type=code",
        f"--data-urlencode {scope}",
        '--data "client_id=$DIALKEY_CLIENT_ID"',
        f"--data-urlencode {redirect}",
        *challenge,
        "--data state=a-random-value-of-your-own",
    )
    swap = ask_token(
        "2. Exchange the code for tokens", "grant_type=authorization_code", 'code="$CODE"', redirect, *verifier
    )
    who = _command(
        "3. Ask who it is",
        '--header "Authorization: Bearer $ACCESS_TOKEN"',
        f"--url {shlex.quote(target.base_url + '/userinfo')}",
    )
    parts = [head, *((_VERIFIER,) if target.pkce else ()), begin, swap, who]
    if "offline_access" in target.scope.split():
        renew = ("grant_type=refresh_token", 'refresh_token="$REFRESH_TOKEN"')
        parts.append(ask_token("4. Later: a new access token", *renew))
    return "\n".join(parts)


_SIGNED_PYTHON = """
def assertion() -> str:
    now = int(time.time())
    claims = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": ISSUER, "iat": now, "exp": now + 60}
    claims["jti"] = secrets.token_urlsafe(16)
    return jwt.encode({"alg": "RS256"}, claims, open("client-key.pem", "rb").read()).decode()
"""


def python_requests(target: Target) -> str:
    """requests-oauthlib."""
    local = 'os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http: on your own machine only'
    top = lines(
        "import os",
        "",
        "from oauthlib.oauth2 import BackendApplicationClient" if target.machine else None,
        "from requests_oauthlib import OAuth2Session",
        "",
        f"BASE = {quoted(target.base_url)}",
        f"CLIENT_ID = {quoted(target.client_id)}",
        'CLIENT_SECRET = os.environ["DIALKEY_CLIENT_SECRET"]' if target.secret else None,
        local if target.local else None,
    )
    secret = "client_secret=CLIENT_SECRET" if target.secret else "include_client_id=True"
    post = ", include_client_id=True" if target.auth_method is AuthMethod.POST else ""
    if target.machine:
        return top + lines(
            "",
            f"session = OAuth2Session(client=BackendApplicationClient(CLIENT_ID, scope={quoted(target.scope)}))",
            f'token = session.fetch_token(BASE + "/oauth2/token", client_id=CLIENT_ID, {secret}{post})',
            'print(token["expires_in"], "seconds")',
        )
    pkce = ', pkce="S256"' if target.pkce else ""
    return top + lines(
        f"REDIRECT_URI = {quoted(target.redirect_uri)}",
        f"SCOPE = {quoted(target.scope)}",
        "",
        f"session = OAuth2Session(CLIENT_ID, redirect_uri=REDIRECT_URI, scope=SCOPE{pkce})",
        'url, state = session.authorization_url(BASE + "/oauth2/auth")',
        "# keep `state` in the browser's session; it is compared when the browser comes back",
        'print("Open in a browser:", url)',
        "",
        'returned = input("Address that you came back to: ")',
        'token = session.fetch_token(BASE + "/oauth2/token", authorization_response=returned, ' + secret + post + ")",
        'print(session.get(BASE + "/userinfo").json())',
    )


def python_authlib(target: Target) -> str:
    method = quoted(target.auth_method.value)
    signs = target.signs
    top = lines(
        "import os" if target.secret or target.local else None,
        "import secrets" if signs else None,
        "import time" if signs else None,
        "",
        "from authlib.integrations.requests_client import OAuth2Session",
        "from authlib.jose import jwt" if signs else None,
        "",
        f"ISSUER = {quoted(target.issuer)}",
        f"BASE = {quoted(target.base_url)}",
        f"CLIENT_ID = {quoted(target.client_id)}",
        'os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http: on your own machine only'
        if target.local
        else None,
        None if target.machine else f"REDIRECT_URI = {quoted(target.redirect_uri)}",
        f"SCOPE = {quoted(target.scope)}",
        _SIGNED_PYTHON if signs else None,
    )
    secret = ', client_secret=os.environ["DIALKEY_CLIENT_SECRET"]' if target.secret else ""
    how = "" if signs else f", token_endpoint_auth_method={method}"
    proof = f',\n    client_assertion_type="{_ASSERTION_TYPE}", client_assertion=assertion()' if signs else ""
    if signs:
        how = ', token_endpoint_auth_method="none"'
    if target.machine:
        call = f'token = session.fetch_token(BASE + "/oauth2/token", grant_type="client_credentials"{proof})'
        return top + lines(
            "",
            f"session = OAuth2Session(CLIENT_ID{secret}, scope=SCOPE{how})",
            call,
            'print(token["expires_in"], "seconds")',
        )
    pkce = ', code_challenge_method="S256"' if target.pkce else ""
    verifier = ", code_verifier=verifier" if target.pkce else ""
    return top + lines(
        "",
        f"session = OAuth2Session(CLIENT_ID{secret}, scope=SCOPE, redirect_uri=REDIRECT_URI{how}{pkce})",
        "verifier = secrets.token_urlsafe(48)" if target.pkce and signs else None,
        "verifier = os.urandom(32).hex()" if target.pkce and not signs else None,
        f'url, state = session.create_authorization_url(BASE + "/oauth2/auth"{verifier})',
        "# keep `state`" + (" and `verifier`" if target.pkce else "") + " in the browser's session",
        'print("Open in a browser:", url)',
        "",
        'returned = input("Address that you came back to: ")',
        f'token = session.fetch_token(BASE + "/oauth2/token", authorization_response=returned{verifier}{proof})',
        'print(session.get(BASE + "/userinfo").json())',
    )


def javascript(target: Target) -> str:
    """openid-client, version 6."""
    match target.auth_method:
        case AuthMethod.BASIC:
            how = "client.ClientSecretBasic(process.env.DIALKEY_CLIENT_SECRET)"
        case AuthMethod.POST:
            how = "client.ClientSecretPost(process.env.DIALKEY_CLIENT_SECRET)"
        case AuthMethod.PRIVATE_KEY_JWT:
            how = "client.PrivateKeyJwt(key)"
        case _:
            how = "client.None()"
    top = lines(
        "import * as client from 'openid-client';",
        "import { importPKCS8 } from 'jose';\nimport { readFile } from 'node:fs/promises';" if target.signs else None,
        None if target.machine else "import { createInterface } from 'node:readline/promises';",
        "",
        "const key = await importPKCS8(await readFile('client-key.pem', 'utf8'), 'RS256');" if target.signs else None,
        f"const issuer = new URL({quoted(target.issuer)});",
        f"const config = await client.discovery(issuer, {quoted(target.client_id)}, undefined, {how}"
        + (", { execute: [client.allowInsecureRequests] });" if target.local else ");"),
    )
    if target.machine:
        return top + lines(
            "",
            f"const tokens = await client.clientCredentialsGrant(config, {{ scope: {quoted(target.scope)} }});",
            "console.log(tokens.expires_in, 'seconds');",
        )
    openid = "openid" in target.scope.split()
    return top + lines(
        "",
        "const verifier = client.randomPKCECodeVerifier();" if target.pkce else None,
        "const state = client.randomState();",
        "const nonce = client.randomNonce();" if openid else None,
        "// keep these in the browser's session",
        "const url = client.buildAuthorizationUrl(config, {",
        f"  redirect_uri: {quoted(target.redirect_uri)},",
        f"  scope: {quoted(target.scope)},",
        "  code_challenge: await client.calculatePKCECodeChallenge(verifier),\n  code_challenge_method: 'S256',"
        if target.pkce
        else None,
        "  state,",
        "  nonce," if openid else None,
        "});",
        "console.log('Open in a browser:', url.href);",
        "",
        "const terminal = createInterface({ input: process.stdin, output: process.stdout });",
        "const returned = new URL(await terminal.question('Address that you came back to: '));",
        "terminal.close();",
        "const tokens = await client.authorizationCodeGrant(config, returned, {",
        "  pkceCodeVerifier: verifier," if target.pkce else None,
        "  expectedState: state,",
        "  expectedNonce: nonce," if openid else None,
        "});",
        "const subject = tokens.claims()?.sub ?? client.skipSubjectCheck;",
        "console.log(await client.fetchUserInfo(config, tokens.access_token, subject));",
    )
