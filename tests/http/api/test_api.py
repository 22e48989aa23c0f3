"""The developer API: keys, lists, rates, headers, costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialkey.api import reference
from dialkey.api.problems import PROBLEMS
from dialkey.api.table import OPERATIONS
from dialkey.developers.access import GRANTS
from dialkey.storage import Statement
from support.api import Program, organization_key, personal_key, problem, program
from support.estate import Estate, filled, make_estate
from support.portal import developer, organization
from support.site import Site

ROOT = Path(__file__).resolve().parents[3]
_USED = Statement("tests.used", "SELECT last_used_at FROM api_keys WHERE id = :id")


@pytest.fixture
async def ours(site: Site) -> Estate:
    return await make_estate(site, "Alder")


@pytest.fixture
async def caller(site: Site, ours: Estate) -> Program:
    return program(site, await personal_key(site, ours.owner.actor))


# keys


async def test_who_the_key_is(site: Site, ours: Estate) -> None:
    token = await organization_key(site, ours.owner.actor, ours.organization, ["clients:write", "audit:read"])
    found = (await program(site, token).get("/me")).json()
    assert found["kind"] == "organization"
    assert (found["organization_id"], found["account_id"]) == (ours.organization, None)
    assert found["scopes"] == ["clients:write", "audit:read"]
    found = (await program(site, await personal_key(site, ours.viewer.actor)).get("/me")).json()
    assert found["kind"] == "personal"
    assert (found["organization_id"], found["account_id"]) == (None, ours.viewer.account_id)


@pytest.mark.parametrize(
    "credentials", ["Basic YTpi", "Bearer", "bearer x", "Bearer  ", "Token x", "Bearer dk_ak_", "", "Bearer a b", "é".encode().decode("latin-1")]
)  # fmt: skip
async def test_other_credentials_are_none(site: Site, credentials: str) -> None:
    async with site.http() as http:
        response = await http.get("/api/v1/me", headers=[(b"authorization", credentials.encode("latin-1"))])
    found = problem(response, 401, "invalid_token")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert "errors" not in found


async def test_the_scheme_is_case_insensitive_and_stands_once(site: Site, caller: Program) -> None:
    async with site.http() as http:
        assert (await http.get("/api/v1/me", headers={"authorization": f"bearer {caller.token}"})).status_code == 200
        twice = [("authorization", f"Bearer {caller.token}")] * 2
        problem(await http.get("/api/v1/me", headers=twice), 401, "invalid_token")
        problem(await http.get(f"/api/v1/me?access_token={caller.token}"), 401, "no_key")


async def test_cookies_open_nothing(site: Site, ours: Estate) -> None:
    """No session reaches the API, so another site's page can make a browser do nothing there."""
    problem(await ours.owner.http.get("/api/v1/organizations"), 401, "no_key")
    answer = await ours.owner.http.post(f"/api/v1/organizations/{ours.organization}/products", json={"name": "x"})
    problem(answer, 401, "no_key")


async def test_another_sites_scripts_are_told_nothing(site: Site, caller: Program, ours: Estate) -> None:
    response = await caller.get("/me", origin="https://evil.example")
    assert not [name for name in response.headers if name.startswith("access-control")]
    options = await caller("OPTIONS", f"/products/{ours.product}", origin="https://evil.example")
    problem(options, 405, "method")
    assert options.headers["allow"] == "GET, PATCH, DELETE, HEAD"


async def test_a_key_is_seen_to_be_used_by_the_hour(site: Site, ours: Estate) -> None:
    made = await site.built.portal.keys.create_personal(ours.owner.actor, name="a", scopes=GRANTS)
    caller = program(site, made.token)

    async def used() -> int | None:
        await site.storage.flush()
        return (await site.storage.read.one(_USED, id=made.id)).last_used_at

    assert await used() is None
    await caller.get("/me")
    first = await used()
    assert first == site.clock.now()
    site.clock.advance(minutes=59)
    await caller.get("/me")
    assert await used() == first
    site.clock.advance(minutes=2)
    await caller.get("/me")
    assert await used() == site.clock.now()


async def test_a_key_has_the_present_role_of_its_account(site: Site, ours: Estate) -> None:
    caller = program(site, await personal_key(site, ours.developer.actor))
    path = f"/organizations/{ours.organization}/products"
    assert (await caller.post(path, {"name": "Other"})).status_code == 201
    portal, actor = site.built.portal, ours.owner.actor
    members = await portal.members.list_members(actor, ours.organization)
    member = next(one.id for one in members if one.account_id == ours.developer.account_id)
    await portal.members.remove(actor, ours.organization, member)
    problem(await caller.get(path), 404, "no_such_organization")


async def test_an_organization_that_is_being_deleted_can_only_be_read(
    site: Site, ours: Estate, caller: Program
) -> None:
    robot = program(site, await organization_key(site, ours.owner.actor, ours.organization))
    await site.built.portal.organizations.delete(ours.owner.actor, ours.organization, name="Alder")
    assert (await caller.get(f"/products/{ours.product}")).status_code == 200
    problem(await caller.patch(f"/products/{ours.product}", {"price": "1"}), 409, "organization_closing")
    problem(await robot.get("/me"), 401, "invalid_token")


# lists


async def test_lists_are_walked_by_next(site: Site, caller: Program, ours: Estate) -> None:
    path = f"/organizations/{ours.organization}/products"
    for number in range(5):
        site.clock.advance(seconds=1)
        await caller.post(path, {"name": f"Product {number}"})
    every = [one["id"] for one in (await caller.get(path)).json()["data"]]
    assert len(every) == 9
    seen, address = [], f"{path}?limit=2"
    while address is not None:
        part = await caller.get(address)
        found = part.json()
        seen += [one["id"] for one in found["data"]]
        assert len(found["data"]) <= 2
        address = found["next"]
        if address is None:
            assert "link" not in part.headers
        else:
            assert part.headers["link"] == f'<{address}>; rel="next"'
            assert "limit=2" in address
    assert seen == every


async def test_the_trail_is_walked_with_its_filters(caller: Program, ours: Estate) -> None:
    address: str | None = f"/organizations/{ours.organization}/audit-events?tag=client&limit=3"
    tags = []
    while address is not None:
        found = (await caller.get(address)).json()
        tags += [event["tag"] for event in found["data"]]
        address = found["next"]
    assert len(tags) > 6
    assert {tag.partition(".")[0] for tag in tags} == {"client"}


async def test_what_a_key_did_stands_in_the_trail_under_its_name(site: Site, caller: Program, ours: Estate) -> None:
    site.clock.advance(seconds=1)
    await caller.patch(f"/clients/{ours.client}", {"description": "by a key"})
    (event, *_) = (await caller.get(f"/organizations/{ours.organization}/audit-events?limit=1")).json()["data"]
    me = (await caller.get("/me")).json()
    assert (event["tag"], event["actor"], event["actor_name"]) == ("client.changed", f"key:{me['key_id']}", "a script")


async def test_operators_and_scopes(site: Site, caller: Program) -> None:
    first = (await caller.get("/operators?limit=2")).json()
    assert [one["slug"] for one in first["data"]] == ["faraway", "fjordtel"]
    rest = (await caller.get(first["next"])).json()
    assert "nordcell" in [one["slug"] for one in rest["data"]]
    scopes = {one["scope"]: one for one in (await caller.get("/scopes")).json()["data"]}
    assert scopes["phone"]["sentence"]
    assert scopes["openid"]["sentence"] is None


# errors


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
async def test_every_refusal_is_problem_details(site: Site, caller: Program, accept: str) -> None:
    problem(await caller.get("/api/v2/x", accept=accept), 404, "not_found")
    problem(await caller.get("/api/v1", accept=accept), 404, "not_found")
    problem(await caller.get("/nothing", accept=accept), 404, "not_found")
    problem(await caller.get("/products/", accept=accept), 404, "not_found")
    problem(await caller("DELETE", "/organizations", accept=accept), 405, "method")
    problem(await caller("TRACE", "/me", accept=accept), 405, "method")
    problem(await caller("POST", "/api/openapi.json", accept=accept), 405, "method")
    problem(await caller.get("/me", accept=accept, host="evil.example"), 421, "wrong_host")


async def test_faults_are_problem_details_too(site: Site, caller: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from dialkey.storage import StorageUnavailable

    for error, status, code in (
        (ValueError("secret words"), 500, "server_error"),
        (StorageUnavailable(), 503, "unavailable"),
    ):

        async def fails(*_: object, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("dialkey.developers.keys.ApiKeys.authenticate", fails)
            response = await caller.get("/me")
        problem(response, status, code)
        assert "secret words" not in response.text
        assert ("retry-after" in response.headers) is (status == 503)


async def test_head_is_get_without_a_body(caller: Program, ours: Estate) -> None:
    response = await caller("HEAD", f"/products/{ours.product}")
    assert response.status_code == 200
    assert response.headers["etag"]


def test_every_code_that_the_rules_know_has_words() -> None:
    """All that `developers/` and the rooms below it refuse with, as far as a key can meet it."""
    import re

    of_people = {
        "account_only", "email", "invited_already", "last_owner", "member_exists", "name_differs", "no_such_invitation",
        "no_such_key", "not_closing", "other_address", "too_many_invitations", "too_many_keys", "too_many_members",
        "too_many_organizations", "too_soon", "yourself", "comment_characters", "comment_length", "comment_missing",
        "scopes", "expires_at", "no_such_delivery", "webhook_off", "too_many_requests",
    }  # fmt: skip
    no_codes = {"key", "redirect", "post_logout", "post_revoke", "machine", "profile", "retry_window",
                "public_client_introspects", "too_many_operators"}  # fmt: skip
    codes: set[str] = set()
    for room in ("developers", "subscribers/sandbox.py", "directory/registration.py", "directory/names.py"):
        place = ROOT / "src/dialkey" / room
        for path in [place] if place.is_file() else place.glob("*.py"):
            codes |= set(re.findall(r'Refusal\(\s*4\d\d,\s*"(\w+)"', path.read_text()))
            codes |= set(re.findall(r'(?:return|yield) "([a-z_]+)"', path.read_text()))
    assert codes - of_people - no_codes - set(PROBLEMS) == set()


# rates


async def test_a_key_that_runs_wild_is_slowed_down(site: Site, ours: Estate, caller: Program) -> None:
    most = site.settings.limits.api_requests_per_key_minute
    first = await caller.get("/me")
    assert first.headers["ratelimit-policy"] == f'"minute";q={most};w=60'
    assert first.headers["ratelimit"].startswith(f'"minute";r={most - 1};t=')
    for _ in range(most - 1):
        last = await caller.get("/me")
    assert last.status_code == 200
    refused = await caller.get("/me")
    found = problem(refused, 429, "rate")
    seconds = int(refused.headers["retry-after"])
    assert 0 < seconds <= 60
    assert str(seconds) in found["detail"]
    other = program(site, await personal_key(site, ours.owner.actor))
    assert (await other.get("/me")).status_code == 200
    site.clock.advance(seconds=seconds)
    assert (await caller.get("/me")).status_code == 200


# the review, from a script


async def test_from_nothing_to_review(site: Site) -> None:
    from support.portal import png

    ada = await developer(site)
    home = await organization(site, ada)
    caller = program(site, await organization_key(site, ada.actor, home))
    product = (await caller.post(f"/organizations/{home}/products", {"name": "Vox"})).json()["id"]
    path = f"/products/{product}"
    problem(await caller.post(f"{path}/submission"), 409, "incomplete")
    texts = {"subtitle": "Voice", "description": "**Vox**", "price": "Free", "support": "help@vox.example",
             "terms_url": "https://vox.example/terms", "privacy_url": "https://vox.example/privacy"}  # fmt: skip
    assert (await caller.patch(path, texts)).status_code == 200
    assert (await caller("PUT", f"{path}/icon", content=png(), content_type="image/png")).status_code == 200
    await caller.put(f"{path}/scopes", {"required": ["phone", "openid"]})
    assert (await caller.patch(f"{path}/listing", {"availability": "full"})).json()["availability"] == "full"
    await caller.post(f"{path}/clients", {"kind": "web", "redirect_uris": ["https://vox.example/cb"]})
    found = (await caller.get(f"{path}/submission")).json()
    assert found["ready"], found
    version = await caller.post(f"{path}/submission", {"note": "please"})
    assert (version.status_code, version.json()["state"]) == (201, "submitted")
    problem(await caller.patch(path, {"price": "1"}), 409, "in_review")
    assert (await caller.get(path)).json()["standing"] == "in_review"
    assert (await caller.delete(f"{path}/submission")).status_code == 204
    media = await caller.http.get((await caller.get(path)).json()["icon_id"].join(["/media/", ""]))
    assert media.status_code == 200


async def test_s112_a_new_address_of_an_approved_product_waits(caller: Program, ours: Estate) -> None:
    (client,) = (await caller.get(f"/products/{ours.approved}/clients")).json()["data"]
    path = f"/clients/{client['client_id']}"
    wanted = ["https://app.example/cb", "https://app.example/new"]
    found = (await caller.patch(path, {"redirect_uris": wanted})).json()
    assert found["redirect_uris"] == wanted
    assert found["pending_uris"] == wanted[1:]
    draft = (await caller.get(f"/products/{ours.approved}/draft")).json()
    assert {change["field"] for change in draft["changes"]} == {"subtitle", f"clients.{client['client_id']}"}
    assert (await caller.get(f"/products/{ours.approved}/live")).json()["subtitle"] == "Your voicemail, in one tap"


# documents


async def test_the_document_is_served_to_everybody_and_remembered(site: Site) -> None:
    async with site.http() as http:
        first = await http.get("/api/openapi.json")
        assert first.headers["cache-control"] == "public, max-age=300"
        again = await http.get("/api/openapi.json", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = await http.get("/api/openapi.json", headers={"accept-encoding": "identity"})
        assert plain.content == first.content
        page = await http.get("/api")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        words = (await http.get("/api/problems")).text
    document = first.json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": site.settings.base_url}]
    for code in PROBLEMS:
        assert f'id="{code}"' in words
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in page.text


def test_the_committed_document_is_not_stale() -> None:
    committed = (ROOT / "docs/reference/openapi.json").read_text()
    assert committed == reference.openapi_file(), "run python tools/reference.py"


def test_every_operation_says_all_of_itself() -> None:
    document = json.loads(reference.openapi_file())
    names = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names.append(operation["operationId"])
            assert operation["summary"] and operation["description"], (method, path)
            success = next(code for code in operation["responses"] if code < "300")
            if success != "204":
                assert operation["responses"][success]["content"]["application/json"]["example"] is not None
            for body in operation.get("requestBody", {}).get("content", {}).values():
                assert "example" in body or body["schema"] == {}, (method, path)
            assert {"401", "404", "429", "500", "503"} <= set(operation["responses"])
            assert all(name in GRANTS for name in operation["security"][0]["key"])
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], (method, path, parameter["name"])
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_the_examples_are_of_their_schemas() -> None:
    from jsonschema_rs import validator_for

    document = json.loads(reference.openapi_file())
    for methods in document["paths"].values():
        for operation in methods.values():
            success = next(code for code in operation["responses"] if code < "300")
            contents = [
                *operation["responses"][success].get("content", {}).values(),
                *operation.get("requestBody", {}).get("content", {}).values(),
            ]
            for content in contents:
                if "example" in content:
                    schema = {**content["schema"], "components": document["components"]}
                    validator_for(schema).validate(content["example"])


# costs


async def test_what_a_read_costs(site: Site, caller: Program, ours: Estate) -> None:
    """Statements, the key's own one included; two pages that gather much cost more."""
    await caller.get("/me")
    await site.storage.flush()
    most = {"get_draft": 7, "get_submission": 7}
    dear = {}
    for operation in OPERATIONS:
        if operation.changes:
            continue
        path = filled(operation, ours.path_values(operation))
        before = site.storage.statements
        assert (await caller.get(path)).status_code == 200
        spent = site.storage.statements - before
        if spent > most.get(operation.name, 4):
            dear[operation.name] = spent
    assert dear == {}
