"""The demo's relying party: what it shows, what it keeps, what it refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from dialkey.base.phone import PhoneNumber
from dialkey.demo.calling import Answer, Call, caller, shortened
from dialkey.demo.routes import DemoRoutes
from dialkey.demo.seed import STATE, TIDBIT_STATE, DemoClient, DemoWorld
from dialkey.web.errors import Refusal
from dialkey.web.framing import Frames
from support import html
from support.site import CHROME, Site

CODE = "dk_ac_" + "c" * 43
ACCESS, REFRESH = "dk_at_" + "a" * 60, "dk_rt_" + "r" * 60
SECRET = "dk_cs_" + "s" * 43
TOKENS = MappingProxyType(
    {"access_token": ACCESS, "refresh_token": REFRESH, "token_type": "bearer", "expires_in": 3600}
)


class Relay:
    """Answers the demo's calls; remembers them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: dict[str, Answer] = {
            "/oauth2/token": Answer(200, json.dumps(dict(TOKENS))),
            "/userinfo": Answer(200, '{"sub": "<b>s</b>", "phone_number": "+46701740605"}'),
            "/oauth2/revoke": Answer(200, ""),
            "/oauth2/introspect": Answer(200, '{"active": true}'),
        }

    async def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        return self.answers[call.path]


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
async def http(site: Site, relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    world = DemoWorld(
        main=DemoClient(product="VoiceBox", client_id="main-id", client_secret=SECRET, state=STATE),
        unverified=DemoClient(product="Tidbit", client_id="tidbit-id", client_secret="t", state=TIDBIT_STATE),
        numbers=((PhoneNumber("+46701740605"), "Nordcell"),),
        secrets_file=Path("demo.env"),
        developer_email="dev@voicebox.example",
        developer_password="a-password",
    )
    routes = DemoRoutes(site.settings, site.keyring, world, Frames(site.settings), relay).routes

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return Response(error.code, error.status)

    app = Starlette(routes=routes, exception_handlers={Refusal: refused})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=site.settings.base_url, headers=CHROME) as client:
        yield client


async def press(http: httpx.AsyncClient, page: httpx.Response, step: str) -> httpx.Response:
    form = html.read(page.text).form("/demo/step")
    return await http.post("/demo/step", data={**form.fields, "step": step})


async def test_the_link_is_the_walkthroughs(http: httpx.AsyncClient) -> None:
    page = await http.get("/demo")
    assert page.status_code == 200
    link = (
        "https://id.localhost/oauth2/auth?response_type=code&scope=phone%20offline_access&client_id=main-id"
        "&redirect_uri=https://id.localhost/demo/callback&state=this-is-a-key-set-by-the-caller"
    )
    text = unescape(page.text)
    assert link in text and "/handset/46701740605" in text and "+46 70 174 06 05" in text
    assert f"-u main-id:{SECRET}" in text


async def test_the_whole_way(http: httpx.AsyncClient, relay: Relay) -> None:
    page = await http.get("/demo/callback", params={"code": CODE, "scope": "phone offline_access", "state": STATE})
    assert page.status_code == 200 and CODE in page.text and relay.calls == []
    page = await press(http, page, "exchange")
    assert relay.calls[-1].form == (
        ("grant_type", "authorization_code"),
        ("code", CODE),
        ("redirect_uri", "https://id.localhost/demo/callback"),
    )
    assert relay.calls[-1].basic == ("main-id", SECRET)
    for step, path in (("userinfo", "/userinfo"), ("refresh", "/oauth2/token"), ("introspect", "/oauth2/introspect")):
        page = await press(http, page, step)
        assert page.status_code == 200 and relay.calls[-1].path == path
    assert "&lt;b&gt;s&lt;/b&gt;" in page.text and "<b>s</b>" not in page.text
    assert relay.calls[1].bearer == ACCESS
    assert dict(relay.calls[2].form) == {"grant_type": "refresh_token", "refresh_token": REFRESH}
    page = await press(http, page, "revoke")
    assert dict(relay.calls[-1].form) == {"token": REFRESH}
    relay.answers["/userinfo"] = Answer(401, '{"error": "invalid_token"}')
    page = await press(http, page, "userinfo")
    assert "invalid_token" in page.text
    bye = await press(http, page, "sign_out")
    assert bye.status_code == 303
    assert bye.headers["location"].startswith("https://id.localhost/oauth2/sessions/logout?client_id=main-id&")


async def test_requests_are_shown_shortened_and_commands_complete(http: httpx.AsyncClient) -> None:
    page = await press(http, await http.get("/demo/callback", params={"code": CODE, "state": STATE}), "exchange")
    shown = unescape(page.text)
    command = shown[shown.index("curl \\") :].partition("</code>")[0]
    assert f"-u main-id:{SECRET}" in command and f"code={CODE}" in command
    rest = shown.replace(command, "")
    assert ACCESS not in rest and REFRESH not in rest and SECRET not in rest
    assert "dk_at_aaaaaaaa…" in rest and "&code=dk_ac_cccccccc…" in rest


async def test_a_refused_login_says_so_and_offers_no_step(http: httpx.AsyncClient) -> None:
    page = await http.get("/demo/callback", params={"error": "access_denied", "state": STATE})
    assert page.status_code == 200 and "access_denied" in page.text and "/demo/step" not in page.text
    both = await http.get("/demo/callback", params={"error": "x", "code": CODE})
    assert "/demo/step" not in both.text


async def test_a_code_that_is_refused_ends_the_visit(http: httpx.AsyncClient, relay: Relay) -> None:
    relay.answers["/oauth2/token"] = Answer(400, '{"error": "invalid_grant"}')
    page = await press(http, await http.get("/demo/callback", params={"code": CODE, "state": STATE}), "exchange")
    assert "invalid_grant" in page.text and "/demo/step" not in page.text


async def test_the_unverified_product_uses_its_own_client(http: httpx.AsyncClient, relay: Relay) -> None:
    page = await http.get("/demo/callback", params={"code": CODE, "state": TIDBIT_STATE})
    await press(http, page, "exchange")
    assert relay.calls[-1].basic == ("tidbit-id", "t")


@pytest.mark.parametrize("step", ["userinfo", "sign_out", "nonsense", ""])
async def test_only_the_offered_steps_are_made(http: httpx.AsyncClient, relay: Relay, step: str) -> None:
    page = await press(http, await http.get("/demo/callback", params={"code": CODE, "state": STATE}), step)
    assert page.status_code == 400 and relay.calls == []


@pytest.mark.parametrize("visit", ["", "x", "AAAA" * 40])
async def test_a_visit_that_we_did_not_seal_starts_over(http: httpx.AsyncClient, relay: Relay, visit: str) -> None:
    answer = await http.post("/demo/step", data={"visit": visit, "step": "exchange"})
    assert (answer.status_code, answer.headers["location"], relay.calls) == (303, "/demo", [])
    again = await http.get("/demo/step")
    assert (again.status_code, again.headers["location"]) == (303, "/demo")


async def test_another_site_cannot_press_a_button(http: httpx.AsyncClient, relay: Relay) -> None:
    page = await http.get("/demo/callback", params={"code": CODE, "state": STATE})
    form = html.read(page.text).form("/demo/step")
    headers = {"sec-fetch-site": "cross-site"}
    answer = await http.post("/demo/step", data={**form.fields, "step": "exchange"}, headers=headers)
    assert answer.status_code == 403 and relay.calls == []


async def test_what_came_back_is_escaped_and_bounded(http: httpx.AsyncClient) -> None:
    page = await http.get("/demo/callback", params={"code": CODE, "<script>": "<img src=x onerror=alert(1)>"})
    assert "<script>alert" not in page.text and "<img src=x" not in page.text
    many = await http.get("/demo/callback?" + "&".join(f"p{n}=1" for n in range(60)))
    assert many.status_code == 400
    long = await http.get("/demo/callback", params={"error": "x" * 5000})
    assert f"<code>{'x' * 1000}</code>" in long.text


async def test_the_visit_still_fits_into_a_form_after_many_steps(http: httpx.AsyncClient, relay: Relay) -> None:
    relay.answers["/userinfo"] = Answer(200, json.dumps({"sub": "é" * 20_000}))
    page = await press(http, await http.get("/demo/callback", params={"code": CODE, "state": STATE}), "exchange")
    for _ in range(12):
        page = await press(http, page, "userinfo")
        assert page.status_code == 200


def test_commands_are_quoted_for_a_shell() -> None:
    call = Call(title="x", method="POST", path="/p", basic=("a'b", "c d"), form=(("token", "x'; rm -rf ~; '&="),))
    command = call.curl("https://id.localhost")
    assert "'a'\"'\"'b:c d'" in command and "--data-urlencode 'token=x'\"'\"'; rm -rf ~; '\"'\"'&='" in command
    assert call.body() == b"token=x%27%3B%20rm%20-rf%20~%3B%20%27%26%3D"


def test_only_secrets_are_shortened() -> None:
    assert shortened("a subject " + "f" * 128) == "a subject " + "f" * 128
    assert shortened(f'"{ACCESS}"') == '"dk_at_aaaaaaaa…"'
    assert shortened("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln") == "eyJhbGciOiJSUz…"


async def test_a_server_that_cannot_be_reached_is_shown_as_502() -> None:
    answer = await caller("http://127.0.0.1:1")(Call(title="userinfo", method="GET", path="/userinfo"))
    assert answer.status == 502 and answer.values() == {}


async def test_the_product_can_be_removed_from_the_page(http: httpx.AsyncClient, relay: Relay) -> None:
    page = await press(http, await http.get("/demo/callback", params={"code": CODE, "state": STATE}), "exchange")
    link = "https://id.localhost/revoke-consent?revoke_token=dk_rl_x"
    relay.answers["/ext-api/v0/auth/create-revoke-consent-magic-link"] = Answer(200, f'{{"redirectTo": "{link}"}}')
    page = await press(http, page, "remove")
    own, asked = relay.calls[-2:]
    assert own.form == (("grant_type", "client_credentials"),)
    assert dict(asked.form) == {"token": ACCESS, "redirectTo": "https://id.localhost/demo/removed", "state": STATE}
    followed = await press(http, page, "open_removal")
    assert (followed.status_code, followed.headers["location"]) == (303, link)
    assert "The product is removed" in (await http.get("/demo/removed", params={"state": STATE})).text
    kept = await http.get("/demo/removed", params={"error": "access_denied", "state": STATE})
    assert "Nothing was removed" in kept.text
