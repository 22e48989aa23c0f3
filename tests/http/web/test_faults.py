"""What a stranger sees of a fault, and of addresses that do not exist: nothing."""

from __future__ import annotations

import re

import pytest

from dialkey import __version__
from dialkey.storage import StorageUnavailable
from support.site import Site
from support.world import ANNA

TELLING = re.compile(
    r"Traceback|File \"|line \d+|\.py\b|RuntimeError|sqlite|psycopg|postgres|SELECT |INSERT |uvicorn|starlette|python|"
    r"jinja|KeyError|broken inside|/work/|site-packages|" + re.escape(__version__),
    re.I,
)
UNKNOWN = ["/nothing", "/docs", "/redoc", "/openapi.json", "/debug", "/debug/pprof", "/admin", "/admin/health", "/metrics",
           "/server-status", "/actuator/health", "/.env", "/.git/config", "/oauth2", "/oauth2/nothing", "/oauth2/device/auth",
           "/oauth2/register", "/console", "/apis", "/graphql", "/static/x", "/healthz", "/%2e%2e/etc/passwd", "/a" * 300,
           "/wp-login.php", "/oauth2/token/", "/OAUTH2/TOKEN", "/.well-known/", "/.well-known/nothing"]  # fmt: skip


def plain(text: str) -> str:
    """Without the request's own number."""
    text = re.sub(r'"instance":"[^"]*"', "", text)
    return re.sub(r"(hint hint-center\">)[^<]*", r"\1", text)


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
async def test_s126_every_unknown_address_is_answered_alike(site: Site, accept: str) -> None:
    headers = {"accept": accept, "x-forwarded-for": "127.0.0.1"}
    seen = set()
    async with site.http(headers=headers) as http:
        for path in UNKNOWN:
            response = await http.get(path)
            kept = tuple(sorted((k, v) for k, v in response.headers.items() if k not in ("x-request-id", "content-length")))
            seen.add((response.status_code, kept, plain(response.text)))
            assert not TELLING.search(response.text), path
    assert len(seen) == 1
    assert seen.pop()[0] == 404


@pytest.mark.parametrize("peer", ["198.51.100.7", "10.0.0.1", "::1"])
async def test_s126_metrics_are_for_this_machine_and_never_through_a_proxy(site: Site, peer: str) -> None:
    async with site.http(peer=(peer, 1)) as http:
        assert (await http.get("/metrics")).status_code == (200 if peer == "::1" else 404)
        for header in ("x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host"):
            assert (await http.get("/metrics", headers={header: "127.0.0.1"})).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "FOO"])
async def test_s126_methods_that_do_not_exist_tell_nothing(site: Site, method: str) -> None:
    async with site.http() as http:
        for path in ("/oauth2/token", "/oauth2/auth", "/userinfo", "/.well-known/jwks.json", "/signin", "/health/live", "/nothing"):
            response = await http.request(method, path, headers={"x-canary": "canary"})
            assert response.status_code < 500
            assert not TELLING.search(response.text + str(dict(response.headers)))
            assert "canary" not in response.text


BROKEN = {
    "GET /oauth2/auth": ("find_client", "directory"),
    "POST /oauth2/token": ("find_client", "directory"),
    "POST /oauth2/introspect": ("find_client", "directory"),
    "POST /oauth2/revoke": ("find_client", "directory"),
    "GET /.well-known/jwks.json": ("refresh", "signing"),
    "GET /.well-known/openid-configuration": ("scope_names", "directory"),
}


@pytest.mark.parametrize("fault", [RuntimeError("broken inside: SELECT secret"), StorageUnavailable("sqlite is gone")], ids=repr)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("address", BROKEN)
async def test_s126_a_fault_shows_nothing_of_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch, address: str, accept: str, fault: Exception
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise fault

    name, owner = BROKEN[address]
    monkeypatch.setattr(type(getattr(site.built.house, owner)), name, fail)
    method, _, path = address.partition(" ")
    async with site.http(headers={"accept": accept}) as http:
        form = {"grant_type": "client_credentials", "client_id": site.world.web.client_id, "token": "x"}
        client = {"client_id": site.world.web.client_id}
        response = await (http.get(path, params=client) if method == "GET" else http.post(path, data=form))
    assert response.status_code == (500 if isinstance(fault, RuntimeError) else 503)
    assert not TELLING.search(response.text + str(dict(response.headers)))
    assert response.headers["cache-control"] == "no-store"
    assert ("retry-after" in response.headers) == (response.status_code == 503)
    assert response.headers["x-request-id"] in response.text


async def test_s126_answers_name_no_software(site: Site) -> None:
    visitor = site.visitor()
    responses = [await visitor.start(site.world.web), await visitor.type_number(ANNA), await visitor.get("/error")]
    for response in responses:
        assert not {"server", "x-powered-by", "x-aspnet-version"} & set(response.headers)
        assert "generator" not in response.text
