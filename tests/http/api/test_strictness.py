"""What is sent can be read in one way only, or it is refused, with the place of the fault; nothing is a 5xx."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.api.client_shapes import ClientNew
from dialkey.api.reading import convert, parse
from dialkey.web.errors import Refusal
from support.api import Program, personal_key, problem, program
from support.estate import KEYS, Estate, make_estate
from support.site import Site


@pytest.fixture
async def ours(site: Site) -> Estate:
    return await make_estate(site, "Alder")


@pytest.fixture
async def caller(site: Site, ours: Estate) -> Program:
    return program(site, await personal_key(site, ours.owner.actor))


AMBIGUOUS = {
    "empty": b"",
    "half": b'{"name":',
    "two": b'{"name": "a"}{"name": "b"}',
    "twice": b'{"name": "a", "name": "b"}',
    "twice inside": b'{"name": "a", "x": {"y": 1, "y": 2}}',
    "nan": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "half a pair": b'{"name": "\\ud800"}',
    "half a pair in a name": b'{"\\udfff": 1}',
    "nul": b'{"name": "a\\u0000b"}',
    "not utf-8": b'{"name": "\xff"}',
    "utf-16": '{"name": "a"}'.encode("utf-16"),
    "mark": b'\xef\xbb\xbf{"name": "a"}',
    "deep": b"[" * 30_000 + b"]" * 30_000,
    "deep objects": b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
    "long number": b'{"name": ' + b"9" * 50_000 + b"}",
    "comment": b'{"name": "a"} // hello',
    "form": b"name=a",
    "control": b'{"name": "a\nb"}',
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_json_that_is_not_one_value_is_malformed(caller: Program, ours: Estate, name: str) -> None:
    path = f"/organizations/{ours.organization}/products"
    for method, address in (
        ("POST", path),
        ("PATCH", f"/products/{ours.product}"),
        ("PUT", f"/clients/{ours.signing}/keys"),
    ):
        response = await caller(method, address, content=AMBIGUOUS[name], content_type="application/json")
        assert problem(response, 400, "malformed")["detail"]


ODD = {
    "null": (b"null", ""),
    "list": (b"[]", ""),
    "text": (b'"a"', ""),
    "unknown": (b'{"kind": "web", "surprise": 1}', "/surprise"),
    "slash": (b'{"kind": "web", "a/b~c": 1}', "/a~1b~0c"),
    "missing": (b"{}", "/kind"),
    "type": (b'{"kind": "web", "redirect_uris": "https://a.example/"}', "/redirect_uris"),
    "inner type": (b'{"kind": "web", "redirect_uris": ["https://a.example/", 7]}', "/redirect_uris/1"),
    "choice": (b'{"kind": "toaster"}', "/kind"),
    "float": (b'{"kind": "web", "require_pkce": 1.0}', "/require_pkce"),
    "number for truth": (b'{"kind": "web", "require_pkce": 1}', "/require_pkce"),
    "many": (json.dumps({"kind": "web", "redirect_uris": ["https://a.example/"] * 21}).encode(), "/redirect_uris"),
    "long": (json.dumps({"kind": "web", "description": "x" * 201}).encode(), "/description"),
    "time without zone": (
        b'{"kind": "web", "client_secret_expires_at": "2030-01-01T00:00:00"}',
        "/client_secret_expires_at",
    ),
    "time that is none": (b'{"kind": "web", "client_secret_expires_at": "tomorrow"}', "/client_secret_expires_at"),
    "keys": (b'{"kind": "web", "jwks": {"keys": []}}', "/jwks/keys"),
}


@pytest.mark.parametrize("name", ODD)
async def test_a_body_of_another_shape_is_told_where(caller: Program, ours: Estate, name: str) -> None:
    content, pointer = ODD[name]
    response = await caller(
        "POST", f"/products/{ours.product}/clients", content=content, content_type="application/json"
    )
    found = problem(response, 422, "invalid")
    assert found["errors"][0].get("pointer", "") == pointer


RULES = {
    "fragment": ({"redirect_uris": ["https://a.example/", "https://a.example/#x"]}, "redirect_uri", "/redirect_uris/1"),
    "revoke": ({"redirect_uris": ["https://a.example/"], "post_revoke_redirect_uris": ["ftp://x"]}, "redirect_uri", "/post_revoke_redirect_uris/0"),
    "none": ({}, "redirect_uri_missing", "/redirect_uris"),
    "machine": ({"kind": "machine", "redirect_uris": ["https://a.example/"]}, "machine_redirect_uri", "/redirect_uris"),
    "browser": ({"kind": "browser", "redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "client_secret_basic"}, "browser_secret", "/token_endpoint_auth_method"),
    "no keys": ({"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "private_key_jwt"}, "jwks_missing", "/jwks"),
    "private": ({"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{**json.loads(KEYS)["keys"][0], "d": "x"}]}}, "keys_private", "/jwks"),
    "past": ({"redirect_uris": ["https://a.example/"], "client_secret_expires_at": "2001-01-01T00:00:00Z"}, "expiry", "/expires_at"),
    "far": ({"redirect_uris": ["https://a.example/"], "client_secret_expires_at": "9999-12-31T23:59:59Z"}, "expiry", "/expires_at"),
    "invisible": ({"redirect_uris": ["https://a.example/"], "description": "a\u200bb"}, "name_characters", "/description"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
async def test_the_rules_of_the_portal_are_the_rules(caller: Program, ours: Estate, name: str) -> None:
    body, code, pointer = RULES[name]
    response = await caller.post(f"/products/{ours.product}/clients", {"kind": "web", **body})
    found = problem(response, 422, code)
    assert found["errors"][0]["pointer"] == pointer
    assert "{" not in found["detail"]


@pytest.mark.parametrize(
    "keys",
    [
        {"kty": "EC"},
        {"kty": ["EC"]},
        {"kid": []},
        {"kty": "RSA", "n": 7},
        {"kty": "RSA", "n": "x", "e": {}},
        {"kty": "EC", "crv": "P-256", "x": None},
        {"use": {}},
        {"kty": "oct", "k": "x"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": {"a": []}},
    ],
)
async def test_odd_keys_are_refused(caller: Program, ours: Estate, keys: dict[str, object]) -> None:
    response = await caller.put(f"/clients/{ours.signing}/keys", {"keys": [keys, keys]})
    assert response.status_code == 422, response.text


async def test_the_media_type_is_looked_at(caller: Program, ours: Estate) -> None:
    body = b'{"name": "Other"}'
    path = f"/organizations/{ours.organization}/products"
    for media_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "",
    ):
        headers = {"content_type": media_type} if media_type else {}
        problem(await caller("POST", path, content=body, **headers), 415, "media_type")
    problem(await caller("POST", path, content=body, content_type="application/merge-patch+json"), 415, "media_type")
    for media_type in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON"):
        made = await caller(
            "POST", path, content=json.dumps({"name": f"Other {len(media_type)}"}).encode(), content_type=media_type
        )
        assert made.status_code == 201
    patch = await caller(
        "PATCH", f"/products/{ours.product}", content=b'{"price": null}', content_type="application/merge-patch+json"
    )
    assert patch.json()["price"] == ""
    problem(
        await caller("PUT", f"/products/{ours.product}/icon", content=body, content_type="image/svg+xml"),
        415,
        "media_type",
    )


async def test_bodies_are_bounded(caller: Program, ours: Estate) -> None:
    path = f"/organizations/{ours.organization}/products"
    problem(await caller("POST", path, content=b" " * 65_537, content_type="application/json"), 413, "too_large")
    picture = f"/products/{ours.product}/icon"
    problem(
        await caller("PUT", picture, content=b"x" * (2 * 1024 * 1024 + 1), content_type="image/png"), 413, "too_large"
    )
    problem(await caller("PUT", picture, content=b"GIF89a", content_type="image/png"), 422, "picture_type")


QUERIES = {
    "limit=0": "limit",
    "limit=201": "limit",
    "limit=x": "limit",
    "limit=99999999999999999999999999": "limit",
    "limit=" + "9" * 5000: "limit",
    "limit=1.5": "limit",
    "limit=": "limit",
    "limit=1&limit=2": "",
    "after=a%00b": "after",
    "after=%ff": "",
    "after=" + "a" * 501: "after",
    "page=2": "page",
    "": None,
    "after=nothing": None,
    "after=' OR 1=1 --": None,
    "limit=200": None,
}


@pytest.mark.parametrize("query", QUERIES)
async def test_queries_are_as_strict(caller: Program, ours: Estate, query: str) -> None:
    response = await caller.get(f"/organizations/{ours.organization}/products?{query}")
    if QUERIES[query] is None:
        assert response.status_code == 200, response.text
    else:
        found = problem(response, 400, "invalid_parameter")
        assert found["errors"][0].get("parameter", "") == QUERIES[query] or "large" in found["errors"][0]["detail"]


@pytest.mark.parametrize("after", ["x", "dk", "A" * 200])
async def test_s117_forged_cursors_are_refused(caller: Program, ours: Estate, after: str) -> None:
    problem(await caller.get(f"/organizations/{ours.organization}/audit-events?after={after}"), 400, "cursor")
    problem(await caller.get(f"/products/{ours.approved}/versions?after={after}"), 400, "cursor")


@pytest.mark.parametrize(
    "id", ["%00", "a%00b", "%2e%2e%2f", "a" * 3000, "%ff", "💥", "1;DROP TABLE x", "%0d%0aX: y", "'", "null"]
)
async def test_odd_ids_are_not_found(caller: Program, ours: Estate, id: str) -> None:
    for path in (f"/products/{id}", f"/clients/{id}", f"/organizations/{id}/webhooks/{id}", f"/clients/{ours.client}/secrets/{id}",
                 f"/products/{ours.product}/versions/{id}", f"/organizations/{ours.organization}/sandbox/numbers/{id}",
                 f"/organizations/{ours.organization}/members/{id}"):  # fmt: skip
        response = await caller.get(path)
        assert response.status_code == 404, (path, response.text)
        assert response.headers["content-type"] == "application/problem+json"


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
))  # fmt: skip
def test_any_json_is_read_or_refused(value: object) -> None:
    text = json.dumps(value).encode()
    try:
        read = parse(text)
    except Refusal as refusal:
        assert (refusal.status, refusal.code) == (400, "malformed")
        return
    assert read == value
    try:
        convert(read, ClientNew)
    except Refusal as refusal:
        assert (refusal.status, refusal.code) == (422, "invalid")
