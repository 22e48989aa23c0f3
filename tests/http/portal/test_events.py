"""The event log of a client: the exact reason of what failed, nothing secret, and only for those who may see it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from dialkey.insights import Kind
from dialkey.insights.reasons import FAILED_KINDS, KINDS, OTHER, REASONS, reason_of
from dialkey.insights.recorder import LINES_A_MINUTE, harmless
from dialkey.storage import Statement
from support.portal import Developer, developer, join, organization
from support.site import Registered, Site, challenge_of, exchange, refresh, userinfo
from support.world import ANNA, ELSEWHERE, NOBODY, NUMBERS

EVENTS = Statement("tests.client_events", "SELECT * FROM client_events ORDER BY last_at, id")
CELLS = Statement("tests.traffic", "SELECT * FROM traffic_hours ORDER BY kind")
SOURCE = Path(__file__).resolve().parents[3] / "src" / "dialkey"


async def log_of(site: Site, client: Registered) -> list[Any]:
    await site.built.house.insights.flush()
    return [row for row in await site.storage.read.all(EVENTS) if row.client_id == client.client_id]


async def reasons_of(site: Site, client: Registered) -> set[str]:
    return {row.reason for row in await log_of(site, client)}


async def owner_of_voicebox(site: Site, role: str = "owner") -> Developer:
    from dialkey.developers.access import Role

    ada = await developer(site)
    await join(site, site.world.organization, ada, Role(role))
    return ada


async def token(site: Site, client: Registered, **form: str) -> httpx.Response:
    async with site.http() as http:
        return await http.post("/oauth2/token", data=form, auth=client.basic)


async def test_a_sign_in_that_goes_well_is_noted_step_by_step(site: Site) -> None:
    web = site.world.web
    back = await site.visitor().complete(web, ANNA)
    tokens = (await exchange(site, web, back["code"])).json()
    await userinfo(site, tokens["access_token"])
    await refresh(site, web, tokens["refresh_token"])
    kinds = [row.kind for row in await log_of(site, web)]
    assert sorted(kinds) == sorted(
        ["authorize", "pin_sent", "pin_right", "consent_added", "token", "userinfo", "refresh"]
    )
    cells = await site.storage.read.all(CELLS)
    assert {cell.kind: cell.operator_id for cell in cells} == {
        "authorize": "", "pin_sent": "", **dict.fromkeys(("pin_right", "consent_added", "token", "userinfo", "refresh"), site.world.nordcell),
    }  # fmt: skip
    assert all(cell.times == 1 and cell.sandbox == 0 and cell.product_id == site.world.product for cell in cells)


async def test_who_is_signed_in_and_has_agreed_is_noted_as_such(site: Site) -> None:
    anna, web = site.visitor(), site.world.web
    await anna.complete(web, ANNA)
    site.clock.advance(seconds=1)
    await anna.start(web)
    kinds = {row.kind for row in await log_of(site, web)}
    assert {"returning", "consent_standing"} <= kinds


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"redirect_uri": "https://app.example/cb/"}, "redirect_uri_wrong"),
        ({"redirect_uri": "https://evil.example/?code=x"}, "redirect_uri_wrong"),
        ({"response_type": "token"}, "response_type"),
        ({"scope": "phone voicemail.delete"}, "scope_not_enabled"),
        ({"scope": "nothing.known"}, "scope_wrong"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "prompt"),
        ({"max_age": "soon"}, "max_age"),
        ({"claims": "["}, "claims"),
        ({"code_challenge_method": "S256"}, "pkce_wrong"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "pkce_wrong"),
        ({"id_token_hint": "x.y.z"}, "id_token_hint"),
        ({"request": "x.y.z"}, "not_supported"),
        ({"state": "s" * 9000}, "too_long"),
    ],
)
async def test_why_an_authorization_request_was_refused(site: Site, parameters: dict[str, str], reason: str) -> None:
    web = site.world.web
    page = await site.visitor().start(web, **parameters)
    (row,) = await log_of(site, web)
    assert (row.kind, row.outcome, row.reason) == ("authorize", "failed", reason)
    assert row.request_id == page.headers["x-request-id"]


async def test_a_redirect_uri_is_shown_without_its_query(site: Site) -> None:
    await site.visitor().start(site.world.web, redirect_uri="https://evil.example/x?code=dk_ac_secret#dk_ac_secret")
    (row,) = await log_of(site, site.world.web)
    assert row.detail == "redirect_uri is not registered: https://evil.example/x"


async def test_pkce_that_is_missing(site: Site) -> None:
    await site.visitor().start(site.world.pkce)
    assert await reasons_of(site, site.world.pkce) == {"pkce_missing"}


async def test_why_the_token_endpoint_refused(site: Site) -> None:
    web, world = site.world.web, site.world
    verifier = "v" * 50

    numbers = iter(NUMBERS)

    async def new_code(**parameters: str) -> str:
        return (await site.visitor().complete(web, next(numbers), **parameters))["code"]

    code = await new_code()
    await exchange(site, Registered(web.client_id, "wrong"), code)
    await exchange(site, world.other, code)
    await exchange(site, web, code, redirect_uri="https://app.example/other")
    await exchange(site, web, code)
    await exchange(site, web, code)
    await exchange(site, web, "dk_ac_nonsense")
    await exchange(site, web, await new_code(code_challenge=challenge_of(verifier), code_challenge_method="S256"))
    late = await new_code()
    site.clock.advance(seconds=120)
    await exchange(site, web, late)
    await token(site, web, grant_type="password")
    await token(site, web, grant_type="refresh_token", refresh_token="dk_rt_nonsense")
    await token(site, world.other, grant_type="client_credentials", scope="phone")
    async with site.http() as http:
        await http.post("/oauth2/token", data={"grant_type": "client_credentials", "client_id": web.client_id})
    assert {
        "client_secret_wrong", "redirect_uri_differs", "code_used", "code_wrong", "pkce_verifier", "code_expired",
        "grant_type", "refresh_wrong", "auth_method",
    } <= await reasons_of(site, web)  # fmt: skip
    assert {"code_wrong", "scope_wrong"} <= await reasons_of(site, world.other)


async def test_a_replayed_refresh_token_and_what_it_ended(site: Site) -> None:
    web = site.world.web
    back = await site.visitor().complete(web, ANNA)
    first = (await exchange(site, web, back["code"])).json()["refresh_token"]
    second = (await refresh(site, web, first)).json()["refresh_token"]
    await refresh(site, web, second)
    await refresh(site, web, first)
    await refresh(site, web, second)
    assert {"refresh_used", "grant_over"} <= await reasons_of(site, web)


async def test_userinfo_without_openid_for_a_strict_client(site: Site) -> None:
    strict = site.world.strict
    back = await site.visitor().complete(strict, ANNA)
    tokens = (await exchange(site, strict, back["code"])).json()
    await userinfo(site, tokens["access_token"])
    assert "token_scope" in await reasons_of(site, strict)


async def test_a_wrong_pin_and_cancel_are_nobody_s_fault(site: Site) -> None:
    anna, web = site.visitor(), site.world.web
    await anna.start(web)
    await anna.type_number(ANNA)
    pin = await site.pin(ANNA)
    await anna.type_pin("000000" if pin != "000000" else "111111")
    await anna.type_pin(pin)
    form = anna.read.form("/oauth2/auth/consent")
    await anna.post(form.action, {**form.fields, "decision": "cancel"})
    rows = {row.reason: row.outcome for row in await log_of(site, web) if row.reason}
    assert rows == {"pin_wrong": "stopped", "cancelled": "stopped"}


async def test_a_number_that_nobody_has_is_noted_like_any_other(site: Site) -> None:
    lines = []
    for number in (ANNA, NOBODY, ELSEWHERE):
        visitor = site.visitor()
        await visitor.start(site.world.web)
        await visitor.type_number(number)
        rows = await log_of(site, site.world.web)
        lines.append([(row.kind, row.outcome, row.reason, row.detail, row.times) for row in rows])
        await site.storage.write(_forget)
    assert lines[0] == lines[1] == lines[2]


async def _forget(writer: Any) -> None:
    await writer.run(Statement("tests.forget", "DELETE FROM client_events WHERE 1 = 1"))


async def test_nothing_secret_is_in_any_row(site: Site) -> None:
    web = site.world.web
    anna = site.visitor()
    back = await anna.complete(web, ANNA, login_hint=ANNA)
    tokens = (await exchange(site, web, back["code"])).json()
    await exchange(site, web, back["code"])
    await exchange(site, Registered(web.client_id, "dk_cs_wrongwrong"), tokens["refresh_token"])
    await site.visitor().start(web, redirect_uri=f"https://x.example/{ANNA}/{tokens['access_token']}/a@b.example")
    await site.visitor().start(web, prompt=f"{ANNA} {tokens['refresh_token']}")
    rows = await log_of(site, web)
    text = repr(rows) + repr(await site.storage.read.all(CELLS))
    for secret in (ANNA, ANNA[1:], back["code"], *tokens.values(), web.client_secret, "dk_cs_", "a@b.example"):
        assert str(secret) not in text or secret in (3600, "bearer", "phone offline_access"), secret
    assert len(rows) >= 8


async def test_a_client_that_does_not_exist_has_no_log(site: Site) -> None:
    await site.visitor().start(Registered("7b0f4c0e-0000-4000-8000-000000000000", None))
    await exchange(site, Registered("7b0f4c0e-0000-4000-8000-000000000000", "x"), "dk_ac_x")
    await site.built.house.insights.flush()
    assert await site.storage.read.all(EVENTS) == []


async def test_a_flood_shares_a_line(site: Site) -> None:
    web, visitor = site.world.web, site.visitor()
    for n in range(LINES_A_MINUTE + 20):
        await visitor.start(web, redirect_uri=f"https://evil.example/{n}")
    rows = await log_of(site, web)
    assert len(rows) == LINES_A_MINUTE + 1
    assert {row.detail: row.times for row in rows}[""] == 20


# the page


async def test_the_page_tells_what_happened_and_how_to_mend_it(site: Site) -> None:
    ada, web = await owner_of_voicebox(site), site.world.web
    url = f"/portal/c/{web.client_id}/events"
    assert "No request yet" in (await ada.get(url)).text
    refused = await site.visitor().start(web, redirect_uri="https://app.example/<b>")
    await site.visitor().complete(web, ANNA)
    await log_of(site, web)
    page = (await ada.get(url)).text
    assert "The redirect_uri is not registered for this client." in page
    assert "trailing slash" in page
    assert "https://app.example/&lt;b&gt;" in page and "<b>" not in page
    assert "Product added" in page
    request_id = refused.headers["x-request-id"]
    found = (await ada.get(f"{url}?request={request_id}")).text
    assert "not registered" in found and "Product added" not in found
    failures = (await ada.get(f"{url}?show=failed")).text
    assert "not registered" in failures and "Product added" not in failures
    assert "Nothing fits" in (await ada.get(f"{url}?show=failed&request=zzz")).text
    assert (await ada.get(f"{url}?show=%00&after=%27&request=%E2%82%AC")).status_code == 200


async def test_the_page_notices_what_is_new(site: Site) -> None:
    ada, web = await owner_of_voicebox(site), site.world.web
    url = f"/portal/c/{web.client_id}/events"

    async def newest() -> str:
        return (await ada.http.get(url, headers={"accept": "application/json"})).json()["newest"]

    marks = [await newest()]
    for _ in range(2):
        await site.visitor().start(web)
        await log_of(site, web)
        marks.append(await newest())
    assert len(set(marks)) == 3
    assert await newest() == marks[-1]


async def test_long_logs_are_paged(site: Site) -> None:
    ada, web, visitor = await owner_of_voicebox(site), site.world.web, site.visitor()
    for n in range(70):
        if n % 25 == 0:
            site.clock.advance(seconds=60)
        await visitor.start(web, redirect_uri=f"https://evil.example/{n:02d}")
    await log_of(site, web)
    url = f"/portal/c/{web.client_id}/events"
    first = await ada.get(url)
    following = re.search(r'href="(/portal/c/[^"]+/events\?after=[^"]+)"', first.text)
    assert following
    second = await ada.get(following[1])
    shown = [re.findall(r"evil\.example/(\d\d)", page.text) for page in (first, second)]
    assert len(shown[0]) == 50 and len(shown[1]) == 20
    assert sorted(shown[0] + shown[1]) == [f"{n:02d}" for n in range(70)]
    assert "data-renew=" not in second.text


async def test_s108_the_log_and_the_figures_are_the_organization_s_own(site: Site) -> None:
    web = site.world.web
    urls = [f"/portal/c/{web.client_id}/events", *(
        f"/portal/p/{site.world.product}/analytics{ending}" for ending in ("", ".csv")
    )]  # fmt: skip
    eve = await developer(site, "Eve", "eve@other.example")
    await organization(site, eve, "Other AB")
    cleo = await owner_of_voicebox(site, "viewer")
    for url in urls:
        assert (await eve.get(url)).status_code == 404
        assert (await cleo.get(url)).status_code == 200
        answer = await site.http().get(url, headers={"accept": "text/html"})
        assert answer.status_code == 303 and answer.headers["location"].startswith("/portal/sign-in")
    json = await eve.http.get(urls[0], headers={"accept": "application/json"})
    assert json.status_code == 404 and "newest" not in json.text


# the words


def details_of_the_protocol() -> dict[str, str]:
    """Each literal that the protocol raises an OAuth error with, or notes, by where it stands."""
    found = {}
    for path in sorted((SOURCE / "oauth").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            error = node.func.id[0].isupper() and node.func.id in ERRORS
            first = node.args[0]
            if error and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found[f"{path.name}:{node.lineno}"] = first.value
            elif error and isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
                found[f"{path.name}:{node.lineno}"] = first.values[0].value
    return found


ERRORS = {
    node.name
    for node in ast.parse((SOURCE / "oauth" / "errors.py").read_text()).body
    if isinstance(node, ast.ClassDef)
}
NEVER_NOTED = {"error page", "client_id is missing"}
"""About no client."""


def test_every_detail_of_the_protocol_has_a_reason() -> None:
    details = details_of_the_protocol()
    assert len(details) > 50
    bare = {where: text for where, text in details.items() if reason_of(text) is OTHER and text not in NEVER_NOTED}
    assert bare == {}


def test_every_fault_of_client_authentication_has_a_reason() -> None:
    source = (SOURCE / "oauth" / "client_auth.py").read_text()
    faults = [*re.findall(r'return (?:f)?"([^"]+)"', source), "wrong secret", "assertion: used before"]
    assert len(faults) > 10
    assert [fault for fault in faults if reason_of(fault) is OTHER] == []


def test_reasons_and_kinds_have_words() -> None:
    codes = [reason.code for reason in REASONS]
    assert len(codes) == len(set(codes))
    for reason in (*REASONS, OTHER):
        assert reason.said.endswith(".") and reason.hint.endswith(".")
    assert set(KINDS) == set(FAILED_KINDS) == set(Kind)


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("used +46 70 174 06 05 and 0701740605", "used … and …"),
        ("token dk_at_abc.def-ghi here", "token … here"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.abc", "…"),
        ("mail a.b+c@d.example", "mail …"),
        ("line\nbreak\x00\u202e", "line·break··"),
        ("x" * 500, "x" * 199 + "…"),
        ("HTTP 400 after 12 tries", "HTTP 400 after 12 tries"),
    ],
)
def test_a_detail_is_made_harmless(detail: str, shown: str) -> None:
    assert harmless(detail) == shown
