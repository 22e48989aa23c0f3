"""A product's own server: it reads events and calls the APIs with a token of its own."""

from __future__ import annotations

from typing import Any

import httpx

from support.site import Registered, Site, signed_in_tokens

EVENTS = "/events/v1/consents"


async def own_token(site: Site, client: Registered, scope: str | None = None) -> str:
    data = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
    async with site.http() as http:
        response = await http.post("/oauth2/token", data=data, auth=client.basic)
        assert response.status_code == 200, response.text
        return response.json()["access_token"]


class Consumer:
    def __init__(self, site: Site, token: str) -> None:
        self.site = site
        self.headers = {"authorization": f"Bearer {token}"}

    @classmethod
    async def of(cls, site: Site, client: Registered | None = None) -> Consumer:
        return cls(site, await own_token(site, client or site.world.web))

    async def get(self, path: str = EVENTS, **query: Any) -> httpx.Response:
        async with self.site.http() as http:
            return await http.get(path, params=query, headers=self.headers)

    async def post(self, path: str, body: Any) -> httpx.Response:
        async with self.site.http() as http:
            return await http.post(path, json=body, headers=self.headers)

    async def poll(self, **query: Any) -> list[dict[str, Any]]:
        response = await self.get(**{"wait": 0, **query})
        assert response.status_code == 200, response.text
        return response.json()["events"]

    async def ack(self, *events: dict[str, Any], **more: Any) -> list[str]:
        infos = [event["metadata"]["ackInfo"] for event in events]
        response = await self.post(f"{EVENTS}/ack", {"ackInfo": infos, **more})
        assert response.status_code == 200, response.text
        return [ack["ackStatus"] for ack in response.json()["acks"]]


async def remove(site: Site, number: str, token: str) -> None:
    """The subscriber follows the product's link and removes it."""
    async with site.http() as http:
        response = await http.post(
            "/ext-api/v0/auth/create-revoke-consent-magic-link",
            data={"token": token, "redirectTo": "https://app.example/removed"},
            headers={"authorization": f"Bearer {await own_token(site, site.world.web)}"},
        )
    visitor = site.visitor()
    await visitor.get(response.json()["redirectTo"].removeprefix(site.settings.base_url))
    assert (await visitor.submit("/revoke-consent/decision", decision="remove")).status_code == 303


__all__ = ["EVENTS", "Consumer", "own_token", "remove", "signed_in_tokens"]
