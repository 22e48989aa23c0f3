"""The client's side of an authorization request: registering, asking, and what an answer may look like."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from dialkey.base.signed import b64
from dialkey.directory.model import AuthMethod, ClientKind, GrantType
from dialkey.directory.registration import ClientRegistration
from support.site import CHROME, Registered, Site
from support.world import ACTOR, ALL_GRANTS

CALLBACK = "https://app.example/cb"
PUBLIC = {
    "auth_method": AuthMethod.NONE,
    "grant_types": frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
}
NATIVE = {"kind": ClientKind.NATIVE, **PUBLIC}


async def register(site: Site, *redirect_uris: str, product_id: str | None = None, **options: Any) -> Registered:
    """A client with these redirect URIs; raises Refusal where one may not be registered."""
    uris = redirect_uris or (CALLBACK,)
    product = product_id or site.world.product
    registration = ClientRegistration(redirect_uris=uris, **{"grant_types": ALL_GRANTS, **options})
    made = await site.directory.create_client(actor=ACTOR, product_id=product, registration=registration)
    return Registered(made.client_id, made.client_secret, uris[0], product)


def query_of(client: Registered, **parameters: str | None) -> str:
    """A good authorization request with these parameters put in, or taken out by None."""
    good = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": "phone offline_access",
        "state": "this-is-a-key",
    }
    return urlencode({name: value for name, value in {**good, **parameters}.items() if value is not None})


async def ask(site: Site, client: Registered, **parameters: str | None) -> httpx.Response:
    """The request by a browser that was never here."""
    return await ask_raw(site, query_of(client, **parameters))


async def ask_raw(site: Site, query: str) -> httpx.Response:
    async with site.http() as http:
        return await http.get(f"/oauth2/auth?{query}", headers=CHROME)


def stays(response: httpx.Response, *hidden: str) -> None:
    """The request ended on an error page of ours: nobody was sent anywhere, and nothing of `hidden` stands in it."""
    assert response.status_code == 400, (response.status_code, response.headers.get("location"), response.text[:300])
    assert response.headers["content-type"].startswith("text/html")
    assert "location" not in response.headers
    assert "refresh" not in response.headers
    assert "http-equiv" not in response.text
    assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in links(response)), links(response)
    for text in hidden:
        assert text not in response.text


def links(response: httpx.Response) -> list[str]:
    """Everything that the page can lead to or load."""
    return re.findall(r'\b(?:href|src|action|formaction|data-url)\s*=\s*"([^"]*)"', response.text)


def returned(response: httpx.Response, to: str = CALLBACK) -> dict[str, str]:
    """The parameters that go back to the client, read strictly: none twice."""
    assert response.status_code == 303, (response.status_code, response.text[:300])
    location = response.headers["location"]
    assert location.startswith(to + ("&" if "?" in to else "?")), location
    pairs = [part.split("=", 1) for part in urlsplit(location).query.split("&")]
    assert len({name for name, _ in pairs}) == len(pairs), location
    assert "#" not in location
    return {name: unquote_to_bytes(value).decode() for name, value in pairs}


def refused(response: httpx.Response, error: str, to: str = CALLBACK) -> dict[str, str]:
    """The client was told `error`, with its state and our name, and got nothing else."""
    back = returned(response, to)
    assert back["error"] == error, back
    assert "code" not in back
    return back


def forge(site: Site, claims: dict[str, Any], header: dict[str, Any], key: Any = None) -> str:
    """A compact RS256 JWS with any header: by our own newest key, or by `key`."""
    private = own_key(site) if key is None else key
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def own_key(site: Site) -> Any:
    """The private RS256 key that the server signs with."""
    return _signing(site).private.private_key


def own_kid(site: Site) -> str:
    return _signing(site).kid


def _signing(site: Site) -> Any:
    return next(key for key in site.built.house.signing._keys.values() if key.alg == "RS256")


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says, unverified."""
    payload = token.split(".")[1]
    return json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
