"""Programs that hold an API key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from dialkey.developers.access import GRANTS, Actor
from support.site import Site

BASE = "/api/v1"


@dataclass
class Program:
    """A caller of the JSON API; `token` None: it has none."""

    site: Site
    token: str | None
    http: httpx.AsyncClient

    async def __call__(
        self, method: str, path: str, body: Any = None, *, content: bytes | None = None, **headers: str
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        values: dict[str, Any] = {"headers": sent}
        if content is not None:
            values["content"] = content
        elif body is not None:
            values["json"] = body
        return await self.http.request(method, path if path.startswith("/api") else BASE + path, **values)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self("POST", path, {} if body is None else body, **headers)

    async def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self("PATCH", path, body, **headers)

    async def put(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self("PUT", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> httpx.Response:
        return await self("DELETE", path, **headers)


def program(site: Site, token: str | None) -> Program:
    return Program(site, token, site.http())


async def personal_key(site: Site, actor: Actor, scopes: Any = GRANTS, **options: Any) -> str:
    made = await site.built.portal.keys.create_personal(actor, name="a script", scopes=scopes, **options)
    return made.token


async def organization_key(site: Site, owner: Actor, organization_id: str, scopes: Any = GRANTS, **options: Any) -> str:
    made = await site.built.portal.keys.create_for_organization(
        owner, organization_id, name="a robot", scopes=scopes, **options
    )
    return made.token


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem details, which have this status and code."""
    assert response.status_code == status, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert (found["status"], found["code"]) == (status, code), found
    assert found["type"] == f"/api/problems#{code}"
    assert found["request_id"] == response.headers["x-request-id"]
    return found
