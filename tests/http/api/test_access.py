"""S108 to S111: who reaches what. The cells are made from the table of operations and from the portal's routes.

Every operation of the API and every page of the portal with an id in its address is asked for by everybody who must not
have it: nothing is given, nothing is changed, and what belongs to somebody else looks like what never was. Owners ask
too, so that a test that refuses everything would fail.
"""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest
from starlette.routing import Route

from dialkey.api.operations import Operation
from dialkey.api.table import OPERATIONS
from dialkey.base.clock import Instant
from dialkey.base.ids import new_id, new_uuid
from dialkey.developers.access import GRANTS, Role
from dialkey.portal import client_secrets, clients, webhooks
from dialkey.portal.once import new_ticket
from dialkey.portal.routes import _PAGES
from dialkey.settings import Settings
from dialkey.storage import Statement
from support.api import Program, organization_key, personal_key, problem, program
from support.estate import KEYS, Estate, body_of, filled, make_estate, unknown_values
from support.portal import Developer, developer, png
from support.site import CHROME, Site

WITH_ID = [operation for operation in OPERATIONS if operation.parameters]
IDS_OF = {"organization_id", "product_id", "client_id"}
"""What is somebody's; the other ids stand behind one of these."""


# what is there, row by row


_TABLES = Statement("tests.tables", "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
_UNLOOKED = {"limits", "schedules", "jobs", "client_assertions"}
"""The last one holds the tickets of forms, which are spent by whoever sends them."""


async def everything(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, but for what only tells when somebody was last seen."""
    await site.storage.flush()
    found = {}
    for table in await site.storage.read.all(_TABLES):
        if table.name in _UNLOOKED:
            continue
        rows = await site.storage.read.all(Statement("tests.rows", f"SELECT * FROM {table.name}"))
        columns = [name for name in (rows[0]._fields if rows else ()) if name not in ("last_used_at", "last_seen_at")]
        found[table.name] = sorted((tuple(getattr(row, name) for name in columns) for row in rows), key=repr)
    return found


@pytest.fixture
async def ours(site: Site) -> Estate:
    return await make_estate(site, "Alder")


@pytest.fixture
async def theirs(site: Site) -> Estate:
    return await make_estate(site, "Birch")


async def ask(caller: Program, operation: Operation, values: dict[str, str]) -> httpx.Response:
    path = filled(operation, values)
    if operation.picture:
        return await caller(operation.method, path, content=png(620, 300), content_type="image/png")
    return await caller(operation.method, path, body_of(operation))


def same_shape(one: httpx.Response, other: httpx.Response) -> bool:
    """Whether nothing in two answers but the request id tells them apart."""
    found = []
    for response in (one, other):
        body = response.json()
        body.pop("request_id")
        headers = {
            name: value
            for name, value in response.headers.items()
            if name not in ("x-request-id", "ratelimit", "content-length")
        }
        found.append((response.status_code, body, headers))
    return found[0] == found[1]


# strangers: 404, as if it never were


async def _strangers(site: Site, theirs: Estate) -> dict[str, Program]:
    staff = await developer(site, "Sten Staff", "sten@operator.example")
    return {
        "owner of another organization": program(site, await personal_key(site, theirs.owner.actor)),
        "key of another organization": program(
            site, await organization_key(site, theirs.owner.actor, theirs.organization)
        ),
        "member of another organization": program(site, await personal_key(site, theirs.viewer.actor)),
        "operator staff": program(site, await personal_key(site, staff.actor)),
    }


STRANGERS = (
    "owner of another organization",
    "key of another organization",
    "member of another organization",
    "operator staff",
)


@pytest.mark.parametrize("who", STRANGERS)
async def test_s108_what_is_somebody_elses_looks_like_what_never_was(
    site: Site, ours: Estate, theirs: Estate, who: str
) -> None:
    caller = (await _strangers(site, theirs))[who]
    before = await everything(site)
    wrong = []
    for operation in WITH_ID:
        foreign = await ask(caller, operation, ours.path_values(operation))
        unknown = await ask(caller, operation, unknown_values(site, operation))
        if foreign.status_code != 404 or not same_shape(foreign, unknown):
            wrong.append((operation.name, foreign.status_code, foreign.text, unknown.text))
    assert not wrong, "\n".join(map(str, wrong))
    assert await everything(site) == before


async def test_s108_ids_of_others_within_ones_own_objects(site: Site, ours: Estate, theirs: Estate) -> None:
    """The outer object is the asker's, the inner one is not."""
    caller = program(site, await personal_key(site, theirs.owner.actor))
    before = await everything(site)
    wrong = []
    for operation in NESTED:
        mine, foreign = theirs.path_values(operation), ours.path_values(operation)
        values = {name: mine[name] if name in IDS_OF else foreign[name] for name in operation.parameters}
        response = await ask(caller, operation, values)
        if response.status_code != 404:
            wrong.append((operation.name, response.status_code, response.text))
    assert not wrong, "\n".join(map(str, wrong))
    assert await everything(site) == before


NESTED = [
    operation
    for operation in WITH_ID
    if IDS_OF & set(operation.parameters)
    and {"member_id", "secret_id", "webhook_id", "number", "picture_id"} & set(operation.parameters)
]


async def test_s108_lists_hold_nothing_of_others(site: Site, ours: Estate, theirs: Estate) -> None:
    for caller in (await _strangers(site, theirs)).values():
        for operation in OPERATIONS:
            if operation.parameters or operation.changes:
                continue
            response = await ask(caller, operation, {})
            assert response.status_code == 200, (operation.name, response.text)
            assert ours.organization not in response.text


# too low a role: 403


@pytest.mark.parametrize("who", ["viewer", "developer"])
async def test_s108_s110_too_low_a_role_is_refused(site: Site, ours: Estate, who: str) -> None:
    person: Developer = getattr(ours, who)
    caller = program(site, await personal_key(site, person.actor))
    before = await everything(site)
    for operation in TOO_HIGH[who]:
        response = await ask(caller, operation, ours.path_values(operation))
        assert problem(response, 403, "role")["detail"], operation.name
    assert await everything(site) == before
    for operation in WITH_ID:
        if not operation.changes and operation.role is Role.VIEWER:
            response = await ask(caller, operation, ours.path_values(operation))
            assert response.status_code == 200, (operation.name, response.text)


TOO_HIGH = {
    who.value: [operation for operation in WITH_ID if operation.role is not None and not who.reaches(operation.role)]
    for who in (Role.VIEWER, Role.DEVELOPER)
}


# no key, or none that opens anything: 401


async def _keyless(site: Site, ours: Estate) -> dict[str, str | None]:
    actor, clock = ours.owner.actor, site.clock
    expired = await personal_key(site, actor, expires_at=Instant(clock.now() + 1000))
    clock.advance(seconds=2)
    keys = site.built.portal.keys
    gone = await keys.create_personal(actor, name="gone", scopes=GRANTS)
    await keys.revoke_personal(actor, gone.id)
    async with site.http() as http:
        data = {"grant_type": "client_credentials", "scope": "voicemail.get"}
        answer = await http.post("/oauth2/token", data=data, auth=site.world.web.basic)
        access_token = answer.json()["access_token"]
    secret = (await site.built.portal.clients.add_secret(actor, ours.single)).client_secret
    live = await personal_key(site, actor)
    return {
        "no key": None,
        "expired key": expired,
        "revoked key": gone.token,
        "client credentials token": access_token,
        "client secret": secret,
        "portal session": ours.owner.http.cookies.get(site.built.portal.accounts.cookie.name),
        "key with another end": live[:-1] + ("A" if live[-1] != "A" else "B"),
    }


KEYLESS = (
    "no key",
    "expired key",
    "revoked key",
    "client credentials token",
    "client secret",
    "portal session",
    "key with another end",
)


@pytest.mark.parametrize("who", KEYLESS)
async def test_s108_without_a_key_that_opens_nothing_is_told(site: Site, ours: Estate, who: str) -> None:
    token = (await _keyless(site, ours))[who]
    caller = program(site, token)
    before = await everything(site)
    for operation in OPERATIONS:
        response = await ask(caller, operation, ours.path_values(operation))
        code = "no_key" if token is None else "invalid_token"
        problem(response, 401, code)
        assert response.headers["www-authenticate"].startswith('Bearer realm="dialkey"')
        assert ("error=" in response.headers["www-authenticate"]) is (token is not None)
    assert await everything(site) == before


# too few scopes: 403


async def test_s110_every_scope_but_the_one_is_not_enough(site: Site, ours: Estate) -> None:
    before_keys: dict[str, Program] = {}
    for scope in {operation.scope for operation in SCOPED}:
        room, _, verb = scope.partition(":")
        enough = {scope, f"{room}:write"} if verb == "read" else {scope}
        before_keys[scope] = program(
            site, await personal_key(site, ours.owner.actor, [g for g in GRANTS if g not in enough])
        )
    before = await everything(site)
    for operation in SCOPED:
        response = await ask(before_keys[operation.scope], operation, ours.path_values(operation))
        problem(response, 403, "grant")
        assert f'scope="{operation.scope}"' in response.headers["www-authenticate"]
    assert await everything(site) == before


SCOPED = [operation for operation in OPERATIONS if operation.scope is not None]


# owners: everything


def _order(operation: Operation) -> tuple[bool, bool, int]:
    """What takes away comes last, the inner objects before the outer ones."""
    return (operation.method == "DELETE", operation.name == "delete_product", -len(operation.path))


async def test_s108_control_owners_are_let_in_with_exactly_the_scope(site: Site, ours: Estate) -> None:
    callers: dict[str | None, Program] = {
        None: program(site, await personal_key(site, ours.owner.actor, ["audit:read"]))
    }
    for scope in {operation.scope for operation in SCOPED}:
        callers[scope] = program(site, await personal_key(site, ours.owner.actor, [scope]))
    for operation in sorted(OPERATIONS, key=_order):
        before = await everything(site) if operation.changes else {}
        response = await ask(callers[operation.scope], operation, ours.path_values(operation))
        assert response.status_code == operation.status, (operation.name, response.text)
        if operation.changes and operation.name not in UNCHANGING:
            assert await everything(site) != before, operation.name


UNCHANGING = {"set_client_keys", "change_listing", "set_product_scopes", "set_icon", "change_product"}
"""They may say what is there already."""


async def test_s108_control_an_organizations_own_key_is_an_owner(site: Site, ours: Estate) -> None:
    caller = program(site, await organization_key(site, ours.owner.actor, ours.organization))
    for operation in sorted(OPERATIONS, key=_order):
        response = await ask(caller, operation, ours.path_values(operation))
        assert response.status_code == operation.status, (operation.name, response.text)


# S109 and S111: fields


PRODUCT_FIELDS = (
    "id", "organization_id", "status", "standing", "approved", "verified", "verified_at", "terms_version", "kind", "sector",
    "organization_verified", "required_scopes", "optional_scopes", "availability", "icon_id", "screenshots", "clients",
    "operators_enabled", "trusted", "skip_consent",
)  # fmt: skip
CLIENT_FIELDS = (
    "client_id", "id", "product_id", "organization_id", "pending", "pending_uris", "profile", "retry_window",
    "may_introspect_all", "client_secret", "secrets", "verified", "trusted", "skip_consent", "scope", "auth_method",
)  # fmt: skip


@pytest.mark.parametrize("name", PRODUCT_FIELDS)
async def test_s109_nothing_else_of_a_product_can_be_set(site: Site, ours: Estate, name: str) -> None:
    await _mass_assignment(site, ours, f"/products/{ours.product}", name)


@pytest.mark.parametrize("name", CLIENT_FIELDS)
async def test_s109_nothing_else_of_a_client_can_be_set(site: Site, ours: Estate, name: str) -> None:
    await _mass_assignment(site, ours, f"/clients/{ours.client}", name)


async def _mass_assignment(site: Site, ours: Estate, path: str, name: str) -> None:
    caller = program(site, await personal_key(site, ours.owner.actor))
    before = await everything(site)
    for value in (True, "approved", ours.approved, ["phone"]):
        found = problem(await caller.patch(path, {"description": "x", name: value}), 422, "invalid")
        assert found["errors"][0]["pointer"] == f"/{name}"
        assert found["errors"][0]["code"] == "unknown"
    assert await everything(site) == before


@pytest.mark.parametrize("kind", ["product", "client", "signing", "webhook", "number"])
async def test_s111_what_a_patch_leaves_out_stays(site: Site, ours: Estate, kind: str) -> None:
    caller = program(site, await personal_key(site, ours.owner.actor))
    within = f"/organizations/{ours.organization}"
    path, change = {
        "product": (f"/products/{ours.product}", {"subtitle": "Another subtitle"}),
        "client": (f"/clients/{ours.client}", {"description": "another"}),
        "signing": (f"/clients/{ours.signing}", {"description": "another"}),
        "webhook": (f"{within}/webhooks/{ours.webhook}", {"description": "another"}),
        "number": (f"{within}/sandbox/numbers/{ours.number}", {"label": "another"}),
    }[kind]
    before = (await caller.get(path)).json()
    assert (await caller.patch(path, {})).json() == before
    after = (await caller.patch(path, change)).json()
    assert {name for name in before if before[name] != after[name]} <= set(change) | {"updated_at"}
    assert {name: after[name] for name in change} == change


async def test_s111_an_empty_list_is_not_a_missing_one(site: Site, ours: Estate) -> None:
    """A security field that is named is changed, one that is not is not: PKCE, method, addresses."""
    caller = program(site, await personal_key(site, ours.owner.actor))
    path = f"/clients/{ours.client}"
    set_up = {
        "require_pkce": True,
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code"],
    }
    assert (await caller.patch(path, set_up)).status_code == 200
    after = (await caller.patch(path, {"post_logout_redirect_uris": ["https://app.example/out"]})).json()
    assert {name: after[name] for name in set_up} == set_up
    after = (await caller.patch(path, {"post_logout_redirect_uris": None})).json()
    assert after["post_logout_redirect_uris"] == []
    assert after["redirect_uris"] == ["https://app.example/cb"]


# the pages


def _pages() -> list[tuple[str, str]]:
    """(method, address) of every page of the portal with an id in its address."""
    found = []
    for pages in _PAGES:
        for route in _routes_of(pages):
            if "{" in route.path and route.path.startswith("/portal"):
                found += [(method, route.path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return sorted(set(found))


def _routes_of(pages: Any) -> list[Route]:
    house = MagicMock()
    house.settings = Settings(issuer="https://id.localhost")
    return pages(house).routes


PAGES = _pages()
OF_ORGANIZATIONS = [(method, path) for method, path in PAGES if re.match(r"/portal/(o|p|c)/", path)]
OWN = [(method, path) for method, path in PAGES if (method, path) not in OF_ORGANIZATIONS]


def _address(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], path)


async def _open(who: Developer, method: str, address: str, **fields: str) -> httpx.Response:
    headers = {**CHROME, "origin": "null"}
    if method == "GET":
        return await who.http.get(address, headers=headers)
    if address.endswith("/pictures"):
        files = {"picture": (None, "icon"), "file": ("a.png", png(), "image/png")}
        return await who.http.post(address, files=files, headers=headers)
    return await who.http.post(address, data=fields, headers=headers)


@pytest.fixture
def no_form_tokens(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms are taken without their token: what refuses is who asks, and nothing else."""
    monkeypatch.setattr(type(site.built.portal), "check_token", lambda *_: None)


@pytest.mark.parametrize("who", ["owner of another organization", "member of another organization", "operator staff"])
@pytest.mark.usefixtures("no_form_tokens")
async def test_s108_pages_of_others_look_like_pages_that_never_were(
    site: Site, ours: Estate, theirs: Estate, who: str
) -> None:
    staff = await developer(site, "Sten Staff", "sten@operator.example")
    visitor = {"owner of another organization": theirs.owner, "operator staff": staff}.get(who, theirs.viewer)
    before = await everything(site)
    unknown = {name: new_id(site.entropy) for name in ours.page_values()}
    unknown["client"], mine = new_uuid(site.entropy), ours.page_values()
    wrong = []
    for method, path in OF_ORGANIZATIONS:
        foreign = await _open(visitor, method, _address(path, mine), **fields_of(site, path, mine))
        never = await _open(visitor, method, _address(path, unknown), **fields_of(site, path, unknown))
        alike = _without_ids(foreign, mine) == _without_ids(never, unknown)
        expected = 303 if (method, path) in LEADING_ON else 404
        if (foreign.status_code, never.status_code) != (expected, expected) or not alike:
            wrong.append((method, path, foreign.status_code, foreign.headers.get("location"), never.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert await everything(site) == before


LEADING_ON = {
    ("GET", "/portal/o/{organization}/audit/export"),
    ("GET", "/portal/o/{organization}/sandbox/add"),
    ("GET", "/portal/o/{organization}/sandbox/{number}/label"),
    ("GET", "/portal/o/{organization}/sandbox/{number}/outcome"),
    ("GET", "/portal/o/{organization}/sandbox/{number}/pin"),
    ("GET", "/portal/p/{product}"),
}
"""Addresses of forms, typed or reloaded: they lead to the page with the form, whatever the ids are, which then says 404."""


def _without_ids(response: httpx.Response, values: dict[str, str]) -> str:
    """Where it leads, or the page, but for what is different every time."""
    text = response.headers.get("location", "") + re.sub(r'value="[^"]{60,}"', "", response.text)
    text = text.replace(response.headers["x-request-id"], "")
    for value in values.values():
        text = text.replace(value, "")
    return text


@pytest.mark.usefixtures("no_form_tokens")
async def test_s108_pages_within_ones_own_with_ids_of_others(site: Site, ours: Estate, theirs: Estate) -> None:
    before = await everything(site)
    wrong = []
    for method, path in MIXED_PAGES:
        values = {**ours.page_values()}
        for outer in ("organization", "product", "client"):
            values[outer] = theirs.page_values()[outer]
        fields = fields_of(site, path, values)
        response = await _open(theirs.owner, method, _address(path, values), **fields)
        if response.status_code != (303 if (method, path) in LEADING_ON else 404):
            wrong.append((method, path, response.status_code, response.headers.get("location")))
    assert not wrong, "\n".join(map(str, wrong))
    assert await everything(site) == before


MIXED_PAGES = [(method, path) for method, path in OF_ORGANIZATIONS if path.count("{") > 1 and "{operator}" not in path]


async def test_s108_pages_without_a_session_lead_to_the_sign_in_page(site: Site, ours: Estate) -> None:
    nobody = Developer(site, site.http())
    before = await everything(site)
    for method, path in PAGES:
        response = await _open(nobody, method, _address(path, {**ours.page_values(), "id": "x"}))
        assert response.status_code == 303, (method, path, response.status_code)
        leads_on = response.headers["location"].startswith("/portal/sign-in") or (method, path) in LEADING_ON
        assert leads_on, (method, path)
    assert await everything(site) == before


@pytest.mark.parametrize("who", ["api key", "client credentials token"])
async def test_s108_tokens_open_no_page(site: Site, ours: Estate, who: str) -> None:
    tokens = await _keyless(site, ours)
    token = await personal_key(site, ours.owner.actor) if who == "api key" else tokens["client credentials token"]
    nobody = Developer(site, site.http(headers={"authorization": f"Bearer {token}"}))
    before = await everything(site)
    for method, path in PAGES:
        response = await _open(nobody, method, _address(path, {**ours.page_values(), "id": "x"}))
        assert response.status_code == 303, (method, path, response.status_code)
        leads_on = response.headers["location"].startswith("/portal/sign-in") or (method, path) in LEADING_ON
        assert leads_on, (method, path)
    assert await everything(site) == before


@pytest.mark.usefixtures("no_form_tokens")
async def test_s108_s110_a_viewer_changes_nothing_in_the_pages(site: Site, ours: Estate) -> None:
    before = await everything(site)
    wrong = []
    for method, path in VIEWERS_NOT:
        response = await _open(
            ours.viewer, method, _address(path, ours.page_values()), **fields_of(site, path, ours.page_values())
        )
        if response.status_code != 403:
            wrong.append((method, path, response.status_code, response.headers.get("location")))
    assert not wrong, "\n".join(map(str, wrong))
    assert await everything(site) == before


VIEWERS_OWN = {
    "/portal/o/{organization}/leave",
    "/portal/o/{organization}/notifications",
    "/portal/o/{organization}/audit/export",
    "/portal/p/{product}/clients/check-uri",
    "/portal/c/{client}/try/saved",
    "/portal/c/{client}/try/forget",
    "/portal/c/{client}/try/returned",
    "/portal/c/{client}/try/step",
}
"""What every member may: to leave, to read, to try."""
VIEWERS_NOT = [(method, path) for method, path in OF_ORGANIZATIONS if method == "POST" and path not in VIEWERS_OWN]


def fields_of(site: Site, path: str, values: dict[str, str]) -> dict[str, str]:
    """A form that works."""
    house = site.built.portal
    made = dict(FIELDS.get(path, {}))
    for purpose, holder in TICKETS.get(path, {}).items():
        made["ticket"] = new_ticket(house, f"{purpose} {values[holder]}")
    return made


TICKETS = {
    "/portal/o/{organization}/keys/new": {"keys.new": "organization"},
    "/portal/p/{product}/clients/new": {clients.NEW: "product"},
    "/portal/c/{client}/secrets/rotate": {client_secrets.ROTATE: "client"},
    "/portal/o/{organization}/webhooks/new": {webhooks.NEW: "organization"},
    "/portal/o/{organization}/webhooks/{webhook}/rotate": {webhooks.ROTATE: "webhook"},
}
FIELDS: dict[str, dict[str, str]] = {
    "/portal/o/{organization}/settings": {"name": "Other"},
    "/portal/o/{organization}/delete": {"name": "Alder"},
    "/portal/o/{organization}/members": {"email": "x@y.example", "role": "viewer"},
    "/portal/o/{organization}/members/{member}": {"role": "owner"},
    "/portal/o/{organization}/keys/new": {"name": "k", "expires": "never", "scope.products:read": "on"},
    "/portal/o/{organization}/webhooks/new": {"url": "https://app.example/x"},
    "/portal/o/{organization}/webhooks/{webhook}": {"url": "https://app.example/x"},
    "/portal/o/{organization}/webhooks/{webhook}/rotate": {"overlap": "0"},
    "/portal/o/{organization}/products/new": {"name": "Another", "kind": "subscriber"},
    "/portal/o/{organization}/sandbox/{number}/outcome": {"outcome": "declined"},
    "/portal/o/{organization}/sandbox/{number}/pin": {"pin": "000000"},
    "/portal/o/{organization}/sandbox/{number}/label": {"label": "x"},
    "/portal/p/{product}/general": {"name": "Another"},
    "/portal/p/{product}/listing/availability": {"availability": "full"},
    "/portal/p/{product}/pictures/remove": {"picture": "icon"},
    "/portal/p/{product}/clients/new": {"kind": "web", "redirect_uris": "https://app.example/cb"},
    "/portal/c/{client}": {"seen": "x x x x x x", "kind": "web", "redirect_uris": "https://evil.example/cb"},
    "/portal/c/{client}/keys": {"jwks": KEYS},
    "/portal/c/{client}/secrets/rotate": {"grace": "0"},
}


@pytest.mark.usefixtures("no_form_tokens")
async def test_s108_ones_own_keys_and_passkeys_are_nobody_elses(site: Site, ours: Estate, theirs: Estate) -> None:
    before = await everything(site)
    for method, path in OWN:
        values = {
            "key": ours.personal_key,
            "id": "x",
        }
        response = await _open(theirs.owner, method, _address(path, values))
        assert response.status_code == 404, (method, path, response.status_code, response.headers.get("location"))
    assert await everything(site) == before


async def test_s108_control_owners_see_their_pages(site: Site, ours: Estate) -> None:
    for method, path in OF_ORGANIZATIONS:
        if method == "GET" and "/events" not in path:
            response = await _open(ours.owner, method, _address(path, ours.page_values()))
            assert response.status_code in (200, 303), (path, response.status_code)
            assert "/portal/sign-in" not in response.headers.get("location", "")


# the count


def test_the_matrix_has_at_least_a_thousand_cells() -> None:
    api = (
        len(WITH_ID) * len(STRANGERS)
        + len(NESTED)
        + sum(map(len, TOO_HIGH.values()))
        + len(OPERATIONS) * len(KEYLESS)
        + len(SCOPED)
    )
    pages = len(OF_ORGANIZATIONS) * 3 + len(MIXED_PAGES) + len(PAGES) * 3 + len(VIEWERS_NOT) + len(OWN)
    assert api + pages >= 1000, (api, pages)
