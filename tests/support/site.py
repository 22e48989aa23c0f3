"""A whole server in this process: the real application over a real database, a clock and chance that tests own."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx

from dialkey.app import Built, Server, build
from dialkey.directory.rules import Directory
from dialkey.settings import Settings
from dialkey.storage import Storage
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.rules import Subscribers
from support import html

CHROME = {
    "accept": "text/html,application/xhtml+xml",
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "navigate",
}


@dataclass
class Registered:
    """A client as its developer knows it."""

    client_id: str
    client_secret: str | None
    redirect_uri: str = "https://app.example/cb"
    product_id: str = ""

    @property
    def basic(self) -> httpx.BasicAuth:
        return httpx.BasicAuth(self.client_id, self.client_secret or "")


@dataclass
class Site:
    settings: Settings
    storage: Storage
    keyring: Keyring
    clock: Any
    entropy: Any
    built: Built
    app: Any
    directory: Directory
    subscribers: Subscribers
    world: Any
    """What `tests/conftest.py` seeded."""

    def http(self, **options: Any) -> httpx.AsyncClient:
        """A client without a browser's manners."""
        peer = options.pop("peer", ("198.51.100.7", 50000))
        transport = httpx.ASGITransport(self.app, client=peer, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=self.settings.base_url, **options)

    def visitor(self, **options: Any) -> Visitor:
        return Visitor(self, self.http(**options))

    async def run_jobs(self) -> int:
        return await self.built.worker.run_due()

    async def messages(self, number: str) -> list[str]:
        """The bodies that arrived at a sandbox number, newest first."""
        rows = await self.storage.read.all(_MESSAGES, number=number)
        return [self.keyring.open_box(f"handset/{row.id}", row.sealed_body).decode() for row in rows]

    async def pin(self, number: str) -> str:
        """The PIN of the newest message."""
        await self.run_jobs()
        body = (await self.messages(number))[0]
        return re.search(r"#(\d{6,10})$", body.strip())[1]  # type: ignore[index]


from dialkey.storage import Statement  # noqa: E402

_MESSAGES = Statement(
    "tests.messages",
    "SELECT id, sealed_body FROM handset_messages WHERE phone_number = :number ORDER BY received_at DESC, id",
)


def make_site(
    settings: Settings, storage: Storage, keyring: Keyring, clock: Any, entropy: Any, world: Any
) -> Site:
    built = build(settings, storage, keyring, clock, entropy)
    server = Server(settings)
    server._built = built
    return Site(
        settings=settings,
        storage=storage,
        keyring=keyring,
        clock=clock,
        entropy=entropy,
        built=built,
        app=server,
        directory=Directory(storage, clock, entropy, keyring),
        subscribers=Subscribers(storage, clock, entropy),
        world=world,
    )


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Visitor:
    """A subscriber's browser, without scripts: keeps cookies, follows redirects on this site only."""

    site: Site
    http: httpx.AsyncClient
    page: httpx.Response | None = None
    visited: list[str] = field(default_factory=list)

    async def get(self, url: str, **headers: str) -> httpx.Response:
        response = await self.http.get(url, headers={**CHROME, "sec-fetch-site": "none", **headers})
        return await self._follow(response)

    async def post(self, url: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        response = await self.http.post(url, data=fields, headers={**CHROME, "origin": "null", **headers})
        return await self._follow(response)

    async def _follow(self, response: httpx.Response) -> httpx.Response:
        while response.is_redirect and self._is_ours(response.headers["location"]):
            self.visited.append(response.headers["location"])
            response = await self.http.get(response.headers["location"], headers={**CHROME})
        self.page = response
        return response

    def _is_ours(self, location: str) -> bool:
        return location.startswith(("/", self.site.settings.base_url + "/"))

    @property
    def read(self) -> html.Read:
        assert self.page is not None
        return html.read(self.page.text)

    async def submit(self, ending: str, **fields: str) -> httpx.Response:
        """Posts the form whose action ends so, with its own fields and these."""
        form = self.read.form(ending)
        return await self.post(form.action, {**form.fields, **fields})

    # the walkthrough, step by step

    def authorize_url(self, client: Registered, **parameters: str) -> str:
        query = {
            "response_type": "code",
            "scope": "phone offline_access",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "state": "this-is-a-key-set-by-the-caller",
            **parameters,
        }
        return "/oauth2/auth?" + urlencode({k: v for k, v in query.items() if v is not None})

    async def start(self, client: Registered, **parameters: str) -> httpx.Response:
        return await self.get(self.authorize_url(client, **parameters))

    async def type_number(self, number: str) -> httpx.Response:
        return await self.submit("/signin", number=number)

    async def type_pin(self, pin: str) -> httpx.Response:
        return await self.submit("/pin", pin=pin)

    async def sign_in(self, client: Registered, number: str, **parameters: str) -> httpx.Response:
        """Up to the consent page, or straight back to the client where nothing is asked."""
        await self.start(client, **parameters)
        await self.type_number(number)
        return await self.type_pin(await self.site.pin(number))

    async def add_product(self, **ticks: str) -> httpx.Response:
        form = self.read.form("/oauth2/auth/consent")
        boxes = {name: "on" for name in ("terms", "responsibility") if name in form.boxes}
        return await self.post(form.action, {**form.fields, **boxes, "decision": "add", **ticks})

    async def complete(self, client: Registered, number: str, **parameters: str) -> dict[str, str]:
        """The whole way: the parameters that came back to the client."""
        response = await self.sign_in(client, number, **parameters)
        if not response.is_redirect:
            response = await self.add_product()
        return callback(response)


def callback(response: httpx.Response) -> dict[str, str]:
    """The parameters of a redirect to a client."""
    assert response.status_code == 303, (response.status_code, response.text[:500])
    return dict(parse_qsl(urlsplit(response.headers["location"]).query, strict_parsing=True))


async def exchange(site: Site, client: Registered, code: str, **fields: str) -> httpx.Response:
    """The walkthrough's token request."""
    async with site.http() as http:
        data = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri, **fields}
        auth = client.basic if client.client_secret else None
        if auth is None:
            data["client_id"] = client.client_id
        return await http.post("/oauth2/token", data=data, auth=auth)


async def refresh(site: Site, client: Registered, token: str, **fields: str) -> httpx.Response:
    async with site.http() as http:
        data = {"grant_type": "refresh_token", "refresh_token": token, **fields}
        auth = client.basic if client.client_secret else None
        if auth is None:
            data["client_id"] = client.client_id
        return await http.post("/oauth2/token", data=data, auth=auth)


async def userinfo(site: Site, access_token: str) -> httpx.Response:
    async with site.http() as http:
        return await http.get("/userinfo", headers={"authorization": f"Bearer {access_token}"})


async def introspect(site: Site, client: Registered, token: str) -> dict[str, Any]:
    async with site.http() as http:
        response = await http.post("/oauth2/introspect", data={"token": token}, auth=client.basic)
        assert response.status_code == 200, response.text
        return response.json()


async def signed_in_tokens(site: Site, client: Registered, number: str, **parameters: str) -> dict[str, Any]:
    """A fresh browser signs in; the token response."""
    back = await site.visitor().complete(client, number, **parameters)
    response = await exchange(site, client, back["code"])
    assert response.status_code == 200, response.text
    return response.json()


__all__ = ["Registered", "Site", "Visitor", "callback", "challenge_of", "exchange", "introspect", "make_site", "parse_qs",
           "refresh", "signed_in_tokens", "userinfo"]  # fmt: skip
